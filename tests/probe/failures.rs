//! Calls that fail: the kind of the error, and what the server saw of it.

use serde_json::Value;
use tower_reauth::testing::back_office::{Counts, Endpoint, Fault, Simulator};

use crate::program::{Run, against, at, run};

/// Runs with these faults, and checks that every call failed with this kind.
#[track_caller]
fn assert_all(run: &Run, kind: &str) {
    assert_eq!(run.code, Some(1), "{run:?}");
    for call in run.calls() {
        assert_eq!(call["status"], Value::Null, "{run:?}");
        assert_eq!(call["error"]["kind"], kind, "{run:?}");
        assert!(call["error"]["message"].is_string(), "{run:?}");
        assert!(call["error"].get("code").is_some(), "{run:?}");
    }
    let [calls, failed, sign_ins] = run.counts(["calls", "failed", "sign_ins"]);
    assert_eq!((calls, sign_ins), (failed, 0));
    assert_eq!(run.summary()["by_status"], serde_json::json!({}));
}

#[tokio::test]
async fn a_wrong_password_is_presented_once() {
    let server = Simulator::builder().account("foo@bar.com", "another");
    let server = server.start().await.unwrap();
    let run = against(&server, &["--requests", "6", "--concurrency", "3"]).await;
    assert_all(&run, "rejected");
    assert_eq!(server.counts().sign_ins, 1);
    assert_eq!(server.counts().api_calls, 0);
}

#[tokio::test]
async fn a_sign_in_that_fails_says_how() {
    for (fault, kind) in [
        (Fault::Status(503), "transport"),
        (Fault::Reset, "transport"),
        (Fault::Truncated, "transport"),
        (Fault::Status(423), "locked"),
        (Fault::Status(429), "rate-limited"),
        (Fault::Status(404), "config"),
        (Fault::Html, "protocol"),
        (Fault::Malformed, "protocol"),
        (Fault::NoTokens, "protocol"),
        (Fault::Endless(200), "protocol"),
    ] {
        let server = Simulator::builder().start().await.unwrap();
        server.inject(Endpoint::SignIn, fault);
        // The second call gets the stored error at once.
        assert_all(&against(&server, &["--requests", "2"]).await, kind);
        assert_eq!(server.counts().sign_ins, 1, "{kind}");
    }
}

#[tokio::test]
async fn a_call_that_hangs_times_out_wherever_it_hangs() {
    for (endpoint, fault) in [
        (Endpoint::SignIn, Fault::Hang),
        (Endpoint::Api, Fault::Hang),
        (Endpoint::Api, Fault::Stalled(200)),
    ] {
        let server = Simulator::builder().start().await.unwrap();
        server.inject(endpoint, fault);
        let run = against(&server, &["--timeout", "300"]).await;
        assert_eq!((run.code, run.kinds()), (Some(1), vec!["timeout".into()]));
        assert_eq!(run.counts(["calls", "failed"]), [1, 1]);
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_transport() {
    let server = Simulator::builder().start().await.unwrap();
    let base_url = server.base_url();
    server.shutdown().await;
    assert_all(&run(at(&base_url, &[])).await, "transport");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_answer() {
    let server = Simulator::builder().start().await.unwrap();
    server.inject(Endpoint::Api, Fault::Truncated);
    let run = against(&server, &["--requests", "2"]).await;
    assert_eq!(run.code, Some(1));
    assert_eq!(run.kinds(), ["transport".into(), Value::Null]);
    assert_eq!(run.counts(["ok", "failed", "resends"]), [1, 1, 0]);
}

#[tokio::test]
async fn another_status_is_told_as_it_is() {
    let server = Simulator::builder().start().await.unwrap();
    server.inject(Endpoint::Api, Fault::Status(503));
    let elsewhere = "https://elsewhere.example/".into();
    let redirect = Fault::Redirect {
        status: 307,
        location: elsewhere,
    };
    server.inject(Endpoint::Api, redirect);
    let run = against(&server, &["--requests", "3"]).await;
    assert_eq!(run.code, Some(1));
    assert_eq!(run.kinds(), [Value::Null, Value::Null, Value::Null]);
    let by_status = serde_json::json!({"200": 1, "307": 1, "503": 1});
    assert_eq!(run.summary()["by_status"], by_status);
    assert_eq!(run.counts(["ok", "failed", "resends"]), [1, 0, 0]);
    assert_eq!(server.counts().api_calls, 3);
}

#[tokio::test]
async fn a_server_that_refuses_every_token_does_not_get_the_account_blocked() {
    let server = Simulator::builder().start().await.unwrap();
    server.inject_times(100, Endpoint::Api, &Fault::Status(401));
    let run = against(&server, &["--requests", "20"]).await;
    assert_eq!(run.code, Some(1));
    // The 401 reaches the caller, and beside it why there was no help, once help has ended.
    assert_eq!(run.summary()["by_status"], serde_json::json!({"401": 20}));
    assert_eq!(run.kinds()[19], "rejected");
    let Counts {
        sign_ins,
        refreshes,
        api_calls,
        violations,
        ..
    } = server.counts();
    assert_eq!((sign_ins, violations), (1, 0));
    let [renewals, resends] = run.counts(["renewals", "resends"]);
    assert_eq!((refreshes, api_calls), (renewals, 20 + resends));
    assert!(refreshes <= 5, "{refreshes}");
}

#[tokio::test]
async fn a_lock_out_is_not_hammered() {
    let server = Simulator::builder().start().await.unwrap();
    server.lock_out();
    let run = against(&server, &["--requests", "5"]).await;
    assert_all(&run, "rate-limited");
    assert!(run.stdout.contains("try again in 600 s"), "{run:?}");
    assert_eq!(server.counts().sign_ins, 1);
}
