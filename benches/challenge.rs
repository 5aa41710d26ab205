//! A refusal and its challenge: what it takes to see that a new token would help, or not.

mod common;

use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
};

use common::{Body, call, request, stacks};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use http::{HeaderValue, Request, Response, StatusCode};
use tower::Service;

/// Refuses everything with one challenge, if there is one.
#[derive(Clone)]
struct Refusing(Option<&'static str>);

impl Service<Request<Body>> for Refusing {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        drop(request);
        let mut response = Response::new(Body::default());
        *response.status_mut() = StatusCode::FORBIDDEN;
        if let Some(challenge) = self.0 {
            let challenge = HeaderValue::from_static(challenge);
            response.headers_mut().insert("www-authenticate", challenge);
        }
        ready(Ok(response))
    }
}

fn refusals(c: &mut Criterion) {
    let runtime = common::runtime();
    let _guard = runtime.enter();
    let session = stacks::session();
    let mut group = c.benchmark_group("a refusal that no new token mends");
    for (name, challenge) in [
        ("without a challenge", None),
        (
            "insufficient_scope",
            Some(r#"Bearer error="insufficient_scope", scope="a b""#),
        ),
        (
            "several challenges",
            Some(r#"Basic realm="x", Digest nonce="n", Bearer error="insufficient_scope""#),
        ),
    ] {
        let mut bare = Refusing(challenge);
        group.bench_function(BenchmarkId::new("bare", name), |bencher| {
            bencher.iter(|| call(&mut bare, request(Body::default())));
        });
        let mut bearer = stacks::bearer_layer(&session, Refusing(challenge));
        group.bench_function(BenchmarkId::new("Bearer", name), |bencher| {
            bencher.iter(|| call(&mut bearer, request(Body::default())));
        });
    }
    group.finish();
}

criterion_group!(benches, refusals);
criterion_main!(benches);
