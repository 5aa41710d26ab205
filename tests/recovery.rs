//! Recoveries of one's own and the renewal: what is sent, what is kept, and what the caller gets.

mod common;

use std::{
    convert::Infallible,
    future::ready,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use common::{Api, Body, Minter, ORIGIN, get, status};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, request, response};
use http_body::Frame;
use http_body_util::{BodyExt, Full};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};
use tokio_test::{assert_pending, assert_ready, assert_ready_ok, task};
use tower::{BoxError, Layer, Service, ServiceExt, limit::ConcurrencyLimit, service_fn};
use tower_reauth::{
    Error, ErrorKind, Placement, Session, Token,
    layers::{
        BearerLayer, RecoverLayer, RefreshLayer,
        recover::{BoxFuture, Challenge, Outcome, Prepared, Recovery},
    },
    providers::back_office::BackOffice,
    replay::{NotReplayed, Released, ReplayBody, ReplayLayer, ResendBody},
};

/// A recovery from `428`.
#[derive(Clone)]
struct Own {
    prepare: Arc<dyn Fn(&mut request::Parts) -> Prepared<()> + Send + Sync>,
    recover: Arc<dyn Fn(Challenge<()>) -> BoxFuture<Outcome> + Send + Sync>,
}

impl Own {
    fn new(recover: impl Fn(Challenge<()>) -> BoxFuture<Outcome> + Send + Sync + 'static) -> Self {
        Self {
            prepare: Arc::new(|_| Prepared::Ready(())),
            recover: Arc::new(recover),
        }
    }

    /// One whose verdict is there at once.
    fn at_once(outcome: Outcome) -> Self {
        Self::new(move |_| Box::pin(ready(outcome.clone())))
    }

    fn preparing(
        mut self,
        prepare: impl Fn(&mut request::Parts) -> Prepared<()> + Send + Sync + 'static,
    ) -> Self {
        self.prepare = Arc::new(prepare);
        self
    }
}

impl Recovery for Own {
    type Attempt = ();

    fn prepare(&self, request: &mut request::Parts) -> Prepared<()> {
        (self.prepare)(request)
    }

    fn is_challenge(&self, _: &(), response: &response::Parts) -> bool {
        response.status == StatusCode::PRECONDITION_REQUIRED
    }

    fn recover(&self, challenge: Challenge<()>) -> BoxFuture<Outcome> {
        (self.recover)(challenge)
    }
}

/// A stream of frames of these lengths, and how many of them were read.
#[derive(Clone)]
struct Frames {
    left: Vec<usize>,
    read: Arc<AtomicUsize>,
}

impl Frames {
    fn new(lengths: Vec<usize>) -> Self {
        Self {
            left: lengths,
            read: Arc::default(),
        }
    }

    /// 100 KiB.
    fn long() -> Self {
        Self::new(vec![1024; 100])
    }

    fn answer(&self, status: StatusCode) -> Response<Self> {
        let mut response = Response::new(self.clone());
        *response.status_mut() = status;
        response
    }

    fn read(&self) -> usize {
        self.read.load(Ordering::SeqCst)
    }
}

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.read.fetch_add(1, Ordering::SeqCst);
        let length = self.left.pop();
        Poll::Ready(length.map(|length| Ok(Frame::data(Bytes::from(vec![b'x'; length])))))
    }
}

const LONG: usize = 100 * 1024;

/// An upload of 100 bytes that does not say so beforehand.
fn upload() -> Request<Frames> {
    Request::post(format!("{ORIGIN}/upload"))
        .body(Frames::new(vec![60, 40]))
        .unwrap()
}

/// A session whose token is dead.
fn session(minter: &Minter) -> Session {
    let dead = Token::new("t0").unwrap();
    minter.builder().token(dead).build().unwrap()
}

/// A server that reads uploads and refuses them all with 100 KiB.
fn refusing(
    long: &Frames,
) -> impl Service<
    Request<ReplayBody<Frames>>,
    Response = Response<Frames>,
    Error = BoxError,
    Future: Send,
> + Clone
+ Send
+ 'static {
    let long = long.clone();
    service_fn(move |request: Request<ReplayBody<Frames>>| {
        let long = long.clone();
        async move {
            request.into_body().collect().await?;
            Ok(long.answer(StatusCode::UNAUTHORIZED))
        }
    })
}

fn kind<R>(response: &Response<R>) -> Option<ErrorKind> {
    response.extensions().get::<Error>().map(Error::kind)
}

fn why<R>(response: &Response<R>) -> Option<NotReplayed> {
    response.extensions().get::<NotReplayed>().copied()
}

async fn length<B>(response: Response<B>) -> usize
where
    B: http_body::Body<Data = Bytes, Error = BoxError>,
{
    let body = response.into_body().collect().await;
    body.expect("nothing is cut").to_bytes().len()
}

#[tokio::test(start_paused = true)]
async fn a_body_that_outgrew_the_cap_is_refused_at_once_and_the_token_renewed() {
    let minter = Minter::default().latency(Duration::from_secs(20));
    let (session, long) = (session(&minter), Frames::long());
    let client = session.layer().max_body(10).layer(refusing(&long));
    let began = Instant::now();
    let answer = client.oneshot(upload()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(why(&answer), Some(NotReplayed::TooLarge));
    assert_eq!(long.read(), 0);
    assert_eq!(length(answer).await, LONG);

    session.settled().await;
    assert_eq!(began.elapsed(), Duration::from_secs(20));
    assert_eq!(session.current().unwrap().token().expose(), "t1");
    assert_eq!(minter.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_outgrew_the_cap_is_marked_though_the_renewal_fails() {
    let minter = Minter::default();
    minter.fail(Some(Error::new(ErrorKind::Transport, "down")));
    let (session, long) = (session(&minter), Frames::long());
    let client = session.layer().max_body(10).layer(refusing(&long));
    // The second finds the pause after the failure.
    for _ in 0..2 {
        let answer = client.clone().oneshot(upload()).await.unwrap();
        assert_eq!(why(&answer), Some(NotReplayed::TooLarge));
        assert_eq!(length(answer).await, LONG);
        session.settled().await;
        assert_eq!(minter.count(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_lost_during_a_recovery_that_fails_is_marked() {
    // The server answers early, and reads on meanwhile.
    let server = service_fn(|request: Request<ReplayBody<Frames>>| async move {
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(500)).await;
            request.into_body().collect().await.map(drop).ok();
        });
        Ok::<_, BoxError>(status(StatusCode::PRECONDITION_REQUIRED))
    });
    let recovery = Own::new(|_| {
        Box::pin(async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Outcome::GiveUp(Error::new(ErrorKind::Provider, "no"))
        })
    });
    let layers = (ReplayLayer::new().max_body(10), RecoverLayer::new(recovery));
    let answer = layers.layer(server).oneshot(upload()).await.unwrap();
    assert_eq!(kind(&answer), Some(ErrorKind::Provider));
    assert_eq!(why(&answer), Some(NotReplayed::TooLarge));
}

#[tokio::test(start_paused = true)]
async fn a_verdict_at_once_hands_a_long_answer_on_whole() {
    let failure = Error::new(ErrorKind::Provider, "no");
    for (outcome, expected) in [
        (Outcome::NotMine, None),
        (Outcome::GiveUp(failure), Some(ErrorKind::Provider)),
    ] {
        let (sends, long) = (Arc::new(AtomicUsize::new(0)), Frames::long());
        let server = service_fn({
            let sends = Arc::clone(&sends);
            move |_: Request<Body>| {
                sends.fetch_add(1, Ordering::SeqCst);
                let answer = long.answer(StatusCode::PRECONDITION_REQUIRED);
                async move { Ok::<_, BoxError>(answer) }
            }
        });
        let client = RecoverLayer::new(Own::at_once(outcome)).layer(server);
        let answer = client.oneshot(get()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::PRECONDITION_REQUIRED);
        assert_eq!(kind(&answer), expected);
        assert_eq!(why(&answer), None);
        assert_eq!(length(answer).await, LONG);
        assert_eq!(sends.load(Ordering::SeqCst), 1);
    }
}

/// Polls a call that is refused; there may be no runtime, or one without timers.
fn refused_here(minter: &Minter) {
    let long = Frames::long();
    let server = service_fn({
        let long = long.clone();
        move |_: Request<ReplayBody<Body>>| {
            ready(Ok::<_, BoxError>(long.answer(StatusCode::UNAUTHORIZED)))
        }
    });
    let client = session(minter).layer().layer(server);
    let mut call = task::spawn(client.oneshot(get()));
    let answer = assert_ready_ok!(call.poll());
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(kind(&answer), Some(ErrorKind::Config));
    assert_eq!(long.read(), 0);
    let mut reading = task::spawn(length(answer));
    assert_eq!(assert_ready!(reading.poll()), LONG);
    assert_eq!(minter.count(), 0);
}

#[test]
fn a_refusal_outside_a_runtime_is_the_callers_with_the_reason() {
    refused_here(&Minter::default());
}

#[test]
fn a_refusal_on_a_runtime_without_timers_is_the_callers_with_the_reason() {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.build().unwrap();
    runtime.block_on(async { refused_here(&Minter::default()) });
}

/// A session whose token goes into `x-key`.
fn keyed(minter: &Minter) -> Session {
    let placement = Placement::header(HeaderName::from_static("x-key"));
    let key = Token::placed("key", placement).unwrap();
    minter.builder().token(key).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn of_two_sessions_in_one_stack_the_refused_one_is_renewed() {
    let api = Api::default();
    let (keys, minter) = (Minter::default(), Minter::default().valid_at(&api));
    let (a, b) = (keyed(&keys), session(&minter));
    let stack = (
        RefreshLayer::new(a.clone()),
        RefreshLayer::new(b.clone()),
        BearerLayer::new(a),
    );
    let client = stack.layer(BearerLayer::new(b).layer(api.service::<Body>()));
    let answer = client.oneshot(get()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!((keys.count(), minter.count(), api.sends()), (0, 1, 2));
}

#[tokio::test(start_paused = true)]
async fn the_refusal_of_another_sessions_token_is_not_ours() {
    let (ours, theirs, api) = (Minter::default(), Minter::default(), Api::default());
    let stack = (
        RefreshLayer::new(session(&ours)),
        BearerLayer::new(session(&theirs)),
    );
    let client = stack.layer(api.service::<Body>());
    let answer = client.oneshot(get()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(kind(&answer), None);
    assert_eq!((ours.count(), theirs.count(), api.sends()), (0, 0, 1));
}

#[tokio::test]
async fn a_wait_that_is_always_over_fails_and_does_not_spin() {
    let prepared = Arc::new(AtomicUsize::new(0));
    let recovery = Own::at_once(Outcome::Resend).preparing({
        let prepared = Arc::clone(&prepared);
        move |_| {
            prepared.fetch_add(1, Ordering::SeqCst);
            Prepared::Wait(Box::pin(ready(Ok(()))))
        }
    });
    let api = Api::default();
    let client = RecoverLayer::new(recovery).layer(api.service::<Body>());
    let mut call = task::spawn(client.oneshot(get()));
    let error = assert_ready!(call.poll()).unwrap_err();
    assert_eq!(Error::from_boxed(error).kind(), ErrorKind::Config);
    assert_eq!(prepared.load(Ordering::SeqCst), 101);
    assert_eq!(api.sends(), 0);
}

#[tokio::test]
async fn a_wait_that_fails_fails_the_call() {
    let locked = || Error::new(ErrorKind::Locked, "locked");
    let recovery = Own::at_once(Outcome::Resend)
        .preparing(move |_| Prepared::Wait(Box::pin(ready(Err(locked())))));
    let api = Api::default();
    let client = RecoverLayer::new(recovery).layer(api.service::<Body>());
    let error = client.oneshot(get()).await.unwrap_err();
    assert_eq!(Error::from_boxed(error).kind(), ErrorKind::Locked);
    assert_eq!(api.sends(), 0);
}

#[tokio::test]
async fn a_call_that_waits_before_it_is_sent_holds_nothing() {
    let gate = Arc::new(Semaphore::new(0));
    let recovery = Own::at_once(Outcome::NotMine).preparing({
        let gate = Arc::clone(&gate);
        move |_| match gate.try_acquire() {
            Ok(_) => Prepared::Ready(()),
            Err(_) => {
                let gate = Arc::clone(&gate);
                Prepared::Wait(Box::pin(async move {
                    drop(gate.acquire().await);
                    Ok(())
                }))
            }
        }
    });
    let permits = Arc::new(Semaphore::new(1));
    let server = service_fn(|_: Request<Body>| ready(Ok::<_, BoxError>(status(StatusCode::OK))));
    let limited = ConcurrencyLimit::with_semaphore(server, Arc::clone(&permits));
    let mut client = RecoverLayer::new(recovery).layer(limited);
    client.ready().await.unwrap();
    assert_eq!(permits.available_permits(), 0);
    let mut call = task::spawn(client.call(get()));
    assert_pending!(call.poll());
    assert_eq!(permits.available_permits(), 1);
    gate.add_permits(1);
    assert!(call.is_woken());
    assert_eq!(assert_ready_ok!(call.poll()).status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn what_is_inserted_before_a_send_is_not_kept_for_the_second() {
    #[derive(Clone)]
    struct Mark;

    let prepared = AtomicUsize::new(0);
    let recovery = Own::new(|challenge| {
        let request = challenge.request();
        assert!(!request.headers.contains_key("x-proof"));
        assert_eq!(request.headers["x-mine"], "kept");
        Box::pin(ready(Outcome::Resend))
    });
    let recovery = recovery.preparing(move |request| {
        if prepared.fetch_add(1, Ordering::SeqCst) == 0 {
            let proof = HeaderValue::from_static("once");
            request.headers.insert("x-proof", proof);
            request.extensions.insert(Mark);
        }
        Prepared::Ready(())
    });
    let seen = Arc::new(Mutex::new(Vec::new()));
    let server = service_fn({
        let seen = Arc::clone(&seen);
        move |request: Request<Body>| {
            let proven = request.headers().contains_key("x-proof");
            let marked = request.extensions().get::<Mark>().is_some();
            assert_eq!(request.headers()["x-mine"], "kept");
            seen.lock().unwrap().push((proven, marked));
            ready(Ok::<_, BoxError>(status(StatusCode::PRECONDITION_REQUIRED)))
        }
    });
    let mut request = get();
    let mine = HeaderValue::from_static("kept");
    request.headers_mut().insert("x-mine", mine);
    let client = RecoverLayer::new(recovery).layer(server);
    let answer = client.oneshot(request).await.unwrap();
    // Again, but it is sent again once only.
    assert_eq!(answer.status(), StatusCode::PRECONDITION_REQUIRED);
    assert_eq!(*seen.lock().unwrap(), [(true, true), (false, false)]);
}

/// A body whose copies are counted, if it has any.
struct Counted {
    bytes: Body,
    alive: Option<Arc<()>>,
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.bytes).poll_frame(cx)
    }
}

impl ResendBody for Counted {
    fn try_copy(&self) -> Option<Self> {
        Some(Self {
            bytes: self.bytes.clone(),
            alive: Some(Arc::clone(self.alive.as_ref()?)),
        })
    }

    fn poll_released(&mut self, _: &mut Context<'_>) -> Poll<Released> {
        Poll::Ready(Released::Whole)
    }
}

#[tokio::test]
async fn a_copy_that_is_not_needed_is_freed_with_the_answer_not_with_the_future() {
    let alive = Arc::new(());
    let server = service_fn(|_: Request<Counted>| ready(Ok::<_, BoxError>(status(StatusCode::OK))));
    let mut client = RecoverLayer::new(Own::at_once(Outcome::Resend)).layer(server);
    let body = Counted {
        bytes: Full::from("x"),
        alive: Some(Arc::clone(&alive)),
    };
    let mut call = task::spawn(client.call(Request::new(body)));
    assert_eq!(Arc::strong_count(&alive), 2, "the copy");
    let answer = assert_ready_ok!(call.poll());
    assert_eq!(Arc::strong_count(&alive), 1);
    drop((answer, call));
}

#[tokio::test]
async fn a_recovery_goes_on_in_the_background_if_the_body_cannot_be_sent_twice() {
    let ended = Arc::new(AtomicUsize::new(0));
    let recovery = Own::new({
        let ended = Arc::clone(&ended);
        move |challenge| {
            assert_eq!(
                (challenge.body(), challenge.is_body_whole()),
                (&b""[..], true)
            );
            let ended = Arc::clone(&ended);
            Box::pin(async move {
                tokio::task::yield_now().await;
                ended.fetch_add(1, Ordering::SeqCst);
                Outcome::Resend
            })
        }
    });
    let server = service_fn(|_: Request<Counted>| {
        ready(Ok::<_, BoxError>(status(StatusCode::PRECONDITION_REQUIRED)))
    });
    let mut client = RecoverLayer::new(recovery).layer(server);
    let body = Counted {
        bytes: Full::from("x"),
        alive: None,
    };
    let mut call = task::spawn(client.call(Request::new(body)));
    let answer = assert_ready_ok!(call.poll());
    assert_eq!(why(&answer), Some(NotReplayed::NotCopyable));
    drop((answer, call));
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert_eq!(ended.load(Ordering::SeqCst), 1);
}

/// A server that refuses at once, and lets go of the request's body after a while.
fn holding(
    hold: Duration,
) -> impl Service<Request<ReplayBody<Frames>>, Response = Response<Body>, Error = BoxError, Future: Send>
+ Clone
+ Send
+ 'static {
    service_fn(move |request: Request<ReplayBody<Frames>>| {
        tokio::spawn(async move {
            tokio::time::sleep(hold).await;
            drop(request);
        });
        ready(Ok(status(StatusCode::UNAUTHORIZED)))
    })
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_let_go_of_the_body_is_awaited_as_long_as_is_set() {
    let day = Duration::from_secs(86_400);
    for (set, expected) in [(None, 1), (Some(7), 7)] {
        let minter = Minter::default();
        let mut layer = session(&minter).layer();
        if let Some(seconds) = set {
            layer = layer.body_release(Duration::from_secs(seconds));
        }
        let began = Instant::now();
        let call = layer.layer(holding(day)).oneshot(upload());
        let answer = timeout(day / 2, call).await.expect("it is bounded");
        let answer = answer.unwrap();
        assert_eq!(began.elapsed(), Duration::from_secs(expected));
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(why(&answer), Some(NotReplayed::StillSending));
        assert_eq!(minter.count(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_lets_go_of_the_body_in_time_sends_it_again() {
    let minter = Minter::default();
    let layer = session(&minter)
        .layer()
        .body_release(Duration::from_secs(7));
    let began = Instant::now();
    let call = layer
        .layer(holding(Duration::from_secs(6)))
        .oneshot(upload());
    let answer = call.await.unwrap();
    // That is the answer to the second send.
    assert_eq!(began.elapsed(), Duration::from_secs(6));
    assert_eq!(why(&answer), None);
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test(start_paused = true)]
async fn the_caps_of_the_session_layer_can_be_set() {
    let minter = Minter::default();
    let layer = session(&minter).layer();
    for (layer, expected) in [
        (layer.clone(), None),
        (layer.clone().max_body(10), Some(NotReplayed::TooLarge)),
        (layer.clone().max_body(1024), None),
        (layer.clone().max_total(10), Some(NotReplayed::OverBudget)),
        (layer.max_total(1024), None),
    ] {
        let client = layer.layer(refusing(&Frames::long()));
        let answer = client.oneshot(upload()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(why(&answer), expected);
    }
}

#[tokio::test]
async fn a_sign_in_through_guarded_layers_fails_and_is_not_sent() {
    let api = Api::default();
    let guarded = BearerLayer::new(session(&Minter::default())).layer(api.service::<Body>());
    let provider = BackOffice::builder(guarded, ORIGIN)
        .credentials("foo@bar.com", "Secret123")
        .build()
        .unwrap();
    let error = provider.session().build().unwrap().token().await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(api.sends(), 0);
}
