//! Bodies that are kept while they are sent.

mod common;

use bytes::Bytes;
use common::{linkerd::Replay, pieces::Pieces, read};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use http_body_util::{BodyExt, Full};
use tower_reauth::replay::{ReplayBody, ResendBody};

const SIZES: [usize; 3] = [0, 1 << 10, 1 << 20];

fn in_memory(c: &mut Criterion) {
    let mut group = c.benchmark_group("replay, in memory");
    for size in SIZES {
        let whole = Bytes::from(vec![b'x'; size]);
        group.bench_function(BenchmarkId::new("a clone is kept", size), |bencher| {
            bencher.iter(|| {
                let body = Full::new(whole.clone());
                let copy = body.clone();
                read(body);
                copy
            });
        });
        group.bench_function(BenchmarkId::new("ReplayBody", size), |bencher| {
            bencher.iter(|| {
                let body = ReplayBody::new(Full::new(whole.clone()));
                let copy = body.try_copy();
                read(body);
                copy
            });
        });
        group.bench_function(BenchmarkId::new("linkerd-style", size), |bencher| {
            bencher.iter(|| {
                let body = Replay::new(Full::new(whole.clone()), 8 << 20);
                let copy = body.copy();
                read(body);
                copy
            });
        });
    }
    group.finish();
}

fn streams(c: &mut Criterion) {
    let mut group = c.benchmark_group("replay, streams");
    for size in SIZES {
        let whole = Bytes::from(vec![b'x'; size]);
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::new("plain", size), |bencher| {
            bencher.iter(|| read(Pieces::new(&whole)));
        });
        group.bench_function(BenchmarkId::new("ReplayBody", size), |bencher| {
            bencher.iter(|| {
                let body = ReplayBody::new(Pieces::new(&whole));
                let copy = body.try_copy();
                read(body);
                copy
            });
        });
        group.bench_function(BenchmarkId::new("linkerd-style", size), |bencher| {
            bencher.iter(|| {
                let body = Replay::new(Pieces::new(&whole), 8 << 20);
                let copy = body.copy();
                read(body);
                copy
            });
        });
        group.bench_function(BenchmarkId::new("read first", size), |bencher| {
            bencher.iter(|| {
                let body = common::now(Pieces::new(&whole).collect());
                read(Full::new(body.expect("it is whole").to_bytes()));
            });
        });
    }
    group.finish();
}

criterion_group!(benches, in_memory, streams);
criterion_main!(benches);
