//! Codes that are refused: what is sent again, and when another is asked for.

use std::time::Duration;

use tokio::{task::JoinSet, time::Instant};
use tower::{Layer, ServiceExt, limit::ConcurrencyLimit};
use tower_reauth::{Code, Error, ErrorKind, Event, Reason, layers::mfa::MfaPolicy};

use crate::{
    common::{Body, get},
    support::*,
};

const REJECTED: (u16, Option<(ErrorKind, Option<&str>)>) =
    (403, Some((ErrorKind::CodeRejected, Some("5901"))));

/// The least time from now until somebody is asked again.
async fn until_asked(client: &Client, person: &Person) -> u64 {
    let before = person.asked();
    for seconds in 0..1000 {
        person.then(Act::Give("wrong"));
        call(client, post()).await;
        if person.asked() > before {
            return seconds;
        }
        pass(secs(1)).await;
    }
    panic!("nobody is asked any more");
}

#[tokio::test(start_paused = true)]
async fn a_new_code_that_is_refused_is_told_and_not_sent_again() {
    let api = Api::default();
    let person = api.person().latency(secs(2));
    let mfa = person.mfa();
    let (client, mut events) = (api.client(&mfa), mfa.events());
    person.then(Act::Give("wrong"));
    let answer = call(&client, post()).await;
    assert_eq!(outcome(&answer), REJECTED);
    assert_eq!(answer.body(), "5901");
    // In the time that follows nobody is asked, and the code is not sent.
    pass(secs(7)).await;
    let answer = call(&client, post()).await;
    assert_eq!(
        outcome(&answer),
        (403, Some((ErrorKind::CodeRejected, Some("5901"))))
    );
    assert_eq!(answer.body(), "5900");
    // It counts from when he was asked.
    assert_eq!(error(&answer).retry_after_hint(), Some(secs(21)));
    assert_eq!(outcome(&call(&client, get()).await), DONE);
    assert_eq!(api.codes(), "- wrong - -");
    assert_eq!(person.asked(), 1);
    pass(secs(21)).await;
    assert_eq!(outcome(&call(&client, post()).await), DONE);
    assert_eq!(api.codes(), "- c2");
    assert_eq!(person.attempts(), [1, 2]);

    assert!(matches!(events.next().await, Some(Event::Renewed { .. })));
    let event = events.next().await;
    let Some(Event::Failed { error, reason, .. }) = event else {
        panic!("{event:?}");
    };
    assert_eq!(error.kind(), ErrorKind::CodeRejected);
    assert_eq!(reason, Reason::Rejected);
}

#[tokio::test(start_paused = true)]
async fn a_code_that_worked_and_dies_early_is_replaced_at_once_for_all() {
    let api = Api::default();
    let person = api.person();
    let client = api.client(&person.mfa());
    assert_eq!(outcome(&call(&client, post()).await), DONE);
    api.accept(None);
    api.codes();
    let mut calls = JoinSet::new();
    for _ in 0..64 {
        calls.spawn(client.clone().oneshot(post()));
    }
    while let Some(answer) = calls.join_next().await {
        assert_eq!(outcome(&answer.unwrap().unwrap()), DONE);
    }
    assert_eq!((person.asked(), api.sends()), (2, 128));
    assert_eq!(person.attempts(), [1, 1]);

    // It had worked; but another that has not is one too many.
    api.accept(None);
    person.then(Act::Give("wrong"));
    assert_eq!(outcome(&call(&client, post()).await), REJECTED);
    assert_eq!(person.asked(), 3);
    assert_eq!(outcome(&call(&client, post()).await), REJECTED);
    assert_eq!(person.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn only_what_was_challenged_shows_that_a_code_works() {
    let api = Api::default();
    let person = api.person();
    let mfa = person.mfa();
    let client = api.client(&mfa);
    person.then(Act::Give("wrong"));
    mfa.code().await.unwrap();
    // Nobody looks at the code of this one.
    assert_eq!(outcome(&call(&client, get()).await), DONE);
    let answer = call(&client, post()).await;
    assert_eq!(outcome(&answer), REJECTED);
    assert_eq!((api.codes().as_str(), person.asked()), ("wrong wrong", 1));
}

#[tokio::test(start_paused = true)]
async fn the_wait_doubles_with_each_new_code_that_is_refused() {
    let api = Api::default();
    let person = api.person();
    let mfa = person.mfa();
    let client = api.client(&mfa);
    let mut waits = Vec::new();
    for code in ["w1", "w2", "w3", "w4", "w5", "w6"] {
        person.then(Act::Give(code));
        if waits.is_empty() {
            assert_eq!(outcome(&call(&client, post()).await), REJECTED);
            waits.push(0);
            continue;
        }
        let mut waited = 0;
        while person.asked() < waits.len() + 1 {
            pass(secs(1)).await;
            waited += 1;
            assert_eq!(outcome(&call(&client, post()).await), REJECTED);
        }
        waits.push(waited);
    }
    assert_eq!(waits, [0, 30, 60, 120, 240, 300]);
    assert_eq!(person.attempts(), [1, 2, 3, 4, 5, 6]);
    // A code that works ends it.
    pass(secs(300)).await;
    assert_eq!(outcome(&call(&client, post()).await), DONE);
    assert_eq!(person.attempts()[6], 7);
    api.accept(None);
    person.then(Act::Give("w7"));
    assert_eq!(outcome(&call(&client, post()).await), REJECTED);
    assert_eq!(until_asked(&client, &person).await, 30);
}

#[tokio::test(start_paused = true)]
async fn a_code_that_was_refused_is_not_sent_though_it_is_given_again() {
    let api = Api::default();
    let person = api.person();
    let mfa = person.mfa();
    let client = api.client(&mfa);
    person.then(Act::Give("wrong"));
    assert_eq!(outcome(&call(&client, post()).await), REJECTED);
    pass(secs(30)).await;
    person.then(Act::Give("wrong"));
    let answer = call(&client, post()).await;
    assert_eq!(
        outcome(&answer),
        (403, Some((ErrorKind::CodeRejected, Some("5900"))))
    );
    assert_eq!(api.codes(), "- wrong -");
    assert_eq!(person.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn codes_that_were_replaced_cleared_or_expired_are_not_sent_though_they_are_given_again() {
    type End = fn(&tower_reauth::layers::Mfa);
    let ends: [(u64, End); 3] = [
        (0, |mfa| assert_eq!(mfa.set(Code::new("other").unwrap()), 2)),
        (0, |mfa| mfa.clear()),
        (61, |_| {}),
    ];
    for (seconds, end) in ends {
        let api = Api::default();
        let person = api.person().lifetime(secs(60));
        let mfa = person.mfa();
        let client = api.client(&mfa);
        assert_eq!(outcome(&call(&client, post()).await), DONE);
        pass(secs(seconds)).await;
        end(&mfa);
        api.accept(None);
        api.codes();
        person.then(Act::Give("c1"));
        let answer = call(&client, post()).await;
        assert_eq!(error(&answer).kind(), ErrorKind::CodeRejected);
        assert!(!api.codes().contains("c1"));
        assert_eq!(person.asked(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_code_set_by_hand_is_good_whatever_it_was() {
    let api = Api::default();
    let person = api.person();
    let mfa = person.mfa();
    let client = api.client(&mfa);
    person.then(Act::Give("slow"));
    assert_eq!(outcome(&call(&client, post()).await), REJECTED);
    api.accept(Some("slow"));
    mfa.set(Code::new("slow").unwrap());
    assert_eq!(outcome(&call(&client, post()).await), DONE);
    // Nobody was asked for it, so nothing has to be waited for if it is refused.
    mfa.set(Code::new("bad").unwrap());
    assert_eq!(outcome(&call(&client, post()).await), DONE);
    assert_eq!(api.codes(), "- slow slow bad c2");
    assert_eq!(person.attempts(), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_misses_a_code_that_was_sent_refuses_it() {
    let api = Api::default();
    let person = api.person();
    let client = api.client(&person.mfa());
    api.order(http::StatusCode::FORBIDDEN, "5900");
    api.order(http::StatusCode::FORBIDDEN, "5900");
    let answer = call(&client, post()).await;
    let said: Error = error(&answer);
    assert_eq!(
        outcome(&answer),
        (403, Some((ErrorKind::CodeRejected, Some("5900"))))
    );
    assert!(said.to_string().contains("though one was sent"), "{said}");
    assert_eq!((api.codes().as_str(), person.asked()), ("- c1", 1));
    call(&client, post()).await;
    assert_eq!((api.codes().as_str(), person.asked()), ("-", 1));
}

#[tokio::test(start_paused = true)]
async fn a_request_has_one_round_though_the_code_in_hand_turns_out_to_be_dead() {
    let api = Api::default();
    let person = api.person();
    let policy = MfaPolicy::matching(|_| false);
    let mfa = person.builder().policy(policy).build().unwrap();
    let client = api.client(&mfa);
    assert_eq!(outcome(&call(&client, post()).await), DONE);
    api.accept(None);
    api.codes();
    assert_eq!(outcome(&call(&client, post()).await), REJECTED);
    pass(secs(1)).await;
    assert_eq!((api.codes().as_str(), person.asked()), ("- c1", 1));
    // It had worked, so the next has not to wait.
    assert_eq!(outcome(&call(&client, post()).await), DONE);
    assert_eq!((api.codes().as_str(), person.asked()), ("- c2", 2));
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_code_is_refused_to_another_is_told_so_and_asks_nobody() {
    let api = Api::default();
    let person = api.person();
    let mfa = person.builder().policy(MfaPolicy::Always).build().unwrap();
    // One at a time, so that the second is not prepared before the first is answered.
    let limited = ConcurrencyLimit::new(api.service::<Body>(), 1);
    let client = mfa.layer().layer(limited);
    let answer = client.clone().oneshot(post()).await.unwrap();
    assert_eq!(outcome(&answer), DONE);
    api.accept(None);
    api.codes();
    person.then(Act::Give("wrong"));
    let (one, two) = tokio::join!(client.clone().oneshot(post()), client.oneshot(post()));
    assert_eq!(outcome(&one.unwrap()), REJECTED);
    assert_eq!(outcome(&two.unwrap()), REJECTED);
    assert_eq!((api.codes().as_str(), person.asked()), ("c1 wrong -", 2));
}

#[tokio::test(start_paused = true)]
async fn nobody_is_asked_while_the_old_code_is_on_its_way_unless_that_takes_long() {
    for (slow, expected) in [(1, 1), (2, 2), (100, 2)] {
        let api = Api::default();
        let person = api.person();
        let mfa = person.mfa();
        let client = api.client(&mfa);
        assert_eq!(outcome(&call(&client, post()).await), DONE);
        // One that takes long, and one that is refused at once.
        api.latency(secs(slow));
        let slow = tokio::spawn(client.clone().oneshot(get()));
        tokio::task::yield_now().await;
        api.latency(Duration::ZERO);
        api.accept(None);
        let began = Instant::now();
        assert_eq!(outcome(&call(&client, post()).await), DONE);
        assert_eq!(began.elapsed(), secs(expected));
        assert_eq!(person.asked(), 2);
        slow.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_was_dropped_is_not_waited_for() {
    let api = Api::default();
    let person = api.person();
    let client = api.client(&person.mfa());
    assert_eq!(outcome(&call(&client, post()).await), DONE);
    api.latency(secs(100));
    {
        let mut dropped = tokio_test::task::spawn(client.clone().oneshot(get()));
        assert!(dropped.poll().is_pending());
    }
    api.latency(Duration::ZERO);
    api.accept(None);
    let began = Instant::now();
    assert_eq!(outcome(&call(&client, post()).await), DONE);
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn of_many_whose_new_code_is_refused_each_is_told_and_one_is_asked() {
    let api = Api::default();
    let person = api.person().latency(secs(3));
    let client = api.client(&person.mfa());
    person.then(Act::Give("wrong"));
    let mut calls = JoinSet::new();
    for _ in 0..64 {
        calls.spawn(client.clone().oneshot(post()));
    }
    while let Some(answer) = calls.join_next().await {
        assert_eq!(outcome(&answer.unwrap().unwrap()), REJECTED);
    }
    assert_eq!((person.asked(), api.sends()), (1, 128));
}
