//! Instructions of one call, counted by valgrind's callgrind: the same on a busy machine.
//!
//! ```sh
//! cargo install gungraun-runner --version 0.20.0
//! cargo bench --bench instructions
//! ```
#![allow(missing_docs, unused_qualifications, reason = "as the macros write it")]

mod common;

use bytes::Bytes;
use common::{
    Body, Sink, call, chains, envelope, first_frame, linkerd::Replay, peers, pieces::Pieces, read,
    request, stacks,
};
use gungraun::{library_benchmark, library_benchmark_group, main};
use http::Request;
use reqwest_middleware::ClientWithMiddleware;
use tokio::runtime::Runtime;
use tower::{Layer, Service};
use tower_reauth::{
    layers::NormalizeLayer,
    providers::fintiv::FintivEnvelope,
    replay::{ReplayBody, ResendBody},
};

/// A call that has been made before, and the runtime that it needs.
struct Contestant {
    call: Box<dyn FnMut()>,
    _runtime: Runtime,
}

fn contestant<S>(make: impl FnOnce() -> S) -> Contestant
where
    S: Service<Request<Body>> + 'static,
{
    doing(|| {
        let mut service = make();
        move || drop(call(&mut service, request(Body::default())))
    })
}

fn doing<W: FnMut() + 'static>(make: impl FnOnce() -> W) -> Contestant {
    let runtime = common::runtime();
    let guard = runtime.enter();
    let mut one = make();
    for _ in 0..3 {
        one();
    }
    drop(guard);
    Contestant {
        call: Box::new(one),
        _runtime: runtime,
    }
}

fn bare() -> Contestant {
    contestant(Sink::default)
}

fn add_authorization() -> Contestant {
    contestant(|| peers::add_authorization(Sink::default()))
}

fn retry() -> Contestant {
    contestant(|| peers::retry(Sink::default()))
}

fn bearer() -> Contestant {
    contestant(|| stacks::bearer_layer(&stacks::session(), Sink::default()))
}

fn refresh() -> Contestant {
    contestant(|| stacks::refresh(&stacks::session(), Sink::default()))
}

fn full_stack() -> Contestant {
    contestant(|| {
        let session = stacks::session();
        full_stack!(session, Sink::default())
    })
}

#[library_benchmark]
#[bench::bare(setup = bare)]
#[bench::add_authorization(setup = add_authorization)]
#[bench::retry_and_add_authorization(setup = retry)]
#[bench::bearer(setup = bearer)]
#[bench::refresh_and_bearer(setup = refresh)]
#[bench::full_stack(setup = full_stack)]
fn one(mut contestant: Contestant) -> Contestant {
    (contestant.call)();
    // Its end is not counted.
    contestant
}

fn answer() -> Sink {
    Sink(envelope("SUCCESS", 300))
}

fn plain_answer() -> Contestant {
    doing(|| {
        let mut service = answer();
        move || first_frame(&mut service)
    })
}

fn normalized() -> Contestant {
    doing(|| {
        let mut service = NormalizeLayer::new(FintivEnvelope::new()).layer(answer());
        move || first_frame(&mut service)
    })
}

const STREAM: Bytes = Bytes::from_static(&[b'x'; 1024]);

fn linkerd() -> Contestant {
    doing(|| {
        || {
            let body = Replay::new(Pieces::new(&STREAM), 8 << 20);
            let copy = body.copy();
            read(body);
            drop(copy);
        }
    })
}

fn replay() -> Contestant {
    doing(|| {
        || {
            let body = ReplayBody::new(Pieces::new(&STREAM));
            let copy = body.try_copy();
            read(body);
            drop(copy);
        }
    })
}

fn chain(make: impl FnOnce() -> ClientWithMiddleware) -> Contestant {
    doing(|| {
        let client = make();
        move || chains::send(&client)
    })
}

fn chain_by_hand() -> Contestant {
    chain(chains::by_hand)
}

fn chain_with_bearer() -> Contestant {
    chain(|| chains::with_bearer(&stacks::session()))
}

#[library_benchmark]
#[bench::answer(setup = plain_answer)]
#[bench::normalized_answer(setup = normalized)]
#[bench::stream_as_linkerd(setup = linkerd)]
#[bench::stream_replayed(setup = replay)]
#[bench::chain_by_hand(setup = chain_by_hand)]
#[bench::chain_with_bearer(setup = chain_with_bearer)]
fn other(mut contestant: Contestant) -> Contestant {
    (contestant.call)();
    contestant
}

library_benchmark_group!(name = calls, benchmarks = [one, other]);

main!(library_benchmark_groups = calls);
