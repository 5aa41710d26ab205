use std::time::Duration;

use super::*;

/// Returns six digits that are not `code`.
fn other(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000)
}

#[tokio::test]
async fn a_protected_call_needs_a_code_that_can_be_used_again() {
    let pair = start_default().await;
    let access = pair.access();
    is_error(&pair.change_password(&access, "").await, 403, "5900");
    assert_eq!(pair.server.latest_code(USER), None);
    let code = pair.trigger(&access).await;
    assert_eq!(
        (code.len(), pair.server.latest_code(USER)),
        (6, Some(code.clone()))
    );
    for _ in 0..2 {
        let answer = pair.change_password(&access, &code).await;
        assert_eq!(
            (answer.status, &answer.body[..]),
            (200.try_into().unwrap(), &b"{}"[..])
        );
    }
    assert!(!pair.server.uploads()[0].headers.contains_key("x-mfa-code"));
    let counts = pair.counts();
    assert_eq!((counts.triggers, counts.triggers_ok), (1, 1));
    assert_eq!((counts.missing_codes, counts.refused_codes), (1, 0));
    assert_eq!((counts.api_ok, counts.violations), (2, 0));
}

#[tokio::test]
async fn what_needs_a_code_and_what_does_not() {
    let builder = Simulator::builder()
        .account(USER, PASSWORD)
        .account_without_mfa("plain", PASSWORD)
        .protected(["addresses"]);
    let pair = start(builder).await;
    let access = pair.access();
    let (plain, _) = pair.server.issue_access_token("plain");
    for (method, path, token, status) in [
        (Method::POST, "/customers/DE--1/addresses", &access, 403),
        (
            Method::PATCH,
            "/customers/DE--1/addresses/7?x=y",
            &access,
            403,
        ),
        (Method::DELETE, "/addresses/7/", &access, 403),
        (Method::HEAD, "/addresses", &access, 403),
        (Method::GET, "/addresses", &access, 200),
        (Method::OPTIONS, "/addresses", &access, 200),
        (Method::POST, "/customers/DE--1", &access, 200),
        (Method::POST, "/addresses/7/notes", &access, 200),
        (Method::POST, "/addresses", &plain, 200),
    ] {
        let answer = pair.send(pair.call(method.clone(), path, token, "")).await;
        assert_eq!(answer.status, status, "{method} {path}");
    }
    assert_eq!(
        (pair.counts().missing_codes, pair.counts().violations),
        (4, 0)
    );
}

#[tokio::test]
async fn a_call_needs_a_token_before_a_code() {
    let pair = start_default().await;
    is_error(&pair.change_password("", "123456").await, 403, "002");
    is_error(
        &pair.change_password("never-issued", "123456").await,
        401,
        "001",
    );
    let open = pair.call(Method::POST, "/guest-carts", "", "");
    assert_eq!(pair.send(open).await.status, 200);
    assert_eq!(
        (pair.counts().refused_codes, pair.counts().unknown_tokens),
        (0, 1)
    );
    assert_eq!(pair.counts().violations, 0);
}

#[tokio::test]
async fn an_unknown_code_is_refused_without_an_attempt() {
    let pair = start(Simulator::builder().echo_secrets(true)).await;
    let access = pair.access();
    let code = pair.trigger(&access).await;
    for _ in 0..5 {
        let answer = pair.change_password(&access, &other(&code)).await;
        is_error(&answer, 403, "5901");
        assert!(answer.text("/errors/0/detail").ends_with(&other(&code)));
    }
    assert_eq!(pair.change_password(&access, &code).await.status, 200);
    let counts = pair.counts();
    assert_eq!((counts.refused_codes, counts.unknown_codes), (5, 5));
    assert_eq!((counts.blocked_codes, counts.violations), (0, 0));
}

#[tokio::test]
async fn a_superseded_code_blocks_the_newest_at_the_third_attempt() {
    let pair = start_default().await;
    let access = pair.access();
    let old = pair.trigger(&access).await;
    assert_eq!(pair.change_password(&access, &old).await.status, 200);
    let new = pair.trigger(&access).await;
    assert_ne!(old, new);
    for attempt in 1..=3 {
        is_error(&pair.change_password(&access, &old).await, 403, "5901");
        assert_eq!(pair.counts().blocked_codes, u64::from(attempt == 3));
    }
    is_error(&pair.change_password(&access, &new).await, 403, "5901");
    let counts = pair.counts();
    assert_eq!((counts.superseded_codes, counts.refused_codes), (3, 4));
    // They may have been on their way when the newer one was sent.
    assert_eq!(counts.violations, 0);
    let newest = pair.trigger(&access).await;
    assert_eq!(pair.change_password(&access, &newest).await.status, 200);
    is_error(&pair.change_password(&access, &new).await, 403, "5901");
    let sentence = "API call: an old code is sent although a newer one was accepted";
    assert_eq!(pair.server.violations(), [sentence]);
}

#[tokio::test]
async fn two_old_codes_do_not_block_the_newest() {
    let pair = start_default().await;
    let access = pair.access();
    let old = pair.trigger(&access).await;
    let new = pair.trigger(&access).await;
    for _ in 0..2 {
        is_error(&pair.change_password(&access, &old).await, 403, "5901");
    }
    assert_eq!(pair.change_password(&access, &new).await.status, 200);
    assert_eq!(pair.counts().blocked_codes, 0);
}

#[tokio::test]
async fn a_code_lives_from_when_it_was_sent() {
    let clock = FakeClock::new();
    let pair = start(Simulator::builder().clock(clock.clone())).await;
    let access = pair.access();
    let code = pair.trigger(&access).await;
    clock.advance(Duration::from_secs(30 * 60 - 1));
    assert_eq!(pair.change_password(&access, &code).await.status, 200);
    // That it was used does not prolong it.
    clock.advance(Duration::from_secs(1));
    is_error(&pair.change_password(&access, &code).await, 403, "5901");
    assert_eq!(
        (pair.counts().unknown_codes, pair.counts().superseded_codes),
        (0, 0)
    );
}

#[tokio::test]
async fn codes_are_invalidated_on_cue_and_belong_to_one_account() {
    let builder = Simulator::builder()
        .account(USER, PASSWORD)
        .account("other", PASSWORD);
    let pair = start(builder).await;
    let access = pair.access();
    let (others, _) = pair.server.issue_access_token("other");
    let code = pair.trigger(&access).await;
    assert_eq!(pair.server.latest_code("other"), None);
    is_error(&pair.change_password(&others, &code).await, 403, "5901");
    assert_eq!(pair.counts().unknown_codes, 1);
    pair.server.invalidate_codes("other");
    assert_eq!(pair.change_password(&access, &code).await.status, 200);
    pair.server.invalidate_codes(USER);
    is_error(&pair.change_password(&access, &code).await, 403, "5901");
    let code = pair.trigger(&access).await;
    assert_eq!(pair.change_password(&access, &code).await.status, 200);
    assert_eq!(pair.counts().violations, 0);
}

#[tokio::test]
async fn a_call_is_not_sent_again_with_the_code_it_was_refused_with() {
    let pair = start_default().await;
    let access = pair.access();
    let code = pair.trigger(&access).await;
    let keyed = |key: &str, code: &str| {
        let mut request = pair.call(Method::PATCH, PROTECTED, &access, code);
        add(request.headers_mut(), "idempotency-key", key);
        request
    };
    let wrong = other(&code);
    // Two calls that had the same wrong code, as both waited for the same person.
    is_error(&pair.send(keyed("one", &wrong)).await, 403, "5901");
    is_error(&pair.send(keyed("two", &wrong)).await, 403, "5901");
    assert_eq!(pair.counts().violations, 0);
    is_error(&pair.send(keyed("one", &wrong)).await, 403, "5901");
    let sentence = "API call: a call is sent again with the code that it was refused with";
    assert_eq!(pair.server.violations(), [sentence]);
    assert_eq!(pair.send(keyed("one", &code)).await.status, 200);
    assert_eq!(pair.send(keyed("one", &code)).await.status, 200);
    assert_eq!(
        pair.last_violation(),
        "API call: a call that took effect is sent again"
    );
    let told = pair.server.violations();
    assert!(told.iter().all(|sentence| !sentence.contains(&wrong)));
}

#[tokio::test]
async fn codes_are_as_long_as_the_shop_has_them() {
    let builder = Simulator::builder()
        .code_length(9)
        .attempts(1)
        .code_lifetime(Duration::MAX);
    let pair = start(builder).await;
    let access = pair.access();
    let old = pair.trigger(&access).await;
    assert_eq!(old.len(), 9);
    let new = pair.trigger(&access).await;
    is_error(&pair.change_password(&access, &old).await, 403, "5901");
    is_error(&pair.change_password(&access, &new).await, 403, "5901");
    assert_eq!(pair.counts().blocked_codes, 1);
}
