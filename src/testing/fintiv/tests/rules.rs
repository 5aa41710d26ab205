//! What the head of a request has to keep.

use http::{HeaderName, HeaderValue};

use super::*;

#[tokio::test]
async fn every_request_has_a_key_that_is_good() {
    let pair = start_default().await;
    let mut none = pair.sign_on_with(&camel(PASSWORD));
    none.headers_mut().remove("api-key");
    assert_eq!(pair.send(none).await.status, 401);
    assert_eq!(pair.last_violation(), "sign-on: there is no `api-key`");
    pair.server.set_api_key("a newer one");
    assert_eq!(pair.sign_on(PASSWORD).await.status, 401);
    assert_eq!(pair.get(&pair.token()).await.status, 401);
    let counts = pair.counts();
    assert_eq!((counts.bad_keys, counts.violations), (3, 1));
    assert_eq!((counts.sign_ons_ok, counts.api_ok), (0, 0));
}

#[tokio::test]
async fn a_sign_on_carries_no_credential() {
    let pair = start_default().await;
    let strays = ["authorization", "cookie", "x-api-key", "x-session-token"];
    for (n, name) in (1..).zip(strays) {
        let mut request = pair.sign_on_with(&camel(PASSWORD));
        request
            .headers_mut()
            .insert(name, HeaderValue::from_static("Bearer x"));
        assert_eq!(pair.send(request).await.status, 400);
        assert_eq!(
            pair.last_violation(),
            format!("sign-on: `{name}` is sent along")
        );
        assert_eq!(pair.counts().violations, n);
    }
}

#[tokio::test]
async fn a_token_is_in_its_one_place() {
    let pair = start_default().await;
    let token = pair.token();
    let body = json!({ "contextRequest": { "token": token } }).to_string();
    let answer = pair
        .send(pair.call(Method::POST, "/x", &token, &body))
        .await;
    assert_eq!(answer.text(CODE), "VALIDATION");
    assert_eq!(pair.last_violation(), "API call: a token is in the body");
    let answer = pair
        .send(pair.call(Method::GET, &format!("/x?t={token}"), &token, ""))
        .await;
    assert_eq!(answer.status, 400);
    assert_eq!(
        pair.last_violation(),
        "API call: a secret is in the address"
    );
    for name in ["authorization", "api-key", "tenantname", "content-type"] {
        let mut request = pair.call(Method::POST, "/x", &token, "{}");
        let name = HeaderName::from_static(name);
        request
            .headers_mut()
            .append(&name, HeaderValue::from_static("JANUS"));
        request
            .headers_mut()
            .append(&name, HeaderValue::from_static("JANUS"));
        assert_eq!(pair.send(request).await.status, 400);
        let twice = format!("API call: the header `{name}` is there twice");
        assert_eq!(pair.last_violation(), twice);
    }
}

#[tokio::test]
async fn methods_paths_and_content_types_are_the_documented_ones() {
    let pair = start_default().await;
    let token = pair.token();
    assert_eq!(
        pair.send(pair.request(Method::GET, "/signon", ""))
            .await
            .status,
        404
    );
    assert_eq!(
        pair.send(pair.request(Method::POST, "/signon?x=1", "{}"))
            .await
            .status,
        400
    );
    let mut elsewhere = pair.request(Method::GET, "", "");
    *elsewhere.uri_mut() = format!("http://{}/elsewhere", pair.server.address())
        .parse()
        .unwrap();
    assert_eq!(pair.send(elsewhere).await.status, 404);
    for kind in ["text/plain", "application/x-www-form-urlencoded"] {
        let mut request = pair.call(Method::PUT, "/x", &token, "{}");
        request
            .headers_mut()
            .insert("content-type", HeaderValue::from_static(kind));
        assert_eq!(pair.send(request).await.status, 400);
    }
    assert_eq!(pair.counts().violations, 5);
    let mut request = pair.call(Method::PUT, "/x", &token, "{}");
    let kind = HeaderValue::from_static("application/json; charset=utf-8");
    request.headers_mut().insert("content-type", kind);
    assert_eq!(pair.send(request).await.text(CODE), "SUCCESS");
    let broken = pair.call(Method::POST, "/x", &token, "{");
    assert_eq!(pair.send(broken).await.text(CODE), "VALIDATION");
    assert_eq!(pair.counts().violations, 6);
}

#[tokio::test]
async fn the_tenant_is_the_tenants() {
    let pair = start(Simulator::builder().tenant_needed(true).tenant("MINE")).await;
    let token = pair.token();
    assert_eq!(pair.get(&token).await.text(CODE), "VALIDATION");
    for (tenant, code) in [("ANOTHER", "VALIDATION"), ("MINE", "SUCCESS")] {
        let mut request = pair.call(Method::GET, "/x", &token, "");
        request
            .headers_mut()
            .insert("tenantname", tenant.parse().unwrap());
        assert_eq!(pair.send(request).await.text(CODE), code);
    }
    let counts = pair.counts();
    assert_eq!(
        (counts.violations, counts.failures_in_200, counts.api_ok),
        (2, 2, 1)
    );
}

#[tokio::test]
async fn a_sign_on_is_bounded() {
    let pair = start_default().await;
    let long = pair.request(Method::POST, "/signon", &"x".repeat((64 << 10) + 1));
    assert_eq!(pair.send(long).await.status, 413);
    assert_eq!(
        pair.last_violation(),
        "sign-on: the body is larger than 64 KiB"
    );
}
