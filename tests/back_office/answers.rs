//! Answers that are not what was asked for: what kind of error they are, and that nothing is sent
//! twice for them.

use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tower_reauth::{
    ErrorKind,
    testing::{
        FakeClock,
        back_office::{Endpoint, Fault, Simulator},
    },
};

use crate::support::{Desk, guarded};

/// How long a failure that no repetition cures is remembered.
const COOL_DOWN: Duration = Duration::from_secs(300);

/// Faults, what kind of error they are, what it says, and whether the server did its part.
fn faults() -> Vec<(Fault, ErrorKind, &'static str, bool)> {
    let answer = |status, body: &str| Fault::Answer {
        status,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: body.to_owned(),
    };
    let zipped = Fault::Answer {
        status: 200,
        headers: vec![("content-encoding".to_owned(), "gzip".to_owned())],
        body: "{}".to_owned(),
    };
    let redirect = Fault::Redirect {
        status: 302,
        location: "/login".to_owned(),
    };
    vec![
        (Fault::Html, ErrorKind::Protocol, "it is a web page", false),
        (Fault::Malformed, ErrorKind::Protocol, "breaks off", false),
        (answer(200, ""), ErrorKind::Protocol, "it is empty", false),
        (answer(200, "[]"), ErrorKind::Protocol, "a list", false),
        (answer(200, "OK"), ErrorKind::Protocol, "not JSON", false),
        (answer(204, ""), ErrorKind::Protocol, "it is empty", false),
        (zipped, ErrorKind::Protocol, "compressed", false),
        (
            redirect,
            ErrorKind::Protocol,
            "redirects are not followed",
            false,
        ),
        (Fault::Status(404), ErrorKind::Config, "base URL", false),
        (Fault::Status(405), ErrorKind::Config, "base URL", false),
        (Fault::Status(418), ErrorKind::Protocol, "classifier", false),
        (Fault::Status(500), ErrorKind::Transport, "(500)", false),
        (
            Fault::Reset,
            ErrorKind::Transport,
            "did not get through",
            false,
        ),
        (
            Fault::Truncated,
            ErrorKind::Transport,
            "did not get through",
            true,
        ),
        (
            Fault::Endless(200),
            ErrorKind::Protocol,
            "longer than",
            false,
        ),
        (Fault::Endless(503), ErrorKind::Transport, "(503)", false),
    ]
}

/// Longer than the pause after `kind`, and shorter than the other's.
fn pause(kind: ErrorKind) -> Duration {
    if kind.is_transient() {
        Duration::from_secs(2)
    } else {
        // Up to a twentieth longer, so that not all come at once.
        COOL_DOWN + COOL_DOWN / 20
    }
}

#[tokio::test]
async fn a_sign_in_that_is_answered_with_nonsense_is_tried_once_and_later_again() {
    guarded(async {
        for (fault, kind, says, processed) in faults() {
            let clock = FakeClock::new();
            let server = Simulator::builder().clock(clock.clone());
            let desk = Desk::open(server, |settings| settings.clock(clock.clone())).await;
            desk.server.inject(Endpoint::SignIn, fault.clone());
            for _ in 0..3 {
                let error = desk.call().await.unwrap_err();
                assert_eq!(error.kind(), kind, "{fault:?}");
                assert!(error.to_string().contains(says), "{error}");
            }
            assert_eq!(desk.traffic(), (1, 0, 0), "{fault:?}");
            assert_eq!(desk.counts().sign_ins_ok, u64::from(processed));
            assert_eq!(desk.counts().api_calls, 0);
            if !kind.is_transient() {
                clock.advance(COOL_DOWN - Duration::from_secs(1));
                assert_eq!(desk.call().await.unwrap_err().kind(), kind);
                assert_eq!(desk.traffic(), (1, 0, 0), "{fault:?}");
            }
            clock.advance(pause(kind));
            desk.works().await;
            assert_eq!(desk.traffic(), (2, 0, 0), "{fault:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_refresh_that_is_answered_with_nonsense_is_tried_once_and_calls_go_on() {
    guarded(async {
        for (fault, kind, says, processed) in faults() {
            let clock = FakeClock::new();
            let server = Simulator::builder().clock(clock.clone());
            let mut desk = Desk::open(server, |settings| settings.clock(clock.clone())).await;
            desk.works().await;
            desk.server.inject(Endpoint::Refresh, fault.clone());
            let error = desk.session.renew().await.unwrap_err();
            assert_eq!(error.kind(), kind, "{fault:?}");
            assert!(error.to_string().contains(says), "{error}");
            for _ in 0..3 {
                desk.works().await;
            }
            assert_eq!(desk.traffic(), (1, 0, 1), "{fault:?}");

            // The refresh token is not lost, unless the server has taken it.
            clock.advance(pause(kind));
            desk.session.renew().await.unwrap();
            desk.works().await;
            desk.reuses = u64::from(processed);
            assert_eq!(desk.traffic(), (1 + desk.reuses, 0, 2), "{fault:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_code_whose_answer_is_nonsense_is_not_sent_again() {
    guarded(async {
        for (fault, kind, says, _) in faults() {
            if matches!(fault, Fault::Status(404)) {
                // There it means that the code came too late.
                continue;
            }
            let clock = FakeClock::new();
            let server = Simulator::builder().clock(clock.clone()).two_factor(true);
            let desk = Desk::open(server, |settings| settings.clock(clock.clone())).await;
            desk.server.inject(Endpoint::Confirm, fault.clone());
            for _ in 0..3 {
                let error = desk.call().await.unwrap_err();
                assert_eq!(error.kind(), kind, "{fault:?}");
                assert!(error.to_string().contains(says), "{error}");
            }
            assert_eq!(desk.traffic(), (1, 1, 0), "{fault:?}");
            clock.advance(pause(kind));
            desk.works().await;
            assert_eq!(desk.traffic(), (2, 2, 0), "{fault:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_sign_in_without_tokens_or_details_says_what_is_missing() {
    guarded(async {
        for (fault, says) in [
            (Fault::TwoFactorWithoutDetails, "`2faDetails` are missing"),
            (Fault::NoTokens, "has no tokens"),
        ] {
            let clock = FakeClock::new();
            let server = Simulator::builder().clock(clock.clone()).two_factor(true);
            let desk = Desk::open(server, |settings| settings.clock(clock.clone())).await;
            desk.server.inject(Endpoint::SignIn, fault);
            for _ in 0..3 {
                let error = desk.call().await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Protocol);
                assert!(error.to_string().contains(says), "{error}");
            }
            assert_eq!(desk.traffic(), (1, 0, 0));
            assert_eq!(desk.prompts().len(), 0);
            desk.session.renew().await.unwrap();
            desk.works().await;
            assert_eq!(desk.traffic(), (2, 1, 0));
        }
    })
    .await;
}

#[tokio::test]
async fn of_tokens_and_details_together_the_flag_decides() {
    guarded(async {
        for required in [false, true] {
            let desk = Desk::open(Simulator::builder(), |settings| settings).await;
            let fault = Fault::TokensAndDetails(required);
            desk.server.inject(Endpoint::SignIn, fault);
            desk.works().await;
            let confirms = u64::from(required);
            assert_eq!(desk.traffic(), (1, confirms, 0));
            assert_eq!(desk.prompts().len(), usize::from(required));
            desk.server.revoke_access_tokens();
            desk.works().await;
            assert_eq!(desk.traffic(), (1, confirms, 1));
        }
    })
    .await;
}

#[tokio::test]
async fn a_redirect_to_another_origin_is_never_followed() {
    guarded(async {
        let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = elsewhere.local_addr().unwrap();
        for (endpoint, traffic) in [
            (Endpoint::SignIn, (1, 0, 0)),
            (Endpoint::Confirm, (1, 1, 0)),
            (Endpoint::Refresh, (1, 1, 1)),
        ] {
            for status in [301, 302, 303, 307, 308] {
                let server = Simulator::builder().two_factor(true);
                let desk = Desk::open(server, |settings| settings).await;
                if endpoint == Endpoint::Refresh {
                    desk.works().await;
                }
                let location = format!("http://{address}/api/v2/signin");
                desk.server
                    .inject(endpoint, Fault::Redirect { status, location });
                let error = desk.session.renew().await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Protocol);
                assert!(error.to_string().contains("not followed"), "{error}");
                assert_eq!(desk.traffic(), traffic);
            }
        }
        // The first who comes is this test itself.
        let probe = TcpStream::connect(address).await.unwrap();
        let (_, first) = elsewhere.accept().await.unwrap();
        assert_eq!(first, probe.local_addr().unwrap());
    })
    .await;
}
