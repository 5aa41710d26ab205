//! Refresh tokens: presented once, never lost, never presented when known to be spent.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_refresh_token_is_traded_for_a_new_pair() {
    for reason in [
        Reason::Missing,
        Reason::Expiring,
        Reason::Rejected,
        Reason::Explicit,
    ] {
        let server = Server::new([answer(200, pair(1))]);
        let renewal = Renewal::new(reason).with_previous(held("refresh-0"));
        let renewed = server.back_office().oneshot(renewal).await.unwrap();
        assert_eq!(access_of(&renewed), "access-1");
        assert_eq!(refresh_of(&renewed), Some("refresh-1"));
        assert_eq!(renewed.signed_in, Some(false));
        assert_eq!(server.calls(), "refresh");
        assert_eq!(server.sent(0, "refreshToken"), "refresh-0");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_without_a_refresh_token_means_the_password() {
    let server = Server::new([signed_in(1)]);
    let bare = Token::new("access-0").unwrap();
    let renewed = again(&server.back_office(), &bare).await.unwrap();
    assert_eq!(renewed.signed_in, Some(true));
    assert_eq!(server.calls(), "signin");
}

#[tokio::test(start_paused = true)]
async fn a_refused_refresh_token_means_one_sign_in() {
    for status in [400, 401, 403, 422] {
        let server = Server::new([answer(status, ""), signed_in(1)]);
        let renewed = again(&server.back_office(), &held("refresh-0"))
            .await
            .unwrap();
        assert_eq!(renewed.signed_in, Some(true));
        assert_eq!(server.calls(), "refresh signin");
    }
    let server = Server::new([answer(401, ""), answer(401, "")]);
    let result = again(&server.back_office(), &held("refresh-0")).await;
    assert_fails(
        result,
        ErrorKind::Rejected,
        "check the e-mail address and the password",
    );
    assert_eq!(server.calls(), "refresh signin");
}

#[tokio::test(start_paused = true)]
async fn without_relogin_a_refused_refresh_token_is_final() {
    let server = Server::new([answer(401, r#"{"message":"Expired"}"#)]);
    let back_office = server.builder().allow_relogin(false).build().unwrap();
    let token = held("refresh-0");
    let error = assert_fails(
        again(&back_office, &token).await,
        ErrorKind::Rejected,
        "the refresh token was refused, and allow_relogin is off",
    );
    let why = std::error::Error::source(&error).unwrap().to_string();
    assert!(why.ends_with("the server says: Expired"), "{why}");
    // It is dead, and stays so.
    assert_fails(
        again(&back_office, &token).await,
        ErrorKind::Rejected,
        "allow_relogin",
    );
    assert_eq!(server.calls(), "refresh");
    // The first sign-in is no relogin.
    server.then([signed_in(1)]);
    first(&back_office).await.unwrap();
    assert_eq!(server.calls(), "refresh signin");
}

#[tokio::test(start_paused = true)]
async fn a_refused_refresh_token_is_not_presented_again() {
    let server = Server::new([answer(401, ""), answer(500, ""), signed_in(1)]);
    let back_office = server.back_office();
    let token = held("refresh-0");
    assert_fails(again(&back_office, &token).await, ErrorKind::Transport, "");
    again(&back_office, &token).await.unwrap();
    assert_eq!(server.calls(), "refresh signin signin");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_never_uses_the_password_and_presents_once_more_next_time() {
    let cases: [fn() -> (Act, ErrorKind); 8] = [
        || (answer(500, ""), ErrorKind::Transport),
        || (answer(502, "<html>"), ErrorKind::Transport),
        || (answer(408, ""), ErrorKind::Transport),
        || (refuse("no"), ErrorKind::Transport),
        || {
            (
                Act::BreakAfter(200, pair(1).to_string()[..40].into()),
                ErrorKind::Transport,
            )
        },
        || (Act::Hang, ErrorKind::Timeout),
        || (Act::HangAfter(200, vec![], "{".into()), ErrorKind::Timeout),
        || {
            (
                Act::Later(Duration::from_secs(31), 200, pair(1).to_string()),
                ErrorKind::Timeout,
            )
        },
    ];
    for case in cases {
        let (act, kind) = case();
        let server = Server::new([act, answer(200, pair(2))]);
        let back_office = server.back_office();
        let token = held("refresh-0");
        let start = tokio::time::Instant::now();
        assert_fails(again(&back_office, &token).await, kind, "");
        assert!(start.elapsed() <= Duration::from_millis(30_002));
        assert_eq!(server.calls(), "refresh");
        let renewed = again(&back_office, &token).await.unwrap();
        assert_eq!(refresh_of(&renewed), Some("refresh-2"));
        assert_eq!(server.calls(), "refresh refresh");
        assert_eq!(server.sent(1, "refreshToken"), "refresh-0");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_cut_at_any_byte_costs_one_further_presentation() {
    let whole = pair(1).to_string();
    for cut in 0..whole.len() {
        let server = Server::new([
            Act::BreakAfter(200, whole[..cut].into()),
            answer(401, ""),
            signed_in(2),
        ]);
        let back_office = server.back_office();
        let token = held("refresh-0");
        assert_fails(again(&back_office, &token).await, ErrorKind::Transport, "");
        again(&back_office, &token).await.unwrap();
        assert_eq!(server.calls(), "refresh refresh signin");
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_missed_the_new_token_still_gets_on() {
    let server = Server::new([
        answer(200, pair(1)),
        answer(200, pair(2)),
        answer(200, pair(3)),
    ]);
    let back_office = server.back_office();
    let token = held("refresh-0");
    for _ in 0..3 {
        again(&back_office, &token).await.unwrap();
    }
    assert_eq!(server.calls(), "refresh refresh refresh");
    for (number, refresh) in ["refresh-0", "refresh-1", "refresh-2"].iter().enumerate() {
        assert_eq!(server.sent(number, "refreshToken"), *refresh);
    }
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_replaces_a_dead_refresh_token() {
    // A session that missed it is led to what the password brought, and nobody types a code twice.
    let server = Server::new([answer(401, ""), signed_in(1), answer(200, pair(2))]);
    let back_office = server.back_office();
    let token = held("refresh-0");
    again(&back_office, &token).await.unwrap();
    again(&back_office, &token).await.unwrap();
    assert_eq!(server.calls(), "refresh signin refresh");
    assert_eq!(server.sent(2, "refreshToken"), "refresh-1");

    // Where it brought none, there is none: the dead one is not kept.
    let bare = json!({"accessToken": issued("access-1")});
    let server = Server::new([answer(401, ""), answer(200, bare)]);
    let renewed = again(&server.back_office(), &token).await.unwrap();
    assert_eq!(refresh_of(&renewed), None);
}

#[tokio::test(start_paused = true)]
async fn two_renewals_at_once_never_present_the_same_token() {
    let wait = Duration::from_secs(1);
    let server = Server::new((1..=4).map(|n| Act::Later(wait, 200, pair(n).to_string())));
    let back_office = server.back_office();
    let token = held("refresh-0");
    let (one, two, three, four) = tokio::join!(
        again(&back_office, &token),
        again(&back_office, &token),
        again(&back_office, &token),
        again(&back_office, &token),
    );
    for renewed in [one, two, three, four] {
        renewed.unwrap();
    }
    let mut presented: Vec<_> = (0..4).map(|n| server.sent(n, "refreshToken")).collect();
    presented.dedup();
    assert_eq!(presented.len(), 4);
}

/// The access token and the refresh token, each missing, empty, good or unusable; and the same
/// refresh token again.
#[tokio::test(start_paused = true)]
async fn every_combination_of_tokens_keeps_what_works() {
    for access in ["missing", "null", "empty", "bad", "shape", "good"] {
        for refresh in ["missing", "null", "empty", "bad", "shape", "same", "new"] {
            let mut body = json!({"other": 1});
            let part = |kind: &str, good: &str| match kind {
                "null" => Value::Null,
                "empty" => issued(""),
                "bad" => issued("a\r\nb: ü"),
                "shape" => json!([good, 7]),
                _ => issued(good),
            };
            if access != "missing" {
                body["accessToken"] = part(access, "access-1");
            }
            if refresh == "same" {
                body["refreshToken"] = issued("refresh-0");
            } else if refresh != "missing" {
                body["refreshToken"] = part(refresh, "refresh-1");
            }
            let server = Server::new([answer(200, body), answer(200, pair(2))]);
            let back_office = server.back_office();
            let token = held("refresh-0");
            // There was a new one, and what it was is not known.
            let is_lost = ["bad", "shape"].contains(&refresh);
            let expected = match refresh {
                "new" => Some("refresh-1"),
                _ => Some("refresh-0").filter(|_| !is_lost),
            };
            let case = format!("access {access}, refresh {refresh}");
            match again(&back_office, &token).await {
                Ok(renewed) => {
                    assert_eq!(access, "good", "{case}");
                    assert_eq!(access_of(&renewed), "access-1");
                    assert_eq!(refresh_of(&renewed), expected, "{case}");
                    assert_eq!(renewed.warning.is_some(), is_lost, "{case}");
                }
                Err(error) => {
                    assert_ne!(access, "good", "{case}: {error:?}");
                    assert_eq!(error.kind(), ErrorKind::Protocol, "{case}");
                }
            }
            assert_eq!(server.calls(), "refresh", "{case}");
            // Nothing is lost, and nothing spent is presented.
            again(&back_office, &token).await.unwrap();
            match expected {
                Some(expected) => assert_eq!(server.sent(1, "refreshToken"), expected, "{case}"),
                None => assert_eq!(server.calls(), "refresh signin", "{case}"),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refresh_token_is_opaque() {
    for text in [
        "réfresh 1",
        "обновление",
        "a\"\\/b",
        " ",
        &"x".repeat(100_000),
    ] {
        let mut body = pair(1);
        body["refreshToken"]["token"] = text.into();
        let server = Server::new([answer(200, body), answer(200, pair(2))]);
        let back_office = server.back_office();
        let renewed = again(&back_office, &held("refresh-0")).await.unwrap();
        assert!(renewed.warning.is_none());
        again(&back_office, renewed.credential()).await.unwrap();
        assert_eq!(server.calls(), "refresh refresh");
        assert_eq!(server.sent(1, "refreshToken"), text);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refresh_token_of_a_failed_sign_in_is_not_lost_either() {
    let half = json!({"2faRequired": false, "refreshToken": issued("refresh-1")});
    let server = Server::new([answer(200, half), answer(200, pair(2)), signed_in(3)]);
    let back_office = server.back_office();
    let result = first(&back_office).await;
    assert_fails(result, ErrorKind::Protocol, "it has no access token");
    let renewed = first(&back_office).await.unwrap();
    assert_eq!(refresh_of(&renewed), Some("refresh-2"));
    assert_eq!(server.sent(1, "refreshToken"), "refresh-1");
    // It has an owner now: whoever comes with nothing signs in.
    first(&back_office).await.unwrap();
    assert_eq!(server.calls(), "signin refresh signin");
}

#[tokio::test(start_paused = true)]
async fn strict_dates_do_not_lose_the_refresh_token() {
    let mut body = pair(1);
    body["accessToken"]["expiresAt"] = "2022-01-01T10:00:00".into();
    let server = Server::new([answer(200, body), answer(200, pair(2))]);
    let back_office = server.builder().strict_dates(true).build().unwrap();
    let token = held("refresh-0");
    assert_fails(
        again(&back_office, &token).await,
        ErrorKind::Protocol,
        "strict_dates",
    );
    again(&back_office, &token).await.unwrap();
    assert_eq!(server.sent(1, "refreshToken"), "refresh-1");
}

#[tokio::test(start_paused = true)]
async fn a_classifier_can_say_that_a_refresh_token_is_dead() {
    let server = Server::new([answer(409, ""), signed_in(1)]);
    let back_office = server
        .builder()
        .classifier(|answer| {
            (answer.status() == StatusCode::CONFLICT).then_some(ErrorKind::Rejected)
        })
        .build()
        .unwrap();
    again(&back_office, &held("refresh-0")).await.unwrap();
    assert_eq!(server.calls(), "refresh signin");
}

#[tokio::test(start_paused = true)]
async fn an_error_of_our_kind_inside_the_client_is_no_verdict_of_the_server() {
    let inside = Error::with_message(ErrorKind::Rejected, "refused by a layer");
    let server = Server::new([Act::Refuse(Box::new(inside)), answer(200, pair(1))]);
    let back_office = server.back_office();
    let token = held("refresh-0");
    assert_fails(
        again(&back_office, &token).await,
        ErrorKind::Rejected,
        "refused by a layer",
    );
    again(&back_office, &token).await.unwrap();
    assert_eq!(server.calls(), "refresh refresh");
}

#[tokio::test(start_paused = true)]
async fn a_dropped_renewal_counts_and_leaves_the_way_free() {
    let server = Server::new([Act::Hang, answer(200, pair(1))]);
    let back_office = server.builder().refresh_limit(2).build().unwrap();
    let token = held("refresh-0");
    let dropped = tokio::time::timeout(Duration::from_secs(1), again(&back_office, &token)).await;
    assert!(dropped.is_err());
    again(&back_office, &token).await.unwrap();
    assert_eq!(server.calls(), "refresh refresh");
    let error = assert_fails(
        again(&back_office, &token).await,
        ErrorKind::RateLimited,
        "no more than 2 refreshes a minute are allowed: rate-limited, try again in 61 s",
    );
    assert_eq!(
        error.retry_after_hint(),
        Some(Duration::from_millis(60_001))
    );
    assert_eq!(server.count(), 2);
}
