//! Challenges at the API: RFC 6750 section 3, in all company.

use http::StatusCode;
use tower::ServiceExt;
use tower_reauth::{
    Error, ErrorKind,
    testing::{
        Fault,
        oauth2::{Challenges, Endpoint, Simulator},
    },
};

use crate::support::{Desk, guarded};

const COMPANY: [Challenges; 5] = [
    Challenges::Bearer,
    Challenges::BasicFirst,
    Challenges::BasicLast,
    Challenges::TwoHeaders,
    Challenges::Tricky,
];

#[tokio::test]
async fn an_invalid_token_is_renewed_once_whatever_stands_beside_the_challenge() {
    for company in COMPANY.into_iter().chain([Challenges::None]) {
        guarded(async {
            let desk = Desk::open(Simulator::builder().challenges(company)).await;
            desk.works().await;
            desk.server.revoke_access_tokens();
            desk.works().await;
            assert_eq!(desk.traffic(), (2, 1, 1), "{company:?}");
            assert_eq!(desk.counts().unauthorized, 1, "{company:?}");
        })
        .await;
    }
}

#[tokio::test]
async fn insufficient_scope_reaches_the_caller_with_what_to_do_and_renews_nothing() {
    for company in COMPANY {
        guarded(async {
            let server = Simulator::builder()
                .needs("/payments", "write")
                .challenges(company);
            let desk = Desk::with(server, |settings| settings.scope("read")).await;
            for count in 1..=3 {
                let payment = desk.request("/payments/1");
                let response = desk.api.clone().oneshot(payment).await.unwrap();
                assert_eq!(response.status(), StatusCode::FORBIDDEN, "{company:?}");
                let error = response.extensions().get::<Error>().unwrap();
                assert_eq!(error.kind(), ErrorKind::Provider);
                assert_eq!(error.provider_code(), Some("insufficient_scope"));
                let text = error.to_string();
                assert!(text.contains("ask for more scope"), "{text}");
                assert!(text.ends_with("it wants the scope: write"), "{text}");
                assert_eq!(desk.traffic(), (1, 1, 0), "{company:?}");
                assert_eq!(desk.counts().forbidden, count, "{company:?}");
            }
            desk.works().await;
        })
        .await;
    }
}

#[tokio::test]
async fn other_errors_of_a_401_renew_nothing_either() {
    for (challenge, code) in [
        (
            "Bearer error=\"insufficient_scope\"",
            Some("insufficient_scope"),
        ),
        ("Bearer error=\"invalid_request\"", Some("invalid_request")),
        (
            "Bearer error=\"insufficient_user_authentication\", acr_values=\"mfa\"",
            Some("insufficient_user_authentication"),
        ),
        (
            "Negotiate abc==, Bearer  error=insufficient_scope",
            Some("insufficient_scope"),
        ),
        ("Negotiate abc==", None),
        ("Basic realm=\"caf\u{e9}\"", None),
    ] {
        guarded(async {
            let desk = Desk::open(Simulator::builder()).await;
            desk.works().await;
            desk.server
                .inject(Endpoint::Api, Fault::Challenge(challenge.to_owned()));
            let response = desk.call().await.unwrap();
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
            let error = response.extensions().get::<Error>();
            assert_eq!(error.and_then(Error::provider_code), code, "{challenge}");
            assert_eq!(desk.traffic(), (1, 1, 0), "{challenge}");
            desk.works().await;
        })
        .await;
    }
}
