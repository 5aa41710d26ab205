//! When the stack signs on again, and when it never does.

use http::StatusCode;
use tokio::task::JoinSet;
use tower::ServiceExt;
use tower_reauth::{
    Error, ErrorKind,
    layers::normalize::Normalized,
    providers::fintiv::{FintivError, StatusClass},
};

use crate::support::{self, Server, client, envelope, post, send, stacked};

#[tokio::test]
async fn a_success_is_one_sign_on_and_one_send() {
    let server = Server::default();
    let (client, _session) = client(&server);
    let response = send(&client, post("{}")).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(
        response.body(),
        &envelope("SUCCESS", "as it is").to_string()
    );
    assert!(response.extensions().get::<Error>().is_none());
    send(&client, post("{}")).await;
    assert_eq!((server.sign_ons(), server.sends()), (1, 2));
}

#[tokio::test]
async fn security_inside_a_200_signs_on_again_once_and_sends_again() {
    let server = Server::default();
    let (client, _session) = client(&server);
    send(&client, post("{}")).await;
    server.revoke();
    let response = send(&client, post(r#"{"a":1}"#)).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(
        response.body(),
        &envelope("SUCCESS", "as it is").to_string()
    );
    assert_eq!((server.sign_ons(), server.sends()), (2, 3));
    let seen = server.seen();
    assert_eq!(seen[1].headers["authorization"], "Bearer t1");
    assert_eq!(seen[2].headers["authorization"], "Bearer t2");
    assert_eq!(seen[1].body, seen[2].body);
}

#[tokio::test]
async fn a_hundred_callers_whose_token_is_refused_sign_on_once() {
    let server = Server::default();
    let (client, _session) = client(&server);
    send(&client, post("{}")).await;
    server.revoke();
    let mut calls = JoinSet::new();
    for _ in 0..100 {
        calls.spawn(client.clone().oneshot(post("{}")));
    }
    for answer in calls.join_all().await {
        assert_eq!(answer.unwrap().status(), StatusCode::OK);
    }
    assert_eq!(server.sign_ons(), 2);
}

#[tokio::test]
async fn security_after_a_new_token_is_the_callers() {
    let security = || envelope("SECURITY", "The session is not valid.");
    let server = Server::default()
        .answers(200, security())
        .answers(200, security());
    let (client, _session) = client(&server);
    let response = send(&client, post("{}")).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!((server.sign_ons(), server.sends()), (2, 2));
    assert_eq!(response.body(), &security().to_string());
    let typed: &FintivError = response.extensions().get().unwrap();
    assert_eq!(typed.class(), Some(StatusClass::AuthExpired));
    assert_eq!(typed.status().unwrap().code(), "SECURITY");
    assert_eq!(typed.to_string(), "SECURITY: The session is not valid");
    let error: &Error = response.extensions().get().unwrap();
    assert_eq!(error.kind(), ErrorKind::Provider);
    assert_eq!(error.provider_code(), Some("SECURITY"));
    let normalized: &Normalized = response.extensions().get().unwrap();
    assert_eq!(normalized.original_status(), StatusCode::OK);
}

#[tokio::test]
async fn what_is_no_matter_of_tokens_never_signs_on_again() {
    for (code, status) in [
        ("VALIDATION", 400),
        ("TRANSACTION_VALIDATION", 400),
        ("NON_SPECIFIC_MOZIDO_ERROR", 422),
        ("INSUFFICIENT_FUNDS", 422),
        ("security", 422),
        ("Success", 422),
    ] {
        let body = envelope(code, "The request parameters were not valid!");
        let server = Server::default().answers(200, &body);
        let (client, _session) = client(&server);
        let response = send(&client, post("{}")).await;
        assert_eq!(response.status(), status, "{code}");
        assert_eq!(response.body(), &body.to_string());
        assert_eq!((server.sign_ons(), server.sends()), (1, 1), "{code}");
        let error: &Error = response.extensions().get().unwrap();
        assert_eq!(error.kind(), ErrorKind::Provider);
        assert_eq!(error.provider_code(), Some(code), "verbatim");
    }
}

#[tokio::test]
async fn a_401_of_the_servers_own_signs_on_again_once() {
    let server = Server::default().answers(401, "no");
    let (client, _session) = client(&server);
    let response = send(&client, post("{}")).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!((server.sign_ons(), server.sends()), (2, 2));
    assert!(response.extensions().get::<Error>().is_none());
}

#[tokio::test]
async fn a_401_for_the_key_ends_after_one_try_and_says_so() {
    let server = Server::default().answers(401, "no").answers(401, "no key");
    let (client, _session) = client(&server);
    let response = send(&client, post("{}")).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!((server.sign_ons(), server.sends()), (2, 2));
    assert_eq!(response.body(), "no key");
    let error: &Error = response.extensions().get().unwrap();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    let text = error.to_string();
    assert!(
        text.contains("the api-key is missing, wrong or outdated"),
        "{text}"
    );
    assert!(response.extensions().get::<FintivError>().is_some());
    assert!(
        response.extensions().get::<Normalized>().is_none(),
        "the status is the server's"
    );
}

#[tokio::test]
async fn a_key_that_the_sign_on_refuses_is_tried_once_for_all_callers() {
    let server = Server::default().answers_sign_on(401, "no key");
    let (client, session) = client(&server);
    for _ in 0..5 {
        let error = client.clone().oneshot(post("{}")).await.unwrap_err();
        let error = Error::from_boxed(error);
        assert_eq!(error.kind(), ErrorKind::Rejected);
        assert!(
            error.to_string().contains("check the api-key first"),
            "{error}"
        );
    }
    assert_eq!((server.sign_ons(), server.sends()), (1, 0));
    session.renew().await.unwrap();
    assert_eq!(send(&client, post("{}")).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_401_stays_with_its_reason_if_no_new_token_can_be_had() {
    let server = Server::default();
    let (client, _session) = client(&server);
    send(&client, post("{}")).await;
    server.revoke();
    let server = server.answers_sign_on(200, envelope("SECURITY", "Locked out."));
    let response = send(&client, post("{}")).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        response.body(),
        &envelope("SECURITY", "as it is").to_string()
    );
    let error: &Error = response.extensions().get().unwrap();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert!(error.to_string().contains("the sign-on failed"), "{error}");
    assert_eq!((server.sign_ons(), server.sends()), (2, 2));
}

#[tokio::test]
async fn other_honest_statuses_pass() {
    for status in [400, 403, 404, 500, 502] {
        let server = Server::default().answers(status, envelope("SECURITY", "whatever"));
        let (client, _session) = client(&server);
        let response = send(&client, post("{}")).await;
        assert_eq!(response.status(), status);
        assert!(response.extensions().get::<Error>().is_none());
        assert_eq!((server.sign_ons(), server.sends()), (1, 1));
    }
}

#[tokio::test]
async fn failures_are_errs_if_set_so_and_refresh_still_acts() {
    let server = Server::default().answers(200, envelope("VALIDATION", "Not valid."));
    let fintiv = support::builder(&server).build().unwrap();
    let session = fintiv.session().build().unwrap();
    let client = stacked(fintiv.layer(&session).as_err(true), server.plain());
    let error = client.clone().oneshot(post("{}")).await.unwrap_err();
    let error = error.downcast::<Error>().unwrap();
    assert_eq!(error.provider_code(), Some("VALIDATION"));
    let source = std::error::Error::source(&*error).unwrap();
    let typed = source.downcast_ref::<FintivError>().unwrap();
    assert_eq!(typed.class(), Some(StatusClass::Validation));
    server.revoke();
    assert_eq!(send(&client, post("{}")).await.status(), StatusCode::OK);
    assert_eq!((server.sign_ons(), server.sends()), (2, 3));
}
