//! What becomes of a token's two instants when nobody watches the clocks, or nobody any more.

mod common;

use std::time::Duration;

use common::{Api, Minter, get};
use http::StatusCode;
use tokio::runtime::Runtime;
use tokio_test::{assert_ready, task};
use tower::ServiceExt;
use tower_reauth::{Session, Token, testing::FakeClock};

fn token(text: &str) -> Token {
    Token::new(text).unwrap()
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// Lets the tasks that are ready run.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

/// A session with a token of 100 s that is past refresh-after, and no schedule that says so.
fn due(minter: &Minter) -> (Session, FakeClock) {
    let clock = FakeClock::new();
    let session = minter
        .builder()
        .clock(clock.clone())
        .token(token("t0").with_lifetime(secs(100)))
        .build()
        .unwrap();
    clock.advance(secs(95));
    (session, clock)
}

#[test]
fn who_reads_the_clocks_finds_an_early_renewal_due_without_a_schedule() {
    let minter = Minter::default();
    let (session, _clock) = due(&minter);
    runtime().block_on(async {
        assert_eq!(session.token().await.unwrap().generation(), 1);
        settle().await;
    });
    assert_eq!(minter.count(), 1);
    assert_eq!(session.current().unwrap().generation(), 2);
}

#[test]
fn an_early_renewal_that_falls_due_outside_a_runtime_is_left_to_the_next_call() {
    let minter = Minter::default();
    let (session, _clock) = due(&minter);
    for _ in 0..3 {
        let current = assert_ready!(task::spawn(session.token()).poll()).unwrap();
        assert_eq!(current.generation(), 1);
    }
    assert_eq!(minter.count(), 0);
    runtime().block_on(async {
        assert_eq!(session.token().await.unwrap().generation(), 1);
        settle().await;
    });
    assert_eq!(minter.count(), 1);
}

#[test]
fn an_early_renewal_whose_runtime_ended_is_left_to_the_next_call() {
    let minter = Minter::default().latency(secs(3_600));
    let (session, _clock) = due(&minter);
    for count in 1..=3 {
        // Each runtime ends while the renewal is under way.
        runtime().block_on(async {
            assert_eq!(session.token().await.unwrap().generation(), 1);
            settle().await;
        });
        assert_eq!(minter.count(), count);
    }
}

#[test]
fn a_schedule_that_ended_with_its_runtime_is_started_again() {
    let api = Api::default();
    api.accept("t0");
    let clock = FakeClock::new();
    let minter = Minter::default().valid_at(&api);
    let session = minter
        .builder()
        .clock(clock.clone())
        .token(token("t0").with_lifetime(secs(100)))
        .build()
        .unwrap();
    let call = async || {
        let answer = api.client(&session).oneshot(get()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        settle().await;
    };
    runtime().block_on(call());
    assert_eq!(clock.sleepers(), 0, "it ended with its runtime");
    runtime().block_on(async {
        call().await;
        assert_eq!(clock.sleepers(), 1);
        clock.advance(secs(95));
        settle().await;
        assert_eq!(minter.count(), 0);
        call().await;
        assert_eq!(minter.count(), 1);
    });
}

#[tokio::test]
async fn a_schedule_ends_with_its_token() {
    let clock = FakeClock::new();
    let session = Minter::default()
        .builder()
        .clock(clock.clone())
        .token(token("t0").with_lifetime(secs(100)))
        .build()
        .unwrap();
    settle().await;
    assert_eq!(clock.sleepers(), 1);
    session.set(token("t1"));
    settle().await;
    assert_eq!(clock.sleepers(), 0);
    session.set(token("t2").with_lifetime(secs(100)));
    settle().await;
    assert_eq!(clock.sleepers(), 1);
    session.clear();
    settle().await;
    assert_eq!(clock.sleepers(), 0);
}

#[test]
fn without_a_schedule_an_expired_token_is_not_the_current_one() {
    let clock = FakeClock::new();
    let session = Minter::default()
        .builder()
        .clock(clock.clone())
        .token(token("t").with_lifetime(secs(10)))
        .build()
        .unwrap();
    clock.advance(Duration::from_millis(9_999));
    assert!(session.current().is_some());
    clock.advance(Duration::from_millis(1));
    assert!(session.current().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_long_lived_token_is_renewed_a_minute_before_its_end() {
    let minter = Minter::default().lifetime(secs(3_600));
    let session = minter.session();
    session.token().await.unwrap();
    tokio::time::sleep(secs(3_539)).await;
    session.token().await.unwrap();
    settle().await;
    assert_eq!(minter.count(), 1);
    tokio::time::sleep(secs(2)).await;
    session.token().await.unwrap();
    settle().await;
    assert_eq!(minter.count(), 2);
}
