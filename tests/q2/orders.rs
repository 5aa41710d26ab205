//! Events come at least once, in any order, before the answer and after: each auth ends once.

use serde_json::json;
use tokio_test::{assert_pending, task::Spawn};
use tower_reauth::providers::q2::AuthFailure;

use crate::support::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Answer,
    Created,
    Mfa,
    Success,
    Failed,
    /// `Success`, delivered once more.
    Duplicate,
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Verified,
    Failed,
    MfaFailed,
}

fn permutations(rest: &[Step]) -> Vec<Vec<Step>> {
    if rest.is_empty() {
        return vec![vec![]];
    }
    let mut all = Vec::new();
    for (index, step) in rest.iter().enumerate() {
        let mut others = rest.to_vec();
        others.remove(index);
        for mut tail in permutations(&others) {
            tail.insert(0, *step);
            all.push(tail);
        }
    }
    all
}

/// What must come of `order`, and how many steps of MFA are sent.
///
/// Nothing is judged before the answer. From then on the first outcome counts; a question is
/// answered if it is there before an outcome is.
fn expected(order: &[Step]) -> (Verdict, usize) {
    let at = |step| order.iter().position(|other| *other == step).unwrap();
    let success = at(Step::Success).min(at(Step::Duplicate));
    let (first, outcome) = if success < at(Step::Failed) {
        (success, Verdict::Verified)
    } else {
        (at(Step::Failed), Verdict::Failed)
    };
    let is_asked = at(Step::Mfa).max(at(Step::Answer)) < first;
    match (is_asked, outcome) {
        (true, Verdict::Failed) => (Verdict::MfaFailed, 1),
        (true, outcome) => (outcome, 1),
        (false, outcome) => (outcome, 0),
    }
}

/// Polls the auth, and answers the steps that it sends. Returns its result when there is one.
fn go_on<F: Future>(
    task: &mut Spawn<F>,
    server: &mut Server,
    steps: &mut usize,
) -> Option<F::Output> {
    loop {
        if let std::task::Poll::Ready(result) = task.poll() {
            return Some(result);
        }
        let call = server.waiting()?;
        assert_eq!(call.path(), "/v1/auth/step");
        *steps += 1;
        call.done();
    }
}

#[tokio::test(start_paused = true)]
async fn all_720_orders_end_each_auth_once() {
    let all = [
        Step::Answer,
        Step::Created,
        Step::Mfa,
        Step::Success,
        Step::Failed,
        Step::Duplicate,
    ];
    let orders = permutations(&all);
    assert_eq!(orders.len(), 720);
    for order in orders {
        // tokio's budget ends a task's turn after so many steps, and this is one task.
        tokio::task::yield_now().await;
        let mut desk = desk();
        let mut task = desk.begin();
        let mut call = Some(desk.server.next().await);
        let mut result = None;
        let mut steps = 0;
        for step in &order {
            match step {
                Step::Answer => call.take().unwrap().queued(),
                Step::Created => assert_eq!(desk.send(created()).await, 200),
                Step::Mfa => assert_eq!(desk.send(questions("e-mfa", "t1")).await, 200),
                Step::Success | Step::Duplicate => assert_eq!(desk.send(success()).await, 200),
                Step::Failed => assert_eq!(desk.send(failed()).await, 200),
            }
            if result.is_none() {
                result = go_on(&mut task, &mut desk.server, &mut steps);
            }
        }
        let verdict = match result.unwrap_or_else(|| panic!("{order:?} does not end")) {
            Ok(_) => Verdict::Verified,
            Err(error) => match AuthFailure::of(&error) {
                Some(AuthFailure::Failed { .. }) => Verdict::Failed,
                Some(AuthFailure::MfaFailed { .. }) => Verdict::MfaFailed,
                other => panic!("{order:?}: {other:?} {error}"),
            },
        };
        assert_eq!((verdict, steps), expected(&order), "{order:?}");
        assert_eq!(desk.prompts.len(), steps, "{order:?}");
        drop(task);
        let counts = desk.q2.counts();
        assert_eq!((counts.waiting, counts.held), (0, 0), "{order:?}");
        assert_eq!(counts.duplicate, 1, "{order:?}");
        assert_eq!(counts.delivered + counts.unclaimed, 4, "{order:?}");
        assert!(desk.server.waiting().is_none(), "{order:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_names_the_auth_alone_is_kept_for_the_answer() {
    let mut desk = desk();
    let mut task = desk.begin();
    let call = desk.server.next().await;
    // No client and no company: nobody knows whose it is before the answer.
    let invalid = |auth| {
        let mut event = of_auth(auth, "auth.invalid", auth, json!({}));
        event["event"].as_object_mut().unwrap().remove("clientId");
        event["event"]["payload"]["data"] = json!({});
        event
    };
    for auth in ["a0", "a1"] {
        assert_eq!(desk.send(invalid(auth)).await, 200);
    }
    assert_eq!(desk.q2.counts().kept, 2);
    call.queued();
    let error = tokio_test::assert_ready!(task.poll()).unwrap_err();
    assert_eq!(AuthFailure::of(&error), Some(&AuthFailure::Invalid));
    drop(task);
    let counts = desk.q2.counts();
    assert_eq!((counts.waiting, counts.held), (0, 0));
    // Nobody waits any more, so one that comes now is late.
    assert_eq!(
        desk.send(of_auth("e9", "auth.invalid", "a1", json!({})))
            .await,
        200
    );
    assert_eq!(desk.q2.counts().unclaimed, 1);
}

#[tokio::test(start_paused = true)]
async fn an_event_about_an_earlier_auth_of_the_same_pair_ends_nothing() {
    let mut desk = desk();
    let mut task = desk.begin();
    let call = desk.server.next().await;
    let hold = |id, auth| {
        of_auth(
            id,
            "auth.hold",
            auth,
            json!({"hold": {"code": "x", "text": "X"}}),
        )
    };
    assert_eq!(desk.send(hold("e1", "a0")).await, 200);
    call.queued();
    assert_pending!(task.poll());
    assert_eq!(desk.send(hold("e2", "a0")).await, 200);
    assert_pending!(task.poll());
    assert_eq!(desk.send(success()).await, 200);
    assert!(tokio_test::assert_ready!(task.poll()).is_ok());
}

#[tokio::test(start_paused = true)]
async fn two_auths_of_one_client_at_two_companies_do_not_mix() {
    let mut desk = desk();
    let mut one = desk.begin();
    let q2 = desk.q2.clone();
    let other = tower_reauth::providers::q2::NewAuth::new("c1", "co2").field("a", "b");
    let mut two = tokio_test::task::spawn(async move { q2.create_auth(other).await });
    assert_pending!(two.poll());
    desk.server.next().await.queued();
    desk.server
        .next()
        .await
        .ok(json!({"success": true, "authId": "a2"}));
    assert_eq!(desk.send(failed()).await, 200);
    assert!(tokio_test::assert_ready!(one.poll()).is_err());
    assert_pending!(two.poll());
    assert_eq!(desk.q2.counts().waiting, 1);
    assert_eq!(
        desk.send(of_auth("e2", "auth.success", "a2", json!({})))
            .await,
        200
    );
    let verified = tokio_test::assert_ready!(two.poll()).unwrap();
    assert_eq!(
        (verified.auth_id(), verified.company_id()),
        (Some("a2"), "co2")
    );
}
