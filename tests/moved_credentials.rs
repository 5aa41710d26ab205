//! A credential that has moved to another header leaves the old one for good, and a `401` that a
//! new token does not mend comes with its reason.

mod common;

use std::sync::{Arc, Mutex};

use common::{Api, Body, Minter, ORIGIN, collected, get};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use tokio::task::JoinSet;
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
use tower_reauth::{
    Error, ErrorKind, Placement, Reason, Renewal, Session, Token,
    layers::{BearerLayer, RecoverLayer, RefreshLayer, refresh::RefreshRecovery},
};

const KEY: HeaderName = HeaderName::from_static("x-api-key");

fn keyed(token: &str) -> Token {
    Token::placed(token, Placement::header(KEY)).unwrap()
}

type Seen = Arc<Mutex<Vec<HeaderMap>>>;

/// A server that takes the bearer `new` and nothing else, and keeps the heads it was sent.
fn server(
    seen: &Seen,
) -> impl Service<Request<Body>, Response = Response<Body>, Error = BoxError, Future: Send> + Clone
{
    let seen = Arc::clone(seen);
    service_fn(move |request: Request<Body>| {
        let is_good = request
            .headers()
            .get("authorization")
            .is_some_and(|value| value == "Bearer new");
        seen.lock().unwrap().push(request.headers().clone());
        let status = if is_good {
            StatusCode::OK
        } else {
            StatusCode::UNAUTHORIZED
        };
        async move { Ok(common::status(status)) }
    })
}

#[tokio::test]
async fn the_old_header_never_travels_again_whoever_puts_it_there() {
    let seen = Seen::default();
    let tokens = service_fn(|_: Renewal| async { Token::new("new") });
    let session = Session::builder(tokens)
        .origin(ORIGIN)
        .retired_header(KEY)
        .token(keyed("old"))
        .build()
        .unwrap();
    // Another layer adds it, between the two of ours and around them.
    let adds = |value: &'static str| {
        tower::util::MapRequestLayer::new(move |mut request: Request<Body>| {
            request
                .headers_mut()
                .append(KEY, HeaderValue::from_static(value));
            request
        })
    };
    let client = (
        adds("outer"),
        RefreshLayer::new(session.clone()),
        adds("inner"),
        BearerLayer::new(session.clone()),
    );
    let client = client.layer(server(&seen));
    let mut request = get();
    request
        .headers_mut()
        .append(KEY, HeaderValue::from_static("caller"));
    let answer = client.clone().oneshot(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let keys = |number: usize| {
        let seen = seen.lock().unwrap();
        let keys = seen[number].get_all(KEY).iter().cloned();
        keys.collect::<Vec<_>>()
    };
    // The token that is placed there is sent there, and alone.
    assert_eq!(keys(0), ["old"]);
    assert!(keys(1).is_empty());
    // Elsewhere the caller's own values are none of ours, and ours is none of theirs.
    let mut request = Request::get("https://elsewhere.example.com/")
        .body(Body::default())
        .unwrap();
    request
        .headers_mut()
        .append(KEY, HeaderValue::from_static("old"));
    let answer = client.oneshot(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(keys(2), ["outer", "inner"]);
}

fn not_allowed() -> Error {
    Error::with_message(ErrorKind::MfaNotAllowed, "not with MFA")
}

fn explained<B>(answer: &Response<B>) -> Option<ErrorKind> {
    answer.extensions().get::<Error>().map(Error::kind)
}

#[tokio::test]
async fn a_second_refusal_comes_with_the_reason_that_the_session_has_for_it() {
    for (reason, expected) in [
        (None, None),
        (Some(not_allowed()), Some(ErrorKind::MfaNotAllowed)),
    ] {
        let (api, minter) = (Api::default(), Minter::default());
        let mut builder = minter.builder().token(Token::new("dead").unwrap());
        if let Some(reason) = reason {
            builder = builder.refused_again(reason);
        }
        let session = builder.build().unwrap();
        let client = session.layer().layer(api.service());
        let answer = client.oneshot(get()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(explained(&answer), expected);
        assert_eq!((minter.count(), api.sends()), (1, 2));
    }
}

#[tokio::test]
async fn a_token_that_was_accepted_before_its_refusal_is_not_to_blame() {
    // A server that kills the token between the renewal and the second send.
    let (api, minter) = (Api::default(), Minter::default());
    let dead = Token::new("dead").unwrap();
    let session = minter
        .builder()
        .token(dead)
        .refused_again(not_allowed())
        .build()
        .unwrap();
    let probe = session.layer().layer(api.service());
    let client = RefreshLayer::new(session.clone()).layer(service_fn({
        let (session, api) = (session.clone(), api.clone());
        move |request: Request<Body>| {
            let bearer = BearerLayer::new(session.clone()).layer(api.service());
            let (probe, api) = (probe.clone(), api.clone());
            let is_second = session
                .current()
                .is_some_and(|current| current.generation() == 2);
            async move {
                if is_second {
                    api.accept("t1");
                    let other = probe.oneshot(get()).await.unwrap();
                    assert_eq!(other.status(), StatusCode::OK);
                    api.revoke_all();
                }
                bearer.oneshot(request).await
            }
        }
    }));
    let answer = client.oneshot(get()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(explained(&answer), None);
    assert_eq!(minter.count(), 1);
}

#[tokio::test]
async fn a_token_service_learns_whether_the_refused_token_was_ever_accepted() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let api = Api::default();
    let tokens = service_fn({
        let (told, api) = (Arc::clone(&told), api.clone());
        move |renewal: Renewal| {
            let mut told = told.lock().unwrap();
            told.push((renewal.reason(), renewal.was_accepted()));
            let name = format!("t{}", told.len());
            // The first is worth nothing.
            if told.len() > 1 {
                api.accept(&name);
            }
            async move { Token::new(name) }
        }
    });
    let session = Session::builder(tokens).origin(ORIGIN).build().unwrap();
    let client = session.layer().layer(api.service());
    let ok = async || {
        let answer = client.clone().oneshot(get()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    };
    ok().await;
    api.revoke_all();
    ok().await;
    session.renew().await.unwrap();
    let expected = [
        (Reason::Missing, false),
        (Reason::Rejected, false),
        (Reason::Rejected, true),
        (Reason::Explicit, true),
    ];
    assert_eq!(*told.lock().unwrap(), expected);
    assert!(
        Renewal::<Token>::new(Reason::Rejected)
            .with_accepted()
            .was_accepted()
    );
}

#[tokio::test]
async fn of_many_that_are_refused_again_each_has_the_reason() {
    let (api, minter) = (Api::default(), Minter::default());
    let dead = Token::new("dead").unwrap();
    let session = minter
        .builder()
        .token(dead)
        .refused_again(not_allowed())
        .build()
        .unwrap();
    let client = session.layer().layer(api.service()).and_then(collected);
    let mut calls = JoinSet::new();
    api.refuse_together(20);
    for _ in 0..20 {
        calls.spawn(client.clone().oneshot(get()));
    }
    let answers = calls.join_all().await;
    let reasons = answers
        .iter()
        .map(|answer| explained(answer.as_ref().unwrap()));
    assert!(
        reasons
            .into_iter()
            .all(|reason| reason == Some(ErrorKind::MfaNotAllowed))
    );
    assert_eq!((minter.count(), api.sends()), (1, 40));
}

#[tokio::test]
async fn of_two_recoveries_the_one_whose_challenge_it_is_gives_the_reason() {
    let (api, minter) = (Api::default(), Minter::default());
    let dead = Token::new("dead").unwrap();
    let ours = minter
        .builder()
        .token(dead)
        .refused_again(not_allowed())
        .build()
        .unwrap();
    let other = Minter::default().builder().token(keyed("key"));
    let other = other
        .refused_again(Error::new(ErrorKind::Provider, "not this one"))
        .build()
        .unwrap();
    for is_first in [true, false] {
        let first = if is_first { &ours } else { &other };
        let second = if is_first { &other } else { &ours };
        let recoveries = [first, second].map(|session| RefreshRecovery::new(session.clone()));
        let [first, second] = recoveries;
        let client = (
            RecoverLayer::new((first, second)),
            BearerLayer::new(ours.clone()),
        );
        let answer = client
            .layer(api.service::<Body>())
            .oneshot(get())
            .await
            .unwrap();
        assert_eq!(
            explained(&answer),
            Some(ErrorKind::MfaNotAllowed),
            "{is_first}"
        );
    }
    assert_eq!((minter.count(), api.sends()), (2, 4));
}
