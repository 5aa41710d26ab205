//! Instructions of one call, counted by valgrind's callgrind: the same on a busy machine.
//!
//! ```sh
//! cargo install gungraun-runner --version 0.20.0
//! cargo bench --bench instructions
//! ```
#![allow(missing_docs, unused_qualifications, reason = "as the macros write it")]

mod common;

use common::{Body, Sink, call, peers, request, stacks};
use gungraun::{library_benchmark, library_benchmark_group, main};
use http::Request;
use tokio::runtime::Runtime;
use tower::Service;

/// A call that has been made before, and the runtime that it needs.
struct Contestant {
    call: Box<dyn FnMut()>,
    _runtime: Runtime,
}

fn contestant<S>(make: impl FnOnce() -> S) -> Contestant
where
    S: Service<Request<Body>> + 'static,
{
    let runtime = common::runtime();
    let guard = runtime.enter();
    let mut service = make();
    let mut one = move || drop(call(&mut service, request(Body::default())));
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

library_benchmark_group!(name = calls, benchmarks = one);

main!(library_benchmark_groups = calls);
