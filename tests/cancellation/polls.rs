//! Each layer's own future, called directly.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer, limit::ConcurrencyLimit, service_fn, util::BoxCloneSyncService};
use tower_reauth::{
    BoxError, Error, ErrorKind, Reason, Renewal, Token,
    layers::{
        BearerLayer, NormalizeLayer, RefreshLayer, normalize::OAuthErrors,
        version_upgrade::VersionUpgradeLayer,
    },
    replay::ReplayLayer,
    store::{StoreKey, StoreLayer},
    stores::MemoryStore,
};

use crate::{
    calls::{Case, World, status, token},
    sweep::{Body, Log, answer, limited, server, takes_a_while},
    worlds::{
        ORIGIN, mfa_and_codes, plain_request, request, second_token, session, tokens, with_code,
    },
};

/// A server that lets one call through at a time.
type Server = ConcurrencyLimit<BoxCloneSyncService<Request<Body>, Response<Full<Bytes>>, BoxError>>;
type Answer = fn(&Request<()>, usize) -> Response<Full<Bytes>>;

/// What layers make of a server that answers with `answer`.
fn world<L: Layer<Server>>(layers: impl Fn(&Log) -> L, answer: Answer) -> World<L::Service> {
    let log = Log::default();
    let (limited, permits) = limited(BoxCloneSyncService::new(server(&log, answer)));
    World {
        service: layers(&log).layer(limited),
        log,
        permits: vec![permits],
    }
}

#[tokio::test(start_paused = true)]
async fn bearer() {
    for (has, is_refused, expected, least) in [
        // It waits for a token, has one, has one that is refused, or gets none.
        (None, false, "200", 6),
        (Some("t2"), false, "200", 3),
        (Some("t1"), false, "401", 3),
        (None, true, "Rejected", 3),
    ] {
        let case = Case {
            make: || {
                let bearer = |log: &Log| BearerLayer::new(session(log, has, is_refused));
                world(bearer, second_token)
            },
            request,
            told: status,
            once: &["token"],
        };
        let polls = case.holds(expected).await;
        assert!(polls > least, "{polls} polls with {has:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn bearer_for_requests_that_get_no_token() {
    for (uri, expected) in [
        ("/call", "Config"),
        ("https://other.example.com/call", "401"),
    ] {
        let case = Case {
            make: || {
                world(
                    |log| BearerLayer::new(session(log, Some("t2"), false)),
                    second_token,
                )
            },
            request: || Request::post(uri).body(Body::from("hello")).unwrap(),
            told: status,
            once: &["token"],
        };
        let polls = case.holds(expected).await;
        assert_eq!(polls == 1, uri == "/call", "{polls} polls for {uri}");
    }
}

#[tokio::test(start_paused = true)]
async fn refresh() {
    for (has, is_refused, expected, least) in [
        (None, false, "200", 6),
        (Some("t2"), false, "200", 3),
        // It is renewed and the request sent again, or it cannot be.
        (Some("t1"), false, "200", 9),
        (Some("t1"), true, "401", 6),
    ] {
        let case = Case {
            make: || {
                let refresh = |log: &Log| {
                    let session = session(log, has, is_refused);
                    let bearer = BearerLayer::new(session.clone());
                    (RefreshLayer::new(session), bearer)
                };
                world(refresh, second_token)
            },
            request,
            told: status,
            once: &["token"],
        };
        let polls = case.holds(expected).await;
        assert!(polls > least, "{polls} polls with {has:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_usual_layers_of_a_session() {
    let case = Case {
        make: || world(|log| session(log, Some("t1"), false).layer(), second_token),
        request: plain_request,
        told: status,
        once: &["token"],
    };
    assert!(case.holds("200").await > 9);
}

#[tokio::test(start_paused = true)]
async fn mfa() {
    let case = Case {
        make: || world(|log| mfa_and_codes(log).layer(), with_code),
        request,
        told: status,
        once: &["code"],
    };
    assert!(case.holds("200").await > 9);
}

#[tokio::test(start_paused = true)]
async fn version_upgrade_over_http() {
    for (status_of_v1, least) in [(200, 3), (409, 6)] {
        let case = Case {
            make: || {
                let log = Log::default();
                let v1 = move |_: &Request<()>, _: usize| answer(status_of_v1, "{}");
                let v2 = |_: &Request<()>, _: usize| answer(200, "{}");
                let (v1, permits) = limited(server(&log, v1));
                let (v2, others) = limited(server(&log, v2));
                World {
                    service: VersionUpgradeLayer::new(v2).layer(v1),
                    log,
                    permits: vec![permits, others],
                }
            },
            request,
            told: status,
            once: &[],
        };
        assert!(case.holds("200").await > least, "v1 answers {status_of_v1}");
    }
}

#[tokio::test(start_paused = true)]
async fn version_upgrade_over_token_services() {
    let case = Case {
        make: || {
            let log = Log::default();
            let old = log.clone();
            let v1 = service_fn(move |_: Renewal| {
                let log = old.clone();
                async move {
                    log.add("v1");
                    takes_a_while().await;
                    Err::<Token, _>(Error::new(ErrorKind::Upgrade, "moved"))
                }
            });
            World {
                service: VersionUpgradeLayer::new(tokens(&log, false)).layer(v1),
                log,
                permits: Vec::new(),
            }
        },
        request: || Renewal::new(Reason::Missing),
        told: |result: Result<_, _>| token(result).replace("t3", "t2"),
        once: &[],
    };
    assert!(case.holds("t2").await > 6);
}

#[tokio::test(start_paused = true)]
async fn replay() {
    let case = Case {
        make: || world(|_| ReplayLayer::new(), |_, _| answer(200, "{}")),
        request: plain_request,
        told: status,
        once: &[],
    };
    assert!(case.holds("200").await > 3);
}

#[tokio::test(start_paused = true)]
async fn normalize() {
    let fails: Answer = |_, _| answer(200, r#"{"error":"invalid_request"}"#);
    let passes: Answer = |_, _| answer(200, "{}");
    for (answer, expected) in [(fails, "400"), (passes, "200")] {
        let case = Case {
            make: || world(|_| NormalizeLayer::new(OAuthErrors::new()), answer),
            request,
            told: status,
            once: &[],
        };
        assert!(case.holds(expected).await > 3);
    }
}

#[tokio::test(start_paused = true)]
async fn the_store_as_a_token_service() {
    // What was there before is spent by the first who renews, who may not live to say so.
    for previous in [None, Some("t0")] {
        let case = Case {
            make: || {
                let log = Log::default();
                let key = StoreKey::new("test", ORIGIN, "user");
                let layer = StoreLayer::new(MemoryStore::new(), key);
                World {
                    service: layer.layer(tokens(&log, false)),
                    log,
                    permits: Vec::new(),
                }
            },
            request: || {
                let renewal = Renewal::new(Reason::Missing);
                match previous {
                    Some(previous) => renewal.with_previous(Token::new(previous).unwrap()),
                    None => renewal,
                }
            },
            told: |result: Result<_, _>| token(result).replace("t3", "t2"),
            once: &[],
        };
        assert!(case.holds("t2").await > 3, "after {previous:?}");
    }
}
