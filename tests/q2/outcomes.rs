//! What an auth comes to, and what is never done to get there.

use std::time::Duration;

use serde_json::{Value, json};
use tokio_test::{assert_pending, assert_ready};
use tower_reauth::{
    ErrorKind,
    providers::q2::{AuthFailure, EventMeaning},
};

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn a_good_login_is_verified_by_the_event() {
    let mut desk = desk();
    let mut task = desk.begin();
    let call = desk.server.next().await;
    assert_eq!((call.method.as_str(), call.path()), ("POST", "/v1/auth"));
    assert_eq!(call.uri.host(), Some("api.q2open.io"));
    let authorization = &call.headers["authorization"];
    assert_eq!(authorization, &format!("Bearer {API_KEY}"));
    assert!(authorization.is_sensitive());
    assert_eq!(call.headers["content-type"], "application/json");
    assert_eq!(call.headers["accept"], "application/json");
    assert_eq!(
        call.body,
        json!({"items": ["swap"], "clientId": "c1", "companyId": "co1",
               "form": {"username": "test", "password": PASSWORD}})
    );
    call.queued();
    assert_pending!(task.poll());
    assert_eq!(desk.send(success()).await, 200);
    let verified = assert_ready!(task.poll()).unwrap();
    assert_eq!(verified.status(), 200);
    assert_eq!(verified.auth_id(), Some("a1"));
    assert_eq!(verified.client_id(), "c1");
    assert_eq!(verified.request_id(), Some("req-7"));
    assert_eq!(verified.event().unwrap().id(), Some("e-success"));
    assert!(desk.server.waiting().is_none());
}

/// Runs an auth to its failure by one event.
async fn fails_by(event: Value) -> tower_reauth::Error {
    let mut desk = desk();
    let mut task = desk.begin();
    desk.server.next().await.queued();
    assert_pending!(task.poll());
    assert_eq!(desk.send(event).await, 200);
    let error = assert_ready!(task.poll()).unwrap_err();
    assert!(error.to_string().contains("(request-id req-7)"), "{error}");
    assert!(desk.server.waiting().is_none());
    error
}

#[tokio::test(start_paused = true)]
async fn an_id_that_only_the_event_has_is_that_of_the_auth() {
    let mut desk = desk();
    let mut task = desk.begin();
    let call = desk.server.next().await;
    call.ok(json!({"success": true, "message": "Auth has been queued."}));
    assert_pending!(task.poll());
    desk.send(success()).await;
    let verified = assert_ready!(task.poll()).unwrap();
    assert_eq!(verified.auth_id(), Some("a1"));
}

#[tokio::test(start_paused = true)]
async fn each_event_has_its_failure() {
    let error = fails_by(failed()).await;
    assert_eq!(error.kind(), ErrorKind::Rejected);
    let Some(AuthFailure::Failed { message, .. }) = AuthFailure::of(&error) else {
        panic!("{error:?}");
    };
    let said = "You may want to double check your information.";
    assert_eq!(message.as_ref().unwrap().as_str(), said);
    assert!(error.to_string().contains(said), "{error}");

    let code = "account_issue_accept_toc";
    let text = "Please log in to your account and accept the Terms and Conditions.";
    let hold = json!({"hold": {"code": code, "text": text}});
    let error = fails_by(of_auth("e1", "auth.hold", "a1", hold)).await;
    assert_eq!(error.kind(), ErrorKind::Provider);
    assert_eq!(error.provider_code(), Some(code));
    let Some(AuthFailure::Hold { text: found, .. }) = AuthFailure::of(&error) else {
        panic!("{error:?}");
    };
    assert_eq!(found.as_ref().unwrap().as_str(), text);

    let error = fails_by(of_auth("e1", "auth.invalid", "a1", json!({}))).await;
    assert_eq!(AuthFailure::of(&error), Some(&AuthFailure::Invalid));
    assert_eq!(error.kind(), ErrorKind::Rejected);
    let error = fails_by(of_auth("e1", "auth.deleted", "a1", json!({}))).await;
    assert_eq!(AuthFailure::of(&error), Some(&AuthFailure::Deleted));
}

#[tokio::test(start_paused = true)]
async fn without_events_the_error_names_the_likely_cause() {
    let mut desk = desk();
    let mut task = desk.begin();
    desk.server.next().await.queued();
    assert_pending!(task.poll());
    tokio::time::advance(Duration::from_millis(29_999)).await;
    assert_pending!(task.poll());
    tokio::time::advance(Duration::from_millis(2)).await;
    let error = assert_ready!(task.poll()).unwrap_err();
    assert_eq!(AuthFailure::of(&error), Some(&AuthFailure::NoEvent));
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let text = error.to_string();
    for part in [
        "within 30 s",
        "off until Q2's support enables them",
        "req-7",
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(desk.q2.counts().waiting, 0);
    assert!(desk.server.waiting().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_sign_of_life_gives_the_outcome_its_time_once() {
    let mut desk = desk();
    let mut task = desk.begin();
    desk.server.next().await.queued();
    assert_pending!(task.poll());
    tokio::time::advance(Duration::from_secs(20)).await;
    desk.send(created()).await;
    assert_pending!(task.poll());
    tokio::time::advance(Duration::from_secs(20)).await;
    // Another one of it does not.
    desk.send(of_auth("e9", "auth.created", "a1", json!({})))
        .await;
    assert_pending!(task.poll());
    tokio::time::advance(Duration::from_millis(10_001)).await;
    let error = assert_ready!(task.poll()).unwrap_err();
    assert_eq!(AuthFailure::of(&error), Some(&AuthFailure::NoOutcome));
}

#[tokio::test(start_paused = true)]
async fn a_200_that_says_no_is_a_failure() {
    let mut desk = desk();
    let mut task = desk.begin();
    let said = json!({"success": false, "message": "Company is not supported"});
    desk.server.next().await.ok(said);
    let error = assert_ready!(task.poll()).unwrap_err();
    assert_eq!(AuthFailure::of(&error), Some(&AuthFailure::NotQueued));
    assert_eq!(error.kind(), ErrorKind::Provider);
    let text = error.to_string();
    assert!(text.contains("Company is not supported"), "{text}");
    assert!(text.contains("req-7"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_no_success_is_told_by_its_status_and_sent_once() {
    for (status, kind, part) in [
        (400, ErrorKind::Provider, "double check"),
        (
            401,
            ErrorKind::Rejected,
            "static, so there is nothing to renew",
        ),
        (403, ErrorKind::Rejected, "static"),
        (404, ErrorKind::Config, "base URL"),
        (409, ErrorKind::Provider, "refuses"),
        (422, ErrorKind::Provider, "refuses"),
        (429, ErrorKind::RateLimited, "too many calls"),
        (500, ErrorKind::Transport, "not sent again"),
        (503, ErrorKind::Transport, "not sent again"),
        (302, ErrorKind::Protocol, "redirects are not followed"),
    ] {
        for body in [
            json!({"message": "Please double check it"}),
            json!({"error": "Please double check it"}),
            json!({"error": {"message": "Please double check it"}}),
        ] {
            let mut desk = desk();
            let mut task = desk.begin();
            desk.server.next().await.status(status, body);
            let error = assert_ready!(task.poll()).unwrap_err();
            assert_eq!(error.kind(), kind, "{status}");
            let text = error.to_string();
            assert!(text.contains(part), "{text}");
            assert!(text.contains("request-id req-7"), "{text}");
            assert_eq!(text.contains("double check"), status != 302, "{text}");
            assert!(AuthFailure::of(&error).is_none());
            assert!(desk.server.waiting().is_none(), "{status}");
            assert_eq!(desk.q2.counts().waiting, 0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_repeats_the_credentials_is_not_repeated() {
    let mut desk = desk();
    let mut task = desk.begin();
    let call = desk.server.next().await;
    call.status(400, json!({"message": format!("bad password {PASSWORD}")}));
    let error = assert_ready!(task.poll()).unwrap_err();
    assert!(
        !format!("{error} {error:?}").contains("5ecret"),
        "{error:?}"
    );

    // The same in an event: it is data, and not in the error.
    let reason = json!({"reason": {"message": format!("bad password {PASSWORD}")}});
    let error = fails_by(of_client("e1", "auth.failed", reason)).await;
    assert!(
        !format!("{error} {error:?}").contains("5ecret"),
        "{error:?}"
    );
    let Some(AuthFailure::Failed { message, .. }) = AuthFailure::of(&error) else {
        panic!("{error:?}");
    };
    assert!(message.as_ref().unwrap().as_str().contains(PASSWORD));
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_not_sent_again_but_an_event_still_counts() {
    let mut desk = desk();
    let mut task = desk.begin();
    desk.server.next().await.cut();
    let error = assert_ready!(task.poll()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transport);
    assert!(error.to_string().contains("not sent again"), "{error}");
    assert!(desk.server.waiting().is_none());

    let mut task = desk.begin();
    let call = desk.server.next().await;
    desk.send(success()).await;
    call.cut();
    let verified = assert_ready!(task.poll()).unwrap();
    assert_eq!(verified.auth_id(), Some("a1"));
    assert!(desk.server.waiting().is_none());

    // Without an end: 30 s.
    let mut task = desk.begin();
    let _call = desk.server.next().await;
    tokio::time::advance(Duration::from_millis(30_001)).await;
    let error = assert_ready!(task.poll()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(desk.server.waiting().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_second_waiter_for_the_same_pair_is_refused_before_anything_is_sent() {
    let mut desk = desk();
    let one = desk.begin();
    let _call = desk.server.next().await;
    let error = desk.q2.create_auth(new_auth()).await.unwrap_err();
    assert_eq!(AuthFailure::of(&error), Some(&AuthFailure::AlreadyWaiting));
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert!(desk.server.waiting().is_none());
    // Dropped, it waits no more.
    drop(one);
    assert_eq!(desk.q2.counts().waiting, 0);
    let _two = desk.begin();
    assert!(desk.server.waiting().is_some());
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_is_forgotten_wherever_it_is_dropped() {
    // A cancel sweep: dropped after each number of polls.
    for polls in 0..8 {
        let mut desk = desk();
        let mut task = desk.begin();
        let mut done = false;
        for step in 1..polls {
            match step {
                1 => desk.server.next().await.queued(),
                2 => drop(desk.send(created()).await),
                3 => drop(desk.send(questions("e1", "t1")).await),
                4 => desk.server.next().await.done(),
                5 => drop(desk.send(success()).await),
                _ => {}
            }
            done = done || task.poll().is_ready();
        }
        assert_eq!(done, polls > 5);
        drop(task);
        let counts = desk.q2.counts();
        assert_eq!((counts.waiting, counts.held), (0, 0), "{polls}");
    }
}

#[tokio::test(start_paused = true)]
async fn names_that_changed_can_be_told() {
    let mut desk = desk_with(|builder| {
        builder
            .event("auth.verified", EventMeaning::Success)
            .event("auth.success", EventMeaning::Nothing)
    });
    let mut task = desk.begin();
    desk.server.next().await.queued();
    assert_pending!(task.poll());
    desk.send(success()).await;
    assert_pending!(task.poll());
    desk.send(of_client("e2", "auth.verified", json!({}))).await;
    assert!(assert_ready!(task.poll()).is_ok());
    let counts = desk.q2.counts();
    assert_eq!((counts.unknown, counts.delivered), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn it_is_a_tower_service_as_well() {
    use tower::ServiceExt;

    let mut desk = desk();
    let auth = desk.q2.clone().oneshot(new_auth());
    let mut task = tokio_test::task::spawn(auth);
    assert_pending!(task.poll());
    desk.server.next().await.queued();
    assert_pending!(task.poll());
    desk.send(success()).await;
    assert!(assert_ready!(task.poll()).is_ok());
}
