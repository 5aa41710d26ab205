//! Error responses and answers that are none: what kind they are, and that nothing is sent twice for
//! them.

use std::time::Duration;

use http::StatusCode;
use tokio::net::{TcpListener, TcpStream};
use tower_reauth::{
    Error, ErrorKind,
    testing::{
        FakeClock, Fault,
        oauth2::{Endpoint, Quirk, Simulator},
    },
};

use crate::support::{Desk, guarded, unpooled};

/// How long a failure that no repetition cures is remembered, at most.
const COOL_DOWN: Duration = Duration::from_secs(315);

async fn timed(clock: &FakeClock) -> Desk {
    let server = Simulator::builder().clock(clock.clone());
    Desk::through(unpooled(), server, |settings| settings.clock(clock.clone())).await
}

#[tokio::test]
async fn each_error_is_told_apart_in_a_200_as_well() {
    for (code, kind) in [
        ("invalid_request", ErrorKind::Config),
        ("invalid_client", ErrorKind::Rejected),
        ("invalid_grant", ErrorKind::Rejected),
        ("unauthorized_client", ErrorKind::Config),
        ("unsupported_grant_type", ErrorKind::Config),
        ("invalid_scope", ErrorKind::Config),
        ("invalid_target", ErrorKind::Config),
        ("temporarily_unavailable", ErrorKind::Transport),
        ("something_else", ErrorKind::Provider),
    ] {
        for quirk in [
            Quirk::Error(code.to_owned()),
            Quirk::ErrorIn200(code.to_owned()),
        ] {
            guarded(async {
                let clock = FakeClock::new();
                let desk = timed(&clock).await;
                desk.server.inject_quirk(Endpoint::Token, quirk.clone());
                for _ in 0..3 {
                    let error = desk.fails().await;
                    assert_eq!(error.kind(), kind, "{quirk:?}: {error}");
                    assert_eq!(error.provider_code(), Some(code), "{quirk:?}: {error}");
                }
                assert_eq!(desk.traffic(), (1, 0, 0), "{quirk:?}");
                clock.advance(COOL_DOWN);
                if kind == ErrorKind::Rejected {
                    assert_eq!(desk.fails().await.kind(), kind);
                    assert_eq!(desk.traffic(), (1, 0, 0), "{quirk:?}");
                    desk.session.renew().await.unwrap();
                }
                desk.works().await;
                assert_eq!(desk.traffic(), (2, 1, 0), "{quirk:?}");
            })
            .await;
        }
    }
}

#[tokio::test]
async fn an_invalid_grant_in_a_200_ends_the_refresh_token_as_well() {
    guarded(async {
        let desk = Desk::open(Simulator::builder()).await;
        desk.works().await;
        let quirk = Quirk::ErrorIn200("bad_refresh_token".to_owned());
        desk.server.inject_quirk(Endpoint::Token, quirk);
        desk.session.renew().await.unwrap();
        desk.works().await;
        assert_eq!(desk.traffic(), (3, 2, 0));
    })
    .await;
}

#[tokio::test]
async fn answers_that_are_none_are_tried_once_and_later_again() {
    for (fault, kind) in [
        (Fault::Html, ErrorKind::Protocol),
        (Fault::Malformed, ErrorKind::Protocol),
        (Fault::Endless(200), ErrorKind::Protocol),
        (Fault::Endless(503), ErrorKind::Transport),
        (Fault::Status(404), ErrorKind::Config),
        (Fault::Status(500), ErrorKind::Transport),
        (Fault::Reset, ErrorKind::Transport),
    ] {
        guarded(async {
            let clock = FakeClock::new();
            let desk = timed(&clock).await;
            desk.works().await;
            desk.server.inject(Endpoint::Token, fault.clone());
            let error = desk.session.renew().await.unwrap_err();
            assert_eq!(error.kind(), kind, "{fault:?}: {error}");
            for _ in 0..3 {
                desk.works().await;
            }
            assert_eq!(desk.traffic(), (2, 1, 0), "{fault:?}");
            // The refresh token is not lost.
            clock.advance(COOL_DOWN);
            desk.session.renew().await.unwrap();
            desk.works().await;
            assert_eq!(desk.traffic(), (3, 1, 1), "{fault:?}");
        })
        .await;
    }
}

#[tokio::test]
async fn a_server_that_says_when_is_not_asked_before() {
    for (status, kind) in [(429, ErrorKind::RateLimited), (503, ErrorKind::Transport)] {
        guarded(async {
            let clock = FakeClock::new();
            let desk = timed(&clock).await;
            desk.server.put_off(status, Duration::from_secs(120));
            for _ in 0..10 {
                let error = desk.fails().await;
                assert_eq!(error.kind(), kind);
                clock.advance(Duration::from_secs(11));
            }
            // Not even if it is wished.
            desk.session.renew().await.unwrap_err();
            assert_eq!(desk.traffic(), (1, 0, 0));
            clock.advance(Duration::from_secs(12));
            desk.works().await;
            assert_eq!(desk.traffic(), (2, 1, 0));
        })
        .await;
    }
}

#[tokio::test]
async fn no_redirect_of_the_token_endpoint_is_followed() {
    guarded(async {
        let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = elsewhere.local_addr().unwrap();
        for status in [301, 302, 303, 307, 308] {
            for location in ["/token".to_owned(), format!("http://{address}/token")] {
                let desk = Desk::open(Simulator::builder()).await;
                let redirect = Fault::Redirect { status, location };
                desk.server.inject(Endpoint::Token, redirect);
                let error = desk.fails().await;
                assert_eq!(error.kind(), ErrorKind::Protocol);
                assert!(error.to_string().contains("not followed"), "{error}");
                assert_eq!(desk.traffic(), (1, 0, 0));
            }
        }
        // The first who comes is this test itself.
        let probe = TcpStream::connect(address).await.unwrap();
        let (_, first) = elsewhere.accept().await.unwrap();
        assert_eq!(first, probe.local_addr().unwrap());
    })
    .await;
}

#[tokio::test]
async fn no_error_repeats_what_the_server_echoes() {
    guarded(async {
        let server = Simulator::builder()
            .client("other", "secret")
            .echo_secrets(true);
        let desk = Desk::open(server).await;
        let error = desk.fails().await;
        assert_eq!(error.kind(), ErrorKind::Rejected);
        let text = format!("{error} {error:?}");
        for secret in [crate::support::ID, crate::support::SECRET, "czZCaGRSa3F0Mz"] {
            assert!(!text.contains(secret), "{text}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_original_401_comes_with_the_reason_why_it_could_not_be_mended() {
    guarded(async {
        let desk = Desk::open(Simulator::builder()).await;
        desk.works().await;
        desk.server.revoke_access_tokens();
        desk.server.inject(Endpoint::Token, Fault::Status(500));
        let response = desk.call().await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        let error = response.extensions().get::<Error>().unwrap();
        assert_eq!(error.kind(), ErrorKind::Transport);
    })
    .await;
}

#[tokio::test]
async fn no_redirect_of_the_token_endpoint_is_followed_wherever_it_leads() {
    guarded(async {
        for status in [301, 302, 303, 307, 308] {
            let trap = Simulator::builder().start().await.unwrap();
            let port = trap.address().port();
            for location in [
                "/token/elsewhere".to_owned(),
                trap.token_url(),
                format!("http://localhost:{port}/token"),
                format!("https://127.0.0.1:{port}/token"),
                format!("http://user@127.0.0.1:{port}/token"),
            ] {
                let desk = Desk::open(Simulator::builder()).await;
                let to = location.clone();
                desk.server.inject(
                    Endpoint::Token,
                    Fault::Redirect {
                        status,
                        location: to,
                    },
                );
                let error = desk.fails().await;
                assert_eq!(error.kind(), ErrorKind::Protocol, "{status} {location}");
                assert_eq!(desk.traffic(), (1, 0, 0), "{status} {location}");
            }
            assert_eq!(trap.counts().connections, 0);
        }
    })
    .await;
}
