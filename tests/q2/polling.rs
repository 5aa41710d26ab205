//! Looking in the list of auths, where events are not enabled.

use std::time::Duration;

use serde_json::{Value, json};
use tokio_test::{assert_pending, assert_ready, task::Spawn};
use tower::service_fn;
use tower_reauth::{
    Error, ErrorKind,
    providers::q2::{AuthFailure, VerifiedAuth},
};

use crate::support::*;

const INTERVAL: Duration = Duration::from_secs(5);

fn polling() -> Desk {
    desk_with(|builder| builder.poll_interval(INTERVAL))
}

fn auth(id: &str, company: &str, status: Value) -> Value {
    let mut auth = status;
    auth["_id"] = json!(id);
    auth["company"] = json!({"_id": company, "name": "X"});
    auth
}

fn list(auths: &[Value]) -> Value {
    json!({"data": auths})
}

/// Begins an auth as far as the answer to its request. `before` is what is in the list then.
async fn begin_with<F>(desk: &mut Desk, task: &mut Spawn<F>, before: &[Value])
where
    F: Future<Output = Result<VerifiedAuth, Error>>,
{
    let call = desk.server.next().await;
    let line = (call.method.to_string(), call.path().to_owned());
    assert_eq!(line, ("GET".into(), "/v1/auth/list/c1".into()));
    call.ok(list(before));
    assert_pending!(task.poll());
    let call = desk.server.next().await;
    assert_eq!(call.path(), "/v1/auth");
    call.queued();
    assert_pending!(task.poll());
}

/// Answers the next look with `auths`.
fn look(desk: &mut Desk, auths: &[Value]) {
    let call = desk.server.waiting().expect("it looks");
    assert_eq!(call.path(), "/v1/auth/list/c1");
    call.ok(list(auths));
}

#[tokio::test(start_paused = true)]
async fn a_new_status_of_this_company_is_the_outcome() {
    let hold = json!({"status": {"type": "hold"},
        "reason": {"userMessage": "Log in first", "code": "account_issue_accept_toc"}});
    for (status, failure) in [
        (json!({"status": {"type": "verified"}}), None),
        (
            json!({"status": {"type": "authenticate"}}),
            Some(ErrorKind::Rejected),
        ),
        (hold, Some(ErrorKind::Provider)),
    ] {
        let mut desk = polling();
        let mut task = desk.begin();
        let other = auth("a9", "co2", json!({"status": {"type": "verified"}}));
        begin_with(&mut desk, &mut task, std::slice::from_ref(&other)).await;
        // At once, and then each time the interval is over.
        look(&mut desk, std::slice::from_ref(&other));
        assert_pending!(task.poll());
        assert!(desk.server.waiting().is_none());
        tokio::time::advance(INTERVAL - Duration::from_millis(1)).await;
        assert_pending!(task.poll());
        assert!(desk.server.waiting().is_none());
        tokio::time::advance(Duration::from_millis(2)).await;
        assert_pending!(task.poll());
        let found = [other, auth("a1", "co1", status)];
        look(&mut desk, &found);
        match (assert_ready!(task.poll()), failure) {
            (Ok(verified), None) => {
                assert_eq!(verified.auth_id(), Some("a1"));
                assert!(verified.event().is_none());
            }
            (Err(error), Some(kind)) => {
                assert_eq!(error.kind(), kind);
                if let Some(AuthFailure::Hold { code, text, .. }) = AuthFailure::of(&error) {
                    assert_eq!(code.as_deref(), Some("account_issue_accept_toc"));
                    assert_eq!(text.as_ref().unwrap().as_str(), "Log in first");
                }
            }
            other => panic!("{other:?}"),
        }
        drop(task);
        assert_eq!(desk.q2.counts().waiting, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_status_from_before_is_no_outcome() {
    let mut desk = polling();
    let mut task = desk.begin();
    let old = auth("a1", "co1", json!({"status": {"type": "authenticate"}}));
    begin_with(&mut desk, &mut task, std::slice::from_ref(&old)).await;
    for _ in 0..3 {
        look(&mut desk, std::slice::from_ref(&old));
        assert_pending!(task.poll());
        tokio::time::advance(INTERVAL + Duration::from_millis(1)).await;
        assert_pending!(task.poll());
    }
    let new = auth("a1", "co1", json!({"status": {"type": "verified"}}));
    look(&mut desk, &[new]);
    assert!(assert_ready!(task.poll()).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_status_that_was_left_and_is_back_is_the_outcome() {
    for (again, kind) in [
        ("verified", None),
        ("authenticate", Some(ErrorKind::Rejected)),
    ] {
        let mut desk = polling();
        let mut task = desk.begin();
        let auth = |kind: &str| auth("a1", "co1", json!({"status": {"type": kind}}));
        begin_with(&mut desk, &mut task, &[auth(again)]).await;
        for status in [again, "queued"] {
            look(&mut desk, &[auth(status)]);
            assert_pending!(task.poll());
            tokio::time::advance(INTERVAL + Duration::from_millis(1)).await;
            assert_pending!(task.poll());
        }
        look(&mut desk, &[auth(again)]);
        let ended = assert_ready!(task.poll());
        assert_eq!(ended.err().map(|error| error.kind()), kind);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_submitted_if_the_list_cannot_be_had_before() {
    let mut desk = polling();
    let mut task = desk.begin();
    desk.server.next().await.status(500, json!({}));
    let error = assert_ready!(task.poll()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transport);
    assert!(desk.server.waiting().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_look_that_fails_is_made_again_and_told_at_the_end() {
    let mut desk = polling();
    let mut task = desk.begin();
    begin_with(&mut desk, &mut task, &[]).await;
    let mut looks = 0;
    let error = loop {
        if let Some(call) = desk.server.waiting() {
            looks += 1;
            call.status(503, json!({"message": "Down for maintenance"}));
            assert_pending!(task.poll());
        }
        tokio::time::advance(Duration::from_secs(1)).await;
        if let std::task::Poll::Ready(result) = task.poll() {
            break result.unwrap_err();
        }
    };
    // At 0, 5, 10, 15, 20 and 25 s.
    assert_eq!(looks, 6);
    assert_eq!(AuthFailure::of(&error), Some(&AuthFailure::NoEvent));
    let text = error.to_string();
    assert!(text.contains("polling failed too"), "{text}");
    assert!(text.contains("Down for maintenance"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn an_event_comes_first_while_a_look_hangs() {
    let mut desk = polling();
    let mut task = desk.begin();
    begin_with(&mut desk, &mut task, &[]).await;
    let _hanging = desk.server.waiting().unwrap();
    desk.send(success()).await;
    assert!(assert_ready!(task.poll()).is_ok());
}

#[tokio::test(start_paused = true)]
async fn questions_that_were_found_are_answered_by_the_auth() {
    let mut desk = polling();
    let mut task = desk.begin();
    begin_with(&mut desk, &mut task, &[]).await;
    let asked = auth(
        "a1",
        "co1",
        json!({"status": {"type": "mfa-required"}, "mfa": {"method": "questions",
            "mfa": [{"question": "First pet?", "identifier": "i1"}]}}),
    );
    look(&mut desk, std::slice::from_ref(&asked));
    assert_pending!(task.poll());
    let call = desk.server.waiting().unwrap();
    assert_eq!(call.path(), "/v1/auth/a1/answer-questions");
    let answers = json!({"answers": [{"answer": "Rex the dog", "identifier": "i1"}]});
    assert_eq!(call.body, answers);
    call.done();
    assert_pending!(task.poll());
    // It is still there at the next look, and not asked again.
    tokio::time::advance(INTERVAL + Duration::from_millis(1)).await;
    assert_pending!(task.poll());
    look(&mut desk, &[asked]);
    assert_pending!(task.poll());
    assert_eq!(desk.prompts.len(), 1);
    tokio::time::advance(INTERVAL + Duration::from_millis(1)).await;
    assert_pending!(task.poll());
    let verified = auth("a1", "co1", json!({"status": {"type": "verified"}}));
    look(&mut desk, &[verified]);
    assert!(assert_ready!(task.poll()).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_code_cannot_be_asked_for_without_events_and_the_error_says_so() {
    for comes in [false, true] {
        let mut desk = polling();
        let mut task = desk.begin();
        begin_with(&mut desk, &mut task, &[]).await;
        let asked = auth(
            "a1",
            "co1",
            json!({"status": {"type": "mfa-required", "mfa": {"method": "code",
            "mfa": [{"type": "email", "identifier": "i1"}]}}}),
        );
        look(&mut desk, &[asked]);
        assert_pending!(task.poll());
        assert!(desk.server.waiting().is_none());
        if comes {
            // The list was faster than the event.
            desk.send(choices("e1", "t1")).await;
            assert_pending!(task.poll());
            let call = desk.server.waiting().unwrap();
            assert_eq!(
                (call.path(), &call.body["token"]),
                ("/v1/auth/step", &json!("t1"))
            );
            continue;
        }
        tokio::time::advance(Duration::from_millis(30_001)).await;
        let error = assert_ready!(task.poll()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert!(
            error.to_string().contains("takes webhook events"),
            "{error}"
        );
        assert!(desk.server.waiting().is_none());
    }
}

/// The auth that waits for an answer to the question of [`questions`], as the list has it.
fn asked() -> Value {
    let mfa = questions("e1", "t1")["event"]["payload"]["data"]["mfa"].clone();
    let mfa = json!({"method": "questions", "mfa": mfa});
    auth(
        "a1",
        "co1",
        json!({"status": {"type": "mfa-required"}, "mfa": mfa}),
    )
}

#[tokio::test(start_paused = true)]
async fn what_an_event_has_asked_is_not_asked_again_because_the_list_has_it_too() {
    let mut desk = polling();
    let mut task = desk.begin();
    begin_with(&mut desk, &mut task, &[]).await;
    look(&mut desk, &[]);
    assert_pending!(task.poll());
    desk.send(questions("e1", "t1")).await;
    assert_pending!(task.poll());
    let call = desk.server.waiting().unwrap();
    assert_eq!(
        (call.path(), &call.body["token"]),
        ("/v1/auth/step", &json!("t1"))
    );
    call.done();
    assert_pending!(task.poll());
    // The list is behind.
    tokio::time::advance(INTERVAL).await;
    assert_pending!(task.poll());
    look(&mut desk, &[asked()]);
    assert_pending!(task.poll());
    assert_eq!(desk.prompts.len(), 1);
    assert!(desk.server.waiting().is_none());
    desk.send(success()).await;
    assert!(assert_ready!(task.poll()).is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_event_of_a_question_that_was_found_and_answered_asks_nobody() {
    let mut desk = polling();
    let mut task = desk.begin();
    begin_with(&mut desk, &mut task, &[]).await;
    look(&mut desk, &[asked()]);
    assert_pending!(task.poll());
    let call = desk.server.waiting().unwrap();
    assert_eq!(call.path(), "/v1/auth/a1/answer-questions");
    call.done();
    assert_pending!(task.poll());
    desk.send(questions("e1", "t1")).await;
    assert_pending!(task.poll());
    assert_eq!(desk.prompts.len(), 1);
    assert!(desk.server.waiting().is_none());
    // Another question is another matter.
    let data = json!({"token": "t2", "method": "questions",
        "mfa": [{"question": "First car?", "identifier": "i2"}]});
    desk.send(of_client("e2", "auth.mfa-required", data)).await;
    assert_pending!(task.poll());
    assert_eq!(desk.prompts.len(), 2);
    assert_eq!(desk.server.waiting().unwrap().body["token"], "t2");
}

#[tokio::test(start_paused = true)]
async fn while_a_person_types_the_list_does_not_take_the_token_of_the_event_away() {
    let (typed, codes) = slow();
    let mut desk = desk_with(|builder| {
        let builder = builder.code_service(service_fn(codes));
        builder.poll_interval(INTERVAL)
    });
    let mut task = desk.begin();
    begin_with(&mut desk, &mut task, &[]).await;
    look(&mut desk, &[]);
    assert_pending!(task.poll());
    desk.send(choices("e1", "t1")).await;
    assert_pending!(task.poll());
    desk.server.waiting().unwrap().done();
    assert_pending!(task.poll());
    tokio::time::advance(INTERVAL).await;
    assert_pending!(task.poll());
    let mfa = json!({"method": "code", "mfa": [{"type": "phone", "identifier": "m2"}]});
    let status = json!({"status": {"type": "mfa-required", "mfa": mfa}});
    look(&mut desk, &[auth("a1", "co1", status)]);
    assert_pending!(task.poll());
    typed.notify_one();
    assert_pending!(task.poll());
    let call = desk.server.waiting().unwrap();
    assert_eq!(
        (call.path(), &call.body["token"]),
        ("/v1/auth/step", &json!("t1"))
    );
}
