//! Each layer, over a server that lets one call through at a time.

use bytes::Bytes;
use http::{HeaderName, Request, Response, StatusCode, header, response};
use http_body_util::{BodyExt, Full};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_reauth::{
    BoxError, Code, CodeRequest, Error, ErrorKind, Renewal, Session, Token,
    layers::{
        BearerLayer, Mfa, NormalizeLayer, RefreshLayer, normalize::OAuthErrors,
        version_upgrade::VersionUpgradeLayer,
    },
    replay::{ReplayBody, ReplayLayer},
    store::{StoreKey, StoreLayer, TokenStore},
    stores::MemoryStore,
};

use crate::sweep::{Body, Log, answer, limited, server, sweep, takes_a_while};

const ORIGIN: &str = "https://api.example.com";

fn request() -> Request<Body> {
    let request = Request::post("https://api.example.com/call");
    request.body(ReplayBody::from("hello")).unwrap()
}

/// A token service that answers with `t2`, `t3` …, and notes it.
fn session(log: &Log, token: Option<&str>) -> Session {
    let log = log.clone();
    let tokens = service_fn(move |_: Renewal| {
        let log = log.clone();
        async move {
            log.add("token");
            takes_a_while().await;
            Token::new(format!("t{}", log.count("token") + 1))
        }
    });
    let mut builder = Session::builder(tokens).origin(ORIGIN);
    if let Some(token) = token {
        builder = builder.token(Token::new(token).unwrap());
    }
    builder.build().unwrap()
}

/// Accepts `t2` alone.
fn second_token(request: &Request<()>, _: usize) -> Response<Full<Bytes>> {
    match request.headers().get(header::AUTHORIZATION) {
        Some(value) if value == "Bearer t2" => answer(200, "{}"),
        _ => answer(401, "{}"),
    }
}

async fn ends_well<S, B>(client: S) -> Option<StatusCode>
where
    S: Service<Request<Body>, Response = Response<B>>,
    B: http_body::Body,
{
    let answer = client.oneshot(request()).await.ok()?;
    let status = answer.status();
    let body = answer.into_body().collect().await;
    body.is_ok().then_some(status)
}

#[tokio::test(start_paused = true)]
async fn bearer_signs_in_once_whoever_leaves() {
    let make = || {
        let log = Log::default();
        let (limited, permits) = limited(server(&log, second_token));
        let client = BearerLayer::new(session(&log, None)).layer(limited);
        (ends_well(client.clone()), (log, permits, client))
    };
    let polls = sweep(make, |(log, permits, client), polls| async move {
        assert_eq!(permits.available_permits(), 1, "after {polls} polls");
        assert_eq!(log.is_empty(), polls == 0, "after {polls} polls");
        assert_eq!(ends_well(client).await, Some(StatusCode::OK));
        assert_eq!(log.count("token"), 1, "after {polls} polls");
    })
    .await;
    assert!(polls > 6, "{polls}");
}

#[tokio::test(start_paused = true)]
async fn refresh_renews_once_whoever_leaves() {
    let make = || {
        let log = Log::default();
        let (limited, permits) = limited(server(&log, second_token));
        let session = session(&log, Some("t1"));
        let layers = (
            RefreshLayer::new(session.clone()),
            BearerLayer::new(session),
        );
        let client = layers.layer(limited);
        (ends_well(client.clone()), (log, permits, client))
    };
    let polls = sweep(make, |(log, permits, client), polls| async move {
        assert_eq!(permits.available_permits(), 1, "after {polls} polls");
        assert_eq!(log.is_empty(), polls == 0, "after {polls} polls");
        let before = log.count("/call");
        assert!(before <= 2);
        assert_eq!(ends_well(client).await, Some(StatusCode::OK));
        assert_eq!(log.count("token"), 1, "after {polls} polls");
        // One send with a good token, or one refused and another.
        let sends = log.count("/call") - before;
        assert!(
            (1..=2).contains(&sends),
            "{sends} sends after {polls} polls"
        );
    })
    .await;
    assert!(polls > 9, "{polls}");
}

#[tokio::test(start_paused = true)]
async fn mfa_asks_once_whoever_leaves() {
    let header = HeaderName::from_static("x-code");
    let make = || {
        let log = Log::default();
        let with_code = |request: &Request<()>, _: usize| match request.headers().get("x-code") {
            Some(code) if code == "123456" => answer(200, "{}"),
            _ => answer(403, "code, please"),
        };
        let (limited, permits) = limited(server(&log, with_code));
        let codes = {
            let log = log.clone();
            service_fn(move |_: CodeRequest| {
                let log = log.clone();
                async move {
                    log.add("code");
                    takes_a_while().await;
                    Code::new("123456")
                }
            })
        };
        let challenge = |head: &response::Parts, _: &[u8]| {
            let is_one = head.status == StatusCode::FORBIDDEN;
            is_one.then(|| Error::new(ErrorKind::CodeRequired, "a code is wanted"))
        };
        let mfa = Mfa::builder(header.clone(), challenge)
            .origin(ORIGIN)
            .code_service(codes)
            .build()
            .unwrap();
        let client = mfa.layer().layer(limited);
        (ends_well(client.clone()), (log, permits, client))
    };
    let polls = sweep(make, |(log, permits, client), polls| async move {
        assert_eq!(permits.available_permits(), 1, "after {polls} polls");
        assert_eq!(log.is_empty(), polls == 0, "after {polls} polls");
        assert_eq!(ends_well(client).await, Some(StatusCode::OK));
        assert_eq!(log.count("code"), 1, "after {polls} polls");
    })
    .await;
    assert!(polls > 9, "{polls}");
}

#[tokio::test(start_paused = true)]
async fn version_upgrade_moves_on_whoever_leaves() {
    let make = || {
        let log = Log::default();
        let gone = |_: &Request<()>, _: usize| answer(409, "{}");
        let here = |_: &Request<()>, _: usize| answer(200, "{}");
        let (v1, permits) = limited(server(&log, gone));
        let (v2, others) = limited(server(&log, here));
        let client = VersionUpgradeLayer::new(v2).layer(v1);
        (ends_well(client.clone()), (log, [permits, others], client))
    };
    let polls = sweep(make, |(log, permits, client), polls| async move {
        for permits in &permits {
            assert_eq!(permits.available_permits(), 1, "after {polls} polls");
        }
        assert_eq!(log.is_empty(), polls == 0, "after {polls} polls");
        let before = log.count("/call");
        assert_eq!(ends_well(client.clone()).await, Some(StatusCode::OK));
        assert!(log.count("/call") - before <= 2);
        // From now on there is one way only.
        let before = log.count("/call");
        assert_eq!(ends_well(client).await, Some(StatusCode::OK));
        assert_eq!(log.count("/call") - before, 1, "after {polls} polls");
    })
    .await;
    assert!(polls > 6, "{polls}");
}

#[tokio::test(start_paused = true)]
async fn replay_and_normalize_leave_nothing_behind() {
    let make = || {
        let log = Log::default();
        let fails = |_: &Request<()>, _: usize| answer(200, r#"{"error":"invalid_request"}"#);
        let (limited, permits) = limited(server(&log, fails));
        let layers = (ReplayLayer::new(), NormalizeLayer::new(OAuthErrors::new()));
        // A server of streams that are kept takes what the layer makes of the body.
        let flat =
            tower::util::MapRequest::new(limited, |request: Request<ReplayBody<Full<Bytes>>>| {
                request
            });
        let client = layers.layer(flat);
        let call = {
            let client = client.clone();
            async move {
                let request = Request::post("https://api.example.com/call");
                let request = request.body(Full::new(Bytes::from("hello"))).unwrap();
                let answer = client.oneshot(request).await.unwrap();
                (
                    answer.status(),
                    answer.into_body().collect().await.unwrap().to_bytes(),
                )
            }
        };
        (call, (log, permits, client))
    };
    let polls = sweep(make, |(log, permits, client), polls| async move {
        assert_eq!(permits.available_permits(), 1, "after {polls} polls");
        assert_eq!(log.is_empty(), polls == 0, "after {polls} polls");
        let before = log.count("/call");
        let request = Request::post("https://api.example.com/call");
        let request = request.body(Full::new(Bytes::from("hello"))).unwrap();
        let answer = client.oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
        assert_eq!(log.count("/call") - before, 1, "after {polls} polls");
    })
    .await;
    assert!(polls > 3, "{polls}");
}

#[tokio::test(start_paused = true)]
async fn the_store_has_what_was_fetched_whoever_leaves() {
    let key = || StoreKey::new("test", ORIGIN, "user");
    let make = || {
        let log = Log::default();
        let store = MemoryStore::new();
        let tokens = {
            let log = log.clone();
            service_fn(move |_: Renewal| {
                let log = log.clone();
                async move {
                    log.add("token");
                    takes_a_while().await;
                    Token::new("t2").map_err(BoxError::from)
                }
            })
        };
        let session = Session::builder(tokens)
            .origin(ORIGIN)
            .store(StoreLayer::new(store.clone(), key()))
            .build()
            .unwrap();
        let call = {
            let session = session.clone();
            async move { session.token().await.map(|current| current.generation()) }
        };
        (call, (log, store, session))
    };
    let polls = sweep(make, |(log, store, session), polls| async move {
        assert_eq!(log.is_empty(), polls == 0, "after {polls} polls");
        assert!(session.token().await.is_ok());
        session.settled().await;
        let record = store.load(&key()).await.unwrap().expect("a record");
        assert!(record.token().is_some());
        assert_eq!(log.count("token"), 1, "after {polls} polls");
    })
    .await;
    assert!(polls > 3, "{polls}");
}
