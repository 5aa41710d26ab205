use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::BodyExt;
use tokio::time::{Instant, Sleep};
use tokio_test::{assert_pending, assert_ready_ok, task};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
use tower_reauth::{
    Error, ErrorKind,
    inspect::Cut,
    layers::version_upgrade::VersionUpgradeLayer,
    replay::{NotReplayed, ReplayBody, ReplayLayer},
};

use crate::{
    common::{ORIGIN, collected},
    support::{Login, post},
};

/// A body of frames of 1 KiB that come at once, and then none for ever, or the end.
struct Frames {
    left: usize,
    is_endless: bool,
    read: Arc<AtomicUsize>,
    dropped: Arc<AtomicUsize>,
    stall: Option<Pin<Box<Sleep>>>,
}

/// What is known of a [`Frames`] that was sent.
#[derive(Clone, Default)]
struct Sent {
    read: Arc<AtomicUsize>,
    dropped: Arc<AtomicUsize>,
}

impl Sent {
    fn body(&self, frames: usize, is_endless: bool) -> Frames {
        Frames {
            left: frames,
            is_endless,
            read: Arc::clone(&self.read),
            dropped: Arc::clone(&self.dropped),
            stall: None,
        }
    }

    fn read(&self) -> usize {
        self.read.load(Ordering::SeqCst)
    }

    fn is_dropped(&self) -> bool {
        self.dropped.load(Ordering::SeqCst) == 1
    }
}

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            if self.is_endless {
                let year = Duration::from_secs(31_536_000);
                let stall = self
                    .stall
                    .get_or_insert_with(|| Box::pin(tokio::time::sleep(year)));
                ready!(stall.as_mut().poll(cx));
            }
            return Poll::Ready(None);
        }
        self.left -= 1;
        self.read.fetch_add(1, Ordering::SeqCst);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![b'x'; 1024])))))
    }
}

impl Drop for Frames {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

/// A version that is gone, and says so at length.
fn gone<B: Send + 'static>(
    sent: &Sent,
    frames: usize,
    is_endless: bool,
) -> impl Service<Request<B>, Response = Response<Frames>, Error = BoxError, Future: Send> + Clone {
    let sent = sent.clone();
    service_fn(move |_: Request<B>| {
        let mut answer = Response::new(sent.body(frames, is_endless));
        *answer.status_mut() = StatusCode::CONFLICT;
        async move { Ok(answer) }
    })
}

fn next<B: Send + 'static>(
    refused: &Sent,
    calls: &Arc<AtomicUsize>,
) -> impl Service<Request<B>, Response = Response<Frames>, Error = BoxError, Future: Send> + Clone {
    let (refused, calls) = (refused.clone(), Arc::clone(calls));
    service_fn(move |_: Request<B>| {
        assert!(
            refused.is_dropped(),
            "the refused answer holds its connection"
        );
        calls.fetch_add(1, Ordering::SeqCst);
        async move { Ok(Response::new(Sent::default().body(1, false))) }
    })
}

#[tokio::test(start_paused = true)]
async fn the_refused_answer_lets_go_of_its_connection_before_v2_is_asked() {
    // The frames of the answer, whether it goes on for ever, what is read of it, and for how long.
    for (frames, is_endless, read, millis) in [
        (0, false, 0, 0),
        (3, false, 3, 0),
        (3, true, 3, 100),
        (1000, true, 65, 0),
    ] {
        let (refused, calls) = (Sent::default(), Arc::default());
        let layer = VersionUpgradeLayer::new(next(&refused, &calls));
        let client = layer.layer(gone(&refused, frames, is_endless));
        let began = Instant::now();
        let answer = client.oneshot(post("")).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(began.elapsed().as_millis(), millis, "{frames}");
        assert_eq!(refused.read(), read, "{frames}");
        assert_eq!(calls.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn what_cannot_be_sent_twice_gets_v1s_answer_and_the_latch_is_set() {
    let (v1, v2) = (Login::gone(), Login::new(200));
    let upgrade = VersionUpgradeLayer::new(v2.service()).layer(v1.service());
    let latch = upgrade.latch().clone();
    let client = ReplayLayer::new().max_body(1024).layer(upgrade);
    let upload = || {
        let body = Sent::default().body(2, false);
        Request::post(format!("{ORIGIN}/auth")).body(body).unwrap()
    };
    let answer = client.clone().oneshot(upload()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::CONFLICT);
    let why = answer.extensions().get::<NotReplayed>();
    assert_eq!(why, Some(&NotReplayed::TooLarge));
    assert_eq!(collected(answer).await.unwrap().body().len(), 2048);
    assert!(latch.is_set());
    // The next is too large as well, and sent once, to v2.
    let answer = client.oneshot(upload()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!((v1.calls(), v2.calls()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_still_sends_is_waited_for_and_not_for_ever() {
    for (reads_for, expected) in [(500, StatusCode::OK), (60_000, StatusCode::CONFLICT)] {
        let v1 = service_fn(move |request: Request<ReplayBody<Frames>>| async move {
            // Answers early, and reads on meanwhile.
            tokio::spawn(async move {
                let mut body = request.into_body();
                body.frame().await.transpose().expect("no error");
                tokio::time::sleep(Duration::from_millis(reads_for)).await;
                body.collect().await.map(drop).expect("no error");
            });
            tokio::task::yield_now().await;
            Ok::<_, BoxError>(crate::common::status(StatusCode::CONFLICT))
        });
        let v2 = Login::new(200);
        let upgrade = VersionUpgradeLayer::new(v2.service()).layer(v1);
        let latch = upgrade.latch().clone();
        let body = Sent::default().body(2, false);
        let request = Request::post(format!("{ORIGIN}/auth")).body(body).unwrap();
        let began = Instant::now();
        let answer = ReplayLayer::new()
            .layer(upgrade)
            .oneshot(request)
            .await
            .unwrap();
        assert_eq!(answer.status(), expected);
        assert!(latch.is_set());
        let marked = answer.extensions().get::<NotReplayed>().copied();
        if expected == StatusCode::OK {
            assert_eq!(marked, None);
            assert_eq!(began.elapsed(), Duration::from_millis(500));
            assert_eq!(collected(answer).await.unwrap().body().len(), 2048);
        } else {
            assert_eq!(marked, Some(NotReplayed::StillSending));
            assert_eq!(began.elapsed(), Duration::from_secs(1));
            assert_eq!(v2.calls(), 0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn while_the_client_still_sends_the_refused_answer_holds_no_connection() {
    let refused = Sent::default();
    let v1 = service_fn({
        let refused = refused.clone();
        move |request: Request<ReplayBody<Frames>>| {
            // Never lets go of the request.
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_secs(60)).await;
                drop(request);
            });
            let mut answer = Response::new(refused.body(3, true));
            *answer.status_mut() = StatusCode::CONFLICT;
            async move { Ok::<_, BoxError>(answer) }
        }
    });
    let calls = Arc::default();
    let client = VersionUpgradeLayer::new(next(&refused, &calls)).layer(v1);
    let body = Sent::default().body(2, false);
    let request = Request::post(format!("{ORIGIN}/auth")).body(body).unwrap();
    let mut call = task::spawn(ReplayLayer::new().layer(client).oneshot(request));
    let began = Instant::now();
    for (millis, is_dropped) in [(0, false), (100, true)] {
        tokio::time::sleep(Duration::from_millis(millis)).await;
        assert_pending!(call.poll());
        assert_eq!(refused.is_dropped(), is_dropped, "after {millis} ms");
    }
    let answer = call.await.unwrap();
    assert_eq!(began.elapsed(), Duration::from_millis(1_100));
    assert_eq!(answer.status(), StatusCode::CONFLICT);
    let why = answer.extensions().get::<NotReplayed>();
    assert_eq!(why, Some(&NotReplayed::StillSending));
    let error = collected(answer).await.unwrap_err();
    assert_eq!(error.downcast_ref::<Cut>().unwrap().read(), 3 * 1024);
    assert_eq!(calls.load(Ordering::SeqCst), 0);
}

#[test]
fn without_timers_the_answer_is_the_callers_with_the_reason() {
    let (v1, v2) = (Login::gone(), Login::new(200));
    let client = VersionUpgradeLayer::new(v2.service()).layer(v1.service());
    let latch = client.latch().clone();
    let answer = assert_ready_ok!(task::spawn(client.clone().oneshot(post("body"))).poll());
    assert_eq!(answer.status(), StatusCode::CONFLICT);
    let kind = answer.extensions().get::<Error>().map(Error::kind);
    assert_eq!(kind, Some(ErrorKind::Config));
    assert!(latch.is_set());
    let answer = assert_ready_ok!(task::spawn(client.oneshot(post(""))).poll());
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!((v1.calls(), v2.calls()), (1, 1));
}
