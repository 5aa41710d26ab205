//! One call through each layer, beside its peers.

mod common;

use bytes::Bytes;
use common::{Body, Sink, call, peers, request, stacks};
use criterion::{Criterion, criterion_group, criterion_main};
use http::Request;
use http_body_util::Full;
use tower::{Layer, Service};
use tower_reauth::{
    layers::{MfaLayer, RefreshLayer},
    replay::ReplayLayer,
};

fn contestant<S>(group: &mut Group<'_>, name: &str, mut service: S)
where
    S: Service<Request<Body>>,
{
    let body = Bytes::from(vec![b'x'; 1024]);
    group.bench_function(name, |bencher| {
        bencher.iter(|| call(&mut service, request(Full::new(body.clone()))));
    });
}

type Group<'a> = criterion::BenchmarkGroup<'a, criterion::measurement::WallTime>;

fn attach(c: &mut Criterion) {
    let session = stacks::session();
    let mut group = c.benchmark_group("attach a token");
    contestant(&mut group, "bare", Sink::default());
    let fixed = peers::add_authorization(Sink::default());
    contestant(&mut group, "tower-http AddAuthorization", fixed);
    let fixed = peers::set_request_header(Sink::default());
    contestant(&mut group, "tower-http SetRequestHeader", fixed);
    let locked = peers::with(Sink::default(), peers::mutex());
    contestant(&mut group, "Mutex and a clone", locked);
    let bearer = stacks::bearer_layer(&session, Sink::default());
    contestant(&mut group, "Bearer", bearer);
    group.finish();
}

fn send_again(c: &mut Criterion) {
    let session = stacks::session();
    let mut group = c.benchmark_group("be ready to send again");
    contestant(&mut group, "bare", Sink::default());
    contestant(
        &mut group,
        "tower Retry and AddAuthorization",
        peers::retry(Sink::default()),
    );
    let refresh = RefreshLayer::new(session.clone()).layer(Sink::default());
    contestant(&mut group, "Refresh", refresh);
    let refresh = stacks::refresh(&session, Sink::default());
    contestant(&mut group, "Refresh and Bearer", refresh);
    let mfa = MfaLayer::new(stacks::mfa()).layer(Sink::default());
    contestant(&mut group, "Mfa", mfa);
    contestant(
        &mut group,
        "the full stack",
        full_stack!(session, Sink::default()),
    );
    group.finish();
}

fn others(c: &mut Criterion) {
    let mut group = c.benchmark_group("other layers");
    contestant(&mut group, "bare", Sink::default());
    contestant(
        &mut group,
        "Replay",
        ReplayLayer::new().layer(Sink::default()),
    );
    contestant(
        &mut group,
        "Normalize",
        stacks::normalize().layer(Sink::default()),
    );
    group.finish();
}

fn main_group(c: &mut Criterion) {
    let runtime = common::runtime();
    let _guard = runtime.enter();
    attach(c);
    send_again(c);
    others(c);
}

criterion_group!(benches, main_group);
criterion_main!(benches);
