//! Token endpoints that answer `200` and `{"error": …}`.

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Full};
use tower_reauth::{
    Error, ErrorKind,
    layers::normalize::{OAuthError, OAuthErrors},
};

use crate::support::normalized;

async fn answered(body: &'static str) -> (StatusCode, Option<OAuthError>, Option<Error>) {
    let answer = move || Response::new(Full::<Bytes>::from(body));
    let response = normalized(OAuthErrors::new(), answer).await;
    let typed = response.extensions().get().cloned();
    let general = response.extensions().get().cloned();
    let status = response.status();
    let read = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(read, body);
    (status, typed, general)
}

#[tokio::test]
async fn an_error_gets_the_status_that_the_rfc_asks_for() {
    for (code, expected) in [
        ("invalid_request", 400),
        ("invalid_grant", 400),
        ("unsupported_grant_type", 400),
        ("bad_verification_code", 400),
        ("bad_refresh_token", 400),
        ("authorization_pending", 400),
        ("slow_down", 400),
        ("invalid_client", 401),
        ("incorrect_client_credentials", 401),
        ("server_error", 500),
        ("temporarily_unavailable", 503),
        ("Something-New 7", 400),
    ] {
        let body = format!(r#"{{"interval":5,"error":"{code}","error_uri":"https://x.example"}}"#);
        let (status, typed, general) = answered(body.leak()).await;
        assert_eq!(status, expected, "{code}");
        let typed = typed.expect("the typed error");
        assert_eq!(typed.code(), Some(code));
        assert_eq!(typed.uri(), Some("https://x.example"));
        assert_eq!(typed.description(), None);
        assert_eq!(general.expect("the error").kind(), ErrorKind::Provider);
    }
}

#[tokio::test]
async fn an_answer_with_a_token_passes() {
    for body in [
        r#"{"access_token":"gho_16C7e42F292c6912E7710c838347Ae178B4a","token_type":"bearer"}"#,
        r#"{"access_token":"x","error":null,"error_description":"none"}"#,
        "access_token=gho_16C7e42F292c6912E7710c838347Ae178B4a&scope=repo",
        "error=bad_verification_code&error_description=expired",
        r#"[{"error":"x"}]"#,
        "",
        r#"{"access_token":"x"#,
    ] {
        let (status, typed, general) = answered(body).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        assert!(typed.is_none() && general.is_none());
    }
}

#[tokio::test]
async fn an_error_counts_wherever_it_stands_and_whatever_it_is() {
    for (body, code) in [
        (
            r#"{"access_token":"x","error":"invalid_grant"}"#,
            Some("invalid_grant"),
        ),
        (
            r#"{"error":"invalid_grant","access_token":"x"}"#,
            Some("invalid_grant"),
        ),
        (
            r#"{"error":{"message":"No","type":"OAuthException"}}"#,
            None,
        ),
        (r#"{"error":""}"#, None),
        (r#"{"error":true}"#, None),
        // What follows is lost, and the error is one all the same.
        (
            r#"{"error":"invalid_grant","error_description":"exp"#,
            Some("invalid_grant"),
        ),
    ] {
        let (status, typed, _) = answered(body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(typed.expect("the typed error").code(), code, "{body}");
    }
}

#[tokio::test]
async fn nothing_that_may_be_secret_is_shown() {
    let body = r#"{"error":"gho_16C7e42F292c","error_description":"s3cr3t","error_uri":"s3cr3t"}"#;
    let (_, typed, general) = answered(body).await;
    let (typed, general) = (typed.unwrap(), general.unwrap());
    assert_eq!(typed.description(), Some("s3cr3t"));
    assert_eq!(general.provider_code(), None);
    for text in [
        typed.to_string(),
        format!("{typed:?}"),
        general.to_string(),
        format!("{general:?}"),
    ] {
        assert!(!text.contains("s3cr3t") && !text.contains("gho_"), "{text}");
    }
    let (_, _, general) = answered(r#"{"error":"invalid_grant"}"#).await;
    let general = general.unwrap();
    assert_eq!(general.provider_code(), Some("invalid_grant"));
    let expected = "the token endpoint reports an error inside a 200: invalid_grant";
    assert_eq!(general.to_string(), expected);
}
