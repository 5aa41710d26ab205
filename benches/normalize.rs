//! Answers with an envelope, until the first frame is handed on.

mod common;

use bytes::Bytes;
use common::{Sink, call, envelope, first_frame};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use serde::Deserialize;
use tower::Layer;
use tower_reauth::{layers::NormalizeLayer, providers::fintiv::FintivEnvelope};

const SIZES: [(usize, &str); 4] = [
    (300, "300 B"),
    (64 << 10, "64 KiB"),
    (1 << 20, "1 MiB"),
    (64 << 20, "64 MiB"),
];

/// All of an answer, typed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Whole {
    context_response: Context,
    #[allow(dead_code, reason = "it is parsed to be thrown away")]
    response_data: serde::de::IgnoredAny,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    status_code: String,
}

fn verdicts(c: &mut Criterion) {
    for code in ["SUCCESS", "VALIDATION"] {
        let mut group = c.benchmark_group(format!("normalize, {code}"));
        for (size, name) in SIZES {
            let answer = envelope(code, size);
            contestants(&mut group, name, &answer, size);
        }
        group.finish();
    }
}

fn contestants(
    group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
    name: &str,
    answer: &Bytes,
    size: usize,
) {
    let mut bare = Sink(answer.clone());
    group.bench_function(BenchmarkId::new("bare", name), |bencher| {
        bencher.iter(|| first_frame(&mut bare));
    });
    let mut looked = NormalizeLayer::new(FintivEnvelope::new()).layer(Sink(answer.clone()));
    group.bench_function(BenchmarkId::new("Normalize", name), |bencher| {
        bencher.iter(|| first_frame(&mut looked));
    });
    // Longer ones take seconds each.
    if size > 1 << 20 {
        return;
    }
    group.bench_function(BenchmarkId::new("serde_json, typed", name), |bencher| {
        bencher.iter(|| {
            drop(call(&mut bare, common::request(common::Body::default())));
            let whole: Whole = serde_json::from_slice(answer).expect("an envelope");
            whole.context_response.status_code == "SUCCESS"
        });
    });
    group.bench_function(BenchmarkId::new("serde_json::Value", name), |bencher| {
        bencher.iter(|| {
            drop(call(&mut bare, common::request(common::Body::default())));
            let whole: serde_json::Value = serde_json::from_slice(answer).expect("JSON");
            whole["contextResponse"]["statusCode"] == "SUCCESS"
        });
    });
}

criterion_group!(benches, verdicts);
criterion_main!(benches);
