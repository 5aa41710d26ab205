use http::HeaderValue;

use super::*;
use crate::testing::back_office::{Endpoint, Fault};

/// Sends `request` and asserts that it is refused with `status` and told as `sentence`, alone.
async fn refused(pair: &Pair, request: Request<Full<Bytes>>, status: u16, sentence: &str) {
    let before = pair.counts();
    let answer = pair.send(request).await;
    assert_eq!(answer.status, status, "{sentence}");
    let after = pair.counts();
    assert_eq!(after.violations, before.violations + 1, "{sentence}");
    assert_eq!(after.sign_ins_ok, before.sign_ins_ok);
    assert_eq!(pair.server.violations().last().unwrap(), sentence);
}

fn sign_in(pair: &Pair) -> Request<Full<Bytes>> {
    pair.auth(SIGN_IN, &json!({ "email": EMAIL, "password": PASSWORD }))
}

async fn unlimited() -> Pair {
    let limits = crate::testing::back_office::Limits::none();
    start(Simulator::builder().limits(limits)).await
}

#[tokio::test]
async fn sign_in_traffic_carries_no_credentials_in_its_head() {
    let pair = unlimited().await;
    for name in [
        "authorization",
        "proxy-authorization",
        "cookie",
        "x-api-key",
        "api-key",
        "x-access-token",
        "x-auth-token",
        "x-session-token",
    ] {
        for (path, endpoint) in [
            (SIGN_IN, "sign-in"),
            (CONFIRM, "confirmation"),
            (REFRESH, "refresh"),
        ] {
            let mut request = pair.auth(path, &json!({}));
            let value = HeaderValue::from_static("anything");
            request.headers_mut().insert(name, value);
            let sentence = format!("{endpoint}: a credential is sent along, in `{name}`");
            refused(&pair, request, 400, &sentence).await;
        }
    }
}

#[tokio::test]
async fn content_type_has_to_be_json() {
    let pair = unlimited().await;
    let sentence = "sign-in: the Content-Type is not application/json";
    let mut request = sign_in(&pair);
    request.headers_mut().remove("content-type");
    refused(&pair, request, 415, sentence).await;
    for kind in ["text/plain", "application/x-www-form-urlencoded"] {
        let mut request = sign_in(&pair);
        let value = HeaderValue::from_static(kind);
        request.headers_mut().insert("content-type", value);
        refused(&pair, request, 415, sentence).await;
    }
    let mut request = sign_in(&pair);
    let value = HeaderValue::from_static("application/json");
    request.headers_mut().append("content-type", value);
    refused(&pair, request, 415, sentence).await;

    let mut request = sign_in(&pair);
    let value = HeaderValue::from_static("Application/JSON; charset=utf-8");
    request.headers_mut().insert("content-type", value);
    assert_eq!(pair.send(request).await.status, 200);
}

#[tokio::test]
async fn accept_has_to_admit_json() {
    let pair = unlimited().await;
    let sentence = "sign-in: the Accept header does not admit application/json";
    let mut request = sign_in(&pair);
    request.headers_mut().remove("accept");
    refused(&pair, request, 406, sentence).await;
    let mut request = sign_in(&pair);
    let value = HeaderValue::from_static("text/html");
    request.headers_mut().insert("accept", value);
    refused(&pair, request, 406, sentence).await;
}

#[tokio::test]
async fn only_post_without_a_query_is_taken() {
    let pair = unlimited().await;
    let (access, _) = pair.server.issue_access_token(EMAIL);
    for path in [SIGN_IN, CONFIRM, REFRESH, SIGN_OUT] {
        let name = Endpoint::of(path);
        let mut request = pair.auth(path, &json!({}));
        *request.method_mut() = Method::PUT;
        let allow = pair.send(request.clone()).await;
        assert_eq!(allow.header(header::ALLOW), Some("POST"));
        let sentence = format!("{name}: the method is not POST");
        refused(&pair, request, 405, &sentence).await;

        let request = pair.auth(&format!("{path}?a=b"), &json!({}));
        let sentence = format!("{name}: the address has a query");
        refused(&pair, request, 400, &sentence).await;
    }
    assert_eq!(pair.get(&access).await.status, 200);
}

#[tokio::test]
async fn bodies_have_the_documented_fields_and_no_others() {
    let pair = unlimited().await;
    let fields = "the body has missing, unknown, repeated or wrongly typed fields";
    for (path, body) in [
        (SIGN_IN, r#"{"email":"foo@bar.com"}"#),
        (SIGN_IN, r#"{"email":"foo@bar.com","password":1}"#),
        (SIGN_IN, r#"{"email":"a","password":"b","remember":true}"#),
        (SIGN_IN, r#"{"email":"a","email":"b","password":"c"}"#),
        (CONFIRM, r#"{"token":"a","code":123456}"#),
        (CONFIRM, r#"{"token":"a"}"#),
        (REFRESH, r#"{"refresh_token":"a"}"#),
    ] {
        let name = Endpoint::of(path);
        let mut request = pair.auth(path, &Value::Null);
        *request.body_mut() = Full::from(body);
        refused(&pair, request, 400, &format!("{name}: {fields}")).await;
    }
    for (path, body) in [
        (SIGN_IN, r#"["foo@bar.com","Secret123"]"#),
        (CONFIRM, r#" ["a","123456"]"#),
        (REFRESH, r#"["a"]"#),
        (REFRESH, r#""a""#),
        (REFRESH, "null"),
    ] {
        let name = Endpoint::of(path);
        let mut request = pair.auth(path, &Value::Null);
        *request.body_mut() = Full::from(body);
        let sentence = format!("{name}: the body is not a JSON object");
        refused(&pair, request, 400, &sentence).await;
    }
    let mut request = sign_in(&pair);
    *request.body_mut() =
        Full::from("\r\n\t {\"email\":\"foo@bar.com\",\"password\":\"Secret123\"}\n");
    assert_eq!(pair.send(request).await.status, 200);
    for body in ["", "{", "[", "email=foo"] {
        let mut request = sign_in(&pair);
        *request.body_mut() = Full::from(body);
        refused(&pair, request, 400, "sign-in: the body is not JSON").await;
    }
    let mut request = sign_in(&pair);
    *request.body_mut() = Full::from("x".repeat((64 << 10) + 1));
    refused(
        &pair,
        request,
        413,
        "sign-in: the body is larger than 64 KiB",
    )
    .await;
}

#[tokio::test]
async fn a_sign_out_has_no_body() {
    let pair = start_default().await;
    let (access, _) = pair.server.issue_access_token(EMAIL);
    let request = pair.bearer(Method::POST, SIGN_OUT, &access, "{}");
    let sentence = "sign-out: a body is sent where none belongs";
    refused(&pair, request, 400, sentence).await;
    assert_eq!(pair.sign_out(&access).await.status, 200);
}

#[tokio::test]
async fn no_secret_is_in_an_address() {
    let pair = start_default().await;
    let (access, refresh) = pair.server.issue_access_token(EMAIL);
    for secret in [&access, &refresh, &access.replace('.', "%2e")] {
        let path = format!("/accounts?token={secret}");
        let request = pair.bearer(Method::GET, &path, &access, "");
        refused(&pair, request, 400, "API call: a token is in the address").await;
    }
    let request = pair.bearer(Method::GET, "/Secret123/x", &access, "");
    refused(
        &pair,
        request,
        400,
        "API call: a password is in the address",
    )
    .await;

    let pair = start(Simulator::builder().two_factor(true)).await;
    let token = pair.sign_in().await.text("/2faDetails/token");
    let request = pair.auth(&format!("{CONFIRM}?token={token}"), &json!({}));
    refused(
        &pair,
        request,
        400,
        "confirmation: a token is in the address",
    )
    .await;
    for sentence in pair.server.violations() {
        assert!(!sentence.contains(&token));
    }
}

#[tokio::test]
async fn two_credentials_are_one_too_many() {
    let pair = start_default().await;
    let (access, _) = pair.server.issue_access_token(EMAIL);
    for path in ["/accounts", SIGN_OUT] {
        let mut request = pair.bearer(Method::POST, path, &access, "");
        let value = HeaderValue::from_str(&format!("Bearer {access}")).unwrap();
        request.headers_mut().append("authorization", value);
        let name = if path == SIGN_OUT {
            "sign-out"
        } else {
            "API call"
        };
        let sentence = format!("{name}: there are two Authorization headers");
        refused(&pair, request, 400, &sentence).await;
    }
    assert_eq!(pair.counts().sign_outs_ok, 0);
    assert_eq!(pair.counts().api_ok, 0);
}

#[tokio::test]
async fn a_call_that_took_effect_is_not_sent_again() {
    let pair = start_default().await;
    let (access, _) = pair.server.issue_access_token(EMAIL);
    let call = |key: &'static str| {
        let mut request = pair.bearer(Method::POST, "/orders", &access, "{}");
        let value = HeaderValue::from_static(key);
        request.headers_mut().insert("idempotency-key", value);
        request
    };
    // One that was refused may come again.
    pair.server.inject(Endpoint::Api, Fault::Status(401));
    assert_eq!(pair.send(call("one")).await.status, 401);
    assert_eq!(pair.send(call("one")).await.status, 200);
    assert_eq!(pair.send(call("two")).await.status, 200);
    assert_eq!(pair.counts().violations, 0);
    assert_eq!(pair.send(call("one")).await.status, 200);
    let told = pair.server.violations();
    assert_eq!(told, ["API call: a call that took effect is sent again"]);
}

#[tokio::test]
async fn attempts_that_break_a_rule_count_towards_the_limit() {
    let pair = start_default().await;
    for _ in 0..3 {
        assert_eq!(pair.post(CONFIRM, &json!({})).await.status, 400);
    }
    assert_eq!(pair.post(CONFIRM, &json!({})).await.status, 429);
    assert_eq!(pair.counts().violations, 4);
    assert_eq!(pair.counts().limit_exceeded, 1);
}
