use std::time::Duration;

use super::*;

#[tokio::test]
async fn a_login_gives_both_tokens_and_asks_for_no_code() {
    let pair = start_default().await;
    let answer = pair.log_in(PASSWORD).await;
    assert_eq!(answer.status, 201);
    assert_eq!(
        answer.header(header::CONTENT_TYPE),
        Some("application/vnd.api+json")
    );
    let attributes = &answer.json()["data"]["attributes"];
    assert_eq!(attributes["tokenType"], "Bearer");
    assert_eq!(attributes["expiresIn"], 28800);
    let access = answer.text("/data/attributes/accessToken");
    let answer = pair
        .send(pair.call(Method::GET, "/orders?a=b", &access, ""))
        .await;
    assert_eq!(
        answer.json(),
        json!({ "ok": true, "account": USER, "method": "GET", "path": "/orders?a=b" })
    );
    let counts = pair.counts();
    assert_eq!(
        (counts.access_tokens, counts.logins_ok, counts.tokens_issued),
        (1, 1, 1)
    );
    assert_eq!(
        (counts.api_calls, counts.api_ok, counts.violations),
        (1, 1, 0)
    );
}

#[tokio::test]
async fn wrong_credentials_are_401_003() {
    let pair = start(Simulator::builder().echo_secrets(true)).await;
    let answer = pair.log_in("Secret124").await;
    is_error(&answer, 401, "003");
    assert!(
        answer
            .text("/errors/0/detail")
            .ends_with("You sent: Secret124")
    );
    let answer = pair
        .token("grant_type=password&username=nobody&password=x")
        .await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.text("/error"), "invalid_grant");
    pair.server.set_unconfirmed(USER, true);
    is_error(&pair.log_in(PASSWORD).await, 401, "003");
    assert_eq!((pair.counts().rejected, pair.counts().violations), (3, 0));
    pair.server.set_unconfirmed(USER, false);
    pair.server.set_password(USER, "another");
    assert_eq!(pair.log_in("another").await.status, 201);

    let pair = start(Simulator::builder().unconfirmed_status(403)).await;
    pair.server.set_unconfirmed(USER, true);
    is_error(&pair.log_in(PASSWORD).await, 403, "003");
}

#[tokio::test]
async fn too_many_failed_logins_lock() {
    let clock = FakeClock::new();
    let pair = start(Simulator::builder().clock(clock.clone())).await;
    for _ in 0..11 {
        is_error(&pair.log_in("wrong").await, 401, "003");
    }
    // Nobody was told yet.
    let answer = pair.log_in(PASSWORD).await;
    is_error(&answer, 429, "4401");
    assert_eq!(answer.header(header::RETRY_AFTER), None);
    assert_eq!(pair.counts().violations, 0);
    let answer = pair
        .token(&format!("grant_type=password&username={USER}&password=x"))
        .await;
    is_error(&answer, 429, "4401");
    assert_eq!(
        pair.last_violation(),
        "token: an attempt is made in a known lock"
    );
    clock.advance(Duration::from_secs(299));
    is_error(&pair.log_in(PASSWORD).await, 429, "4401");
    clock.advance(Duration::from_secs(1));
    assert_eq!(pair.log_in(PASSWORD).await.status, 201);
    let counts = pair.counts();
    assert_eq!(
        (counts.rejected, counts.locked_out, counts.violations),
        (11, 3, 2)
    );

    pair.server.lock();
    is_error(&pair.log_in(PASSWORD).await, 429, "4401");
    pair.server.unlock();
    assert_eq!(pair.log_in(PASSWORD).await.status, 201);
    assert_eq!(pair.counts().violations, 2);
}

#[tokio::test]
async fn failures_far_apart_do_not_lock() {
    let clock = FakeClock::new();
    let builder = Simulator::builder()
        .lock_after(2, Duration::from_secs(60))
        .clock(clock.clone());
    let pair = start(builder).await;
    for _ in 0..3 {
        is_error(&pair.log_in("wrong").await, 401, "003");
        clock.advance(Duration::from_secs(60));
    }
    assert_eq!(pair.counts().locked_out, 0);
}

#[tokio::test]
async fn a_refresh_rotates_and_tells_a_reuse() {
    let pair = start(Simulator::builder().echo_secrets(true)).await;
    let (_, first) = pair.server.issue_access_token(USER);
    let answer = pair.refresh(&first).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.text("/data/type"), "refresh-tokens");
    let second = answer.text("/data/attributes/refreshToken");
    assert_ne!(first, second);
    let access = answer.text("/data/attributes/accessToken");
    assert_eq!(
        pair.send(pair.call(Method::GET, "/orders", &access, ""))
            .await
            .status,
        200
    );

    let answer = pair.refresh(&first).await;
    is_error(&answer, 401, "004");
    assert!(answer.text("/errors/0/detail").ends_with(&first));
    assert_eq!(
        pair.last_violation(),
        "refresh-tokens: a spent refresh token is used again"
    );
    // The newer one is not harmed.
    let form = format!("grant_type=refresh_token&refresh_token={second}");
    assert_eq!(pair.token(&form).await.status, 200);
    assert_eq!(pair.token(&form).await.text("/error"), "invalid_grant");
    let counts = pair.counts();
    assert_eq!((counts.refresh_tokens, counts.token_requests), (2, 2));
    assert_eq!(
        (
            counts.refreshes_ok,
            counts.reused_refresh_tokens,
            counts.violations
        ),
        (2, 2, 2)
    );
}

#[tokio::test]
async fn without_rotation_the_old_refresh_token_stays_good() {
    let pair = start(Simulator::builder().rotate(false)).await;
    let (_, first) = pair.server.issue_access_token(USER);
    for _ in 0..2 {
        let answer = pair.refresh(&first).await;
        assert_ne!(answer.text("/data/attributes/refreshToken"), first);
    }
    assert_eq!(
        (pair.counts().refreshes_ok, pair.counts().violations),
        (2, 0)
    );
}

#[tokio::test]
async fn tokens_die_by_time_and_on_cue() {
    let clock = FakeClock::new();
    let builder = Simulator::builder()
        .access_lifetime(Duration::from_secs(10))
        .refresh_lifetime(Duration::from_secs(20))
        .clock(clock.clone());
    let pair = start(builder).await;
    let (access, refresh) = pair.server.issue_access_token(USER);
    clock.advance(Duration::from_secs(10));
    let answer = pair
        .send(pair.call(Method::GET, "/orders", &access, ""))
        .await;
    is_error(&answer, 401, "001");
    let realm = "Bearer realm=\"Access to shop API\"";
    assert_eq!(answer.header(header::WWW_AUTHENTICATE), Some(realm));
    clock.advance(Duration::from_secs(10));
    is_error(&pair.refresh(&refresh).await, 401, "004");
    assert_eq!(pair.counts().violations, 0);
    is_error(&pair.refresh(&refresh).await, 401, "004");
    let sentence = "refresh-tokens: a dead refresh token is used again after its refusal";
    assert_eq!(pair.last_violation(), sentence);
    is_error(&pair.refresh("never-issued").await, 401, "004");

    let (access, refresh) = pair.server.issue_access_token(USER);
    pair.server.revoke_access_tokens();
    let answer = pair
        .send(pair.call(Method::GET, "/orders", &access, ""))
        .await;
    is_error(&answer, 401, "001");
    pair.server.revoke_refresh_tokens();
    is_error(&pair.refresh(&refresh).await, 401, "004");
    let counts = pair.counts();
    assert_eq!((counts.dead_refresh_tokens, counts.unknown_tokens), (3, 1));
    assert_eq!((counts.unauthorized, counts.violations), (2, 1));
}

#[tokio::test]
async fn a_revocation_is_204_whatever_it_revokes() {
    let builder = Simulator::builder()
        .account(USER, PASSWORD)
        .account("other", PASSWORD);
    let pair = start(builder).await;
    let (access, first) = pair.server.issue_access_token(USER);
    let (_, second) = pair.server.issue_access_token(USER);
    let (_, others) = pair.server.issue_access_token("other");
    for id in [&*first, &*others, "never-issued"] {
        let path = format!("/refresh-tokens/{id}");
        assert_eq!(
            pair.send(pair.call(Method::DELETE, &path, &access, ""))
                .await
                .status,
            204
        );
    }
    is_error(&pair.refresh(&first).await, 401, "004");
    assert_eq!(pair.refresh(&others).await.status, 201);
    let mine = pair.call(Method::DELETE, "/refresh-tokens/mine", &access, "");
    assert_eq!(pair.send(mine).await.status, 204);
    is_error(&pair.refresh(&second).await, 401, "004");
    // The access token is a JWT, and nobody can call it back.
    assert_eq!(
        pair.send(pair.call(Method::GET, "/orders", &access, ""))
            .await
            .status,
        200
    );
    assert_eq!(
        (pair.counts().revocations_ok, pair.counts().violations),
        (4, 0)
    );

    let none = pair.call(Method::DELETE, "/refresh-tokens", &access, "");
    is_error(&pair.send(none).await, 400, "400");
    assert_eq!(pair.last_violation(), "revocation: no token is named");
    let anonymous = pair.call(Method::DELETE, "/refresh-tokens/mine", "", "");
    is_error(&pair.send(anonymous).await, 403, "002");
}

#[tokio::test]
async fn a_customer_becomes_a_company_user() {
    let pair = start_default().await;
    let id = pair.server.company_user(USER).unwrap();
    let become_one = |id: &str| {
        let attributes = json!({ "idCompanyUser": id });
        pair.document("company-user-access-tokens", &attributes)
    };
    is_error(&pair.send(become_one(&id)).await, 403, "002");
    is_error(
        &pair.send(signed(become_one("x"), &pair.access(), "")).await,
        422,
        "901",
    );
    let answer = pair.send(signed(become_one(&id), &pair.access(), "")).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.text("/data/attributes/idCompanyUser"), id);
    assert_eq!(
        (pair.counts().company_user_tokens, pair.counts().logins_ok),
        (3, 1)
    );
    assert_eq!(pair.counts().violations, 0);
}

#[tokio::test]
async fn the_form_answers_in_each_shape() {
    let form = format!("grant_type=password&username={USER}&password={PASSWORD}");
    for (shape, root, name) in [
        (TokenShape::Object, "", "access_token"),
        (TokenShape::Array, "/0", "access_token"),
        (TokenShape::Camel, "", "accessToken"),
        (TokenShape::CamelArray, "/0", "accessToken"),
        (TokenShape::Attributes, "/data/attributes", "accessToken"),
    ] {
        let builder = Simulator::builder().token_shape(shape).expiry_as_text(true);
        let pair = start(builder).await;
        let answer = pair.token(&form).await;
        assert_eq!(answer.status, 200);
        assert_eq!(
            answer.header(header::CONTENT_TYPE),
            Some("application/json")
        );
        let access = answer.text(&format!("{root}/{name}"));
        assert_eq!(
            pair.send(pair.call(Method::GET, "/orders", &access, ""))
                .await
                .status,
            200
        );
        let expires = name
            .replace("accessToken", "expiresIn")
            .replace("access_token", "expires_in");
        assert_eq!(answer.text(&format!("{root}/{expires}")), "28800");
        assert_eq!((pair.counts().logins_ok, pair.counts().violations), (1, 0));
    }
}

#[tokio::test]
async fn something_may_be_left_out() {
    let pair = start_default().await;
    let odd = async |quirk| {
        pair.server.inject_quirk(Endpoint::AccessTokens, quirk);
        pair.log_in(PASSWORD).await.json()["data"]["attributes"].clone()
    };
    assert_eq!(odd(Quirk::NoAccessToken).await.get("accessToken"), None);
    assert_eq!(odd(Quirk::NoExpiry).await.get("expiresIn"), None);
    assert_eq!(odd(Quirk::NoRefreshToken).await.get("refreshToken"), None);
    // Whoever got no new refresh token can use the old one again.
    let (_, refresh) = pair.server.issue_access_token(USER);
    pair.server
        .inject_quirk(Endpoint::RefreshTokens, Quirk::NoRefreshToken);
    assert_eq!(pair.refresh(&refresh).await.status, 201);
    assert_eq!(pair.refresh(&refresh).await.status, 201);
    assert_eq!(pair.counts().violations, 0);
}

#[tokio::test]
async fn faults_hit_the_endpoint_they_are_for() {
    let pair = start_default().await;
    let (access, refresh) = pair.server.issue_access_token(USER);
    pair.server
        .inject(Endpoint::RefreshTokens, Fault::ResetAfterwards);
    pair.server.inject(Endpoint::Api, Fault::EarlyUnauthorized);
    let attributes = json!({ "refreshToken": refresh });
    let request = pair.document("refresh-tokens", &attributes);
    assert!(pair.client.request(request).await.is_err());
    is_error(&pair.refresh(&refresh).await, 401, "004");
    assert_eq!(pair.counts().reused_refresh_tokens, 1);
    let answer = pair
        .send(pair.call(Method::GET, "/orders", &access, ""))
        .await;
    is_error(&answer, 401, "001");
    assert_eq!(pair.counts().unauthorized, 1);
}
