use std::time::Duration;

use super::*;

#[tokio::test]
async fn a_v1_login_gives_a_token_that_travels_as_api_key() {
    let pair = start(Simulator::builder()).await;
    let answer = pair.log_in_v1(PASSWORD).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.keys(), ["accessToken"]);
    let token = answer.text("/accessToken");
    let answer = pair.api_key(&token).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["account"], USER);
    // It is no session.
    assert_eq!(pair.bearer(&token).await.status, 401);
    let counts = pair.counts();
    assert_eq!(
        (
            counts.v1_logins,
            counts.v1_logins_ok,
            counts.api_keys_issued
        ),
        (1, 1, 1)
    );
    assert_eq!(
        (counts.api_calls, counts.api_ok, counts.unauthorized),
        (2, 1, 1)
    );
    assert_eq!(counts.unknown_tokens, 1);
    assert_eq!(counts.violations, 0);
}

#[tokio::test]
async fn wrong_credentials_are_401() {
    let pair = start(Simulator::builder().echo_secrets(true)).await;
    let answer = pair.log_in_v1("Secret124").await;
    assert_eq!(answer.status, 401);
    assert!(
        answer
            .text("/error/reason")
            .ends_with("You sent: Secret124")
    );
    let body = json!({ "username": "nobody", "password": PASSWORD });
    assert_eq!(pair.send(pair.v1_request(&body)).await.status, 401);
    let counts = pair.counts();
    assert_eq!(
        (counts.v1_logins_ok, counts.rejected, counts.violations),
        (0, 2, 0)
    );
}

#[tokio::test]
async fn migration_turns_v1_logins_into_409_and_ends_v1_tokens() {
    let pair = start(Simulator::builder()).await;
    let token = pair.log_in_v1(PASSWORD).await.text("/accessToken");
    // Before it, nobody at the new login service knows the account.
    let answer = pair.log_in().await;
    assert_eq!(
        (answer.status, message(&answer)),
        (400.try_into().unwrap(), (4_000_006, false))
    );

    pair.server.migrate(USER);
    assert_eq!(pair.api_key(&token).await.status, 401);
    // Whatever the password.
    assert_eq!(pair.log_in_v1(PASSWORD).await.status, 409);
    assert_eq!(pair.log_in_v1("wrong").await.status, 409);
    let session = pair.session().await;
    assert_eq!(pair.bearer(&session).await.status, 200);
    let counts = pair.counts();
    assert_eq!(
        (counts.conflicts, counts.v1_logins_ok, counts.submits_ok),
        (2, 1, 1)
    );
    assert_eq!(counts.unknown_tokens, 0);
    assert_eq!(counts.violations, 0);
}

#[tokio::test]
async fn v1_tokens_may_outlive_the_migration() {
    let clock = FakeClock::new();
    let builder = Simulator::builder()
        .migration_ends_api_keys(false)
        .v2_before_migration(true)
        .v1_lifetime(Duration::from_secs(60))
        .clock(clock.clone());
    let pair = start(builder).await;
    let token = pair.log_in_v1(PASSWORD).await.text("/accessToken");
    let _ = pair.session().await;
    pair.server.migrate(USER);
    assert_eq!(pair.api_key(&token).await.status, 200);
    assert_eq!(pair.counts().late_api_keys, 1);
    clock.advance(Duration::from_secs(60));
    assert_eq!(pair.api_key(&token).await.status, 401);
    assert_eq!(pair.counts().late_api_keys, 2);
    assert_eq!(pair.counts().violations, 0);
}

#[tokio::test]
async fn a_v1_login_keeps_the_rules() {
    let pair = start(Simulator::builder()).await;
    let good = json!({ "username": USER, "password": PASSWORD });
    let mut count = 0;
    let mut refused = async |request, status: u16, sentence: &str| {
        assert_eq!(pair.send(request).await.status, status, "{sentence}");
        count += 1;
        assert_eq!(pair.counts().violations, count, "{sentence}");
        assert_eq!(pair.last_violation(), format!("v1 login: {sentence}"));
    };
    for name in [
        "authorization",
        "x-api-key",
        "x-session-token",
        "cookie",
        "origin",
    ] {
        let mut request = pair.v1_request(&good);
        add(request.headers_mut(), name, "anything");
        refused(request, 400, &format!("`{name}` is sent along")).await;
    }
    let mut request = pair.v1_request(&good);
    request.headers_mut().remove("content-type");
    refused(request, 415, "the Content-Type is not application/json").await;
    let mut request = pair.v1_request(&good);
    *request.method_mut() = Method::PUT;
    refused(request, 405, "the method is not the endpoint's").await;
    let mut request = pair.v1_request(&good);
    *request.uri_mut() = format!("{}/auth?x=y", pair.server.base_url())
        .parse()
        .unwrap();
    refused(request, 400, "the address has a query").await;
    let fields = "the body has missing, unknown, repeated or wrongly typed fields";
    for body in [
        json!({ "username": USER }),
        json!({ "username": USER, "password": PASSWORD, "method": "password" }),
        json!({ "username": USER, "password": 1 }),
    ] {
        refused(pair.v1_request(&body), 400, fields).await;
    }
    let mut request = pair.v1_request(&good);
    *request.body_mut() = Full::from("x".repeat((64 << 10) + 1));
    refused(request, 413, "the body is larger than 64 KiB").await;
    assert_eq!(pair.counts().v1_logins_ok, 0);
    assert_eq!(pair.counts().credentials_on_login, 5);
}
