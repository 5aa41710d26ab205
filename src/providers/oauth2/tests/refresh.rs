//! Refresh tokens: presented once, replaced, and never lost.

use super::*;

#[tokio::test]
async fn a_refresh_token_is_presented_and_replaced() {
    let server = Server::new((1..=3).map(|number| answer(200, tokens(number))));
    let oauth2 = server.builder().build().unwrap();
    let mut renewed = first(&oauth2).await.unwrap();
    for number in 2..=3 {
        renewed = again(&oauth2, renewed.credential()).await.unwrap();
        assert_eq!(refresh_of(&renewed).unwrap(), format!("refresh-{number}"));
        assert_eq!(renewed.signed_in, Some(false));
    }
    assert_eq!(grants(&server), "client_credentials refresh-1 refresh-2");
}

/// What an answer may say about a token, and what is left of it.
const ACCESS: [(&str, bool); 4] = [
    (r#""access_token":"access-1""#, true),
    (r#""x":1"#, false),
    (r#""access_token":"""#, false),
    (r#""access_token":["a"]"#, false),
];

const REFRESH: [(&str, &str); 4] = [
    (r#""refresh_token":"refresh-1""#, "refresh-1"),
    (r#""y":1"#, "refresh-0"),
    (r#""refresh_token":"""#, "refresh-0"),
    (r#""refresh_token":"refresh-0""#, "refresh-0"),
];

#[tokio::test]
async fn whatever_the_answer_has_of_the_pair_the_right_one_is_presented_next() {
    for (access, is_good) in ACCESS {
        for (refresh, next) in REFRESH {
            let body = format!(r#"{{{access},{refresh},"token_type":"bearer","expires_in":60}}"#);
            let server = Server::new([answer(200, &body), answer(200, tokens(2))]);
            let oauth2 = server.bare().build().unwrap();
            let previous = held("refresh-0");
            let result = again(&oauth2, &previous).await;
            assert_eq!(result.is_ok(), is_good, "{body}");
            // If it failed the session still has the old one.
            let current = match &result {
                Ok(renewed) => {
                    assert_eq!(refresh_of(renewed), Some(next), "{body}");
                    renewed.credential()
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Protocol, "{body}");
                    &previous
                }
            };
            again(&oauth2, current).await.unwrap();
            assert_eq!(grants(&server), format!("refresh-0 {next}"), "{body}");
            // Nor does anybody who comes late with the first present it again.
            server.then([answer(200, tokens(3))]);
            again(&oauth2, &previous).await.unwrap();
            assert_eq!(grants(&server), format!("refresh-0 {next} refresh-2"));
        }
    }
}

#[tokio::test]
async fn a_new_one_that_cannot_be_read_has_spent_the_old() {
    for refresh in [
        json!(7),
        json!({}),
        json!(["r"]),
        json!("a\nb"),
        json!(true),
    ] {
        let act = tokens_but("refresh_token", refresh.clone());
        let server = Server::new([act, answer(200, tokens(2))]);
        let oauth2 = server.builder().build().unwrap();
        let renewed = again(&oauth2, &held("refresh-0")).await.unwrap();
        assert_eq!(refresh_of(&renewed), None, "{refresh}");
        let warning = renewed.warning.as_ref().unwrap().to_string();
        assert!(
            warning.contains("refresh token cannot be used"),
            "{warning}"
        );
        again(&oauth2, &held("refresh-0")).await.unwrap();
        assert_eq!(grants(&server), "refresh-0 client_credentials");
    }
}

#[tokio::test]
async fn one_that_is_refused_ends_in_a_sign_in_or_in_advice() {
    for code in ["invalid_grant", "bad_refresh_token"] {
        for status in [400, 401, 403, 200] {
            let server = Server::new([oops(status, code), answer(200, tokens(1))]);
            let oauth2 = server.builder().build().unwrap();
            let renewed = again(&oauth2, &held("refresh-0")).await.unwrap();
            assert_eq!(renewed.signed_in, Some(true));
            assert_eq!(refresh_of(&renewed), Some("refresh-1"));
            assert_eq!(grants(&server), "refresh-0 client_credentials");
            // What comes late is led to the new one.
            server.then([answer(200, tokens(2))]);
            again(&oauth2, &held("refresh-0")).await.unwrap();
            assert_eq!(grants(&server), "refresh-0 client_credentials refresh-1");

            let server = Server::new([oops(status, code)]);
            let oauth2 = server.for_user("refresh-0");
            let text = "have the user sign in";
            let error = assert_fails(first(&oauth2).await, ErrorKind::Rejected, text);
            assert_eq!(error.provider_code(), Some(code));
            // And never again.
            assert_fails(
                first(&oauth2).await,
                ErrorKind::Rejected,
                "nobody is signed in",
            );
            let late = again(&oauth2, &held("refresh-0")).await;
            assert_fails(late, ErrorKind::Rejected, text);
            assert_eq!(grants(&server), "refresh-0");
        }
    }
}

#[tokio::test]
async fn a_refusal_that_is_not_of_the_grant_leaves_the_refresh_token_alive() {
    for act in [
        oops(400, "invalid_client"),
        oops(401, "invalid_client"),
        oops(400, "unauthorized_client"),
        oops(400, "invalid_scope"),
        oops(400, "invalid_request"),
        oops(400, "interaction_required"),
        oops(400, "odd"),
        answer(400, "<html>"),
        answer(401, ""),
        answer(403, "blocked"),
        answer(404, ""),
        answer(429, ""),
        oops(429, "invalid_grant"),
        oops(500, "invalid_grant"),
        answer(502, "<html>"),
        answer(302, ""),
        refuse("down"),
    ] {
        let server = Server::new([act, answer(200, tokens(1))]);
        let oauth2 = server.builder().build().unwrap();
        again(&oauth2, &held("refresh-0")).await.unwrap_err();
        again(&oauth2, &held("refresh-0")).await.unwrap();
        assert_eq!(grants(&server), "refresh-0 refresh-0");
    }
}

#[tokio::test]
async fn the_first_one_of_a_user_is_followed_through_its_successors() {
    let server = Server::new((1..=20).map(|number| answer(200, tokens(number))));
    let oauth2 = server.for_user("refresh-0");
    // A session that was cleared has none of its own.
    for number in 1..=20 {
        let renewed = first(&oauth2).await.unwrap();
        assert_eq!(refresh_of(&renewed).unwrap(), format!("refresh-{number}"));
        assert_eq!(renewed.signed_in, Some(false));
    }
    let expected: Vec<_> = (0..20).map(|number| format!("refresh-{number}")).collect();
    assert_eq!(grants(&server), expected.join(" "));
}

#[tokio::test]
async fn somebody_elses_dead_token_is_not_replaced_by_the_first_users() {
    let server = Server::new([oops(400, "invalid_grant"), answer(200, tokens(1))]);
    let oauth2 = server.for_user("refresh-0");
    let result = again(&oauth2, &held("other")).await;
    assert_fails(result, ErrorKind::Rejected, "have the user sign in");
    first(&oauth2).await.unwrap();
    assert_eq!(grants(&server), "other refresh-0");
}

#[tokio::test]
async fn with_nothing_to_sign_in_with_nothing_is_sent() {
    let server = Server::default();
    let oauth2 = server.bare().build().unwrap();
    assert_fails(
        first(&oauth2).await,
        ErrorKind::Rejected,
        "nobody is signed in",
    );
    let bare = Token::new("access-0").unwrap();
    assert_fails(
        again(&oauth2, &bare).await,
        ErrorKind::Rejected,
        "nobody is signed in",
    );
    assert_eq!(server.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn two_sessions_with_one_refresh_token_present_it_one_after_the_other() {
    let wait = Duration::from_secs(1);
    let later = |number| Act::Later(wait, 200, tokens(number).to_string());
    let server = Server::new([later(1), later(2)]);
    let oauth2 = server.bare().build().unwrap();
    let token = held("refresh-0");
    let (one, other) = tokio::join!(again(&oauth2, &token), again(&oauth2, &token));
    assert_eq!(refresh_of(&one.unwrap()), Some("refresh-1"));
    assert_eq!(refresh_of(&other.unwrap()), Some("refresh-2"));
    assert_eq!(grants(&server), "refresh-0 refresh-1");
}
