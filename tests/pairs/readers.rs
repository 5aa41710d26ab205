//! Recoveries that judge by the body see it where nothing is sent again as well.

use std::{
    future::{pending, ready},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tower::{Layer, ServiceExt};
use tower_reauth::{
    Error, ErrorKind,
    layers::{RecoverLayer, recover::Outcome},
    replay::NotReplayed,
};

use crate::{
    common::{Body, get},
    support::*,
};

#[tokio::test(start_paused = true)]
async fn whoever_reads_bodies_sees_the_last_answer_too_and_the_caller_gets_it_whole() {
    let failure = Error::new(ErrorKind::CodeRejected, "no");
    for (last, expected) in [
        (Outcome::GiveUp(failure), Some(ErrorKind::CodeRejected)),
        (Outcome::NotMine, None),
        // Too late.
        (Outcome::Resend, None),
    ] {
        let (script, log) = (Script::new([LOCKED, LOCKED]), Log::default());
        let recovered = AtomicUsize::new(0);
        let a = log.side("a", LOCKED).reading().recovering(move |_| {
            let is_first = recovered.fetch_add(1, Ordering::SeqCst) == 0;
            let outcome = if is_first {
                Outcome::Resend
            } else {
                last.clone()
            };
            Box::pin(ready(outcome))
        });
        let b = log.side("b", PRECONDITION);
        let client = RecoverLayer::new((a, b)).layer(script.service::<Body>());
        let answer = client.oneshot(get()).await.unwrap();
        assert_eq!(script.sends(), 2);
        assert_eq!((kind(&answer), why(&answer)), (expected, None));
        assert_eq!(text(answer).await, "body of 423");
        let log = log.take();
        let recovered = log.iter().filter(|what| what.contains("recovers"));
        let expected = ["a recovers body of 423"; 2];
        assert_eq!(recovered.collect::<Vec<_>>(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_was_answered_leaves_the_next_challenge_to_the_other() {
    // Both are sent as 423; what it is stands in the body.
    let (script, log) = (Script::new([LOCKED, LOCKED, LOCKED]), Log::default());
    let recovered = AtomicUsize::new(0);
    let a = log.side("a", LOCKED).reading().recovering(move |_| {
        let is_first = recovered.fetch_add(1, Ordering::SeqCst) == 0;
        let outcome = if is_first {
            Outcome::Resend
        } else {
            Outcome::NotMine
        };
        Box::pin(ready(outcome))
    });
    let b = log.side("b", LOCKED);
    let client = RecoverLayer::new((a, b)).layer(script.service::<Body>());
    let answer = client.oneshot(get()).await.unwrap();
    assert_eq!(script.sends(), 3);
    assert_eq!(text(answer).await, "body of 423");
}

#[tokio::test(start_paused = true)]
async fn whoever_reads_bodies_reads_them_where_nothing_can_be_sent_again() {
    let failure = Error::new(ErrorKind::CodeRequired, "no");
    for (outcome, expected) in [
        (Outcome::NotMine, (None, None)),
        (Outcome::Resend, (None, Some(NotReplayed::NotCopyable))),
        (
            Outcome::GiveUp(failure),
            (
                Some(ErrorKind::CodeRequired),
                Some(NotReplayed::NotCopyable),
            ),
        ),
    ] {
        let (script, log) = (Script::new([LOCKED]), Log::default());
        let a = log.side("a", LOCKED).reading().at_once(outcome);
        let client = RecoverLayer::new(a).layer(script.service::<Counted>());
        let answer = client.oneshot(one_shot()).await.unwrap();
        assert_eq!((kind(&answer), why(&answer)), expected);
        assert_eq!(text(answer).await, "body of 423");
        assert_eq!(log.take(), ["a sees 423", "a recovers body of 423"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_recovery_that_nobody_waits_for_ends_in_the_background() {
    for reads_body in [true, false] {
        let ended = Arc::new(AtomicUsize::new(0));
        let (script, log) = (Script::new([LOCKED]), Log::default());
        let mut a = log.side("a", LOCKED).recovering({
            let ended = Arc::clone(&ended);
            move |_| {
                let ended = Arc::clone(&ended);
                Box::pin(async move {
                    tokio::time::sleep(Duration::from_secs(60)).await;
                    ended.fetch_add(1, Ordering::SeqCst);
                    Outcome::Resend
                })
            }
        });
        a.reads_body = reads_body;
        let client = RecoverLayer::new(a).layer(script.service::<Counted>());
        let answer = client.oneshot(one_shot()).await.unwrap();
        assert_eq!(why(&answer), Some(NotReplayed::NotCopyable));
        assert_eq!(text(answer).await, "body of 423");
        assert_eq!(ended.load(Ordering::SeqCst), 0);
        tokio::time::sleep(Duration::from_secs(61)).await;
        assert_eq!(ended.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_answer_waits_for_no_recovery() {
    let (script, log) = (Script::new([LOCKED, LOCKED]), Log::default());
    let recovered = AtomicUsize::new(0);
    let a = log.side("a", LOCKED).reading().recovering(move |_| {
        if recovered.fetch_add(1, Ordering::SeqCst) == 0 {
            return Box::pin(ready(Outcome::Resend));
        }
        Box::pin(pending())
    });
    let client = RecoverLayer::new(a).layer(script.service::<Body>());
    let call = client.oneshot(get());
    let answer = tokio::time::timeout(Duration::from_secs(60), call).await;
    let answer = answer.expect("it does not wait").unwrap();
    assert_eq!(text(answer).await, "body of 423");
}
