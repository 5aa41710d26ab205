use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};

use http::StatusCode;
use tokio::task::JoinSet;
use tokio_test::{assert_pending, assert_ready_err, task};
use tower::{
    Layer, Service, ServiceExt,
    buffer::BufferLayer,
    limit::{ConcurrencyLimitLayer, GlobalConcurrencyLimitLayer},
    load_shed::LoadShedLayer,
};
use tower_reauth::layers::version_upgrade::{UpgradeLatch, VersionUpgradeLayer};

use crate::{
    common::Body,
    contract::Contract,
    support::{Login, post},
};

#[tokio::test]
async fn only_what_was_made_ready_is_called() {
    let (one, two) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (v1, v2) = (Login::gone(), Login::new(200));
    let layer = VersionUpgradeLayer::new(Contract::new(v2.service::<Body>(), &two));
    let mut client = layer.layer(Contract::new(v1.service(), &one));
    for number in 1..=3 {
        let answer = client.ready().await.unwrap().call(post("")).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!((v1.calls(), v2.calls()), (1, number));
        assert_eq!(one.load(Ordering::SeqCst) + two.load(Ordering::SeqCst), 0);
    }
}

#[tokio::test]
async fn a_v1_that_was_made_ready_before_the_switch_is_given_back() {
    let (one, two) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (v1, v2, latch) = (Login::new(200), Login::new(200), UpgradeLatch::new());
    let layer = VersionUpgradeLayer::new(Contract::new(v2.service::<Body>(), &two));
    let mut client = layer
        .latch(latch.clone())
        .layer(Contract::new(v1.service(), &one));
    let mut idle = client.clone();
    idle.ready().await.unwrap();
    client.ready().await.unwrap();
    assert_eq!(one.load(Ordering::SeqCst), 2);
    latch.set();
    // Called at once, or made ready once more.
    let answer = client.call(post("")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    idle.ready().await.unwrap();
    assert_eq!(
        (one.load(Ordering::SeqCst), two.load(Ordering::SeqCst)),
        (0, 1)
    );
    idle.call(post("")).await.unwrap();
    assert_eq!((v1.calls(), v2.calls()), (0, 2));
    assert_eq!(two.load(Ordering::SeqCst), 0);
}

async fn twenty_calls<V>(v1: V, v2: V) -> usize
where
    V: Service<
            http::Request<Body>,
            Response = http::Response<Body>,
            Error = tower::BoxError,
            Future: Send,
        > + Clone
        + Send
        + 'static,
{
    let client = VersionUpgradeLayer::new(v2).layer(v1);
    let mut calls = JoinSet::new();
    for _ in 0..20 {
        calls.spawn(client.clone().oneshot(post("")));
    }
    let answers = tokio::time::timeout(Duration::from_secs(3_600), calls.join_all()).await;
    let answers = answers.expect("no deadlock").into_iter().flatten();
    answers
        .filter(|answer| answer.status() == StatusCode::OK)
        .count()
}

#[tokio::test(start_paused = true)]
async fn both_versions_share_a_limit_of_one() {
    let (v1, v2) = (Login::gone(), Login::new(200));
    let limit = GlobalConcurrencyLimitLayer::new(1);
    let answered = twenty_calls(limit.layer(v1.service()), limit.layer(v2.service())).await;
    assert_eq!((answered, v2.calls()), (20, 20));

    let (v1, v2) = (Login::gone(), Login::new(200));
    let limit = (BufferLayer::new(1), ConcurrencyLimitLayer::new(1));
    let answered = twenty_calls(limit.layer(v1.service()), limit.layer(v2.service())).await;
    assert_eq!((answered, v2.calls()), (20, 20));
}

#[tokio::test(start_paused = true)]
async fn shed_load_is_an_error_and_nothing_hangs() {
    let (v1, v2) = (Login::gone(), Login::new(200));
    let limit = (LoadShedLayer::new(), GlobalConcurrencyLimitLayer::new(1));
    let answered = twenty_calls(limit.layer(v1.service()), limit.layer(v2.service())).await;
    assert_eq!(answered, v2.calls());
    assert!((1..=20).contains(&answered), "{answered}");
}

#[tokio::test(start_paused = true)]
async fn pending_and_failing_readiness_is_passed_on() {
    let (one, mut first) = tower_test::mock::pair::<http::Request<Body>, http::Response<Body>>();
    let (two, mut second) = tower_test::mock::pair::<http::Request<Body>, http::Response<Body>>();
    first.allow(0);
    second.allow(0);
    let mut client = task::spawn(VersionUpgradeLayer::new(two).layer(one));
    assert_pending!(client.enter(|cx, mut client| client.poll_ready(cx)));
    first.allow(1);
    assert!(client.is_woken());
    assert!(
        client
            .enter(|cx, mut client| client.poll_ready(cx))
            .is_ready()
    );
    let call = client.enter(|_, mut client| client.call(post("")));
    let mut call = task::spawn(call);
    assert_pending!(call.poll());
    let (_, refuse) = first.next_request().await.unwrap();
    refuse.send_response(crate::common::status(StatusCode::CONFLICT));
    // The request waits for v2, and so does the next.
    assert_pending!(call.poll());
    assert_pending!(client.enter(|cx, mut client| client.poll_ready(cx)));
    second.send_error("the connection is gone");
    let error = assert_ready_err!(call.poll());
    assert!(error.to_string().contains("gone"));

    let (one, mut first) = tower_test::mock::pair::<http::Request<Body>, http::Response<Body>>();
    let v2 = Login::new(200);
    let mut client = task::spawn(VersionUpgradeLayer::new(v2.service::<Body>()).layer(one));
    first.send_error("v1 is gone");
    let failed = client.enter(|cx, mut client| client.poll_ready(cx));
    assert!(matches!(failed, Poll::Ready(Err(_))));
}
