//! Bodies that are kept, and bodies that are looked into: rows 9, 10 and 11.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use tower::Layer;
use tower_reauth::{
    layers::NormalizeLayer,
    providers::fintiv::FintivEnvelope,
    replay::{ReplayBody, ResendBody},
};

use crate::{
    allocations,
    common::{Sink, envelope, first_frame, linkerd::Replay, now, pieces::Pieces, read},
    table::Row,
    turns::{self, single},
};

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (size, name) in [(0, "0 B"), (1 << 10, "1 KiB"), (1 << 20, "1 MiB")] {
        let whole = Bytes::from(vec![b'x'; size]);
        let plain = || {
            let body = Full::new(whole.clone());
            let copy = body.clone();
            read(body);
            drop(copy);
        };
        let replayed = || {
            let body = ReplayBody::new(Full::new(whole.clone()));
            let copy = body.try_copy();
            read(body);
            drop(copy);
        };
        let [clone, replay] = turns::take([single(plain), single(replayed)]);
        rows.push(Row::nanos(
            "9",
            &format!("Replay of {name} in memory: added over a clone that is kept"),
            replay - clone,
            40.0,
        ));
        let added = allocations::of(replayed) - allocations::of(plain);
        rows.push(Row::count("9", "allocations added", added, 0));
    }
    for (size, name) in [(1 << 10, "1 KiB"), (1 << 20, "1 MiB")] {
        let whole = Bytes::from(vec![b'x'; size]);
        let [ours, linkerd, collected] = turns::take([
            single(|| {
                let body = ReplayBody::new(Pieces::new(&whole));
                let copy = body.try_copy();
                read(body);
                drop(copy);
            }),
            single(|| {
                let body = Replay::new(Pieces::new(&whole), 8 << 20);
                let copy = body.copy();
                read(body);
                drop(copy);
            }),
            single(|| {
                let body = now(Pieces::new(&whole).collect())
                    .expect("it is whole")
                    .to_bytes();
                read(Full::new(body.clone()));
            }),
        ]);
        rows.push(Row::ratio(
            "10",
            &format!("Replay of a stream of {name} against the linkerd-style body"),
            ours / linkerd,
            1.00,
        ));
        rows.push(Row::told(
            "10",
            "the same, against reading it all first",
            format!("{:.2}", ours / collected),
        ));
    }
    rows.extend(normalize());
    rows
}

fn normalize() -> Vec<Row> {
    let mut rows = Vec::new();
    for (size, name) in [
        (300, "300 B"),
        (64 << 10, "64 KiB"),
        (1 << 20, "1 MiB"),
        (64 << 20, "64 MiB"),
    ] {
        let answer = envelope("SUCCESS", size);
        let mut bare = Sink(answer.clone());
        let mut looked = NormalizeLayer::new(FintivEnvelope::new()).layer(Sink(answer.clone()));
        let [none, ours] = turns::take([
            single(|| first_frame(&mut bare)),
            single(|| first_frame(&mut looked)),
        ]);
        rows.push(Row::nanos(
            "11",
            &format!("Normalize, success, envelope first, {name}: added over bare"),
            ours - none,
            200.0,
        ));
        if size <= 1 << 20 {
            let [parsed] = turns::take([single(|| {
                let value: serde_json::Value = serde_json::from_slice(&answer).expect("JSON");
                drop(std::hint::black_box(value));
            })]);
            rows.push(Row::told(
                "11",
                &format!("parsing all {name} with serde_json"),
                format!("{parsed:+.0} ns"),
            ));
        }
    }
    rows
}
