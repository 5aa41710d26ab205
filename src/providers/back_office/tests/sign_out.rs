//! Signing out: what it ends, and what it leaves.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_sign_out_is_sent_once_and_failures_are_told() {
    for (act, expected) in [
        (answer(204, ""), None),
        (answer(403, ""), Some(ErrorKind::Protocol)),
        (answer(404, ""), Some(ErrorKind::Config)),
        (answer(429, ""), Some(ErrorKind::RateLimited)),
        (answer(500, ""), Some(ErrorKind::Transport)),
        (refuse("no"), Some(ErrorKind::Transport)),
        (Act::Hang, Some(ErrorKind::Timeout)),
    ] {
        let server = Server::new([act, signed_in(1)]);
        let back_office = server.back_office();
        let result = back_office.sign_out(&held("refresh-0")).await;
        assert_eq!(result.err().map(|error| error.kind()), expected);
        // A sign-out never locks anybody out.
        first(&back_office).await.unwrap();
        assert_eq!(server.calls(), "signout signin");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refresh_token_that_was_signed_out_is_not_presented() {
    // Whatever became of the sign-out.
    for act in [answer(200, ""), answer(500, ""), Act::Hang] {
        let server = Server::new([act, signed_in(1)]);
        let back_office = server.back_office();
        let _ = back_office.sign_out(&held("refresh-0")).await;
        again(&back_office, &held("refresh-0")).await.unwrap();
        assert_eq!(server.calls(), "signout signin");
    }
}

#[tokio::test(start_paused = true)]
async fn behind_an_expired_access_token_the_refresh_token_is_ended_too() {
    for (acts, calls, expected) in [
        (
            vec![answer(401, ""), answer(200, pair(1)), answer(200, "")],
            "signout refresh signout",
            None,
        ),
        // Dead on both sides.
        (
            vec![answer(401, ""), answer(401, "")],
            "signout refresh",
            None,
        ),
        (
            vec![answer(401, ""), answer(200, pair(1)), answer(401, "")],
            "signout refresh signout",
            None,
        ),
        // Nobody knows.
        (
            vec![answer(401, ""), answer(500, "")],
            "signout refresh",
            Some(ErrorKind::Transport),
        ),
        (
            vec![answer(401, ""), answer(200, pair(1)), answer(500, "")],
            "signout refresh signout",
            Some(ErrorKind::Transport),
        ),
    ] {
        let server = Server::new(acts);
        let back_office = server.back_office();
        let result = back_office.sign_out(&held("refresh-0")).await;
        assert_eq!(result.err().map(|error| error.kind()), expected);
        assert_eq!(server.calls(), calls);
        assert_eq!(server.sent(1, "refreshToken"), "refresh-0");
        if let Some(last) = server.seen.lock().unwrap().get(2) {
            assert_eq!(last.headers["authorization"], "Bearer access-1");
        }
        // None of the refresh tokens is presented again.
        for refresh in ["refresh-0", "refresh-1"] {
            server.acts.lock().unwrap().clear();
            server.seen.lock().unwrap().clear();
            server.then([signed_in(5)]);
            let token = held(refresh);
            if refresh == "refresh-0" || calls.ends_with("refresh signout") {
                again(&back_office, &token).await.unwrap();
                assert_eq!(server.calls(), "signin", "{refresh}");
            }
        }
    }

    let server = Server::new([answer(401, "")]);
    let bare = Token::new("access-0").unwrap();
    server.back_office().sign_out(&bare).await.unwrap();
    assert_eq!(server.calls(), "signout");
}

#[tokio::test(start_paused = true)]
async fn a_sign_out_keeps_the_limit_of_refreshes() {
    let server = Server::new([answer(200, pair(1)), answer(401, "")]);
    let back_office = server.builder().refresh_limit(1).build().unwrap();
    let renewed = again(&back_office, &held("refresh-0")).await.unwrap();
    let error = back_office
        .sign_out(renewed.credential())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert_eq!(server.calls(), "refresh signout");
}

#[tokio::test(start_paused = true)]
async fn a_refresh_on_its_way_is_left_to_whoever_gets_its_token() {
    let second = Duration::from_secs(1);
    let server = Server::new([
        Act::Later(second, 200, pair(1).to_string()),
        answer(401, ""),
        answer(200, ""),
    ]);
    let back_office = server.back_office();
    let session = back_office
        .session()
        .token(held("refresh-0"))
        .build()
        .unwrap();
    let renewing = session.clone();
    let renewing = tokio::spawn(async move { renewing.renew().await });
    tokio::time::sleep(Duration::from_millis(10)).await;
    session.sign_out().await.unwrap();
    assert!(renewing.await.unwrap().is_err());
    assert_eq!(server.calls(), "refresh signout signout");
}
