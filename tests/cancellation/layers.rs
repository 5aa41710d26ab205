//! Each layer, over a server that lets one call through at a time.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use tower::{Layer, Service, ServiceExt};
use tower_reauth::{
    Session,
    layers::{
        BearerLayer, NormalizeLayer, RefreshLayer, normalize::OAuthErrors,
        version_upgrade::VersionUpgradeLayer,
    },
    replay::{ReplayBody, ReplayLayer},
    store::{StoreKey, StoreLayer, TokenStore},
    stores::MemoryStore,
};

use crate::{
    sweep::{Body, Log, answer, limited, server, sweep},
    worlds::{
        ORIGIN, mfa_and_codes, plain_request, request, second_token, session, tokens, with_code,
    },
};

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
        let client = BearerLayer::new(session(&log, None, false)).layer(limited);
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
        let session = session(&log, Some("t1"), false);
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
    let make = || {
        let log = Log::default();
        let (limited, permits) = limited(server(&log, with_code));
        let client = mfa_and_codes(&log).layer().layer(limited);
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
                let answer = client.oneshot(plain_request()).await.unwrap();
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
        let answer = client.oneshot(plain_request()).await.unwrap();
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
        let session = Session::builder(tokens(&log, false))
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
