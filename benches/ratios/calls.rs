//! One call on one thread: rows 1, 4 and 5.

use bytes::Bytes;
use http_body_util::Full;

use crate::{
    allocations,
    common::{Body, Sink, call, peers, request, stacks},
    full_stack,
    table::Row,
    turns::{self, single},
};

pub(crate) fn rows() -> Vec<Row> {
    let session = stacks::session();
    let body = Bytes::from(vec![b'x'; 1024]);
    let requests = || request(Full::new(body.clone()));

    let mut bare = Sink::default();
    let mut fixed = peers::add_authorization(Sink::default());
    let mut set = peers::set_request_header(Sink::default());
    let mut bearer = stacks::bearer_layer(&session, Sink::default());
    let mut mutex = peers::with::<_, _, Body>(Sink::default(), peers::mutex());
    let mut retry = peers::retry(Sink::default());
    let mut refresh = stacks::refresh(&session, Sink::default());
    let mut full = full_stack!(session, Sink::default());

    let [
        none,
        add,
        overriding,
        ours,
        locked,
        retried,
        refreshed,
        whole,
    ] = turns::take([
        single(|| drop(call(&mut bare, requests()))),
        single(|| drop(call(&mut fixed, requests()))),
        single(|| drop(call(&mut set, requests()))),
        single(|| drop(call(&mut bearer, requests()))),
        single(|| drop(call(&mut mutex, requests()))),
        single(|| drop(call(&mut retry, requests()))),
        single(|| drop(call(&mut refresh, requests()))),
        single(|| drop(call(&mut full, requests()))),
    ]);
    let base = allocations::of(|| drop(call(&mut bare, requests())));
    let count = allocations::of(|| drop(call(&mut bearer, requests())));
    let all = allocations::of(|| drop(call(&mut full, requests())));

    let told = |what: &str, time: f64| {
        Row::told("", what, format!("{time:.0} ns, {:.2} x bare", time / none))
    };
    vec![
        told("bare service", none),
        told("tower-http AddAuthorization", add),
        told("tower-http SetRequestHeader", overriding),
        told("Mutex and a clone", locked),
        told("Bearer", ours),
        told("tower Retry and AddAuthorization", retried),
        told("Refresh and Bearer", refreshed),
        told("the full stack", whole),
        Row::ratio(
            "1",
            "Bearer: added over bare, against AddAuthorization's",
            (ours - none) / (add - none),
            1.30,
        ),
        Row::count("1", "Bearer: allocations added", count - base, 0),
        Row::ratio(
            "4",
            "Refresh and Bearer against Retry and AddAuthorization",
            refreshed / retried,
            1.00,
        ),
        Row::nanos(
            "5",
            "the full stack: added over bare, in ns where bare is 178",
            (whole - none) * 178.0 / none,
            358.0,
        ),
        Row::count("5", "the full stack: allocations in all", all, base + 2),
    ]
}
