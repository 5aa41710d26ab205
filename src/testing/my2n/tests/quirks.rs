use super::*;

#[tokio::test]
async fn logins_succeed_in_odd_ways() {
    let builder = Simulator::builder()
        .migrated_account(USER, PASSWORD)
        .clock(FakeClock::new());
    let pair = start(builder).await;
    let odd = async |quirk| {
        pair.server.inject_quirk(Endpoint::Submit, quirk);
        let answer = pair.log_in().await;
        assert_eq!(answer.status, 200, "{quirk:?}");
        answer
    };
    assert_eq!(
        odd(Quirk::NoToken).await.keys(),
        ["continue_with", "session"]
    );
    assert_eq!(odd(Quirk::TokenAlone).await.keys(), ["session_token"]);
    assert_eq!(odd(Quirk::NullSession).await.json()["session"], Value::Null);
    assert_eq!(
        odd(Quirk::NoExpiry).await.json()["session"].get("expires_at"),
        None
    );
    let answer = odd(Quirk::PastExpiry).await;
    assert_eq!(
        answer.text("/session/expires_at"),
        "2025-12-31T23:00:00.000000Z"
    );
    assert_eq!(
        pair.bearer(&answer.text("/session_token")).await.status,
        200
    );
    assert_eq!(pair.counts().sessions_issued, 5);
    assert_eq!(pair.counts().violations, 0);

    let pair = start(Simulator::builder()).await;
    pair.server.inject_quirk(Endpoint::LoginV1, Quirk::NoToken);
    assert!(pair.log_in_v1(PASSWORD).await.keys().is_empty());
}

#[tokio::test]
async fn a_login_may_say_nothing_of_its_end() {
    let builder = Simulator::builder()
        .migrated_account(USER, PASSWORD)
        .tells_expiry(false);
    let pair = start(builder).await;
    assert_eq!(
        pair.log_in().await.json()["session"].get("expires_at"),
        None
    );
}

#[tokio::test]
async fn flows_fail_in_odd_ways() {
    let pair = migrated().await;
    pair.server.inject_quirk(Endpoint::Init, Quirk::NoFlowId);
    let answer = pair.send(pair.init_request()).await;
    assert_eq!(answer.json().get("id"), None);
    pair.server
        .inject_quirk(Endpoint::Submit, Quirk::BrowserNeeded);
    let answer = pair.log_in().await;
    assert_eq!(answer.status, 422);
    assert_eq!(answer.keys(), ["error", "redirect_browser_to"]);
    assert_eq!(answer.text("/error/id"), "browser_location_change_required");
    assert_eq!(pair.counts().sessions_issued, 0);
}

#[tokio::test]
async fn faults_hit_the_endpoint_they_are_for() {
    let pair = migrated().await;
    pair.server
        .inject_times(2, Endpoint::Submit, &Fault::Status(503));
    let token = pair.server.issue_session(USER);
    let flow = pair.init().await;
    let answer = pair.submit(&flow, PASSWORD).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.text("/error/reason"), "As ordered.");
    assert_eq!(pair.server.faults_left(Endpoint::Submit), 1);
    assert_eq!(pair.submit(&flow, PASSWORD).await.status, 503);
    assert_eq!(pair.submit(&flow, PASSWORD).await.status, 200);

    pair.server.inject(Endpoint::Api, Fault::EarlyUnauthorized);
    let answer = pair.bearer(&token).await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.text("/error/id"), "session_inactive");
    let counts = pair.counts();
    assert_eq!((counts.unauthorized, counts.sessions_issued), (1, 2));

    // Whoever sent the submit cannot know that it succeeded.
    let flow = pair.init().await;
    pair.server.inject(Endpoint::Submit, Fault::ResetAfterwards);
    let request = pair.submit_request(&flow, &credentials(PASSWORD));
    assert!(pair.client.request(request).await.is_err());
    assert_eq!(pair.counts().sessions_issued, 3);
    assert_eq!(pair.counts().violations, 0);
}
