//! Error responses, told apart.

use super::*;

async fn refused(act: Act) -> Error {
    let server = Server::new([act]);
    let oauth2 = server.builder().build().unwrap();
    let error = first(&oauth2).await.unwrap_err();
    assert_eq!(server.count(), 1);
    error
}

#[tokio::test]
async fn each_error_has_its_kind_and_says_what_to_do() {
    for (act, kind, text) in [
        (
            oops(400, "invalid_client"),
            ErrorKind::Rejected,
            "check client_id, client_secret",
        ),
        (
            oops(401, "invalid_client"),
            ErrorKind::Rejected,
            "failed (401, invalid_client)",
        ),
        (
            oops(200, "incorrect_client_credentials"),
            ErrorKind::Rejected,
            "check client_id",
        ),
        (
            answer(401, ""),
            ErrorKind::Rejected,
            "failed (401): check client_id",
        ),
        (
            oops(400, "invalid_grant"),
            ErrorKind::Rejected,
            "may not sign in as itself",
        ),
        (
            oops(403, "access_denied"),
            ErrorKind::Rejected,
            "does not allow it",
        ),
        (
            oops(400, "consent_required"),
            ErrorKind::Rejected,
            "agreed to it",
        ),
        (
            oops(400, "invalid_request"),
            ErrorKind::Config,
            "check the settings",
        ),
        (
            oops(400, "unauthorized_client"),
            ErrorKind::Config,
            "check the settings",
        ),
        (
            oops(400, "unsupported_grant_type"),
            ErrorKind::Config,
            "which grants",
        ),
        (oops(400, "invalid_scope"), ErrorKind::Config, "scope"),
        (oops(400, "invalid_target"), ErrorKind::Config, "resource"),
        (
            answer(404, "<html>"),
            ErrorKind::Config,
            "is the token URL right?",
        ),
        (
            answer(405, ""),
            ErrorKind::Config,
            "is the token URL right?",
        ),
        (
            oops(400, "slow_down"),
            ErrorKind::RateLimited,
            "rate-limited",
        ),
        (answer(429, ""), ErrorKind::RateLimited, "rate-limited"),
        (
            oops(429, "invalid_client"),
            ErrorKind::RateLimited,
            "rate-limited",
        ),
        (
            oops(400, "temporarily_unavailable"),
            ErrorKind::Transport,
            "tried again",
        ),
        (
            oops(200, "server_error"),
            ErrorKind::Transport,
            "tried again",
        ),
        (
            oops(503, "invalid_client"),
            ErrorKind::Transport,
            "(503, invalid_client)",
        ),
        (answer(408, ""), ErrorKind::Transport, "tried again"),
        (answer(500, ""), ErrorKind::Transport, "tried again"),
        (
            oops(400, "odd_code"),
            ErrorKind::Provider,
            "(400, odd_code)",
        ),
        (
            oops(200, "odd_code"),
            ErrorKind::Provider,
            "own documentation",
        ),
        (
            oops(400, "Odd Code!"),
            ErrorKind::Provider,
            "failed (400): ",
        ),
        (
            answer(400, "{}"),
            ErrorKind::Protocol,
            "not an answer of a token endpoint",
        ),
        (
            answer(400, json!({"error": {"a": "b"}})),
            ErrorKind::Protocol,
            "the server says: b",
        ),
        (answer(403, ""), ErrorKind::Protocol, "access is forbidden"),
        (
            answer(418, ""),
            ErrorKind::Protocol,
            "not an answer of a token endpoint",
        ),
    ] {
        let error = refused(act).await;
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(text), "{error}");
    }
}

#[tokio::test]
async fn the_code_and_the_description_reach_the_caller() {
    let body = json!({
        "error": "invalid_client",
        "error_description": "No client has this name.",
        "error_uri": "https://auth.example.com/errors",
    });
    let error = refused(answer(401, body)).await;
    assert_eq!(error.provider_code(), Some("invalid_client"));
    let said = "; the server says: No client has this name";
    assert!(error.to_string().ends_with(said), "{error}");

    let error = refused(answer(502, json!({"message": "No luck"}))).await;
    assert_eq!(error.provider_code(), None);
    assert!(error.to_string().ends_with("; the server says: No luck"));
}

#[tokio::test]
async fn no_redirect_is_followed() {
    for status in [301, 302, 303, 307, 308] {
        for location in [
            "/token",
            "https://auth.example.com/other",
            "https://other.example.com/token",
            "https://auth.example.com:444/token",
            "http://auth.example.com/token",
            "https://a:b@auth.example.com/token",
        ] {
            let error = refused(with(status, "location", location)).await;
            assert_eq!(error.kind(), ErrorKind::Protocol);
            assert!(error.to_string().contains("redirects are not followed"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_holds_for_all_sessions_of_the_client() {
    for (status, kind) in [
        (429, ErrorKind::RateLimited),
        (503, ErrorKind::Transport),
        (500, ErrorKind::Transport),
    ] {
        let server = Server::new([with(status, "retry-after", "30"), answer(200, tokens(1))]);
        let oauth2 = server.builder().build().unwrap();
        let error = first(&oauth2).await.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert_eq!(error.retry_after_hint(), Some(Duration::from_secs(30)));
        for _ in 0..3 {
            tokio::time::advance(Duration::from_secs(9)).await;
            let blocked = again(&oauth2.clone(), &held("refresh-0")).await;
            assert_fails(blocked, kind, "was not sent");
        }
        assert_eq!(server.count(), 1);
        tokio::time::advance(Duration::from_secs(4)).await;
        first(&oauth2).await.unwrap();
        assert_eq!(server.count(), 2);
    }
    // On other refusals the header means nothing.
    let error = refused(with(400, "retry-after", "120")).await;
    assert_eq!(error.retry_after_hint(), None);
}
