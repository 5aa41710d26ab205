//! What was made ready is what is called, and nothing is held while a body is read.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};

use http::{Request, Response, StatusCode};
use tokio::task::JoinSet;
use tokio_test::{assert_pending, task};
use tower::{
    Layer, Service, ServiceExt, buffer::BufferLayer, limit::ConcurrencyLimitLayer,
    load_shed::LoadShedLayer, service_fn, util::BoxCloneSyncService,
};
use tower_reauth::{
    BoxError, Token,
    layers::{BearerLayer, NormalizeLayer, RefreshLayer},
};

use crate::{
    common::{Body, Minter},
    contract::Contracts,
    support::{Acme, Script, Step, data, get},
};

/// An API that says inside a `200` that a token is no good, after a while and in two pieces.
fn api() -> BoxCloneSyncService<Request<Body>, Response<Script>, BoxError> {
    BoxCloneSyncService::new(service_fn(|request: Request<Body>| async move {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let token = request.headers().get("authorization");
        let status = match token.is_some_and(|token| token == "Bearer t1") {
            true => &br#"us":"ok"}"#[..],
            false => br#"us":"signed out"}"#,
        };
        let steps = [data(br#"{"stat"#), Step::Pause, data(status)];
        Ok::<_, BoxError>(Response::new(Script::new(steps)))
    }))
}

#[tokio::test(start_paused = true)]
async fn only_what_was_made_ready_is_called_wherever_the_layer_stands() {
    let open = Arc::new(AtomicUsize::new(0));
    let contract = || Contracts(Arc::clone(&open));
    let normalize = || NormalizeLayer::new(Acme::default());
    for (order, expected, renewals) in [
        ("normalize refresh bearer", 401, 0),
        ("refresh normalize bearer", 401, 0),
        ("refresh bearer normalize", 200, 1),
        ("normalize refresh bearer normalize", 200, 1),
    ] {
        let minter = Minter::default().latency(Duration::from_millis(20));
        let dead = Token::new("dead").unwrap();
        let session = minter.builder().token(dead).build().unwrap();
        let refresh = RefreshLayer::new(session.clone());
        let bearer = BearerLayer::new(session);
        let status = match order {
            "normalize refresh bearer" => {
                let stack = (
                    normalize(),
                    contract(),
                    refresh,
                    contract(),
                    bearer,
                    contract(),
                );
                stack.layer(api()).oneshot(get()).await.unwrap().status()
            }
            "refresh normalize bearer" => {
                let stack = (
                    refresh,
                    contract(),
                    normalize(),
                    contract(),
                    bearer,
                    contract(),
                );
                stack.layer(api()).oneshot(get()).await.unwrap().status()
            }
            "refresh bearer normalize" => {
                let stack = (
                    refresh,
                    contract(),
                    bearer,
                    contract(),
                    normalize(),
                    contract(),
                );
                stack.layer(api()).oneshot(get()).await.unwrap().status()
            }
            _ => {
                let stack = (
                    normalize(),
                    contract(),
                    refresh,
                    bearer,
                    normalize(),
                    contract(),
                );
                stack.layer(api()).oneshot(get()).await.unwrap().status()
            }
        };
        assert_eq!(status, expected, "{order}");
        assert_eq!(minter.count(), renewals, "{order}");
        assert_eq!(open.load(Ordering::SeqCst), 0, "{order}: readiness leaked");
    }
}

#[tokio::test(start_paused = true)]
async fn limits_buffers_and_shed_load_stand_outside_or_inside() {
    let minter = Minter::default();
    let session = minter.builder().token(Token::new("t1").unwrap()).build();
    let session = session.unwrap();
    let outer = (
        RefreshLayer::new(session.clone()),
        BearerLayer::new(session),
    );
    let normalize = NormalizeLayer::new(Acme::default());
    let limit = ConcurrencyLimitLayer::new(1);
    let inside = (outer.clone(), (normalize.clone(), limit.clone()));
    let outside = (outer.clone(), (limit.clone(), normalize.clone()));
    let buffered = (
        outer.clone(),
        (BufferLayer::new(1), normalize.clone(), limit.clone()),
    );
    let shed = (outer, (LoadShedLayer::new(), limit, normalize));

    assert_eq!(statuses(inside.layer(api())).await, [StatusCode::OK; 20]);
    assert_eq!(statuses(outside.layer(api())).await, [StatusCode::OK; 20]);
    assert_eq!(statuses(buffered.layer(api())).await, [StatusCode::OK; 20]);
    // One has the permit, and the others are shed.
    assert_eq!(statuses(shed.layer(api())).await, [StatusCode::OK; 1]);
}

/// The answers of 20 calls at once, without those that failed.
async fn statuses<S, R>(client: S) -> Vec<StatusCode>
where
    S: Service<Request<Body>, Response = Response<R>, Error: Into<BoxError>, Future: Send>,
    S: Clone + Send + 'static,
    R: Send + 'static,
{
    let mut calls = JoinSet::new();
    for _ in 0..20 {
        let client = client.clone();
        calls.spawn(async move { client.oneshot(get()).await.map_err(Into::into) });
    }
    let answers = tokio::time::timeout(Duration::from_secs(3_600), calls.join_all()).await;
    let answers: Vec<Result<_, BoxError>> = answers.expect("no deadlock");
    let answers = answers.into_iter().flatten();
    answers.map(|answer| answer.status()).collect()
}

#[tokio::test]
async fn a_permit_is_given_back_before_the_body_is_read() {
    let server = service_fn(|_: Request<Body>| async {
        Ok::<_, BoxError>(Response::new(Script::new([data(b"{"), Step::Hang])))
    });
    let limit = ConcurrencyLimitLayer::new(1);
    let mut client = (NormalizeLayer::new(Acme::default()), limit).layer(server);
    let mut first = task::spawn(client.ready().await.unwrap().call(get()));
    assert_pending!(first.poll());
    let mut second = task::spawn(client.ready());
    assert!(second.poll().is_ready(), "the first is only read");
}

#[tokio::test]
async fn pending_and_failing_readiness_is_passed_on() {
    let (mock, mut handle) = tower_test::mock::pair::<Request<Body>, Response<Body>>();
    let mut client = task::spawn(NormalizeLayer::new(Acme::default()).layer(mock));
    handle.allow(0);
    assert_pending!(client.enter(|cx, mut client| client.poll_ready(cx)));
    handle.allow(1);
    assert!(client.is_woken());
    let ready = client.enter(|cx, mut client| client.poll_ready(cx));
    assert!(ready.is_ready());
    handle.send_error("the connection is gone");
    let polled = client.enter(|cx, client| client.clone().poll_ready(cx));
    let Poll::Ready(Err(error)) = polled else {
        panic!("{polled:?}")
    };
    assert!(error.to_string().contains("gone"));
}
