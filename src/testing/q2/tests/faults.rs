use std::time::Duration;

use super::*;
use crate::testing::{FakeClock, q2::Endpoint};

#[tokio::test]
async fn faults_wait_for_their_endpoint() {
    let trio = start_default().await;
    trio.server
        .inject_times(2, Endpoint::Create, &Fault::Status(503));
    assert_eq!(trio.get("/x").await.status, 200);
    assert_eq!(trio.server.faults_left(Endpoint::Create), 2);
    for company in ["a", "b", "c"] {
        let mut body = create("test");
        body["companyId"] = company.into();
        let status = if company == "c" { 200 } else { 503 };
        assert_eq!(trio.post("/auth", &body).await.status, status);
    }
    let counts = trio.counts();
    assert_eq!((counts.creates, counts.creates_ok), (3, 1));
    trio.assert_clean();
}

/// Credentials that nobody processed were sent all the same.
#[tokio::test]
async fn a_submission_counts_whatever_becomes_of_it() {
    let faults = [
        Fault::Status(503),
        Fault::Status(429),
        Fault::Html,
        Fault::Malformed,
        Fault::Reset,
        Fault::ResetAfterwards,
        Fault::Truncated,
        Fault::CutAt(20),
    ];
    for fault in faults {
        let trio = start_default().await;
        trio.server.disable_webhook();
        trio.server.inject(Endpoint::Create, fault.clone());
        let lost = trio.request(Method::POST, "/auth", &create("test"));
        let _ = trio.client.request(lost).await;
        assert_eq!(trio.counts().resubmissions, 0, "{fault:?}");
        trio.create("test").await;
        assert_eq!(trio.counts().resubmissions, 1, "{fault:?}");
        assert_eq!(trio.server.submitted().len(), 2, "{fault:?}");
    }
}

#[tokio::test]
async fn a_lost_answer_leaves_the_auth() {
    let trio = start_default().await;
    trio.server.inject(Endpoint::Create, Fault::ResetAfterwards);
    let lost = trio.request(Method::POST, "/auth", &create("test"));
    assert!(trio.client.request(lost).await.is_err());
    assert_eq!(trio.kinds(2).await, ["auth.created", "auth.success"]);
    let counts = trio.counts();
    assert_eq!((counts.creates, counts.creates_ok), (1, 1));
}

#[tokio::test]
async fn a_delay_passes_on_the_simulators_clock() {
    let clock = FakeClock::new();
    let trio = start(Simulator::builder().clock(clock.clone())).await;
    let delay = Fault::Delay(Duration::from_secs(30));
    trio.server.inject(Endpoint::Step, delay);
    let (answer, ()) = tokio::join!(trio.step("t", json!([])), async {
        clock.wait_for_sleepers(1).await;
        assert_eq!(trio.counts().unknown_step_tokens, 0);
        clock.advance(Duration::from_secs(30));
    });
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn an_ordered_401_is_counted_and_worded_as_ordered() {
    let trio = start_default().await;
    let challenge = Fault::Challenge("Bearer".to_owned());
    trio.server.inject(Endpoint::Create, challenge);
    let answer = trio.post("/auth", &create("test")).await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.headers["www-authenticate"], "Bearer");
    assert_eq!(trio.counts().unauthorized, 1);

    let whole = Fault::Answer {
        status: 200,
        headers: Vec::new(),
        body: r#"{"success":false}"#.into(),
    };
    trio.server.inject(Endpoint::Step, whole);
    let answer = trio.step("t", json!([])).await;
    assert_eq!(answer.json(), json!({ "success": false }));
    assert!(!answer.headers.contains_key("request-id"));
    trio.assert_clean();
}
