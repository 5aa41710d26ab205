use super::*;

async fn revoke(pair: &Pair, token: &str) -> Answer {
    let form = format!("token={token}&token_type_hint=refresh_token");
    pair.send(pair.request("/revoke", &form)).await
}

#[tokio::test]
async fn a_refresh_token_goes_with_its_family() {
    let pair = start_default().await;
    let (other, _) = pair.server.issue_tokens(ID, "read");
    let (access, refresh) = pair.server.issue_tokens(ID, "read");
    let answer = revoke(&pair, &refresh).await;
    assert_eq!((answer.status.as_u16(), &*answer.body), (200, &b""[..]));
    assert_eq!(pair.get("/", &access).await.status, 401);
    assert_error(&pair.refresh(&refresh).await, 400, "invalid_grant");
    assert_eq!(pair.get("/", &other).await.status, 200);
    let counts = pair.counts();
    assert_eq!((counts.revocations, counts.revocations_ok), (1, 1));
    assert_eq!(counts.tokens_revoked, 1);
    pair.assert_clean();
}

#[tokio::test]
async fn an_access_token_goes_alone() {
    let pair = start_default().await;
    let (access, refresh) = pair.server.issue_tokens(ID, "read");
    assert_eq!(revoke(&pair, &access).await.status, 200);
    assert_eq!(pair.get("/", &access).await.status, 401);
    assert_eq!(pair.refresh(&refresh).await.status, 200);
    pair.assert_clean();
}

#[tokio::test]
async fn what_is_not_there_is_revoked_as_well() {
    let pair = start_default().await;
    let (_, refresh) = pair.server.issue_tokens(ID, "read");
    for token in ["never-issued", &refresh, &refresh] {
        assert_eq!(revoke(&pair, token).await.status, 200);
    }
    let counts = pair.counts();
    assert_eq!((counts.revocations_ok, counts.tokens_revoked), (3, 1));
    pair.assert_clean();
}

#[tokio::test]
async fn a_client_revokes_what_is_its_own() {
    let pair = start_default().await;
    let (access, refresh) = pair.server.issue_tokens("other", "read");
    for token in [&access, &refresh] {
        assert_error(&revoke(&pair, token).await, 400, "invalid_request");
    }
    assert_eq!(pair.get("/", &access).await.status, 200);
    assert_eq!(
        pair.server.violations(),
        ["revocation: a token of another client is revoked"; 2]
    );
    let answer = pair.send(pair.request("/revoke", "token_type_hint=x"));
    assert_error(&answer.await, 400, "invalid_request");
    let answer = pair.send(pair.bare("/revoke", "token=x")).await;
    assert_error(&answer, 401, "invalid_client");
    let counts = pair.counts();
    assert_eq!((counts.revocations, counts.revocations_ok), (4, 0));
    assert_eq!(counts.violations, 3);
}
