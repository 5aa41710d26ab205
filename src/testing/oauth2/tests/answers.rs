use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::testing::{
    FakeClock, Fault,
    oauth2::{Endpoint, ExpiresIn, Quirk},
};

async fn quirky(quirk: Quirk) -> Answer {
    let pair = start_default().await;
    pair.server.inject_quirk(Endpoint::Token, quirk);
    let answer = pair.client_credentials().await;
    // It is used up.
    let usual = pair.client_credentials().await;
    let names = ["access_token", "expires_in", "scope", "token_type"];
    assert_eq!(usual.keys(), names);
    pair.assert_clean();
    answer
}

#[tokio::test]
async fn expires_in_is_written_in_every_way() {
    let json = |text: &str| ExpiresIn::Json(text.to_owned());
    for (way, value) in [
        (ExpiresIn::Number, Some(json!(3600))),
        (ExpiresIn::Text, Some(json!("3600"))),
        (ExpiresIn::Missing, None),
        (json("0"), Some(json!(0))),
        (json("-1"), Some(json!(-1))),
        (json("1e300"), Some(json!(1e300))),
        (json("9223372036854775808"), Some(json!(1_u64 << 63))),
        (json("null"), Some(Value::Null)),
        (json("soon"), Some(json!("soon"))),
    ] {
        let pair = start(Simulator::builder().expires_in(way.clone())).await;
        let answer = pair.client_credentials().await;
        assert_eq!(answer.json().get("expires_in"), value.as_ref());
        let answer = quirky(Quirk::ExpiresIn(way)).await;
        assert_eq!(answer.json().get("expires_in"), value.as_ref());
    }
}

#[tokio::test]
async fn the_rest_of_an_answer_may_be_odd() {
    let no_token = quirky(Quirk::NoAccessToken).await;
    assert_eq!(no_token.keys(), ["expires_in", "scope", "token_type"]);
    let empty = quirky(Quirk::EmptyAccessToken).await;
    assert_eq!(empty.text("/access_token"), "");
    let no_type = quirky(Quirk::NoTokenType).await;
    assert_eq!(no_type.keys(), ["access_token", "expires_in", "scope"]);
    let mac = quirky(Quirk::TokenType("mac".to_owned())).await;
    assert_eq!(mac.text("/token_type"), "mac");
    let no_scope = quirky(Quirk::NoScope).await;
    assert_eq!(
        no_scope.keys(),
        ["access_token", "expires_in", "token_type"]
    );
    let scope = quirky(Quirk::Scope("less".to_owned())).await;
    assert_eq!(scope.text("/scope"), "less");
}

#[tokio::test]
async fn errors_come_with_their_status_or_with_200() {
    for (error, status) in [
        ("invalid_grant", 400),
        ("invalid_client", 401),
        ("unauthorized_client", 400),
        ("invalid_scope", 400),
        ("slow_down", 400),
        ("temporarily_unavailable", 503),
    ] {
        let answer = quirky(Quirk::Error(error.to_owned())).await;
        assert_error(&answer, status, error);
        let answer = quirky(Quirk::ErrorIn200(error.to_owned())).await;
        assert_error(&answer, 200, error);
    }
}

#[tokio::test]
async fn an_ordered_error_spends_nothing() {
    let pair = start_default().await;
    let (_, refresh) = pair.server.issue_tokens(ID, "read");
    let quirk = Quirk::Error("invalid_grant".to_owned());
    pair.server.inject_quirk(Endpoint::Token, quirk);
    assert_error(&pair.refresh(&refresh).await, 400, "invalid_grant");
    assert_eq!(pair.refresh(&refresh).await.status, 200);
    pair.assert_clean();
}

#[tokio::test]
async fn a_server_may_say_all_its_errors_with_200() {
    let pair = start(Simulator::builder().errors_in_200(true)).await;
    assert_error(&pair.refresh("never-issued").await, 200, "invalid_grant");
    let bare = pair.bare("/token", "grant_type=client_credentials");
    assert_error(&pair.send(bare).await, 200, "invalid_client");
    // What is not the client's fault has its status.
    pair.server.put_off(503, Duration::from_secs(1));
    assert_eq!(pair.client_credentials().await.status, 503);
}

#[tokio::test]
async fn a_server_may_answer_with_forms() {
    let pair = start(Simulator::builder().forms(true)).await;
    let read = |answer: &Answer| {
        let kind = "application/x-www-form-urlencoded";
        assert_eq!(answer.headers["content-type"], kind);
        let pairs = form_urlencoded::parse(&answer.body).into_owned();
        pairs.collect::<std::collections::BTreeMap<_, _>>()
    };
    for accept in [None, Some("*/*"), Some("text/html, application/*")] {
        let form = "grant_type=client_credentials&scope=read+write";
        let mut request = pair.request("/token", form);
        request.headers_mut().remove("accept");
        if let Some(accept) = accept {
            let accept = HeaderValue::from_static(accept);
            request.headers_mut().insert("accept", accept);
        }
        let answer = read(&pair.send(request).await);
        assert_eq!(answer["expires_in"], "3600");
        assert_eq!(answer["scope"], "read write");
        let called = pair.get("/", &answer["access_token"]).await;
        assert_eq!(called.status, 200);
    }
    let answer = pair.client_credentials().await;
    assert_eq!(answer.text("/token_type"), "Bearer");
    let mut request = pair.request("/token", "grant_type=other");
    request.headers_mut().remove("accept");
    let answer = pair.send(request).await;
    assert_eq!(answer.status, 400);
    assert_eq!(read(&answer)["error"], "unsupported_grant_type");

    let answer = quirky(Quirk::Form).await;
    assert_eq!(read(&answer)["token_type"], "Bearer");
}

#[tokio::test]
async fn faults_are_worded_in_the_words_of_the_endpoint() {
    let pair = start(Simulator::builder().clock(FakeClock::new())).await;
    for (status, error) in [
        (503, "server_error"),
        (401, "invalid_client"),
        (429, "invalid_request"),
    ] {
        pair.server.inject(Endpoint::Token, Fault::Status(status));
        assert_error(&pair.client_credentials().await, status, error);
    }
    let (access, _) = pair.server.issue_tokens(ID, "read");
    pair.server.inject(Endpoint::Api, Fault::Status(503));
    let answer = pair.get("/", &access).await;
    assert_eq!(answer.json(), json!({ "message": "As ordered." }));
    pair.server.inject(Endpoint::Api, Fault::EarlyUnauthorized);
    let answer = pair.get("/", &access).await;
    let challenge = answer.header(header::WWW_AUTHENTICATE).unwrap();
    assert!(challenge.contains(r#"error="invalid_token""#));
    let counts = pair.counts();
    assert_eq!((counts.unauthorized, counts.api_ok), (1, 0));
    assert_eq!(counts.client_credentials_ok, 0);
    pair.assert_clean();
}
