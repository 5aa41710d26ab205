use super::*;

#[tokio::test]
async fn the_current_user_is_told() {
    let pair = migrated().await;
    let bearer = format!("Bearer {}", pair.session().await);
    let request = pair.call("/users/current", &[("authorization", &bearer)]);
    let answer = pair.send(request).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.keys(), ["id", "username"]);
    assert_eq!(answer.text("/username"), USER);
}

#[tokio::test]
async fn an_upload_comes_back_and_is_kept_without_its_credential() {
    let pair = migrated().await;
    let token = pair.server.issue_session(USER);
    let mut request = pair.call(
        "/doors?a=b",
        &[("authorization", &format!("Bearer {token}"))],
    );
    *request.method_mut() = Method::PUT;
    *request.body_mut() = Full::from("abc");
    add(request.headers_mut(), "content-type", "text/plain");
    let answer = pair.send(request).await;
    assert_eq!(
        (answer.status, &answer.body[..]),
        (200.try_into().unwrap(), &b"abc"[..])
    );
    assert_eq!(answer.header(header::CONTENT_TYPE), Some("text/plain"));
    let [upload] = &pair.server.uploads()[..] else {
        panic!("one upload");
    };
    assert_eq!(upload.path, "/middleware/api/partner/v1/doors?a=b");
    assert_eq!(
        (&upload.method, &upload.body[..]),
        (&Method::PUT, &b"abc"[..])
    );
    assert!(!upload.headers.contains_key("authorization"));
    assert_eq!((pair.counts().api_ok, pair.counts().violations), (1, 0));
}

#[tokio::test]
async fn a_credential_is_missing_or_no_good() {
    let builder = Simulator::builder().echo_secrets(true).challenge(true);
    let pair = start(builder).await;
    let answer = pair.send(pair.call("/doors", &[])).await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.text("/error/id"), "session_inactive");
    assert_eq!(answer.header(header::WWW_AUTHENTICATE), Some("Bearer"));
    let answer = pair.bearer("never-issued").await;
    assert!(
        answer
            .text("/error/reason")
            .ends_with("You sent: never-issued")
    );
    // A session counts in `Authorization` alone.
    let session = pair.server.issue_session(USER);
    let request = pair.call("/doors", &[("x-session-token", &session)]);
    assert_eq!(pair.send(request).await.status, 401);
    let key = pair.server.issue_api_key(USER);
    assert_eq!(pair.api_key(&key).await.status, 200);
    pair.server.revoke_api_keys();
    assert_eq!(pair.api_key(&key).await.status, 401);
    let counts = pair.counts();
    assert_eq!(
        (
            counts.unauthorized,
            counts.unknown_tokens,
            counts.violations
        ),
        (4, 1, 0)
    );

    let pair = migrated().await;
    let answer = pair.bearer("never-issued").await;
    assert_eq!(answer.header(header::WWW_AUTHENTICATE), None);
    assert!(!answer.text("/error/reason").contains("never-issued"));
}

#[tokio::test]
async fn an_old_api_key_beside_a_session_is_401() {
    let pair = migrated().await;
    let bearer = format!("Bearer {}", pair.session().await);
    let both = [("authorization", &*bearer), ("x-api-key", "old")];
    let answer = pair.send(pair.call("/doors", &both)).await;
    assert_eq!(answer.status, 401);
    assert_eq!(pair.send(pair.call("/doors", &both[..1])).await.status, 200);
    let counts = pair.counts();
    assert_eq!((counts.mixed_credentials, counts.late_api_keys), (1, 1));
    assert_eq!(counts.unauthorized, 1);
    assert_eq!(
        pair.server.violations(),
        ["API call: `x-api-key` is sent along with `authorization`"]
    );
}

#[tokio::test]
async fn an_account_with_mfa_logs_in_for_nothing() {
    let pair = migrated().await;
    pair.server.set_mfa(USER, true);
    let token = pair.session().await;
    let refused = pair.bearer(&token).await;
    assert_eq!(refused.status, 401);
    // Nothing tells it from a session that has ended.
    assert_eq!(refused.body, pair.bearer("never-issued").await.body);
    pair.server.set_mfa(USER, false);
    assert_eq!(pair.bearer(&token).await.status, 200);
    assert_eq!(pair.counts().violations, 0);

    let builder = Simulator::builder()
        .migrated_account(USER, PASSWORD)
        .mfa_status(403);
    let pair = start(builder).await;
    pair.server.set_mfa(USER, true);
    let token = pair.session().await;
    let answer = pair.bearer(&token).await;
    assert_eq!(answer.status, 403);
    assert_eq!(answer.text("/error/id"), "session_aal2_required");
    assert_eq!(pair.counts().unauthorized, 0);
}

#[tokio::test]
async fn a_call_that_took_effect_is_not_sent_again() {
    let pair = migrated().await;
    let bearer = format!("Bearer {}", pair.session().await);
    let keyed = [("authorization", &*bearer), ("idempotency-key", "one")];
    assert_eq!(pair.send(pair.call("/doors", &keyed)).await.status, 200);
    assert_eq!(pair.counts().violations, 0);
    assert_eq!(pair.send(pair.call("/doors", &keyed)).await.status, 200);
    let told = pair.server.violations();
    assert_eq!(told, ["API call: a call that took effect is sent again"]);
}

#[tokio::test]
async fn both_hosts_speak_http2_and_close() {
    let mut pair = migrated().await;
    pair.client = client::client(true);
    let token = pair.session().await;
    assert_eq!(pair.bearer(&token).await.status, 200);
    let counts = pair.counts();
    assert_eq!((counts.connections, counts.open_connections), (2, 2));
    let addresses = [pair.server.address(), pair.server.login_address()];
    pair.server.shutdown().await;
    for address in addresses {
        assert!(tokio::net::TcpStream::connect(address).await.is_err());
    }
}
