//! Which requests get a code before the server asks for one.

use std::sync::Arc;

use tokio::{sync::Semaphore, task::JoinSet};
use tokio_test::{assert_pending, assert_ready_ok, task};
use tower::{Layer, Service, ServiceExt, limit::ConcurrencyLimit};
use tower_reauth::{Error, ErrorKind, layers::mfa::MfaPolicy};

use crate::{
    common::{Body, ORIGIN, get},
    support::*,
};

#[tokio::test(start_paused = true)]
async fn always_means_that_nothing_is_sent_without_a_code() {
    let api = Api::default();
    let person = api.person().latency(secs(60));
    let mfa = person.builder().policy(MfaPolicy::Always).build().unwrap();
    let client = api.client(&mfa);
    let mut calls = JoinSet::new();
    for _ in 0..32 {
        calls.spawn(client.clone().oneshot(get()));
        calls.spawn(client.clone().oneshot(post()));
    }
    while let Some(answer) = calls.join_next().await {
        assert_eq!(outcome(&answer.unwrap().unwrap()), DONE);
    }
    assert_eq!((person.asked(), api.sends()), (1, 64));
    assert!(!api.codes().contains('-'));
    // It has worked, as far as anybody knows: another is asked for at once.
    api.accept(None);
    assert_eq!(outcome(&call(&client, post()).await), DONE);
    assert_eq!((api.codes().as_str(), person.asked()), ("c1 c2", 2));
}

#[tokio::test(start_paused = true)]
async fn where_a_code_is_needed_and_none_can_be_had_the_call_fails() {
    let api = Api::default();
    let person = api.person();
    let policy = || MfaPolicy::matching(|request| request.method != "GET");
    let mfa = person.builder().policy(policy()).build().unwrap();
    let client = api.client(&mfa);
    person.then(Act::FailOtherwise);
    // The second finds the pause.
    for _ in 0..2 {
        let failed = client.clone().oneshot(post()).await.unwrap_err();
        let failed = Error::from_boxed(failed);
        assert_eq!(failed.kind(), ErrorKind::CodeUnavailable);
    }
    assert_eq!((api.sends(), person.asked()), (0, 1));

    let mfa = bare().policy(policy()).build().unwrap();
    let failed = api.client(&mfa).oneshot(post()).await.unwrap_err();
    let failed = Error::from_boxed(failed);
    assert_eq!(failed.kind(), ErrorKind::CodeRequired);
    assert_eq!(api.sends(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_matcher_says_who_gets_a_code_and_a_challenge_who_else() {
    let api = Api::default();
    let person = api.person();
    let policy = MfaPolicy::matching(|request| request.uri.path() == "/password");
    let mfa = person.builder().policy(policy).build().unwrap();
    let client = api.client(&mfa);
    assert_eq!(outcome(&call(&client, get()).await), DONE);
    assert_eq!(api.codes(), "-");
    assert_eq!(outcome(&call(&client, post()).await), DONE);
    assert_eq!(api.codes(), "c1");
    assert_eq!(outcome(&call(&client, get()).await), DONE);
    assert_eq!(api.codes(), "-");
    // The matcher did not know of this one.
    let mut other = post();
    *other.uri_mut() = format!("{ORIGIN}/addresses").parse().unwrap();
    assert_eq!(outcome(&call(&client, other).await), DONE);
    assert_eq!((api.codes().as_str(), person.asked()), ("- c1", 1));
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_code_holds_nothing() {
    let api = Api::default();
    let person = api.person().latency(secs(60));
    let mfa = person.builder().policy(MfaPolicy::Always).build().unwrap();
    let permits = Arc::new(Semaphore::new(1));
    let limited = ConcurrencyLimit::with_semaphore(api.service::<Body>(), Arc::clone(&permits));
    let mut client = mfa.layer().layer(limited);
    client.ready().await.unwrap();
    assert_eq!(permits.available_permits(), 0);
    let mut waiting = task::spawn(client.call(post()));
    assert_pending!(waiting.poll());
    assert_eq!(permits.available_permits(), 1);
    pass(secs(61)).await;
    assert_eq!(outcome(&assert_ready_ok!(waiting.poll())), DONE);
    assert_eq!(api.codes(), "c1");
}

#[tokio::test(start_paused = true)]
async fn after_a_challenge_nothing_is_held_either() {
    let api = Api::default();
    let person = api.person().latency(secs(60));
    let permits = Arc::new(Semaphore::new(1));
    let limited = ConcurrencyLimit::with_semaphore(api.service::<Body>(), Arc::clone(&permits));
    let client = person.mfa().layer().layer(limited);
    let waiting = tokio::spawn(client.oneshot(post()));
    pass(secs(1)).await;
    assert!(person.is_present());
    assert_eq!(permits.available_permits(), 1);
    assert_eq!(outcome(&waiting.await.unwrap().unwrap()), DONE);
}
