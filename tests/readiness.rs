//! The service that was made ready is the one that is called, and readiness is never sat on.

mod common;
#[path = "common/contract.rs"]
mod contract;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};

use common::{Api, Body, Minter, ORIGIN, get};
use contract::{Contract, Contracts};
use http::{Request, Response, StatusCode};
use tokio::task::JoinSet;
use tokio_test::{assert_pending, task};
use tower::{
    BoxError, Layer, Service, ServiceBuilder, ServiceExt, buffer::BufferLayer,
    layer::util::Identity, limit::ConcurrencyLimitLayer, load_shed::LoadShedLayer, service_fn,
};
use tower_reauth::{
    Error, ErrorKind, Renewal, Session, Token,
    layers::{BearerLayer, RefreshLayer},
    replay::ReplayLayer,
};

/// Every order of the three layers, each of which may be there or not.
async fn in_every_position<F, Fut>(check: F)
where
    F: Fn(Session, Api, Minter, &'static str) -> Fut,
    Fut: Future<Output = ()>,
{
    for order in [
        "bearer",
        "refresh bearer",
        "replay bearer",
        "replay refresh bearer",
    ] {
        let api = Api::default().latency(Duration::from_millis(5));
        let minter = Minter::default()
            .latency(Duration::from_millis(20))
            .valid_at(&api);
        let session = minter
            .builder()
            .token(Token::new("dead").unwrap())
            .build()
            .unwrap();
        check(session, api, minter, order).await;
    }
}

#[tokio::test(start_paused = true)]
async fn only_what_was_made_ready_is_called_on_the_first_send_and_the_second() {
    in_every_position(|session, api, minter, order| async move {
        let open = Arc::new(AtomicUsize::new(0));
        let contract = || Contracts(Arc::clone(&open));
        let refreshes = order.contains("refresh");
        let expected = if refreshes {
            StatusCode::OK
        } else {
            StatusCode::UNAUTHORIZED
        };
        let bearer = BearerLayer::new(session.clone());
        let refresh = RefreshLayer::new(session.clone());
        let status = match order {
            "bearer" => {
                let stack = (contract(), bearer, contract()).layer(api.service::<Body>());
                stack.oneshot(get()).await.unwrap().status()
            }
            "refresh bearer" => {
                let stack = (contract(), refresh, contract(), bearer, contract());
                stack
                    .layer(api.service::<Body>())
                    .oneshot(get())
                    .await
                    .unwrap()
                    .status()
            }
            "replay bearer" => {
                let stack = (
                    contract(),
                    ReplayLayer::new(),
                    contract(),
                    bearer,
                    contract(),
                );
                stack
                    .layer(api.service())
                    .oneshot(get())
                    .await
                    .unwrap()
                    .status()
            }
            _ => {
                let stack = (ReplayLayer::new(), contract(), refresh, contract(), bearer);
                let stack = stack.layer(contract().layer(api.service()));
                stack.oneshot(get()).await.unwrap().status()
            }
        };
        assert_eq!(status, expected, "{order}");
        assert_eq!(minter.count(), usize::from(refreshes), "{order}");
        assert_eq!(open.load(Ordering::SeqCst), 0, "{order}: readiness leaked");
    })
    .await;
}

#[tokio::test]
async fn a_call_that_waits_for_a_token_gives_its_readiness_back() {
    let open = Arc::new(AtomicUsize::new(0));
    let (tokens, mut calls) = common::calls();
    let session = Session::builder(tokens).origin(ORIGIN).build().unwrap();
    let api = Api::default();
    api.accept("t");
    let mut client = session.layer().layer(Contract::new(api.service(), &open));
    client.ready().await.unwrap();
    assert_eq!(open.load(Ordering::SeqCst), 1);
    let mut call = task::spawn(client.call(get()));
    assert_pending!(call.poll());
    // The client itself is still here, but it holds nothing.
    assert_eq!(open.load(Ordering::SeqCst), 0);
    calls.next().await.give("t");
    assert_eq!(call.await.unwrap().status(), StatusCode::OK);
    assert_eq!(open.load(Ordering::SeqCst), 0);
    drop(client);
}

#[tokio::test]
async fn a_call_that_fails_before_it_is_sent_gives_its_readiness_back() {
    let open = Arc::new(AtomicUsize::new(0));
    let minter = Minter::default();
    minter.fail(Some(Error::new(ErrorKind::Rejected, "wrong password")));
    let session = minter.session();
    assert!(session.token().await.is_err());
    let mut client =
        BearerLayer::new(session).layer(Contract::new(Api::default().service::<Body>(), &open));
    for uri in ["https://api.example.com/", "/relative"] {
        client.ready().await.unwrap();
        let request = Request::get(uri).body(Body::default()).unwrap();
        let error = client.call(request).await.unwrap_err();
        let kind = Error::from_boxed(error).kind();
        assert!(
            matches!(kind, ErrorKind::Rejected | ErrorKind::Config),
            "{kind:?}"
        );
        assert_eq!(open.load(Ordering::SeqCst), 0, "{uri}");
    }
}

/// A session that signs in through `client`, which the API calls go through as well.
fn signing_in_through<S>(client: S, first: Option<&str>) -> Session
where
    S: Service<Request<Body>, Response = Response<Body>, Error: Into<BoxError>, Future: Send>
        + Clone
        + Send
        + 'static,
{
    let tokens = service_fn(move |_: Renewal| {
        let client = client.clone();
        async move {
            let request = Request::get("https://login.example.com/").body(Body::default())?;
            let answer = client.oneshot(request).await.map_err(Into::into)?;
            assert_eq!(answer.status(), StatusCode::OK);
            Ok::<_, BoxError>(Token::new("good")?)
        }
    });
    let session = Session::builder(tokens).origin(ORIGIN);
    match first {
        Some(token) => session.token(Token::new(token).unwrap()).build().unwrap(),
        None => session.build().unwrap(),
    }
}

/// A login service and an API on one client.
fn login_and_api()
-> impl Service<Request<Body>, Response = Response<Body>, Error = BoxError, Future: Send>
+ Clone
+ Send
+ Sync
+ 'static {
    let api = Api::default().latency(Duration::from_millis(5));
    api.accept("good");
    let api = api.service();
    service_fn(move |request: Request<Body>| {
        let api = api.clone();
        async move {
            if request.uri().host() == Some("login.example.com") {
                tokio::time::sleep(Duration::from_millis(20)).await;
                return Ok(common::status(StatusCode::OK));
            }
            api.oneshot(request).await
        }
    })
}

async fn sign_in_and_call_through<L>(
    layer: L,
    first: Option<&str>,
    callers: usize,
) -> Vec<Result<StatusCode, BoxError>>
where
    L: Layer<tower::util::BoxCloneSyncService<Request<Body>, Response<Body>, BoxError>>,
    L::Service: Service<Request<Body>, Response = Response<Body>, Error = BoxError, Future: Send>
        + Clone
        + Send
        + 'static,
{
    let limited = layer.layer(tower::util::BoxCloneSyncService::new(login_and_api()));
    let session = signing_in_through(limited.clone(), first);
    let client = ServiceBuilder::new()
        .layer(RefreshLayer::new(session.clone()))
        .layer(BearerLayer::new(session))
        .service(limited);
    let mut calls = JoinSet::new();
    for _ in 0..callers {
        calls.spawn(client.clone().oneshot(get()));
    }
    let answers = tokio::time::timeout(Duration::from_secs(3_600), calls.join_all()).await;
    let answers = answers.expect("no deadlock").into_iter();
    answers
        .map(|answer| answer.map(|answer| answer.status()))
        .collect()
}

fn ok(answers: &[Result<StatusCode, BoxError>]) -> usize {
    answers
        .iter()
        .filter(|answer| matches!(answer, Ok(StatusCode::OK)))
        .count()
}

#[tokio::test(start_paused = true)]
async fn sign_in_and_calls_share_a_limit_of_one() {
    for first in [None, Some("dead"), Some("good")] {
        let answers = sign_in_and_call_through(ConcurrencyLimitLayer::new(1), first, 20).await;
        assert_eq!(ok(&answers), 20, "{first:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn sign_in_and_calls_share_a_buffer_of_one() {
    let layer = (BufferLayer::new(1), ConcurrencyLimitLayer::new(1));
    for first in [None, Some("dead"), Some("good")] {
        let answers = sign_in_and_call_through(layer.clone(), first, 20).await;
        assert_eq!(ok(&answers), 20, "{first:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn shed_load_is_an_error_and_nothing_hangs() {
    let layer = (LoadShedLayer::new(), ConcurrencyLimitLayer::new(1));
    // Alone, a call and its renewal take turns.
    let answers = sign_in_and_call_through(layer.clone(), Some("dead"), 1).await;
    assert_eq!(ok(&answers), 1);
    // Together, one has the permit and the others are shed.
    let answers = sign_in_and_call_through(layer, Some("dead"), 20).await;
    assert_eq!(answers.len(), 20);
    assert!(
        answers
            .iter()
            .filter_map(|answer| answer.as_ref().err())
            .count()
            >= 1
    );
}

#[tokio::test(start_paused = true)]
async fn without_any_limit_all_is_the_same() {
    let answers = sign_in_and_call_through(Identity::new(), None, 20).await;
    assert_eq!(ok(&answers), 20);
}

#[tokio::test]
async fn pending_and_failing_readiness_is_passed_on() {
    let (mock, mut handle) = tower_test::mock::pair::<Request<Body>, Response<Body>>();
    let session = Minter::default().session();
    let mut client = task::spawn(
        RefreshLayer::new(session.clone()).layer(BearerLayer::new(session).layer(mock)),
    );
    handle.allow(0);
    assert_pending!(client.enter(|cx, mut client| client.poll_ready(cx)));
    handle.allow(1);
    assert!(client.is_woken());
    assert!(
        client
            .enter(|cx, mut client| client.poll_ready(cx))
            .is_ready()
    );
    handle.send_error("the connection is gone");
    let polled = client.enter(|cx, client| {
        let mut fresh = client.clone();
        fresh.poll_ready(cx)
    });
    let Poll::Ready(Err(error)) = polled else {
        panic!("{polled:?}")
    };
    assert!(error.to_string().contains("gone"));
}
