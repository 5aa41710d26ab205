//! Signing out: what is revoked, and what is never presented again.

use super::*;

const REVOKE: &str = "https://auth.example.com/revoke";

fn signed_in(server: &Server) -> OAuth2 {
    server.builder().revocation_url(REVOKE).build().unwrap()
}

async fn end(oauth2: &OAuth2, refresh: &str) -> Result<(), Error> {
    oauth2.sign_out(&held(refresh)).await
}

#[tokio::test]
async fn the_refresh_token_is_revoked_and_then_the_access_token() {
    let server = Server::new([answer(200, ""), answer(200, "")]);
    end(&signed_in(&server), "refresh-0").await.unwrap();
    let seen = server.seen.lock().unwrap();
    assert!(seen.iter().all(|seen| seen.path == REVOKE && seen.marked));
    assert_eq!(
        seen[0].body,
        "token=refresh-0&token_type_hint=refresh_token"
    );
    assert_eq!(seen[1].body, "token=access-0&token_type_hint=access_token");
    assert!(seen[0].headers["authorization"].is_sensitive());
}

#[tokio::test]
async fn without_a_refresh_token_the_access_token_is_revoked() {
    let server = Server::new([answer(200, "")]);
    let token = Token::new("access-0").unwrap();
    signed_in(&server).sign_out(&token).await.unwrap();
    assert_eq!(grants(&server), "-access-0");
}

#[tokio::test]
async fn the_newest_refresh_token_is_revoked_and_none_before_it_is_presented_again() {
    let server = Server::new([
        answer(200, tokens(1)),
        answer(200, ""),
        answer(200, ""),
        answer(200, tokens(2)),
    ]);
    let oauth2 = signed_in(&server);
    again(&oauth2, &held("refresh-0")).await.unwrap();
    end(&oauth2, "refresh-0").await.unwrap();
    again(&oauth2, &held("refresh-0")).await.unwrap();
    let expected = "refresh-0 -refresh-1 -access-0 client_credentials";
    assert_eq!(grants(&server), expected);
}

#[tokio::test]
async fn a_user_who_signed_out_is_signed_out() {
    let server = Server::new([answer(200, tokens(1))]);
    let oauth2 = server.for_user("refresh-0");
    let renewed = first(&oauth2).await.unwrap();
    oauth2.sign_out(renewed.credential()).await.unwrap();
    assert_fails(
        first(&oauth2).await,
        ErrorKind::Rejected,
        "nobody is signed in",
    );
    // No server was told: there is no endpoint for it.
    assert_eq!(grants(&server), "refresh-0");
}

#[tokio::test]
async fn tokens_that_are_dead_or_cannot_be_revoked_are_no_failure() {
    for acts in [
        [oops(400, "invalid_grant"), oops(400, "invalid_token")],
        [answer(200, ""), oops(400, "unsupported_token_type")],
        // RFC 7009: the body means nothing.
        [answer(204, ""), oops(200, "odd")],
    ] {
        let server = Server::new(acts);
        end(&signed_in(&server), "refresh-0").await.unwrap();
        assert_eq!(grants(&server), "-refresh-0 -access-0");
    }
}

#[tokio::test]
async fn a_failure_is_told_and_the_other_token_revoked_all_the_same() {
    for (act, kind, text) in [
        (
            oops(401, "invalid_client"),
            ErrorKind::Rejected,
            "the revocation failed (401",
        ),
        (
            oops(400, "unsupported_token_type"),
            ErrorKind::Config,
            "of this type",
        ),
        (
            answer(404, ""),
            ErrorKind::Config,
            "is the revocation URL right?",
        ),
        (
            answer(302, ""),
            ErrorKind::Protocol,
            "redirects are not followed",
        ),
        (
            with(503, "retry-after", "7"),
            ErrorKind::Transport,
            "try again in 7 s",
        ),
        (refuse("down"), ErrorKind::Transport, "did not get through"),
    ] {
        let server = Server::new([act, answer(200, "")]);
        let error = end(&signed_in(&server), "refresh-0").await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(text), "{error}");
        assert_eq!(grants(&server), "-refresh-0 -access-0");
    }
    let server = Server::new([answer(200, ""), answer(500, "")]);
    let error = end(&signed_in(&server), "refresh-0").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transport);
    // Alone, an access token that cannot be revoked lives on.
    let server = Server::new([oops(400, "unsupported_token_type")]);
    let token = Token::new("access-0").unwrap();
    let error = signed_in(&server).sign_out(&token).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
}
