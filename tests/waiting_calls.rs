//! A call that waited for its token and now waits for the client: what it is sent with.

mod common;

use std::{
    future::{Future, ready},
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use common::{Body, ORIGIN, calls, get, status};
use http::{HeaderValue, Request, Response, StatusCode, header};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_test::{assert_pending, assert_ready, assert_ready_ok, task};
use tower::{BoxError, Layer, ServiceExt, limit::ConcurrencyLimit, service_fn};
use tower_reauth::{Error, ErrorKind, Session, Token, layers::BearerLayer, testing::FakeClock};

type Answering = Pin<Box<dyn Future<Output = Result<Response<Body>, BoxError>> + Send>>;

/// A call that waited for its token, and now waits for the client.
struct Waiting {
    call: task::Spawn<Answering>,
    calls: common::Calls,
    session: Session,
    clock: FakeClock,
    permits: Arc<Semaphore>,
    /// The client's only permit.
    taken: OwnedSemaphorePermit,
    sent: Arc<Mutex<Vec<HeaderValue>>>,
}

impl Waiting {
    /// Its token is `old`, for 100 s.
    async fn new() -> Self {
        let (tokens, mut calls) = calls();
        let clock = FakeClock::new();
        let builder = Session::builder(tokens).origin(ORIGIN).clock(clock.clone());
        let session = builder.build().unwrap();
        let sent = Arc::new(Mutex::new(Vec::new()));
        let server = service_fn({
            let sent = Arc::clone(&sent);
            move |request: Request<Body>| {
                let value = request.headers()[header::AUTHORIZATION].clone();
                sent.lock().unwrap().push(value);
                ready(Ok::<_, BoxError>(status(StatusCode::OK)))
            }
        });
        let permits = Arc::new(Semaphore::new(1));
        let limited = ConcurrencyLimit::with_semaphore(server, Arc::clone(&permits));
        let client = BearerLayer::new(session.clone()).layer(limited);
        let call: Answering = Box::pin(client.oneshot(get()));
        let mut call = task::spawn(call);
        assert_pending!(call.poll());
        let taken = Arc::clone(&permits).try_acquire_owned().unwrap();
        let old = Token::new("old").unwrap();
        let old = old.with_lifetime(Duration::from_secs(100));
        calls.next().await.answer(Ok(old.into()));
        session.settled().await;
        assert_pending!(call.poll());
        Self {
            call,
            calls,
            session,
            clock,
            permits,
            taken,
            sent,
        }
    }
}

#[tokio::test]
async fn after_a_sign_out_a_call_that_waited_for_the_client_is_not_sent() {
    let mut waiting = Waiting::new().await;
    waiting.session.sign_out().await.unwrap();
    drop(waiting.taken);
    assert!(waiting.call.is_woken());
    let error = Error::from_boxed(assert_ready!(waiting.call.poll()).unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Cleared);
    assert_eq!(waiting.sent.lock().unwrap().len(), 0);
    assert!(waiting.calls.is_idle());
    assert_eq!(waiting.permits.available_permits(), 1);
}

#[tokio::test]
async fn a_token_that_expired_while_the_call_waited_for_the_client_is_not_sent() {
    let mut waiting = Waiting::new().await;
    waiting.clock.suspend(Duration::from_secs(101));
    drop(waiting.taken);
    assert_pending!(waiting.call.poll());
    // It does not sit on the client while it waits for a token once more.
    assert_eq!(waiting.permits.available_permits(), 1);
    waiting.calls.next().await.give("new");
    assert_eq!(waiting.call.await.unwrap().status(), StatusCode::OK);
    assert_eq!(*waiting.sent.lock().unwrap(), ["Bearer new"]);
    assert!(waiting.calls.is_idle());
}

#[tokio::test]
async fn a_token_that_came_while_the_call_waited_for_the_client_is_used() {
    let mut waiting = Waiting::new().await;
    waiting.session.set(Token::new("newer").unwrap());
    drop(waiting.taken);
    assert_ready_ok!(waiting.call.poll());
    assert_eq!(*waiting.sent.lock().unwrap(), ["Bearer newer"]);
    assert!(waiting.calls.is_idle());
}
