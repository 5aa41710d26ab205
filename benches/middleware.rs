//! In a chain of reqwest-middleware.

mod common;

use common::{chains, stacks};
use criterion::{Criterion, criterion_group, criterion_main};

fn middleware(c: &mut Criterion) {
    let runtime = common::runtime();
    let _guard = runtime.enter();
    let session = stacks::session();
    let mut group = c.benchmark_group("reqwest-middleware");
    for (name, client) in [
        ("the empty chain", chains::empty()),
        ("a bearer by hand", chains::by_hand()),
        ("Bearer", chains::with_bearer(&session)),
        ("Replay, Refresh and Bearer", chains::with(session.layer())),
    ] {
        group.bench_function(name, |bencher| bencher.iter(|| chains::send(&client)));
    }
    group.finish();
}

criterion_group!(benches, middleware);
criterion_main!(benches);
