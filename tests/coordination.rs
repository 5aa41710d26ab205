//! What holds when runtimes stand still or end, when clocks panic, and when renewals fail.

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    task::{Context, Wake, Waker},
    thread,
    time::{Duration, SystemTime},
};

use common::{Api, Body, Call, Calls, Minter, ORIGIN, calls, get, status};
use http::{
    Request, StatusCode,
    header::{AUTHORIZATION, WWW_AUTHENTICATE},
};
use tokio::{runtime::Runtime, time::Instant};
use tokio_test::{assert_pending, assert_ready, task};
use tower::{Layer, ServiceExt, service_fn};
use tower_reauth::{
    BoxError, Clock, Error, ErrorKind, Event, Session, SignOut, SystemClock, Token,
    layers::{BearerLayer, RefreshLayer},
    replay::ReplayBody,
    testing::FakeClock,
};

fn token(text: &str) -> Token {
    Token::new(text).unwrap()
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// Lets the tasks that are ready run.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

/// Runs what would be a deadlock if it were wrong.
fn without_deadlock(test: impl FnOnce() + Send + 'static) {
    let (done, finished) = mpsc::channel();
    let tester = thread::spawn(move || {
        test();
        done.send(()).ok();
    });
    let answer = finished.recv_timeout(secs(30));
    assert_ne!(answer, Err(mpsc::RecvTimeoutError::Timeout), "a deadlock");
    tester.join().unwrap();
}

/// A session whose first renewal was begun on a runtime that stands still since.
struct Stranded {
    session: Session,
    clock: FakeClock,
    calls: Calls,
    first: Runtime,
    call: Option<Call>,
}

impl Stranded {
    fn new() -> Self {
        let clock = FakeClock::new();
        let (tokens, mut calls) = calls();
        let session = Session::builder(tokens)
            .origin(ORIGIN)
            .clock(clock.clone())
            .build()
            .unwrap();
        let first = runtime();
        let call = first.block_on(async {
            let mut waiting = task::spawn(session.token());
            assert_pending!(waiting.poll());
            calls.next().await
        });
        Self {
            session,
            clock,
            calls,
            first,
            call: Some(call),
        }
    }

    /// Waits on another runtime until the flight is given up.
    fn give_up(&self) -> Error {
        let session = self.session.clone();
        runtime().block_on(async {
            let waiting = tokio::spawn(async move { session.token().await });
            settle().await;
            self.clock.advance(Duration::from_millis(30_999));
            settle().await;
            assert!(!waiting.is_finished(), "its own deadline comes first");
            self.clock.advance(Duration::from_millis(1));
            settle().await;
            assert!(waiting.is_finished());
            waiting.await.unwrap().unwrap_err()
        })
    }

    /// The first runtime is driven again, and the token service has answered meanwhile.
    fn go_on(&mut self, token: &str) {
        self.call.take().unwrap().give(token);
        self.first.block_on(settle());
    }

    fn in_use(&self) -> Option<(u64, String)> {
        let current = self.session.current()?;
        Some((current.generation(), current.token().expose().to_owned()))
    }
}

#[test]
fn a_renewal_whose_runtime_stands_still_is_ended_by_those_who_wait() {
    let mut stranded = Stranded::new();
    assert_eq!(stranded.give_up().kind(), ErrorKind::Timeout);

    // It is a failure like others: a pause, and then the next caller begins afresh.
    runtime().block_on(async {
        let error = stranded.session.token().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert!(stranded.calls.is_idle());
        stranded.clock.advance(secs(2));
        let mut waiting = task::spawn(stranded.session.token());
        assert_pending!(waiting.poll());
        stranded.calls.next().await.give("t2");
        assert_eq!(waiting.await.unwrap().token().expose(), "t2");
    });
}

#[test]
fn whoever_waits_until_all_is_settled_ends_a_renewal_that_stands_still_too() {
    let stranded = Stranded::new();
    runtime().block_on(async {
        let mut settled = task::spawn(stranded.session.settled());
        assert_pending!(settled.poll());
        stranded.clock.advance(secs(31));
        assert_ready!(settled.poll());
    });
}

#[test]
fn the_late_token_of_a_renewal_that_was_given_up_is_adopted() {
    let mut stranded = Stranded::new();
    stranded.give_up();
    assert_eq!(stranded.in_use(), None);
    stranded.go_on("late");
    assert_eq!(stranded.in_use(), Some((1, "late".to_owned())));
    // The stored failure is over with it.
    runtime().block_on(async {
        let current = stranded.session.token().await.unwrap();
        assert_eq!(current.generation(), 1);
    });
    assert!(stranded.calls.is_idle());
}

#[test]
fn the_late_token_of_a_renewal_that_was_given_up_does_not_undo_what_was_set_or_cleared() {
    let mut stranded = Stranded::new();
    stranded.give_up();
    stranded.session.set(token("mine"));
    stranded.go_on("late");
    assert_eq!(stranded.in_use(), Some((1, "mine".to_owned())));

    let mut stranded = Stranded::new();
    stranded.give_up();
    stranded.session.clear();
    stranded.go_on("late");
    assert_eq!(stranded.in_use(), None);
}

#[test]
fn the_late_token_of_a_renewal_that_was_given_up_does_not_undo_a_newer_renewal() {
    let mut stranded = Stranded::new();
    stranded.give_up();
    stranded.clock.advance(secs(2));
    runtime().block_on(async {
        let mut waiting = task::spawn(stranded.session.token());
        assert_pending!(waiting.poll());
        stranded.calls.next().await.give("newer");
        assert_eq!(waiting.await.unwrap().generation(), 1);
    });
    stranded.go_on("late");
    assert_eq!(stranded.in_use(), Some((1, "newer".to_owned())));
}

#[test]
fn in_a_runtime_without_timers_there_is_an_error_and_no_sign_in() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let minter = Minter::default();
    let revoked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&revoked);
    let session = minter
        .builder()
        .sign_out_service(service_fn(move |_: SignOut| {
            counter.fetch_add(1, Ordering::SeqCst);
            async { Ok::<_, BoxError>(()) }
        }))
        .build()
        .unwrap();
    runtime.block_on(async {
        let error = session.token().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        let error = session.renew().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        session.set(token("t"));
        let error = session.sign_out().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
    });
    assert!(session.current().is_none(), "it is forgotten all the same");
    assert_eq!(minter.count(), 0);
    assert_eq!(revoked.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn a_sign_out_service_that_hangs_is_left_at_the_deadline() {
    let session = Minter::default()
        .builder()
        .token(token("t0"))
        .flight_timeout(secs(7))
        .sign_out_service(service_fn(|_: SignOut| {
            std::future::pending::<Result<(), BoxError>>()
        }))
        .build()
        .unwrap();
    let started = Instant::now();
    let signed_out = tokio::time::timeout(secs(3_600), session.sign_out()).await;
    let error = signed_out.expect("an end").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(started.elapsed(), secs(7));
    assert!(session.current().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_that_ends_while_it_is_held_back_is_not_sent() {
    let (tokens, mut calls) = calls();
    let session = Session::builder(tokens)
        .origin(ORIGIN)
        .token(token("t0").with_lifetime(secs(3)))
        .build()
        .unwrap();
    let api = Api::default();
    let client = api.client(&session);
    let first = tokio::spawn(client.clone().oneshot(get()));
    let call = calls.next().await;
    let second = tokio::spawn(client.clone().oneshot(get()));
    let mut third = task::spawn(session.token());
    assert_pending!(third.poll());
    tokio::time::sleep(secs(6)).await;
    assert_eq!(api.sends(), 1);
    assert_pending!(third.poll());
    api.accept("t1");
    call.give("t1");
    assert_eq!(first.await.unwrap().unwrap().status(), StatusCode::OK);
    assert_eq!(second.await.unwrap().unwrap().status(), StatusCode::OK);
    assert_eq!(third.await.unwrap().token().expose(), "t1");
    assert_eq!(api.sends(), 3);
    assert!(calls.is_idle());
}

#[test]
fn a_renewal_whose_runtime_ends_in_an_unwinding_thread_is_begun_afresh() {
    let (tokens, mut calls) = calls();
    let session = Session::builder(tokens).origin(ORIGIN).build().unwrap();
    let first = runtime();
    first.block_on(async {
        let mut waiting = task::spawn(session.token());
        assert_pending!(waiting.poll());
        drop(calls.next().await.renewal);
    });
    let second = runtime();
    let waiting = second.spawn({
        let session = session.clone();
        async move { session.token().await }
    });
    second.block_on(settle());
    let thread = thread::spawn(move || {
        let _dropped_by_unwinding = first;
        // As a panic, but without its words on the terminal.
        std::panic::resume_unwind(Box::new(()));
    });
    assert!(thread.join().is_err());
    second.block_on(async {
        settle().await;
        assert!(!waiting.is_finished(), "it is no failure");
        calls.next().await.give("t");
        assert_eq!(waiting.await.unwrap().unwrap().token().expose(), "t");
    });
}

/// A clock that panics once, when it is asked for the date.
#[derive(Debug)]
struct Panicky {
    clock: SystemClock,
    has_panicked: AtomicBool,
}

impl Clock for Panicky {
    fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    fn wall(&self) -> SystemTime {
        if !self.has_panicked.swap(true, Ordering::SeqCst) {
            std::panic::resume_unwind(Box::new(()));
        }
        self.clock.wall()
    }

    fn sleep(&self, wait: Duration) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        self.clock.sleep(wait)
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_panics_leaves_nobody_waiting() {
    let minter = Minter::default().lifetime(secs(60));
    let clock = Panicky {
        clock: SystemClock::new(),
        has_panicked: AtomicBool::new(false),
    };
    let session = minter.builder().clock(clock).build().unwrap();
    let started = Instant::now();
    let current = session.token().await.unwrap();
    assert_eq!(current.token().expose(), "t2");
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert_eq!(minter.count(), 2);
}

/// Sets and clears when it is woken, the first time.
struct Meddler {
    session: Session,
    has_meddled: AtomicBool,
}

impl Wake for Meddler {
    fn wake(self: Arc<Self>) {
        if !self.has_meddled.swap(true, Ordering::SeqCst) {
            self.session.set(token("meddled"));
            self.session.clear();
        }
    }
}

#[test]
fn whoever_is_woken_by_an_event_can_set_and_clear_at_once() {
    without_deadlock(|| {
        let session = Minter::default().session();
        let mut woken = session.events();
        let mut events = session.events();
        let waker = Waker::from(Arc::new(Meddler {
            session: session.clone(),
            has_meddled: AtomicBool::new(false),
        }));
        let mut next = Box::pin(woken.next());
        let mut cx = Context::from_waker(&waker);
        assert!(next.as_mut().poll(&mut cx).is_pending());
        assert_eq!(session.set(token("t")), 1);
        assert!(session.current().is_none());

        let mut next = || assert_ready!(task::spawn(events.next()).poll()).unwrap();
        assert!(matches!(next(), Event::Set { generation: 1, .. }));
        assert!(matches!(next(), Event::Set { generation: 2, .. }));
        assert!(matches!(next(), Event::Cleared));
        assert_pending!(task::spawn(events.next()).poll());
    });
}

#[test]
fn a_renewal_begun_afresh_still_shows_the_challenge() {
    let (tokens, mut calls) = calls();
    let session = Session::builder(tokens)
        .origin(ORIGIN)
        .token(token("t0"))
        .build()
        .unwrap();
    let client = session.layer().layer(service_fn(
        |request: Request<ReplayBody<Body>>| async move {
            if request.headers()[AUTHORIZATION] == "Bearer t1" {
                return Ok::<_, BoxError>(status(StatusCode::OK));
            }
            let mut refusal = status(StatusCode::UNAUTHORIZED);
            let challenge = "Bearer realm=x".parse()?;
            refusal.headers_mut().insert(WWW_AUTHENTICATE, challenge);
            Ok(refusal)
        },
    ));
    let first = runtime();
    let second = runtime();
    let mut refused = task::spawn(client.oneshot(get()));
    let call = first.block_on(async {
        assert_pending!(refused.poll());
        calls.next().await
    });
    assert_eq!(call.renewal.challenge(), Some("Bearer realm=x"));
    drop(first);
    second.block_on(async {
        assert_pending!(refused.poll());
        let call = calls.next().await;
        assert_eq!(call.renewal.challenge(), Some("Bearer realm=x"));
        call.give("t1");
        assert_eq!(refused.await.unwrap().status(), StatusCode::OK);
    });
    assert!(calls.is_idle());
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_refused_while_it_is_renewed_is_held_back() {
    let (tokens, mut calls) = calls();
    let session = Session::builder(tokens)
        .origin(ORIGIN)
        .token(token("t0"))
        .build()
        .unwrap();
    let api = Api::default();
    let client = api.client(&session);
    let mut explicit = task::spawn(session.renew());
    assert_pending!(explicit.poll());
    let call = calls.next().await;
    let refused = tokio::spawn(client.clone().oneshot(get()));
    settle().await;
    assert_eq!(api.sends(), 1);
    let held = tokio::spawn(client.clone().oneshot(get()));
    settle().await;
    assert_eq!(api.sends(), 1);
    api.accept("t1");
    call.give("t1");
    assert_eq!(explicit.await.unwrap().generation(), 2);
    assert_eq!(refused.await.unwrap().unwrap().status(), StatusCode::OK);
    assert_eq!(held.await.unwrap().unwrap().status(), StatusCode::OK);
    assert_eq!((api.sends(), api.refused()), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn a_failed_renewal_lets_those_go_on_that_were_held_back() {
    let (tokens, mut calls) = calls();
    let session = Session::builder(tokens)
        .origin(ORIGIN)
        .token(token("t0"))
        .build()
        .unwrap();
    let api = Api::default();
    let client = api.client(&session);
    let refused = tokio::spawn(client.clone().oneshot(get()));
    let call = calls.next().await;
    let held = tokio::spawn(client.clone().oneshot(get()));
    settle().await;
    assert_eq!(api.sends(), 1);
    let started = Instant::now();
    api.accept("t0");
    call.answer(Err(Error::new(ErrorKind::Transport, "down")));
    let refused = refused.await.unwrap().unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(held.await.unwrap().unwrap().status(), StatusCode::OK);
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert_eq!(api.sends(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_further_refusal_does_not_prolong_the_hold() {
    let (tokens, mut calls) = calls();
    let session = Session::builder(tokens)
        .origin(ORIGIN)
        .token(token("t0"))
        .build()
        .unwrap();
    let fast = Api::default();
    let slow = Api::default().latency(secs(3));
    let started = Instant::now();
    let first = tokio::spawn(slow.client(&session).oneshot(get()));
    let second = tokio::spawn(fast.client(&session).oneshot(get()));
    let call = calls.next().await;
    tokio::time::sleep(secs(4)).await;
    assert_eq!((fast.refused(), slow.refused()), (1, 1));
    fast.accept("t0");
    let answer = fast.client(&session).oneshot(get()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(started.elapsed(), secs(5));
    fast.accept("t1");
    slow.accept("t1");
    call.give("t1");
    assert_eq!(first.await.unwrap().unwrap().status(), StatusCode::OK);
    assert_eq!(second.await.unwrap().unwrap().status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn the_layers_given_twice_renew_once() {
    let api = Api::default();
    let minter = Minter::default().valid_at(&api);
    let session = minter.builder().token(token("dead")).build().unwrap();
    let layers = (
        RefreshLayer::new(session.clone()),
        BearerLayer::new(session),
    );
    let client = layers.clone().layer(layers.layer(api.service::<Body>()));
    let answer = client.oneshot(get()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!((minter.count(), api.sends()), (1, 2));
}
