//! Two threads at once, and a writer beside them: rows 2 and 3.

use std::{
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tower::Service;

use crate::{
    common::{Body, Sink, call, peers, request, stacks},
    table::Row,
    turns::{self, Contestant, single},
};

/// A contestant on several threads: each does all the work.
fn threads<'a, S>(count: usize, service: &'a S, is_cloned: bool) -> Contestant<'a>
where
    S: Service<Request<Body>> + Clone + Send + Sync,
{
    Box::new(move |times| {
        let start = Barrier::new(count);
        let took = thread::scope(|scope| {
            let all: Vec<_> = (0..count)
                .map(|_| {
                    scope.spawn(|| {
                        let mut own = service.clone();
                        // Each thread has its copies before it begins.
                        call(&mut own, requests());
                        start.wait();
                        let begun = Instant::now();
                        for _ in 0..times {
                            if is_cloned {
                                drop(call(&mut service.clone(), requests()));
                            } else {
                                drop(call(&mut own, requests()));
                            }
                        }
                        begun.elapsed()
                    })
                })
                .collect();
            let took = all.into_iter().map(|one| one.join().expect("no panic"));
            took.sum::<Duration>()
        });
        took / u32::try_from(count).expect("a few")
    })
}

fn requests() -> Request<Body> {
    request(Full::new(Bytes::from_static(b"{}")))
}

pub(crate) fn rows() -> Vec<Row> {
    let session = stacks::session();
    let bearer = stacks::bearer_layer(&session, Sink::default());
    let fixed = peers::add_authorization(Sink::default());
    let [
        one,
        two,
        one_cloned,
        two_cloned,
        fixed_one,
        fixed_two,
        fixed_cloned,
    ] = turns::take([
        threads(1, &bearer, false),
        threads(2, &bearer, false),
        threads(1, &bearer, true),
        threads(2, &bearer, true),
        threads(1, &fixed, false),
        threads(2, &fixed, false),
        threads(2, &fixed, true),
    ]);
    let mut rows = vec![
        Row::ratio("2", "Bearer on 2 threads against 1", two / one, 1.03),
        Row::ratio(
            "2",
            "the same, with the service cloned for each call",
            two_cloned / one_cloned,
            1.10,
        ),
        Row::ratio(
            "2",
            "Bearer on 2 threads against AddAuthorization on 2",
            (two / one) / (fixed_two / fixed_one),
            1.00,
        ),
        Row::told(
            "2",
            "AddAuthorization: 2 threads against 1; cloned for each call",
            format!(
                "{:.2}; {:.2}",
                fixed_two / fixed_one,
                fixed_cloned / fixed_one
            ),
        ),
    ];
    rows.extend(writers());
    rows
}

/// Bearer while somebody swaps the token.
fn writers() -> Vec<Row> {
    let session = stacks::session();
    let mut bearer = stacks::bearer_layer(&session, Sink::default());
    let mut bare = Sink::default();
    let mut read = |pause: Option<Duration>, bearer: &mut _| {
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            if let Some(pause) = pause {
                let (session, is_over) = (&session, &is_over);
                let runtime = tokio::runtime::Handle::current();
                scope.spawn(move || {
                    let _guard = runtime.enter();
                    while !is_over.load(Ordering::Relaxed) {
                        session.set(stacks::fresh());
                        if !pause.is_zero() {
                            thread::sleep(pause);
                        }
                    }
                });
            }
            let took = turns::take([
                single(|| drop(call(bearer, requests()))),
                single(|| drop(call(&mut bare, requests()))),
            ]);
            is_over.store(true, Ordering::Relaxed);
            took
        })
    };
    let [alone, _] = read(None, &mut bearer);
    let [beside, _] = read(Some(Duration::from_millis(1)), &mut bearer);
    let [never, bare] = read(Some(Duration::ZERO), &mut bearer);
    vec![
        Row::ratio(
            "3",
            "Bearer with a swap each millisecond, against none",
            beside / alone,
            1.02,
        ),
        Row::ratio(
            "3",
            "Bearer with a writer that never pauses, over bare",
            never / bare,
            370.0 / 178.0,
        ),
    ]
}
