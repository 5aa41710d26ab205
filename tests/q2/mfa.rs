//! What a company asks for beside the credentials.

use std::time::Duration;

use serde_json::json;
use tokio_test::{assert_pending, assert_ready};
use tower::service_fn;
use tower_reauth::{
    BoxError, Code, CodeRequest, ErrorKind,
    providers::q2::{AuthFailure, Endpoint, Q2},
};

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn questions_are_answered_in_one_step() {
    let mut desk = desk();
    let mut task = desk.begin();
    desk.server.next().await.queued();
    assert_pending!(task.poll());
    let mut event = questions("e1", "t1");
    event["event"]["payload"]["data"]["mfa"] = json!([
        {"question": "First pet?", "identifier": "i1"},
        {"question": "First car?", "identifier": "i2"},
    ]);
    desk.send(event).await;
    assert_pending!(task.poll());
    let call = desk.server.waiting().unwrap();
    assert_eq!(
        (call.method.as_str(), call.path()),
        ("POST", "/v1/auth/step")
    );
    assert_eq!(
        call.body,
        json!({"token": "t1", "mfa": [
            {"answer": "Rex the dog", "identifier": "i1"},
            {"answer": "Rex the dog", "identifier": "i2"},
        ]})
    );
    let prompts = desk.prompts.all();
    let asked: Vec<_> = prompts.iter().map(CodeRequest::question).collect();
    assert_eq!(asked, [Some("First pet?"), Some("First car?")]);
    assert_eq!(prompts[0].method(), "questions");
    assert_eq!(prompts[0].time_left(), Some(Duration::from_secs(300)));
    call.done();
    assert_pending!(task.poll());
    desk.send(success()).await;
    assert!(assert_ready!(task.poll()).is_ok());
    assert!(desk.server.waiting().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_code_is_sent_where_it_was_chosen_and_then_given_back() {
    let mut desk = desk_with(|builder| {
        builder.choose(|places| {
            let phone = places
                .iter()
                .position(|place| place.kind.as_deref() == Some("phone"));
            phone.unwrap_or(0)
        })
    });
    let mut task = desk.begin();
    desk.server.next().await.queued();
    assert_pending!(task.poll());
    desk.send(choices("e1", "t1")).await;
    assert_pending!(task.poll());
    let call = desk.server.waiting().unwrap();
    assert_eq!(
        call.body,
        json!({"token": "t1", "mfa": {"identifier": "m2"}})
    );
    // Nobody is asked before the code is on its way.
    assert_eq!(desk.prompts.len(), 0);
    call.done();
    assert_pending!(task.poll());
    let prompts = desk.prompts.all();
    assert_eq!(prompts.len(), 1);
    assert_eq!(prompts[0].method(), "phone");
    assert_eq!(prompts[0].destination(), Some("Phone: xxx-xxx-1234"));
    assert_eq!((prompts[0].question(), prompts[0].attempt()), (None, 1));
    let call = desk.server.waiting().unwrap();
    assert_eq!(
        call.body,
        json!({"token": "t1", "mfa": [{"answer": "1234", "identifier": "m2"}]})
    );
    call.done();
    assert_pending!(task.poll());
    // Asked again: the code was wrong. It is the second attempt.
    desk.send(choices("e2", "t2")).await;
    assert_pending!(task.poll());
    desk.server.waiting().unwrap().done();
    assert_pending!(task.poll());
    assert_eq!(desk.prompts.all()[1].attempt(), 2);
    let call = desk.server.waiting().unwrap();
    assert_eq!(call.body["token"], "t2");
    call.done();
    assert_pending!(task.poll());
    desk.send(failed()).await;
    let error = assert_ready!(task.poll()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CodeRejected);
    let failure = AuthFailure::of(&error);
    assert!(matches!(failure, Some(AuthFailure::MfaFailed { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_prompt_is_answered_as_far_as_can_be() {
    for (mfa, expected) in [
        (json!(null), json!([{"answer": "1234"}])),
        (
            json!([{"identifier": "i1"}]),
            json!([{"answer": "1234", "identifier": "i1"}]),
        ),
        (
            json!([{"identifier": "i1", "question": "Enter it"}]),
            json!([{"answer": "Rex the dog", "identifier": "i1"}]),
        ),
    ] {
        let mut desk = desk();
        let mut task = desk.begin();
        desk.server.next().await.queued();
        let data = json!({"token": "t1", "method": "prompt", "mfa": mfa});
        desk.send(of_client("e1", "auth.mfa-required", data)).await;
        assert_pending!(task.poll());
        let call = desk.server.waiting().unwrap();
        assert_eq!(call.body, json!({"token": "t1", "mfa": expected}));
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_goes_back_whole_however_long_it_is() {
    let mut desk = desk();
    let mut task = desk.begin();
    desk.server.next().await.queued();
    assert_pending!(task.poll());
    // A JWT with a few claims is longer than any id.
    let token = "eyJhbGciOiJSUzI1NiJ9.".repeat(100);
    desk.send(questions("e1", &token)).await;
    assert_pending!(task.poll());
    let call = desk.server.waiting().unwrap();
    assert_eq!(call.path(), "/v1/auth/step");
    assert_eq!(call.body["token"], token);
}

#[tokio::test(start_paused = true)]
async fn no_empty_list_of_answers_is_sent() {
    for mfa in [json!([]), json!(null), json!("odd")] {
        let mut desk = desk();
        let mut task = desk.begin();
        desk.server.next().await.queued();
        let data = json!({"token": "t1", "method": "questions", "mfa": mfa});
        desk.send(of_client("e1", "auth.mfa-required", data)).await;
        assert_pending!(task.poll());
        let call = desk.server.waiting().unwrap();
        assert_eq!(desk.prompts.len(), 1);
        let expected = json!({"token": "t1", "mfa": [{"answer": "1234"}]});
        assert_eq!(call.body, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn path_and_body_of_a_step_can_be_others() {
    let mut desk = desk_with(|builder| {
        builder
            .path(Endpoint::Step, "/auth/{id}/mfa")
            .step_encoder(|step| {
                let answers = step.answers().iter().map(|answer| answer.answer().expose());
                let body = json!({
                    "t": step.token(), "auth": step.auth_id(),
                    "method": step.challenge().method(),
                    "to": step.choice().and_then(|place| place.mask.clone()),
                    "answers": answers.collect::<Vec<_>>(),
                });
                body.to_string().into_bytes()
            })
    });
    let mut task = desk.begin();
    desk.server.next().await.queued();
    desk.send(choices("e1", "t1")).await;
    assert_pending!(task.poll());
    let call = desk.server.waiting().unwrap();
    assert_eq!(call.path(), "/v1/auth/a1/mfa");
    assert_eq!(
        call.body,
        json!({"t": "t1", "auth": "a1", "method": "code", "to": "t...t@unbill.us", "answers": []})
    );
    call.done();
    assert_pending!(task.poll());
    let call = desk.server.waiting().unwrap();
    assert_eq!(call.body["answers"], json!(["1234"]));
}

#[tokio::test(start_paused = true)]
async fn without_a_code_service_the_auth_fails_and_nothing_is_sent() {
    let (client, mut server) = server();
    let q2 = Q2::builder(client, BASE).api_key(API_KEY).build().unwrap();
    let webhook = open(&q2).build().unwrap();
    let mut task = begin(&q2);
    server.next().await.queued();
    send(&webhook, questions("e1", "t1")).await;
    let error = assert_ready!(task.poll()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CodeRequired);
    assert!(server.waiting().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_code_service_that_fails_ends_the_auth_and_repeats_no_secret() {
    let failing = service_fn(|_: CodeRequest| async {
        Err::<Code, BoxError>(format!("mailbox of {PASSWORD} is full").into())
    });
    let mut desk = desk_with(|builder| builder.code_service(failing));
    let mut task = desk.begin();
    desk.server.next().await.queued();
    desk.send(questions("e1", "t1")).await;
    let error = assert_ready!(task.poll()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CodeUnavailable);
    assert!(!format!("{error:?}").contains("5ecret"), "{error:?}");
    assert!(desk.server.waiting().is_none());
}

#[tokio::test(start_paused = true)]
async fn an_outcome_ends_the_wait_for_a_person() {
    let (_typed, codes) = slow();
    let mut desk = desk_with(|builder| builder.code_service(service_fn(codes)));
    let mut task = desk.begin();
    desk.server.next().await.queued();
    desk.send(questions("e1", "t1")).await;
    assert_pending!(task.poll());
    desk.send(success()).await;
    assert!(assert_ready!(task.poll()).is_ok());
    assert!(desk.server.waiting().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_person_has_five_minutes() {
    let (_typed, codes) = slow();
    let mut desk = desk_with(|builder| builder.code_service(service_fn(codes)));
    let mut task = desk.begin();
    desk.server.next().await.queued();
    desk.send(questions("e1", "t1")).await;
    assert_pending!(task.poll());
    tokio::time::advance(Duration::from_millis(299_999)).await;
    assert_pending!(task.poll());
    tokio::time::advance(Duration::from_millis(2)).await;
    let error = assert_ready!(task.poll()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CodeUnavailable);
    assert_eq!(desk.q2.counts().waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_brings_no_outcome_times_out_and_says_so() {
    let mut desk = desk();
    let mut task = desk.begin();
    desk.server.next().await.queued();
    desk.send(questions("e1", "t1")).await;
    assert_pending!(task.poll());
    desk.server.waiting().unwrap().done();
    assert_pending!(task.poll());
    tokio::time::advance(Duration::from_millis(300_001)).await;
    let error = assert_ready!(task.poll()).unwrap_err();
    assert_eq!(AuthFailure::of(&error), Some(&AuthFailure::NoOutcome));
    assert!(error.to_string().contains("within 300 s"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_a_person_types_is_heeded() {
    let (typed, codes) = slow();
    let mut desk = desk_with(|builder| builder.code_service(service_fn(codes)));
    let mut task = desk.begin();
    desk.server.next().await.queued();
    desk.send(choices("e1", "t1")).await;
    assert_pending!(task.poll());
    desk.server.waiting().unwrap().done();
    assert_pending!(task.poll());
    // The code was sent, and where it goes is named by another event: the person is not asked anew.
    let data = json!({"token": "t2", "method": "prompt", "mfa": [{"identifier": "p1"}]});
    desk.send(of_client("e2", "auth.mfa-required", data)).await;
    assert_pending!(task.poll());
    typed.notify_one();
    assert_pending!(task.poll());
    let call = desk.server.waiting().unwrap();
    assert_eq!(
        call.body,
        json!({"token": "t2", "mfa": [{"answer": "9999", "identifier": "p1"}]})
    );
    call.done();
    assert_pending!(task.poll());

    // A question in place of the code is put to the person, and the old one is dropped.
    desk.send(choices("e3", "t3")).await;
    assert_pending!(task.poll());
    desk.server.waiting().unwrap().done();
    assert_pending!(task.poll());
    desk.send(questions("e4", "t4")).await;
    assert_pending!(task.poll());
    typed.notify_one();
    assert_pending!(task.poll());
    assert_eq!(desk.server.waiting().unwrap().body["token"], "t4");
}

#[tokio::test(start_paused = true)]
async fn a_question_without_an_id_that_comes_twice_is_put_once() {
    let (typed, codes) = slow();
    let count = Count::default();
    let counted = count.clone();
    let mut desk = desk_with(|builder| {
        builder.code_service(service_fn(move |request| {
            counted.add();
            codes(request)
        }))
    });
    let mut task = desk.begin();
    desk.server.next().await.queued();
    for _ in 0..3 {
        let mut event = questions("e1", "t1");
        event["event"].as_object_mut().unwrap().remove("_id");
        assert_eq!(desk.send(event).await, 200);
        assert_pending!(task.poll());
    }
    typed.notify_one();
    assert_pending!(task.poll());
    desk.server.waiting().unwrap().done();
    assert_eq!(count.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_company_that_never_stops_asking_is_left() {
    let mut desk = desk_with(|builder| builder.max_mfa_rounds(2));
    let mut task = desk.begin();
    desk.server.next().await.queued();
    for (event, token) in [("e1", "t1"), ("e2", "t2")] {
        desk.send(questions(event, token)).await;
        assert_pending!(task.poll());
        desk.server.waiting().unwrap().done();
        assert_pending!(task.poll());
    }
    desk.send(questions("e3", "t3")).await;
    let error = assert_ready!(task.poll()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CodeRejected);
    assert!(error.to_string().contains("more than 2 times"), "{error}");
    assert_eq!(desk.prompts.len(), 2);
    assert!(desk.server.waiting().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_step_is_sent_once_whatever_is_answered() {
    for (status, body, kind, is_mfa) in [
        (
            200,
            json!({"success": false}),
            ErrorKind::CodeRejected,
            true,
        ),
        (
            400,
            json!({"message": "Wrong"}),
            ErrorKind::CodeRejected,
            true,
        ),
        (401, json!({}), ErrorKind::Rejected, false),
        (404, json!({}), ErrorKind::Config, false),
        (429, json!({}), ErrorKind::RateLimited, false),
        (500, json!({}), ErrorKind::Transport, false),
    ] {
        let mut desk = desk();
        let mut task = desk.begin();
        desk.server.next().await.queued();
        desk.send(questions("e1", "t1")).await;
        assert_pending!(task.poll());
        desk.server.waiting().unwrap().status(status, body);
        let error = assert_ready!(task.poll()).unwrap_err();
        assert_eq!(error.kind(), kind, "{status}");
        let failure = AuthFailure::of(&error);
        let is_typed = matches!(failure, Some(AuthFailure::MfaFailed { .. }));
        assert_eq!(is_typed, is_mfa, "{status}");
        assert!(error.to_string().contains("req-7"), "{error}");
        assert!(desk.server.waiting().is_none(), "{status}");
        assert_eq!(desk.q2.counts().waiting, 0);
    }
    let mut desk = desk();
    let mut task = desk.begin();
    desk.server.next().await.queued();
    desk.send(questions("e1", "t1")).await;
    assert_pending!(task.poll());
    desk.server.waiting().unwrap().cut();
    let error = assert_ready!(task.poll()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transport);
    assert!(error.to_string().contains("not sent again"), "{error}");
    assert!(desk.server.waiting().is_none());
}
