use std::time::Duration;

use super::*;
use crate::testing::{FakeClock, RetryAfter};

const GRANT: &str = "grant_type=client_credentials";

/// Sends `request` and asserts that it is refused with `status` and told as `sentence`, alone.
async fn refused(pair: &Pair, request: Request<Full<Bytes>>, status: u16, sentence: &str) {
    let before = pair.counts();
    let answer = pair.send(request).await;
    assert_eq!(answer.status, status, "{sentence}");
    let after = pair.counts();
    assert_eq!(after.violations, before.violations + 1, "{sentence}");
    assert_eq!(after.tokens_issued, before.tokens_issued);
    assert_eq!(after.api_ok, before.api_ok);
    assert_eq!(pair.server.violations().last().unwrap(), sentence);
}

#[tokio::test]
async fn requests_are_posted() {
    let pair = start_default().await;
    for (path, name) in [("/token", "token request"), ("/revoke", "revocation")] {
        let mut request = pair.request(path, "");
        *request.method_mut() = Method::GET;
        let sentence = format!("{name}: the method is not POST");
        refused(&pair, request, 405, &sentence).await;
    }
}

#[tokio::test]
async fn parameters_are_in_the_form() {
    let pair = start_default().await;
    for name in [
        "client_id",
        "client_secret",
        "refresh_token",
        "grant_type",
        "username",
        "password",
        "token",
        "scope",
    ] {
        let request = pair.request(&format!("/token?{name}=x"), GRANT);
        let sentence = "token request: a parameter is in the address that belongs into the form";
        refused(&pair, request, 400, sentence).await;
    }
    // The address of the endpoint may have a query (RFC 6749, section 3.2).
    let request = pair.request("/token?tenant=x", GRANT);
    assert_eq!(pair.send(request).await.status, 200);
}

#[tokio::test]
async fn forms_are_called_forms() {
    let pair = start_default().await;
    let sentence = "token request: the Content-Type is not application/x-www-form-urlencoded";
    for kind in [None, Some("application/json"), Some("text/plain")] {
        let mut request = pair.request("/token", GRANT);
        request.headers_mut().remove("content-type");
        if let Some(kind) = kind {
            let kind = HeaderValue::from_static(kind);
            request.headers_mut().insert("content-type", kind);
        }
        refused(&pair, request, 400, sentence).await;
    }
    let mut request = pair.request("/token", GRANT);
    let kind = "application/x-www-form-urlencoded; charset=UTF-8";
    let kind = HeaderValue::from_static(kind);
    request.headers_mut().insert("content-type", kind);
    assert_eq!(pair.send(request).await.status, 200);
}

#[tokio::test]
async fn forms_are_well_formed() {
    let pair = start_default().await;
    for (form, sentence) in [
        (
            "grant_type=client_credentials&grant_type=client_credentials",
            "token request: the form has a parameter twice",
        ),
        (
            "grant_type=client_credentials&scope=read write",
            "token request: the form has characters that are not encoded",
        ),
    ] {
        refused(&pair, pair.request("/token", form), 400, sentence).await;
    }
    let long = format!("{GRANT}&a={}", "x".repeat(64 << 10));
    let sentence = "token request: the body is larger than 64 KiB";
    refused(&pair, pair.request("/token", &long), 413, sentence).await;
}

#[tokio::test]
async fn no_other_credential_is_sent_along() {
    let pair = start_default().await;
    for name in ["cookie", "x-api-key", "proxy-authorization"] {
        let mut request = pair.request("/token", GRANT);
        let value = HeaderValue::from_static("anything");
        request.headers_mut().insert(name, value);
        let sentence = "token request: a credential is sent along that is not the client's";
        refused(&pair, request, 400, sentence).await;
    }
    let mut request = pair.request("/token", GRANT);
    let value = HeaderValue::from_static("Bearer abc");
    request.headers_mut().insert("authorization", value.clone());
    let sentence = "token request: the Authorization header is not a good Basic";
    refused(&pair, request, 400, sentence).await;

    let mut request = pair.request("/token", GRANT);
    request.headers_mut().append("authorization", value);
    let sentence = "token request: there are two Authorization or Content-Type headers";
    refused(&pair, request, 400, sentence).await;
}

#[tokio::test]
async fn no_secret_is_in_an_address() {
    let pair = start(
        Simulator::builder()
            .client(ID, SECRET)
            .user("me", "my password"),
    )
    .await;
    let (access, refresh) = pair.server.issue_tokens(ID, "read");
    for query in [
        format!("x={access}"),
        format!("x={refresh}"),
        format!("x={SECRET}"),
        "x=my%20password".to_owned(),
        "access_token=anything".to_owned(),
    ] {
        let request = pair.bearer(Method::GET, &format!("/a?{query}"), &access, "");
        let sentence = "API call: a token or a secret is in the address";
        refused(&pair, request, 400, sentence).await;
    }
    let request = pair.request(&format!("/token?x={SECRET}"), GRANT);
    let sentence = "token request: a token or a secret is in the address";
    refused(&pair, request, 400, sentence).await;
    for sentence in pair.server.violations() {
        assert!(!sentence.contains(&access));
    }
}

#[tokio::test]
async fn whoever_is_told_to_wait_waits() {
    let clock = FakeClock::new();
    for (way, value) in [
        (RetryAfter::Seconds, Some("31")),
        (RetryAfter::HttpDate, Some("Thu, 01 Jan 2026 00:00:31 GMT")),
        (RetryAfter::None, None),
    ] {
        let clock = FakeClock::new();
        let builder = Simulator::builder().clock(clock.clone()).retry_after(way);
        let pair = start(builder).await;
        pair.server.put_off(429, Duration::from_millis(30_500));
        let answer = pair.client_credentials().await;
        assert_error(&answer, 429, "temporarily_unavailable");
        assert_eq!(answer.header(header::RETRY_AFTER), value);
        pair.assert_clean();
    }
    let pair = start(Simulator::builder().clock(clock.clone())).await;
    pair.server.put_off(503, Duration::from_secs(30));
    assert_eq!(pair.client_credentials().await.status, 503);
    clock.advance(Duration::from_millis(29_999));
    assert_eq!(pair.client_credentials().await.status, 503);
    assert_eq!(
        pair.server.violations(),
        ["token request: a token is asked for before the time to come again"]
    );
    // Others are not put off.
    let (access, _) = pair.server.issue_tokens(ID, "read");
    assert_eq!(pair.get("/", &access).await.status, 200);
    let revoked = pair.send(pair.request("/revoke", "token=x")).await;
    assert_eq!(revoked.status, 200);
    clock.advance(Duration::from_millis(1));
    assert_eq!(pair.client_credentials().await.status, 200);
    let counts = pair.counts();
    assert_eq!((counts.put_off, counts.violations), (2, 1));
}
