use std::time::Duration;

use super::*;
use crate::testing::{
    FakeClock,
    back_office::{ErrorShape, Limits, RetryAfter},
};

#[tokio::test]
async fn a_password_buys_both_tokens() {
    let pair = start(Simulator::builder().clock(FakeClock::new())).await;
    let answer = pair.sign_in().await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.keys(),
        ["2faRequired", "accessToken", "refreshToken"]
    );
    assert_eq!(answer.json()["2faRequired"], false);
    assert_eq!(
        answer.text("/accessToken/createdAt"),
        "2026-01-01T00:00:00+00:00"
    );
    assert_eq!(
        answer.text("/accessToken/expiresAt"),
        "2026-01-01T10:00:00+00:00"
    );
    assert_eq!(
        answer.text("/refreshToken/expiresAt"),
        "2026-01-31T00:00:00+00:00"
    );
    assert_ne!(answer.access(), answer.refresh());
    assert_eq!(
        answer.header(header::DATE),
        Some("Thu, 01 Jan 2026 00:00:00 GMT")
    );

    let counts = pair.counts();
    assert_eq!((counts.sign_ins, counts.sign_ins_ok), (1, 1));
    assert_eq!(counts.tokens_issued, 1);
    assert!(clean(counts));
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_are_refused_alike() {
    let pair = start_default().await;
    let wrong = json!({ "email": EMAIL, "password": "guess" });
    let unknown = json!({ "email": "a@b.c", "password": PASSWORD });
    let wrong = pair.post(SIGN_IN, &wrong).await;
    let unknown = pair.post(SIGN_IN, &unknown).await;
    assert_eq!(wrong.status, 401);
    assert_eq!(wrong.text("/message"), unknown.text("/message"));
    assert_eq!(wrong.header(header::WWW_AUTHENTICATE), None);
    assert_eq!((pair.counts().sign_ins, pair.counts().sign_ins_ok), (2, 0));
    assert!(clean(pair.counts()));

    pair.server.set_password(EMAIL, "guess");
    let right = json!({ "email": EMAIL, "password": "guess" });
    assert_eq!(pair.post(SIGN_IN, &right).await.status, 200);
}

#[tokio::test]
async fn a_code_by_mail_is_asked_for_and_buys_both_tokens() {
    let clock = FakeClock::new();
    let builder = Simulator::builder().two_factor(true).clock(clock);
    let pair = start(builder).await;
    let answer = pair.sign_in().await;
    assert_eq!(answer.keys(), ["2faDetails", "2faRequired"]);
    assert_eq!(answer.json()["2faRequired"], true);
    let details = answer.json()["2faDetails"].as_object().unwrap().clone();
    let keys: Vec<_> = details.keys().collect();
    assert_eq!(keys, ["expiresAt", "provider", "token"]);
    assert_eq!(details["provider"], "email");
    assert_eq!(details["expiresAt"], "2026-01-01T00:10:00+00:00");
    let token = answer.text("/2faDetails/token");
    assert_eq!(token.len(), 36);

    let code = pair.server.next_code(EMAIL).await;
    assert_eq!(pair.server.latest_code(EMAIL), Some(code.clone()));
    assert_eq!(code.len(), 6);
    assert!(code.bytes().all(|byte| byte.is_ascii_digit()));
    let answer = pair.confirm(&token, &code).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.keys(), ["accessToken", "refreshToken"]);
    assert_eq!(pair.get(&answer.access()).await.status, 200);

    // It was good once.
    assert_eq!(pair.confirm(&token, &code).await.status, 422);
    let counts = pair.counts();
    assert_eq!((counts.confirms, counts.confirms_ok), (2, 1));
    assert!(clean(counts));
}

#[tokio::test]
async fn a_wrong_code_can_be_corrected_until_the_token_dies() {
    let clock = FakeClock::new();
    let builder = Simulator::builder().two_factor(true).clock(clock.clone());
    let pair = start(builder).await;
    let token = pair.sign_in().await.text("/2faDetails/token");
    let code = pair.server.next_code(EMAIL).await;
    let wrong = if code == "000000" { "000001" } else { "000000" };
    assert_eq!(pair.confirm(&token, wrong).await.status, 422);
    clock.advance(Duration::from_secs(599));
    assert_eq!(pair.confirm(&token, &code).await.status, 200);

    let token = pair.sign_in().await.text("/2faDetails/token");
    let code = pair.server.next_code(EMAIL).await;
    clock.advance(Duration::from_secs(600));
    assert_eq!(pair.confirm(&token, &code).await.status, 422);

    let token = pair.sign_in().await.text("/2faDetails/token");
    let code = pair.server.next_code(EMAIL).await;
    pair.server.expire_two_factor();
    assert_eq!(pair.confirm(&token, &code).await.status, 422);
}

#[tokio::test]
async fn a_flow_that_is_over_has_a_status_of_its_own() {
    let builder = Simulator::builder()
        .two_factor(true)
        .limits(Limits::none())
        .expired_flow_status(410);
    let pair = start(builder).await;
    let token = pair.sign_in().await.text("/2faDetails/token");
    let code = pair.server.next_code(EMAIL).await;
    assert_eq!(pair.confirm(&token, "no").await.status, 422);
    assert_eq!(pair.confirm("no", &code).await.status, 410);
    assert_eq!(pair.confirm(&token, &code).await.status, 200);
    assert_eq!(pair.confirm(&token, &code).await.status, 410);
    let token = pair.sign_in().await.text("/2faDetails/token");
    let code = pair.server.next_code(EMAIL).await;
    pair.server.expire_two_factor();
    assert_eq!(pair.confirm(&token, &code).await.status, 410);
    assert_eq!(pair.confirm(&token, "no").await.status, 410);
    assert!(clean(pair.counts()));
}

#[tokio::test]
async fn wrong_codes_may_end_a_flow() {
    for (most, status) in [(None, 200), (Some(3), 200), (Some(2), 410), (Some(0), 410)] {
        let mut builder = Simulator::builder()
            .two_factor(true)
            .expired_flow_status(410);
        if let Some(most) = most {
            builder = builder.flow_dies_after(most);
        }
        let pair = start(builder).await;
        let token = pair.sign_in().await.text("/2faDetails/token");
        let code = pair.server.next_code(EMAIL).await;
        let wrong = if most == Some(0) { 410 } else { 422 };
        assert_eq!(pair.confirm(&token, "no").await.status, wrong);
        assert_eq!(pair.confirm(&token, "no").await.status, wrong);
        let answer = pair.confirm(&token, &code).await;
        assert_eq!(answer.status, status, "{most:?}");
    }
}

#[tokio::test]
async fn a_new_sign_in_may_end_the_flows_before_it() {
    for (voids, status) in [(false, 200), (true, 422)] {
        let builder = Simulator::builder()
            .account(EMAIL, PASSWORD)
            .account("a@b.c", PASSWORD)
            .two_factor(true)
            .new_sign_in_voids_flow(voids);
        let pair = start(builder).await;
        let first = pair.sign_in().await.text("/2faDetails/token");
        let code = pair.server.next_code(EMAIL).await;
        let other = json!({ "email": "a@b.c", "password": PASSWORD });
        let other = pair.post(SIGN_IN, &other).await.text("/2faDetails/token");
        // A wrong password ends nothing.
        let wrong = json!({ "email": "a@b.c", "password": "guess" });
        assert_eq!(pair.post(SIGN_IN, &wrong).await.status, 401);
        let second = pair.sign_in().await.text("/2faDetails/token");
        assert_eq!(pair.confirm(&first, &code).await.status, status);
        let code = pair.server.next_code(EMAIL).await;
        assert_eq!(pair.confirm(&second, &code).await.status, 200);
        let code = pair.server.next_code("a@b.c").await;
        assert_eq!(pair.confirm(&other, &code).await.status, 200);
        // Its token is still known for one.
        let request = pair.bearer(Method::GET, &format!("/{first}"), "no", "");
        assert_eq!(pair.send(request).await.status, 400);
    }
}

#[tokio::test]
async fn a_sign_out_may_leave_the_refresh_token() {
    let pair = start(Simulator::builder().sign_out_ends_refresh(false)).await;
    let tokens = pair.sign_in().await;
    assert_eq!(pair.sign_out(&tokens.access()).await.status, 200);
    assert_eq!(pair.get(&tokens.access()).await.status, 401);
    assert_eq!(pair.refresh(&tokens.refresh()).await.status, 200);
    assert!(clean(pair.counts()));
}

#[tokio::test]
async fn mail_is_waited_for_and_read_in_order() {
    let pair = start(Simulator::builder().two_factor(true)).await;
    let (first, _) = tokio::join!(pair.server.next_code(EMAIL), pair.sign_in());
    pair.sign_in().await;
    let second = pair.server.latest_code(EMAIL).unwrap();
    assert_eq!(pair.server.next_code(EMAIL).await, second);
    assert_eq!(first.len(), 6);
    assert_eq!(pair.server.latest_code("a@b.c"), None);

    pair.server.set_two_factor(false);
    assert_eq!(pair.sign_in().await.json()["2faRequired"], false);
}

#[tokio::test]
async fn a_refresh_gives_a_new_pair_and_spends_the_old_token() {
    let pair = start_default().await;
    let first = pair.sign_in().await;
    let second = pair.refresh(&first.refresh()).await;
    assert_eq!(second.status, 200);
    assert_eq!(second.keys(), ["accessToken", "refreshToken"]);
    assert_ne!(first.refresh(), second.refresh());
    // The older access token lives on.
    assert_eq!(pair.get(&first.access()).await.status, 200);
    assert_eq!(pair.get(&second.access()).await.status, 200);
    assert!(clean(pair.counts()));

    // Using a spent one ends all tokens of the sign-in, and of no other.
    let other = pair.sign_in().await;
    assert_eq!(pair.refresh(&first.refresh()).await.status, 401);
    assert_eq!(pair.get(&second.access()).await.status, 401);
    assert_eq!(pair.refresh(&second.refresh()).await.status, 401);
    assert_eq!(pair.get(&other.access()).await.status, 200);
    let counts = pair.counts();
    assert_eq!((counts.refreshes, counts.refreshes_ok), (3, 1));
    assert_eq!(counts.reused_refresh_tokens, 1);
    assert_eq!(
        pair.server.violations(),
        ["refresh: a spent refresh token is used again"]
    );
    assert_eq!(counts.unknown_tokens, 0);
    assert_eq!(counts.tokens_issued, 3);
}

#[tokio::test]
async fn without_rotation_old_and_new_refresh_tokens_are_good() {
    let builder = Simulator::builder().rotate(false).only_newest(true);
    let pair = start(builder).await;
    let first = pair.sign_in().await;
    let second = pair.refresh(&first.refresh()).await;
    assert_eq!(pair.get(&first.access()).await.status, 401);
    assert_eq!(pair.get(&second.access()).await.status, 200);
    assert_eq!(pair.refresh(&first.refresh()).await.status, 200);
    assert_eq!(pair.refresh(&second.refresh()).await.status, 200);
    assert_eq!(pair.counts().reused_refresh_tokens, 0);
}

#[tokio::test]
async fn refresh_tokens_end_on_cue_and_by_time() {
    let clock = FakeClock::new();
    let builder = Simulator::builder()
        .clock(clock.clone())
        .refresh_lifetime(Duration::from_secs(60))
        .bad_refresh_status(403);
    let pair = start(builder).await;
    let (_, token) = pair.server.issue_access_token(EMAIL);
    clock.advance(Duration::from_secs(60));
    assert_eq!(pair.refresh(&token).await.status, 403);
    let (access, token) = pair.server.issue_access_token(EMAIL);
    pair.server.expire_refresh_tokens();
    assert_eq!(pair.refresh(&token).await.status, 403);
    let (_, token) = pair.server.issue_access_token(EMAIL);
    pair.server.revoke_refresh_tokens();
    assert_eq!(pair.refresh(&token).await.status, 403);
    assert_eq!(pair.get(&access).await.status, 200);
    assert!(clean(pair.counts()));

    // An access token is no refresh token.
    assert_eq!(pair.refresh(&access).await.status, 403);
    assert_eq!(pair.counts().unknown_tokens, 1);
    assert_eq!(pair.counts().refreshes_ok, 0);
}

#[tokio::test]
async fn a_dead_refresh_token_may_be_tried_once() {
    let clock = FakeClock::new();
    let builder = Simulator::builder()
        .clock(clock.clone())
        .limits(Limits::none());
    let pair = start(builder).await;
    let lifetime = Duration::from_secs(30 * 24 * 3600);
    let ends: [(&str, &dyn Fn()); 3] = [
        ("expired", &|| clock.advance(lifetime)),
        ("expired on cue", &|| pair.server.expire_refresh_tokens()),
        ("revoked", &|| pair.server.revoke_refresh_tokens()),
    ];
    for (index, (how, end)) in (1..).zip(ends) {
        let (_, token) = pair.server.issue_access_token(EMAIL);
        end();
        let before = pair.counts();
        assert_eq!(pair.refresh(&token).await.status, 401);
        let after = pair.counts();
        assert_eq!(after.dead_refresh_tokens, before.dead_refresh_tokens + 1);
        assert_eq!(after.violations, before.violations, "{how}");
        assert_eq!(pair.refresh(&token).await.status, 401);
        assert_eq!(pair.refresh(&token).await.status, 401);
        let counts = pair.counts();
        assert_eq!(counts.dead_refresh_tokens, 3 * index, "{how}");
        assert_eq!(counts.violations, 2 * index, "{how}");
    }
    let (access, token) = pair.server.issue_access_token(EMAIL);
    assert_eq!(pair.sign_out(&access).await.status, 200);
    assert_eq!(pair.refresh(&token).await.status, 401);
    assert_eq!(pair.counts().violations, 6);
    assert_eq!(pair.refresh(&token).await.status, 401);
    assert_eq!(pair.counts().violations, 7);
    assert_eq!(
        pair.server.violations().last().unwrap(),
        "refresh: a dead refresh token is used again after its refusal"
    );
    // Neither is a reuse, nor unknown.
    assert_eq!(pair.counts().reused_refresh_tokens, 0);
    assert_eq!(pair.counts().unknown_tokens, 0);
}

#[tokio::test]
async fn signing_out_kills_both_tokens_of_that_session() {
    let pair = start_default().await;
    let (mine, other) = (pair.sign_in().await, pair.sign_in().await);
    let answer = pair.sign_out(&mine.access()).await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 0));
    assert_eq!(pair.get(&mine.access()).await.status, 401);
    assert_eq!(pair.refresh(&mine.refresh()).await.status, 401);
    assert_eq!(pair.sign_out(&mine.access()).await.status, 401);
    assert_eq!(pair.get(&other.access()).await.status, 200);
    pair.server.expire_access_tokens();
    assert_eq!(pair.sign_out(&other.access()).await.status, 401);
    let counts = pair.counts();
    assert_eq!((counts.sign_outs, counts.sign_outs_ok), (3, 1));
    assert_eq!(counts.unauthorized, 1);
    assert!(clean(counts));
}

#[tokio::test]
async fn one_attempt_too_many_locks_everybody_out_for_a_while() {
    let clock = FakeClock::new();
    let builder = Simulator::builder()
        .clock(clock.clone())
        .retry_after(RetryAfter::Seconds);
    let pair = start(builder).await;
    let token = pair.sign_in().await;
    for _ in 0..4 {
        let wrong = json!({ "email": EMAIL, "password": "guess" });
        assert_eq!(pair.post(SIGN_IN, &wrong).await.status, 401);
    }
    assert_eq!(pair.counts().limit_exceeded, 0);
    let refused = pair.sign_in().await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.header(header::RETRY_AFTER), Some("600"));
    clock.advance(Duration::from_millis(1500));
    let refused = pair.refresh(&token.refresh()).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.header(header::RETRY_AFTER), Some("599"));
    // Whoever is signed in can go on, and sign out.
    assert_eq!(pair.get(&token.access()).await.status, 200);
    let counts = pair.counts();
    assert_eq!((counts.limit_exceeded, counts.locked_out), (1, 2));
    assert_eq!(
        pair.server.violations(),
        [
            "sign-in: the limit on attempts is exceeded",
            "refresh: an attempt is made in a known lock-out"
        ]
    );

    clock.advance(Duration::from_secs(600));
    assert_eq!(pair.refresh(&token.refresh()).await.status, 200);
    assert_eq!(pair.sign_in().await.status, 200);
    assert_eq!(pair.counts().locked_out, 2);
}

#[tokio::test]
async fn each_endpoint_has_its_own_limit() {
    let pair = start_default().await;
    for _ in 0..3 {
        assert_eq!(pair.confirm("no", "no").await.status, 422);
    }
    for _ in 0..5 {
        assert_eq!(pair.refresh("no").await.status, 401);
        assert_eq!(pair.sign_in().await.status, 200);
    }
    assert_eq!(pair.confirm("no", "no").await.status, 429);
    assert_eq!(pair.sign_in().await.status, 429);
    assert_eq!(pair.counts().limit_exceeded, 1);
    pair.server.lift_lockout();
    assert_eq!(pair.sign_in().await.status, 200);

    let pair = start(Simulator::builder().limits(Limits::none())).await;
    for _ in 0..20 {
        assert_eq!(pair.sign_in().await.status, 200);
    }
}

#[tokio::test]
async fn a_lock_out_on_cue_may_name_its_end_or_not() {
    let clock = FakeClock::new();
    let builder = Simulator::builder()
        .clock(clock.clone())
        .lockout(Duration::from_millis(1500))
        .retry_after(RetryAfter::HttpDate);
    let pair = start(builder).await;
    pair.server.lock_out();
    let refused = pair.sign_in().await;
    assert_eq!(refused.status, 429);
    assert_eq!(
        refused.header(header::RETRY_AFTER),
        Some("Thu, 01 Jan 2026 00:00:02 GMT")
    );
    assert_eq!(pair.counts().limit_exceeded, 0);
    assert_eq!(pair.counts().violations, 0);
    // Now the client has been told.
    for hammered in 1..=2 {
        assert_eq!(pair.sign_in().await.status, 429);
        assert_eq!(pair.counts().violations, hammered);
    }
    assert_eq!(pair.counts().limit_exceeded, 0);
    assert_eq!(pair.counts().locked_out, 3);
    clock.advance(Duration::from_millis(1500));
    assert_eq!(pair.sign_in().await.status, 200);

    let pair = start_default().await;
    pair.server.lock_out();
    assert_eq!(pair.sign_in().await.header(header::RETRY_AFTER), None);
}

#[tokio::test]
async fn too_many_attempts_are_refused_with_the_status_that_is_set() {
    let builder = Simulator::builder()
        .limits(Limits::new().refresh(0))
        .retry_after(RetryAfter::Seconds)
        .limited_status(403);
    let pair = start(builder).await;
    // The one over the limit, and the one in the lock-out.
    for _ in 0..2 {
        let answer = pair.refresh("no").await;
        assert_eq!(answer.status, 403);
        assert!(answer.header(header::RETRY_AFTER).is_some());
    }
    assert_eq!(pair.counts().locked_out, 2);
}

#[tokio::test]
async fn refusals_take_the_status_and_the_shape_that_are_set() {
    for (shape, pointer) in [
        (ErrorShape::Message, "/message"),
        (ErrorShape::Error, "/error"),
        (ErrorShape::List, "/errors/0"),
        (ErrorShape::Map, "/errors/base/0"),
    ] {
        let builder = Simulator::builder()
            .errors(shape)
            .wrong_password_status(422)
            .wrong_code_status(400);
        let pair = start(builder).await;
        let wrong = json!({ "email": EMAIL, "password": "guess-me" });
        let answer = pair.post(SIGN_IN, &wrong).await;
        assert_eq!(answer.status, 422);
        assert_eq!(answer.text(pointer), "The e-mail or the password is wrong.");
        assert_eq!(
            answer.header(header::CONTENT_TYPE),
            Some("application/json")
        );
        assert_eq!(pair.confirm("no", "no").await.status, 400);
    }
    let pair = start(Simulator::builder().errors(ErrorShape::Empty)).await;
    let answer = pair.refresh("no").await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (401, 0));
}

#[tokio::test]
async fn a_careless_server_repeats_secrets_where_it_is_told_to() {
    let pair = start(Simulator::builder().echo_secrets(true)).await;
    let wrong = json!({ "email": EMAIL, "password": "guess-me" });
    let answer = pair.post(SIGN_IN, &wrong).await;
    assert!(answer.text("/message").contains("guess-me"));
    let answer = pair.refresh("spent-one").await;
    assert!(answer.text("/message").contains("spent-one"));
    let answer = pair.confirm("some-token", "123456").await;
    assert!(answer.text("/message").contains("some-token, 123456"));
    let answer = pair.get("stale-one").await;
    assert!(answer.text("/message").contains("stale-one"));
    let challenge = answer.header(header::WWW_AUTHENTICATE).unwrap();
    assert!(challenge.contains("stale-one"));
}

#[tokio::test]
async fn debug_shows_no_secret() {
    let builder = Simulator::builder().account(EMAIL, "s3cr3t-word");
    assert!(!format!("{builder:?}").contains("s3cr3t"));
    let pair = start(builder).await;
    let (access, refresh) = pair.server.issue_access_token(EMAIL);
    let debug = format!("{:?}", pair.server);
    for secret in ["s3cr3t", &access, &refresh] {
        assert!(!debug.contains(secret));
    }
}

#[tokio::test]
async fn lifetimes_and_lock_outs_may_be_endless() {
    let builder = Simulator::builder()
        .clock(FakeClock::new())
        .access_lifetime(Duration::MAX)
        .refresh_lifetime(Duration::MAX)
        .lockout(Duration::MAX)
        .retry_after(RetryAfter::HttpDate);
    let pair = start(builder).await;
    let answer = pair.sign_in().await;
    assert!(answer.text("/accessToken/expiresAt").starts_with("3025-"));
    assert_eq!(pair.get(&answer.access()).await.status, 200);
    pair.server.lock_out();
    assert_eq!(pair.sign_in().await.status, 429);
}

#[test]
fn a_simulator_can_be_shared_between_tasks() {
    fn check<T: Send + Sync + 'static>() {}
    check::<Simulator>();
    check::<Builder>();
}
