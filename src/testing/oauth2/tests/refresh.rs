use std::time::Duration;

use super::*;
use crate::testing::{
    FakeClock, Fault,
    oauth2::{Endpoint, Quirk, RefreshTokens},
};

#[tokio::test]
async fn a_refresh_token_is_traded_for_a_new_pair() {
    let pair = start_default().await;
    let (access, refresh) = pair.server.issue_tokens(ID, "read write");
    let answer = pair.refresh(&refresh).await;
    assert_eq!(answer.status, 200);
    let newer = answer.text("/refresh_token");
    assert_ne!(newer, refresh);
    assert_eq!(answer.text("/scope"), "read write");
    // The older access token lives until it ends.
    for token in [&access, &answer.text("/access_token")] {
        assert_eq!(pair.get("/", token).await.text("/user"), "somebody");
    }
    assert_eq!(pair.refresh(&newer).await.status, 200);
    pair.assert_clean();
    let counts = pair.counts();
    assert_eq!((counts.token_requests, counts.refreshes_ok), (2, 2));
    assert_eq!(counts.tokens_issued, 3);
}

#[tokio::test]
async fn a_spent_refresh_token_ends_its_family() {
    let pair = start_default().await;
    let (_, other) = pair.server.issue_tokens(ID, "read");
    let (access, refresh) = pair.server.issue_tokens(ID, "read");
    let newer = pair.refresh(&refresh).await;
    assert_error(&pair.refresh(&refresh).await, 400, "invalid_grant");
    for token in [&access, &newer.text("/access_token")] {
        assert_eq!(pair.get("/", token).await.status, 401);
    }
    let dead = pair.refresh(&newer.text("/refresh_token")).await;
    assert_error(&dead, 400, "invalid_grant");
    assert_error(&pair.refresh(&refresh).await, 400, "invalid_grant");
    assert_eq!(
        pair.server.violations(),
        ["token request: a spent refresh token is used again"; 2]
    );
    let counts = pair.counts();
    assert_eq!(counts.reused_refresh_tokens, 2);
    assert_eq!(counts.dead_refresh_tokens, 1);
    // Another family has nothing to do with it.
    assert_eq!(pair.refresh(&other).await.status, 200);
}

#[tokio::test]
async fn a_lost_answer_leaves_the_refresh_token_spent() {
    let pair = start_default().await;
    let (_, refresh) = pair.server.issue_tokens(ID, "read");
    pair.server.inject(Endpoint::Token, Fault::ResetAfterwards);
    let form = format!("grant_type=refresh_token&refresh_token={refresh}");
    let request = pair.request("/token", &form);
    assert!(pair.client.request(request).await.is_err());
    assert_error(&pair.refresh(&refresh).await, 400, "invalid_grant");
    let counts = pair.counts();
    assert_eq!((counts.token_requests, counts.refreshes_ok), (2, 1));
    assert_eq!(counts.reused_refresh_tokens, 1);
}

#[tokio::test]
async fn a_spent_refresh_token_may_be_repeated_for_a_while() {
    let clock = FakeClock::new();
    let builder = Simulator::builder()
        .clock(clock.clone())
        .reuse_grace(Duration::from_secs(10));
    let pair = start(builder).await;
    let (_, refresh) = pair.server.issue_tokens(ID, "read");
    let first = pair.refresh(&refresh).await;
    clock.advance(Duration::from_secs(9));
    let second = pair.refresh(&refresh).await;
    assert_eq!(second.status, 200);
    for answer in [&first, &second] {
        let token = answer.text("/access_token");
        assert_eq!(pair.get("/", &token).await.status, 200);
    }
    pair.assert_clean();
    assert_eq!(pair.counts().repeated_refresh_tokens, 1);
    clock.advance(Duration::from_secs(10));
    assert_error(&pair.refresh(&refresh).await, 400, "invalid_grant");
    assert_eq!(pair.counts().reused_refresh_tokens, 1);
    let token = second.text("/access_token");
    assert_eq!(pair.get("/", &token).await.status, 401);
}

#[tokio::test]
async fn a_dead_refresh_token_is_refused_once() {
    let clock = FakeClock::new();
    let builder = Simulator::builder()
        .clock(clock.clone())
        .refresh_lifetime(Duration::from_secs(60));
    let pair = start(builder).await;
    let (_, refresh) = pair.server.issue_tokens(ID, "read");
    clock.advance(Duration::from_millis(59_999));
    let newer = pair.refresh(&refresh).await.text("/refresh_token");
    clock.advance(Duration::from_secs(60));
    assert_error(&pair.refresh(&newer).await, 400, "invalid_grant");
    pair.assert_clean();
    assert_error(&pair.refresh(&newer).await, 400, "invalid_grant");
    assert_eq!(
        pair.server.violations(),
        ["token request: a dead refresh token is used again after its refusal"]
    );

    let revoked = pair.server.issue_tokens(ID, "read").1;
    pair.server.revoke_refresh_tokens();
    let expired = pair.server.issue_tokens(ID, "read").1;
    pair.server.expire_refresh_tokens();
    for token in [revoked, expired] {
        assert_error(&pair.refresh(&token).await, 400, "invalid_grant");
    }
    let counts = pair.counts();
    assert_eq!((counts.dead_refresh_tokens, counts.violations), (4, 1));
}

#[tokio::test]
async fn tokens_from_elsewhere_are_told() {
    let builder = Simulator::builder().client(ID, SECRET).client("b", "s");
    let pair = start(builder).await;
    let (access, _) = pair.server.issue_tokens(ID, "read");
    // An access token is no refresh token.
    for token in ["never-issued", &access] {
        assert_error(&pair.refresh(token).await, 400, "invalid_grant");
    }
    assert_eq!(pair.counts().unknown_tokens, 2);
    pair.assert_clean();

    let (_, foreign) = pair.server.issue_tokens("b", "read");
    assert_error(&pair.refresh(&foreign).await, 400, "invalid_grant");
    assert_eq!(
        pair.server.violations(),
        ["token request: a refresh token of another client is used"]
    );
    let missing = pair.token("grant_type=refresh_token").await;
    assert_error(&missing, 400, "invalid_request");
    assert_eq!(pair.counts().violations, 2);
}

#[tokio::test]
async fn a_refresh_asks_for_no_more_than_was_granted() {
    let files = "https://api.example/files";
    let mail = "https://api.example/mail";
    let builder = Simulator::builder()
        .resource(files, "/files")
        .resource(mail, "/mail")
        .needs("/files", "write");
    let pair = start(builder).await;
    let (_, refresh) = pair.server.issue_tokens(ID, "read write");
    let with = |refresh: &str, more: &str| {
        format!("grant_type=refresh_token&refresh_token={refresh}&{more}")
    };
    let less = format!("scope=write&resource={files}");
    let answer = pair.token(&with(&refresh, &less)).await;
    assert_eq!(answer.text("/scope"), "write");
    let access = answer.text("/access_token");
    assert_eq!(pair.get("/files", &access).await.status, 200);
    assert_eq!(pair.get("/mail", &access).await.status, 401);
    // The refresh token still stands for all of it.
    let refresh = answer.text("/refresh_token");
    let answer = pair.refresh(&refresh).await;
    assert_eq!(answer.text("/scope"), "read write");
    let access = answer.text("/access_token");
    assert_eq!(pair.get("/mail", &access).await.status, 200);
    pair.assert_clean();

    let (_, refresh) = pair.server.issue_tokens(ID, "read");
    let more = pair.token(&with(&refresh, "scope=read+write")).await;
    assert_error(&more, 400, "invalid_scope");
    assert_eq!(
        pair.server.violations(),
        ["token request: a refresh asks for more scope than was granted"]
    );
    // It was not spent by that.
    assert_eq!(pair.refresh(&refresh).await.status, 200);
}

#[tokio::test]
async fn a_refresh_is_for_the_resources_of_its_grant() {
    let (files, mail) = ("https://api.example/files", "https://api.example/mail");
    let builder = Simulator::builder()
        .client_credentials_refresh(true)
        .resource(files, "/files")
        .resource(mail, "/mail");
    let pair = start(builder).await;
    let form = format!("grant_type=client_credentials&resource={files}");
    let refresh = pair.token(&form).await.text("/refresh_token");
    let form = format!("grant_type=refresh_token&refresh_token={refresh}&resource={mail}");
    assert_error(&pair.token(&form).await, 400, "invalid_target");
    let answer = pair.refresh(&refresh).await;
    let access = answer.text("/access_token");
    assert_eq!(pair.get("/files", &access).await.status, 200);
    assert_eq!(pair.get("/mail", &access).await.status, 401);
}

#[tokio::test]
async fn there_is_more_than_one_way_with_refresh_tokens() {
    for (way, by_quirk) in [
        (RefreshTokens::Same, false),
        (RefreshTokens::Omitted, false),
        (RefreshTokens::Empty, false),
        (RefreshTokens::Same, true),
        (RefreshTokens::Omitted, true),
        (RefreshTokens::Empty, true),
    ] {
        let builder = match by_quirk {
            true => Simulator::builder(),
            false => Simulator::builder().refresh_tokens(way),
        };
        let pair = start(builder).await;
        let (_, refresh) = pair.server.issue_tokens(ID, "read");
        for _ in 0..2 {
            if by_quirk {
                let quirk = Quirk::RefreshToken(way);
                pair.server.inject_quirk(Endpoint::Token, quirk);
            }
            let answer = pair.refresh(&refresh).await;
            let told = answer.json().get("refresh_token").cloned();
            let told = told.map(|told| told.as_str().unwrap().to_owned());
            match way {
                RefreshTokens::Same => assert_eq!(told.as_ref(), Some(&refresh)),
                RefreshTokens::Empty => assert_eq!(told.as_deref(), Some("")),
                _ => assert_eq!(told, None),
            }
        }
        pair.assert_clean();
        assert_eq!(pair.counts().refreshes_ok, 2);
    }
}

#[tokio::test]
async fn a_first_answer_has_no_old_refresh_token() {
    let builder = Simulator::builder()
        .client_credentials_refresh(true)
        .refresh_tokens(RefreshTokens::Same);
    let pair = start(builder).await;
    let answer = pair.client_credentials().await;
    let refresh = answer.text("/refresh_token");
    assert_eq!(pair.refresh(&refresh).await.text("/refresh_token"), refresh);
}
