use std::time::Duration;

use super::*;
use crate::testing::DateFormat;

#[tokio::test]
async fn two_steps_lead_to_a_session() {
    let builder = Simulator::builder()
        .migrated_account(USER, PASSWORD)
        .dates(DateFormat::Zulu)
        .clock(FakeClock::new());
    let pair = start(builder).await;
    let flow = pair.send(pair.init_request()).await.json();
    assert_eq!(flow["type"], "api");
    assert_eq!(flow["issued_at"], "2026-01-01T00:00:00Z");
    assert_eq!(flow["expires_at"], "2026-01-01T01:00:00Z");
    let id = flow["id"].as_str().unwrap();
    assert_eq!(
        flow["ui"]["action"],
        format!("{}/self-service/login?flow={id}", pair.server.login_url())
    );

    let answer = pair.submit(id, PASSWORD).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.keys(), ["continue_with", "session", "session_token"]);
    assert_eq!(answer.text("/session/expires_at"), "2026-01-02T00:00:00Z");
    assert_eq!(answer.json()["session"]["active"], true);
    let token = answer.text("/session_token");
    assert_eq!(pair.bearer(&token).await.status, 200);
    let counts = pair.counts();
    assert_eq!((counts.inits, counts.inits_ok), (1, 1));
    assert_eq!(
        (counts.submits, counts.submits_ok, counts.sessions_issued),
        (1, 1, 1)
    );
    assert_eq!(counts.violations, 0);
}

#[tokio::test]
async fn sessions_live_side_by_side_and_expire() {
    let clock = FakeClock::new();
    let builder = Simulator::builder()
        .migrated_account(USER, PASSWORD)
        .session_lifetime(Duration::from_secs(100))
        .clock(clock.clone());
    let pair = start(builder).await;
    let first = pair.session().await;
    clock.advance(Duration::from_secs(99));
    let second = pair.session().await;
    assert_ne!(first, second);
    assert_eq!(pair.bearer(&first).await.status, 200);
    assert_eq!(pair.bearer(&second).await.status, 200);
    clock.advance(Duration::from_secs(1));
    assert_eq!(pair.bearer(&first).await.status, 401);
    assert_eq!(pair.bearer(&second).await.status, 200);
    pair.server.revoke_sessions();
    assert_eq!(pair.bearer(&second).await.status, 401);
}

#[tokio::test]
async fn wrong_credentials_give_the_flow_back_for_another_try() {
    let pair = migrated().await;
    let flow = pair.init().await;
    let answer = pair.submit(&flow, "Secret124").await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.text("/id"), flow);
    assert_eq!(message(&answer), (4_000_006, false));
    assert_eq!(pair.submit(&flow, PASSWORD).await.status, 200);
    let counts = pair.counts();
    assert_eq!(
        (counts.submits, counts.submits_ok, counts.rejected),
        (2, 1, 1)
    );
    assert_eq!(counts.violations, 0);
}

#[tokio::test]
async fn wrong_credentials_may_be_told_in_other_ways() {
    let builder = Simulator::builder()
        .migrated_account(USER, PASSWORD)
        .wrong_password_status(401)
        .echo_secrets(true);
    let pair = start(builder).await;
    let flow = pair.init().await;
    let answer = pair.submit(&flow, "Secret124").await;
    assert_eq!(answer.status, 401);
    assert!(
        answer
            .text("/error/reason")
            .ends_with("You sent: Secret124")
    );

    let builder = Simulator::builder()
        .migrated_account(USER, PASSWORD)
        .messages_at_nodes(true)
        .tells_unknown_accounts(true);
    let pair = start(builder).await;
    let flow = pair.init().await;
    assert_eq!(
        message(&pair.submit(&flow, "wrong").await),
        (4_000_006, true)
    );
    let body = json!({ "identifier": "nobody", "password": "x", "method": "password" });
    let answer = pair.send(pair.submit_request(&flow, &body)).await;
    assert_eq!(
        (answer.status, message(&answer)),
        (400.try_into().unwrap(), (4_000_037, true))
    );

    pair.server.set_unverified(USER, true);
    assert_eq!(
        message(&pair.submit(&flow, PASSWORD).await),
        (4_000_010, true)
    );
    pair.server.set_unverified(USER, false);
    pair.server.set_password(USER, "another");
    assert_eq!(
        message(&pair.submit(&flow, PASSWORD).await),
        (4_000_006, true)
    );
    assert_eq!(pair.submit(&flow, "another").await.status, 200);
    assert_eq!(pair.counts().violations, 0);
}

#[tokio::test]
async fn a_flow_that_is_none_is_malformed_or_not_found() {
    let pair = migrated().await;
    let missing = "The flow query parameter is missing or malformed.";
    let uuid = pair.init().await;
    let queries = [
        "",
        "?flow=",
        "?flow=42",
        "?flow_id=",
        &format!("?flow={uuid}&aal=aal2"),
    ];
    for (tried, query) in (1..).zip(queries) {
        let path = format!("{SUBMIT}{query}");
        let body = credentials(PASSWORD).to_string();
        let answer = pair.send(pair.login(Method::POST, &path, &body)).await;
        assert_eq!(answer.status, 400, "{query}");
        assert_eq!(answer.text("/error/reason"), missing);
        assert_eq!(answer.json()["error"].get("id"), None);
        assert_eq!(pair.counts().violations, tried);
        assert_eq!(
            pair.last_violation(),
            "submit: the query is not a `flow` and its UUID"
        );
    }
    let answer = pair
        .submit("6e1d5ebc-0000-4000-8000-0123456789ab", PASSWORD)
        .await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.json()["error"]["code"], 404);
    pair.server.forget_flows();
    assert_eq!(pair.submit(&uuid, PASSWORD).await.status, 404);
    assert_eq!(
        (pair.counts().unknown_flows, pair.counts().violations),
        (2, 5)
    );
}

#[tokio::test]
async fn a_flow_leads_to_one_session() {
    let pair = migrated().await;
    let flow = pair.init().await;
    assert_eq!(pair.submit(&flow, PASSWORD).await.status, 200);
    assert_eq!(pair.submit(&flow, PASSWORD).await.status, 404);
    let sentence = "submit: a flow that led to a session is submitted again";
    assert_eq!(pair.server.violations(), [sentence]);
    assert_eq!(pair.counts().sessions_issued, 1);
    assert_eq!(pair.counts().unknown_flows, 0);
}

#[tokio::test]
async fn an_expired_flow_names_the_next() {
    let clock = FakeClock::new();
    let builder = Simulator::builder()
        .migrated_account(USER, PASSWORD)
        .flow_lifetime(Duration::from_secs(10))
        .dates(DateFormat::Zulu)
        .clock(clock.clone());
    let pair = start(builder).await;
    let flow = pair.init().await;
    clock.advance(Duration::from_secs(12));
    let answer = pair.submit(&flow, PASSWORD).await;
    assert_eq!(answer.status, 410);
    assert_eq!(
        answer.keys(),
        ["error", "expired_at", "since", "use_flow_id"]
    );
    assert_eq!(answer.text("/error/id"), "self_service_flow_expired");
    assert_eq!(answer.text("/expired_at"), "2026-01-01T00:00:10Z");
    assert_eq!(answer.json()["since"], 2_000_000_000_u64);
    let next = answer.text("/use_flow_id");
    assert_ne!(next, flow);
    assert_eq!(pair.submit(&next, PASSWORD).await.status, 200);
    let counts = pair.counts();
    assert_eq!(
        (counts.inits_ok, counts.dead_flows, counts.violations),
        (1, 1, 0)
    );
}

#[tokio::test]
async fn flows_end_on_cue() {
    let pair = migrated().await;
    let flow = pair.init().await;
    pair.server.replace_flows();
    let answer = pair.submit(&flow, PASSWORD).await;
    assert_eq!(answer.status, 410);
    assert_eq!(answer.keys(), ["error", "use_flow_id"]);
    assert_eq!(answer.text("/error/id"), "self_service_flow_replaced");
    let next = answer.text("/use_flow_id");
    pair.server.expire_flows();
    let answer = pair.submit(&next, PASSWORD).await;
    assert_eq!(answer.text("/error/id"), "self_service_flow_expired");
    assert_eq!(pair.counts().dead_flows, 2);
    assert_eq!(pair.counts().violations, 0);
}

#[tokio::test]
async fn a_logout_ends_one_session() {
    let pair = migrated().await;
    let (first, second) = (pair.session().await, pair.session().await);
    let answer = pair.log_out(&first).await;
    assert_eq!(
        (answer.status, answer.body.len()),
        (204.try_into().unwrap(), 0)
    );
    assert_eq!(pair.bearer(&first).await.status, 401);
    assert_eq!(pair.bearer(&second).await.status, 200);
    assert_eq!(pair.log_out(&first).await.status, 403);
    assert_eq!(pair.log_out("never-issued").await.status, 403);
    let counts = pair.counts();
    assert_eq!(
        (counts.logouts, counts.logouts_ok, counts.violations),
        (3, 1, 0)
    );

    let builder = Simulator::builder()
        .migrated_account(USER, PASSWORD)
        .logout(false);
    let pair = start(builder).await;
    let session = pair.session().await;
    assert_eq!(pair.log_out(&session).await.status, 404);
    assert_eq!(pair.bearer(&session).await.status, 200);
}
