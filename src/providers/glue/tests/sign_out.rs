//! Signing out: what it ends, and what it leaves.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_sign_out_revokes_and_failures_are_told() {
    for (act, expected) in [
        (answer(204, ""), None),
        (
            failure(403, "002", "Missing access token."),
            Some(ErrorKind::Protocol),
        ),
        (answer(404, ""), Some(ErrorKind::Config)),
        (answer(400, ""), Some(ErrorKind::Protocol)),
        (answer(429, ""), Some(ErrorKind::RateLimited)),
        (answer(500, ""), Some(ErrorKind::Transport)),
        (refuse("no"), Some(ErrorKind::Transport)),
        (Act::Hang, Some(ErrorKind::Timeout)),
    ] {
        let server = Server::new([act, tokens(1)]);
        let glue = server.glue();
        let result = glue.sign_out(&held("refresh-0")).await;
        assert_eq!(result.err().map(|error| error.kind()), expected);
        assert_eq!(server.header(0, "authorization"), "Bearer access-0");
        assert_eq!(server.seen.lock().unwrap()[0].method, Method::DELETE);
        assert_eq!(server.seen.lock().unwrap()[0].body, "");
        // The refresh token is not presented again, and nobody is locked out by it.
        again(&glue, &held("refresh-0")).await.unwrap();
        assert_eq!(server.calls(), "mine access-tokens");
    }
}

#[tokio::test(start_paused = true)]
async fn behind_a_dead_access_token_the_refresh_token_is_ended_too() {
    let dead = || failure(401, "001", "Invalid access token.");
    for (acts, calls, expected) in [
        (
            vec![dead(), tokens(1), answer(204, "")],
            "mine refresh-tokens mine",
            None,
        ),
        (
            vec![dead(), failure(401, "004", "")],
            "mine refresh-tokens",
            None,
        ),
        (
            vec![dead(), answer(500, "")],
            "mine refresh-tokens",
            Some(ErrorKind::Transport),
        ),
    ] {
        let server = Server::new(acts);
        let glue = server.glue();
        let result = glue.sign_out(&held("refresh-0")).await;
        assert_eq!(result.err().map(|error| error.kind()), expected);
        assert_eq!(server.calls(), calls);
        if server.count() == 3 {
            assert_eq!(server.header(2, "authorization"), "Bearer access-1");
        }
        server.then([tokens(5)]);
        again(&glue, &held("refresh-0")).await.unwrap();
        assert!(server.calls().ends_with(" access-tokens"));
    }
    let server = Server::new([dead()]);
    let bare = Token::new("access-0").unwrap();
    server.glue().sign_out(&bare).await.unwrap();
    assert_eq!(server.calls(), "mine");
}

#[tokio::test(start_paused = true)]
async fn a_session_signs_out_here() {
    let server = Server::new([tokens(1), answer(204, "")]);
    let session = server.glue().session().build().unwrap();
    session.token().await.unwrap();
    session.sign_out().await.unwrap();
    assert_eq!(server.calls(), "access-tokens mine");
    assert_eq!(server.header(1, "authorization"), "Bearer access-1");
    assert!(session.current().is_none());
}
