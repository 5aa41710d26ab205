//! Signing in with the password: what is sent, and what a refusal means.

use super::*;
use crate::providers::glue::Endpoint;

#[tokio::test(start_paused = true)]
async fn a_sign_in_is_one_resource_and_nothing_else() {
    let server = Server::new([tokens(1)]);
    let renewed = first(&server.glue()).await.unwrap();
    assert_eq!(access_of(&renewed), "access-1");
    assert_eq!(refresh_of(&renewed), Some("refresh-1"));
    assert_eq!(renewed.credential().lifetime(), Some(secs(28_800)));
    assert_eq!(server.calls(), "access-tokens");
    let expected = json!({"data": {
        "type": "access-tokens",
        "attributes": {"username": USERNAME, "password": PASSWORD},
    }});
    assert_eq!(server.json(0), expected);
    let seen = server.seen.lock().unwrap();
    let seen = &seen[0];
    assert_eq!(seen.method, Method::POST);
    assert!(seen.marked);
    let mut names: Vec<_> = seen.headers.keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["accept", "content-type"]);
    assert_eq!(seen.headers["accept"], "application/vnd.api+json");
    assert_eq!(seen.headers["content-type"], "application/vnd.api+json");
}

#[tokio::test(start_paused = true)]
async fn the_token_endpoint_is_sent_a_form() {
    let password = json!({"access_token": "access-1", "refresh_token": "refresh-1",
        "token_type": "Bearer", "expires_in": 28800});
    let server = Server::new([answer(200, &password), answer(200, &password)]);
    let glue = Glue::builder(server.client(), BASE)
        .credentials("a&b@c.de", "p ss=w+rd")
        .token_form()
        .build()
        .unwrap();
    let renewed = first(&glue).await.unwrap();
    again(&glue, renewed.credential()).await.unwrap();
    assert_eq!(server.calls(), "token token");
    let seen = server.seen.lock().unwrap();
    let bodies: Vec<_> = seen.iter().map(|seen| seen.body.as_str()).collect();
    let expected = [
        "grant_type=password&username=a%26b%40c.de&password=p+ss%3Dw%2Brd",
        "grant_type=refresh_token&refresh_token=refresh-1",
    ];
    assert_eq!(bodies, expected);
    for seen in seen.iter() {
        assert_eq!(seen.headers["accept"], "application/json");
        let form = "application/x-www-form-urlencoded";
        assert_eq!(seen.headers["content-type"], form);
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_are_told_apart() {
    let oauth = |error: &str| {
        let body = json!({"error": error, "error_description": "Not like this."});
        answer(400, body)
    };
    for (act, kind, text, code) in [
        (
            failure(401, "003", "Failed to authenticate user."),
            ErrorKind::Rejected,
            "Failed to authenticate user",
            Some("003"),
        ),
        // As the documentation has it for an e-mail address that is not confirmed.
        (
            failure(403, "003", "Failed to authenticate user."),
            ErrorKind::Rejected,
            "e-mail address is confirmed",
            Some("003"),
        ),
        (
            failure(422, "901", "username => This value is too short."),
            ErrorKind::Rejected,
            "(422, code 901)",
            Some("901"),
        ),
        (
            oauth("invalid_grant"),
            ErrorKind::Rejected,
            "Not like this",
            Some("invalid_grant"),
        ),
        (
            oauth("unsupported_grant_type"),
            ErrorKind::Config,
            "token_form",
            Some("unsupported_grant_type"),
        ),
        (
            oauth("invalid_request"),
            ErrorKind::Config,
            "",
            Some("invalid_request"),
        ),
        (answer(404, ""), ErrorKind::Config, "token_form", None),
        (answer(405, ""), ErrorKind::Config, "base URL", None),
        (answer(500, "<html>"), ErrorKind::Transport, "", None),
        (answer(302, ""), ErrorKind::Protocol, "redirects", None),
        (answer(418, ""), ErrorKind::Protocol, "classifier", None),
        (
            refuse("no"),
            ErrorKind::Transport,
            "did not get through",
            None,
        ),
        (Act::Hang, ErrorKind::Timeout, "within 30 s", None),
    ] {
        let server = Server::new([act]);
        let error = assert_fails(first(&server.glue()).await, kind, text);
        assert_eq!(error.provider_code(), code, "{error}");
        assert_eq!(server.count(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lock_is_kept_and_nothing_is_sent_meanwhile() {
    let locked = || failure(429, "4401", "Too many attempts.");
    for (act, kind, seconds) in [
        (locked(), ErrorKind::Locked, 360),
        (with(429, "retry-after", "20"), ErrorKind::RateLimited, 20),
        (answer(429, ""), ErrorKind::RateLimited, 360),
        (with(423, "retry-after", "90"), ErrorKind::Locked, 90),
    ] {
        let server = Server::new([act]);
        let glue = server.glue();
        let error = assert_fails(first(&glue).await, kind, "");
        assert_eq!(error.retry_after_hint(), Some(secs(seconds)));
        tokio::time::sleep(secs(seconds) - Duration::from_millis(1)).await;
        assert_fails(first(&glue).await, kind, "was not sent");
        assert_fails(again(&glue, &held("refresh-0")).await, kind, "was not sent");
        assert_eq!(server.count(), 1);
        tokio::time::sleep(Duration::from_millis(1)).await;
        server.then([tokens(1)]);
        first(&glue).await.unwrap();
    }
    let server = Server::new([locked()]);
    let glue = server.builder().lockout(secs(7)).build().unwrap();
    let error = assert_fails(first(&glue).await, ErrorKind::Locked, "locked");
    assert_eq!(error.retry_after_hint(), Some(secs(7)));
    assert_eq!(error.provider_code(), Some("4401"));
}

#[tokio::test(start_paused = true)]
async fn a_company_user_is_signed_in_with_the_customers_token() {
    let server = Server::new([tokens(1), tokens(2), tokens(3)]);
    let glue = server.builder().company_user("7").build().unwrap();
    let renewed = first(&glue).await.unwrap();
    assert_eq!(access_of(&renewed), "access-2");
    assert_eq!(refresh_of(&renewed), Some("refresh-2"));
    assert_eq!(server.calls(), "access-tokens company-user-access-tokens");
    assert_eq!(server.header(1, "authorization"), "Bearer access-1");
    let expected = json!({"data": {
        "type": "company-user-access-tokens",
        "attributes": {"idCompanyUser": "7"},
    }});
    assert_eq!(server.json(1), expected);
    // Its refresh token is its own.
    again(&glue, renewed.credential()).await.unwrap();
    assert_eq!(
        server.json(2)["data"]["attributes"]["refreshToken"],
        "refresh-2"
    );
    assert!(glue.store_key() != server.glue().store_key());

    let server = Server::new([tokens(1), failure(401, "001", "Invalid access token.")]);
    let glue = server.builder().company_user("7").build().unwrap();
    assert_fails(first(&glue).await, ErrorKind::Provider, "company user");
}

#[tokio::test(start_paused = true)]
async fn paths_name_the_resource_and_agents_sign_in_so() {
    let server = Server::new([tokens(1)]);
    let glue = Glue::builder(server.client(), format!("{BASE}/glue/"))
        .credentials(USERNAME, PASSWORD)
        .path(Endpoint::SignIn, "/agent-access-tokens")
        .content_type(http::HeaderValue::from_static("application/json"))
        .build()
        .unwrap();
    first(&glue).await.unwrap();
    assert_eq!(
        server.seen.lock().unwrap()[0].path,
        format!("{BASE}/glue/agent-access-tokens")
    );
    assert_eq!(server.json(0)["data"]["type"], "agent-access-tokens");
    assert_eq!(server.header(0, "content-type"), "application/json");
    assert_eq!(server.header(0, "accept"), "application/json");
}

#[tokio::test(start_paused = true)]
async fn a_classifier_says_otherwise() {
    let server = Server::new([answer(403, json!([{"code": 777}]))]);
    let glue = server.builder().classifier(|answer| {
        assert_eq!(answer.endpoint(), Endpoint::SignIn);
        answer.has_code("777").then_some(ErrorKind::Locked)
    });
    let error = assert_fails(first(&glue.build().unwrap()).await, ErrorKind::Locked, "");
    assert_eq!(error.retry_after_hint(), Some(secs(360)));
}
