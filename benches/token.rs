//! The token cell, read by several threads, with a writer beside them and without.

mod common;

use std::{
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use common::{Body, Sink, call, peers, request, stacks};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use http::Request;
use tower::Service;

/// Lets `count` threads do all of the work at once, and returns how long one of them took.
fn on_threads<S>(count: usize, times: u64, service: &S) -> Duration
where
    S: Service<Request<Body>> + Clone + Send + Sync,
{
    let start = Barrier::new(count);
    let took = thread::scope(|scope| {
        let threads: Vec<_> = (0..count)
            .map(|_| {
                scope.spawn(|| {
                    let mut own = service.clone();
                    call(&mut own, request(Body::default()));
                    start.wait();
                    let begun = Instant::now();
                    for _ in 0..times {
                        drop(call(&mut own, request(Body::default())));
                    }
                    begun.elapsed()
                })
            })
            .collect();
        let took = threads.into_iter().map(|one| one.join().expect("no panic"));
        took.sum::<Duration>()
    });
    took / u32::try_from(count).expect("a few")
}

fn readers(c: &mut Criterion) {
    let session = stacks::session();
    let bearer = stacks::bearer_layer(&session, Sink::default());
    let mutex = peers::with::<_, _, Body>(Sink::default(), peers::mutex());
    let rw_lock = peers::with::<_, _, Body>(Sink::default(), peers::rw_lock());
    let watch = peers::with::<_, _, Body>(Sink::default(), peers::watch());
    let shared = peers::with::<_, _, Body>(Sink::default(), peers::shared());
    let mut group = c.benchmark_group("token, readers");
    for count in [1, 2, 4, 8] {
        macro_rules! contestant {
            ($name:expr, $service:expr) => {
                group.bench_function(BenchmarkId::new($name, count), |bencher| {
                    bencher.iter_custom(|times| on_threads(count, times, &$service));
                });
            };
        }
        contestant!("bare", Sink::default());
        contestant!("Bearer", bearer);
        contestant!("Mutex", mutex);
        contestant!("RwLock", rw_lock);
        contestant!("watch", watch);
        contestant!("one shared HeaderValue", shared);
    }
    group.finish();
}

fn with_a_writer(c: &mut Criterion) {
    let session = stacks::session();
    let bearer = stacks::bearer_layer(&session, Sink::default());
    let runtime = tokio::runtime::Handle::current();
    let mut group = c.benchmark_group("token, 2 readers and a writer");
    for (name, pause) in [
        ("none", None),
        ("each millisecond", Some(Duration::from_millis(1))),
        ("without a pause", Some(Duration::ZERO)),
    ] {
        group.bench_function(name, |bencher| {
            let is_over = AtomicBool::new(false);
            thread::scope(|scope| {
                if let Some(pause) = pause {
                    let (session, is_over, runtime) = (&session, &is_over, &runtime);
                    scope.spawn(move || {
                        let _guard = runtime.enter();
                        while !is_over.load(Ordering::Relaxed) {
                            session.set(stacks::fresh());
                            thread::sleep(pause);
                        }
                    });
                }
                bencher.iter_custom(|times| on_threads(2, times, &bearer));
                is_over.store(true, Ordering::Relaxed);
            });
        });
    }
    group.finish();
}

fn main_group(c: &mut Criterion) {
    let runtime = common::runtime();
    let _guard = runtime.enter();
    readers(c);
    with_a_writer(c);
}

criterion_group!(benches, main_group);
criterion_main!(benches);
