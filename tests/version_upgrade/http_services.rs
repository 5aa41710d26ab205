use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{Request, Response, StatusCode};
use tokio::task::JoinSet;
use tokio_test::{assert_pending, assert_ready, task};
use tower::{BoxError, Layer, ServiceExt, service_fn};
use tower_reauth::layers::version_upgrade::{UpgradeLatch, VersionUpgradeLayer};

use crate::{
    common::{Body, collected, status},
    support::{Login, post},
};

#[tokio::test]
async fn the_refused_request_is_sent_again_whole_and_all_others_go_to_v2() {
    let (v1, v2, latch) = (Login::gone(), Login::new(200), UpgradeLatch::new());
    let layer = VersionUpgradeLayer::new(v2.service::<Body>()).latch(latch.clone());
    let client = layer.layer(v1.service());
    for number in 1..=3 {
        let answer = client.clone().oneshot(post("who I am")).await.unwrap();
        let answer = collected(answer).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["x-name"], "kept");
        assert_eq!(answer.body(), "who I am");
        assert_eq!((v1.calls(), v2.calls()), (1, number));
    }
    assert!(latch.is_set() && latch.has_tripped());
}

#[tokio::test]
async fn no_other_answer_switches() {
    for status in [200, 204, 301, 400, 401, 403, 404, 410, 429, 500, 503] {
        let (v1, v2) = (Login::new(status), Login::new(200));
        let client = VersionUpgradeLayer::new(v2.service::<Body>()).layer(v1.service());
        let answer = client.clone().oneshot(post("")).await.unwrap();
        assert_eq!(answer.status().as_u16(), status);
        assert!(!client.latch().is_set());
        assert_eq!((v1.calls(), v2.calls()), (1, 0));
    }
}

#[tokio::test]
async fn what_v2_answers_is_the_callers_a_409_as_well() {
    for status in [401, 409, 500] {
        let (v1, v2) = (Login::gone(), Login::new(status));
        let client = VersionUpgradeLayer::new(v2.service::<Body>()).layer(v1.service());
        for sends in 1..=2 {
            let answer = client.clone().oneshot(post("")).await.unwrap();
            assert_eq!(answer.status().as_u16(), status);
            assert_eq!((v1.calls(), v2.calls()), (1, sends));
        }
        // v1 comes back, and nobody asks it.
        v1.answer(200);
        let answer = client.oneshot(post("")).await.unwrap();
        assert_eq!(answer.status().as_u16(), status);
        assert_eq!((v1.calls(), v2.calls()), (1, 3));
    }
}

#[tokio::test]
async fn of_every_sequence_of_six_answers_no_call_sees_more_than_it_must() {
    const STATUSES: [u16; 3] = [200, 401, 409];
    let mut sequences = 0;
    for number in 0..3_usize.pow(6) {
        let answers = (0..6).map(|place| STATUSES[number / 3_usize.pow(place) % 3]);
        let answers = Arc::new(Mutex::new(answers.collect::<Vec<_>>()));
        let sent = Arc::new(Mutex::new(Vec::new()));
        let version = |name: &'static str| {
            let (answers, sent) = (Arc::clone(&answers), Arc::clone(&sent));
            service_fn(move |_: Request<Body>| {
                sent.lock().unwrap().push(name);
                let mut left = answers.lock().unwrap();
                let code = if left.is_empty() { 200 } else { left.remove(0) };
                let answer = status(StatusCode::from_u16(code).unwrap());
                async move { Ok::<_, BoxError>(answer) }
            })
        };
        let client = VersionUpgradeLayer::new(version("v2")).layer(version("v1"));
        let expected: Vec<_> = answers.lock().unwrap().clone();
        let mut at = 0;
        let mut is_switched = false;
        while at < 6 {
            let before = sent.lock().unwrap().len();
            let answer = client.clone().oneshot(post("")).await.unwrap();
            let sends = sent.lock().unwrap().len() - before;
            // The first 409 is answered by one more send, and by none after that.
            let expected_sends = if !is_switched && expected[at] == 409 {
                is_switched = true;
                2
            } else {
                1
            };
            assert_eq!(sends, expected_sends, "{expected:?}");
            at += sends;
            let last = expected.get(at - 1).copied().unwrap_or(200);
            assert_eq!(answer.status().as_u16(), last, "{expected:?}");
            assert_eq!(client.latch().is_set(), is_switched);
        }
        let sent = sent.lock().unwrap();
        let firsts = sent.iter().take_while(|name| **name == "v1").count();
        let first_409 = expected.iter().position(|status| *status == 409);
        assert_eq!(firsts, first_409.map_or(6, |at| at + 1), "{expected:?}");
        assert!(sent[firsts..].iter().all(|name| *name == "v2"));
        sequences += 1;
    }
    assert_eq!(sequences, 729);
}

#[tokio::test(start_paused = true)]
async fn concurrent_refusals_all_succeed() {
    const CALLERS: usize = 256;
    // All are on their way to v1 before the first of them is refused.
    let refused = Arc::new(AtomicUsize::new(0));
    let v1 = service_fn({
        let refused = Arc::clone(&refused);
        move |_: Request<Body>| {
            refused.fetch_add(1, Ordering::SeqCst);
            async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Ok::<_, BoxError>(status(StatusCode::CONFLICT))
            }
        }
    });
    let v2 = Login::new(200);
    let client = VersionUpgradeLayer::new(v2.service::<Body>()).layer(v1);
    let mut calls = JoinSet::new();
    for _ in 0..CALLERS {
        calls.spawn(client.clone().and_then(collected).oneshot(post("me")));
    }
    for answer in calls.join_all().await {
        let answer = answer.unwrap();
        assert_eq!(
            (answer.status(), &answer.body()[..]),
            (StatusCode::OK, &b"me"[..])
        );
    }
    assert_eq!(
        (refused.load(Ordering::SeqCst), v2.calls()),
        (CALLERS, CALLERS)
    );
}

#[tokio::test]
async fn a_latch_that_was_stored_keeps_v1_out_of_it() {
    let (v1, v2, latch) = (Login::new(200), Login::new(200), UpgradeLatch::new());
    latch.set();
    assert!(latch.is_set() && !latch.has_tripped());
    let layer = VersionUpgradeLayer::new(v2.service::<Body>()).latch(latch.clone());
    let answer = layer.layer(v1.service()).oneshot(post("")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!((v1.calls(), v2.calls()), (0, 1));
    assert!(!latch.has_tripped());
}

#[tokio::test]
async fn a_latch_is_shared_by_clones_and_whatever_else_has_it() {
    let (v1, v2) = (Login::gone(), Login::new(200));
    let latch = UpgradeLatch::new();
    let layer = VersionUpgradeLayer::new(v2.service::<Body>()).latch(latch.clone());
    let (one, other) = (layer.layer(v1.service()), layer.clone().layer(v1.service()));
    let apart = VersionUpgradeLayer::new(v2.service::<Body>()).layer(v1.service());
    let mut waiting = task::spawn(latch.wait());
    assert_pending!(waiting.poll());
    let early = one.clone();
    one.oneshot(post("")).await.unwrap();
    assert!(waiting.is_woken());
    assert_ready!(waiting.poll());
    assert_ready!(task::spawn(latch.wait()).poll());
    assert_eq!((v1.calls(), v2.calls()), (1, 1));
    early.oneshot(post("")).await.unwrap();
    other.oneshot(post("")).await.unwrap();
    assert_eq!((v1.calls(), v2.calls()), (1, 3));
    apart.oneshot(post("")).await.unwrap();
    assert_eq!((v1.calls(), v2.calls()), (2, 4));
}

#[tokio::test]
async fn a_signal_can_be_anything_an_error_as_well() {
    let v2 = Login::new(200);
    let v1 = Login::new(410);
    let client = VersionUpgradeLayer::new(v2.service::<Body>())
        .signal(|result: &Result<Response<Body>, BoxError>| {
            result
                .as_ref()
                .is_ok_and(|answer| answer.status() == StatusCode::GONE)
        })
        .layer(v1.service());
    let answer = client.oneshot(post("a")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);

    let failing = |text: &'static str| {
        service_fn(
            move |_: Request<Body>| async move { Err::<Response<Body>, BoxError>(text.into()) },
        )
    };
    let layer = VersionUpgradeLayer::new(v2.service::<Body>()).signal(
        |result: &Result<Response<Body>, BoxError>| {
            result
                .as_ref()
                .is_err_and(|error| error.to_string() == "use version 2")
        },
    );
    let answer = layer.layer(failing("use version 2")).oneshot(post("b"));
    let answer = collected(answer.await.unwrap()).await.unwrap();
    assert_eq!(
        (answer.status(), &answer.body()[..]),
        (StatusCode::OK, &b"b"[..])
    );
    assert_eq!(v2.calls(), 2);
    // Other errors are the caller's, and so are all without a signal of that kind.
    let layer = VersionUpgradeLayer::new(v2.service::<Body>());
    let error = layer
        .layer(failing("reset"))
        .oneshot(post("c"))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "reset");
    assert_eq!(v2.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_leaves_sends_nothing_more_and_the_latch_stays_as_it_is() {
    /// Is pending once, wherever it is awaited.
    async fn pause() {
        tokio::task::yield_now().await;
    }
    let version = |calls: &Arc<AtomicUsize>, code: u16| {
        let calls = Arc::clone(calls);
        service_fn(move |_: Request<Body>| {
            let calls = Arc::clone(&calls);
            async move {
                calls.fetch_add(1, Ordering::SeqCst);
                pause().await;
                Ok::<_, BoxError>(status(StatusCode::from_u16(code).unwrap()))
            }
        })
    };
    let mut seen = Vec::new();
    for polls in 0.. {
        let (first, second) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let client = VersionUpgradeLayer::new(version(&second, 200)).layer(version(&first, 409));
        let latch = client.latch().clone();
        let mut call = task::spawn(client.oneshot(post("")));
        let mut is_ready = false;
        for _ in 0..polls {
            is_ready = call.poll().is_ready();
        }
        drop(call);
        tokio::time::sleep(Duration::from_secs(10)).await;
        let counts = [&first, &second].map(|count| count.load(Ordering::SeqCst));
        seen.push((counts, latch.is_set(), is_ready));
        if is_ready {
            break;
        }
    }
    let expected = [
        ([0, 0], false, false),
        ([1, 0], false, false),
        ([1, 1], true, false),
        ([1, 1], true, true),
    ];
    assert_eq!(seen, expected);
}
