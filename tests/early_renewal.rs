//! Tokens are renewed before they run out, in the background, and nobody waits.

mod common;

use std::time::Duration;

use common::{Api, Minter, ORIGIN, calls, get};
use http::StatusCode;
use tokio::time::Instant;
use tower::ServiceExt;
use tower_reauth::{Error, ErrorKind, Event, Reason, Session, Token, testing::FakeClock};

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn under_steady_load_no_call_waits_and_none_is_refused() {
    let api = Api::default();
    // Tokens live for 2 s at the server too.
    let minter = Minter::default()
        .latency(Duration::from_millis(50))
        .lifetime(secs(2))
        .valid_at(&api);
    let session = minter.session();
    let client = api.client(&session);
    session.token().await.unwrap();

    let mut waited = 0;
    let started = Instant::now();
    let mut newest = 1;
    while started.elapsed() < secs(60) {
        let before = Instant::now();
        let answer = client.clone().oneshot(get()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        // The API takes no time, so any that passed was spent waiting for a token.
        waited += usize::from(before.elapsed() > Duration::ZERO);
        let generation = session.current().unwrap().generation();
        if generation > newest {
            newest = generation;
            api.revoke_all();
            api.accept(&format!("t{generation}"));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(waited, 0);
    assert_eq!(api.refused(), 0);
    // 1.8 s until it is due, up to 10 ms until the next call, and 50 ms for the renewal.
    assert!((32..=33).contains(&minter.count()), "{}", minter.count());
}

#[tokio::test(start_paused = true)]
async fn an_idle_session_renews_nothing() {
    let minter = Minter::default().lifetime(secs(10));
    let session = minter.session();
    session.token().await.unwrap();
    tokio::time::sleep(secs(86_400)).await;
    assert_eq!(minter.count(), 1);
    assert!(
        session.current().is_none(),
        "past its end it is not handed out"
    );
    assert_eq!(session.token().await.unwrap().generation(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_failed_early_renewal_takes_nothing_away_until_the_end() {
    let api = Api::default();
    let minter = Minter::default().lifetime(secs(100)).valid_at(&api);
    let session = minter.session();
    let client = api.client(&session);
    session.token().await.unwrap();
    minter.fail(Some(Error::new(ErrorKind::Transport, "down")));

    let mut events = session.events();
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(99_900) {
        assert_eq!(
            client.clone().oneshot(get()).await.unwrap().status(),
            StatusCode::OK
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // From 90 s on: tries after about 1, 2, 4 and 8 s.
    assert!((4..=6).contains(&minter.count()), "{}", minter.count());
    let event = events.next().await.unwrap();
    assert!(
        matches!(
            event,
            Event::Failed {
                reason: Reason::Expiring,
                ..
            }
        ),
        "{event:?}"
    );

    tokio::time::sleep(secs(1)).await;
    let sends = api.sends();
    assert!(
        client.clone().oneshot(get()).await.is_err(),
        "not one instant longer"
    );
    assert_eq!(api.sends(), sends);

    minter.fail(None);
    tokio::time::sleep(secs(60)).await;
    assert_eq!(
        client.clone().oneshot(get()).await.unwrap().status(),
        StatusCode::OK
    );
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_held_back_for_five_seconds_at_most() {
    let api = Api::default();
    let (tokens, mut calls) = calls();
    let session = Session::builder(tokens)
        .origin(ORIGIN)
        .token(Token::new("t0").unwrap())
        .build()
        .unwrap();
    let client = api.client(&session);
    let refused = tokio::spawn(client.clone().oneshot(get()));
    let call = calls.next().await;

    // The server comes round, but the renewal hangs.
    api.accept("t0");
    let started = Instant::now();
    let answer = client.clone().oneshot(get()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(started.elapsed(), secs(5));
    let answer = client.clone().oneshot(get()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(started.elapsed(), secs(5), "later ones do not wait again");

    // When it fails, the token is simply in use again.
    call.answer(Err(Error::new(ErrorKind::Transport, "down")));
    assert_eq!(
        refused.await.unwrap().unwrap().status(),
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        client.oneshot(get()).await.unwrap().status(),
        StatusCode::OK
    );
    assert!(calls.is_idle());
}

#[tokio::test(start_paused = true)]
async fn a_lifetime_that_is_no_lifetime_sets_no_timer() {
    for lifetime in [Duration::ZERO, Duration::from_millis(900), Duration::MAX] {
        let minter = Minter::default().lifetime(lifetime);
        let session = minter.session();
        session.token().await.unwrap();
        tokio::time::sleep(secs(86_400)).await;
        assert_eq!(
            session.token().await.unwrap().generation(),
            1,
            "{lifetime:?}"
        );
        assert_eq!(minter.count(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn the_margin_is_never_more_than_half_the_lifetime() {
    let minter = Minter::default().lifetime(secs(100));
    let session = minter.builder().renew_ahead(secs(3_600)).build().unwrap();
    session.token().await.unwrap();
    tokio::time::sleep(secs(49)).await;
    session.token().await.unwrap();
    settle().await;
    assert_eq!(minter.count(), 1);
    tokio::time::sleep(secs(2)).await;
    session.token().await.unwrap();
    settle().await;
    assert_eq!(minter.count(), 2);
}

#[tokio::test]
async fn a_suspended_machine_is_noticed_by_the_wall_clock() {
    let clock = FakeClock::new();
    let minter = Minter::default().lifetime(secs(600));
    let session = minter.builder().clock(clock.clone()).build().unwrap();
    session.token().await.unwrap();
    settle().await;
    clock.suspend(secs(3_600));
    // The timer stood still; who reads the clocks knows at once, the flag follows.
    assert_eq!(session.token().await.unwrap().generation(), 2);
    clock.suspend(secs(3_600));
    clock.advance(secs(31));
    settle().await;
    assert!(session.current().is_none());
    assert_eq!(minter.count(), 2);
}

#[tokio::test]
async fn a_wall_clock_that_is_set_costs_one_renewal_at_most() {
    let clock = FakeClock::new();
    let minter = Minter::default().lifetime(secs(600));
    let session = minter.builder().clock(clock.clone()).build().unwrap();
    session.token().await.unwrap();
    let ten_years = secs(10 * 365 * 86_400);
    clock.jump_wall(ten_years.as_secs().cast_signed());
    for _ in 0..100 {
        session.token().await.unwrap();
        settle().await;
    }
    assert_eq!(minter.count(), 2);
    clock.jump_wall(-2 * ten_years.as_secs().cast_signed());
    for _ in 0..100 {
        session.token().await.unwrap();
        settle().await;
    }
    assert_eq!(minter.count(), 2, "the monotonic clock still knows");
    clock.advance(secs(601));
    session.token().await.unwrap();
    assert_eq!(minter.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_early_renewal_that_falls_due_in_a_pause_comes_after_it() {
    let minter = Minter::default().lifetime(secs(100));
    let session = minter.session();
    session.token().await.unwrap();
    tokio::time::sleep(Duration::from_millis(89_500)).await;
    minter.fail(Some(
        Error::new(ErrorKind::RateLimited, "slow down").retry_after(secs(4)),
    ));
    assert!(session.renew().await.is_err());
    assert_eq!(minter.count(), 2);
    minter.fail(None);
    // Due at 90 s, but paused until 93.5 to 94.5.
    tokio::time::sleep(secs(1)).await;
    assert_eq!(session.token().await.unwrap().generation(), 1);
    settle().await;
    assert_eq!(minter.count(), 2);
    tokio::time::sleep(secs(5)).await;
    assert_eq!(session.token().await.unwrap().generation(), 1);
    settle().await;
    assert_eq!(minter.count(), 3);
    assert_eq!(session.current().unwrap().generation(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_explicit_renewal_that_fails_brings_no_early_one() {
    let minter = Minter::default().lifetime(secs(3_600));
    let session = minter.session();
    session.token().await.unwrap();
    minter.fail(Some(Error::new(ErrorKind::Transport, "down")));
    assert!(session.renew().await.is_err());
    for _ in 0..60 {
        tokio::time::sleep(secs(1)).await;
        session.token().await.unwrap();
        settle().await;
    }
    assert_eq!(minter.count(), 2);
}

/// Random jumps of the wall clock, back and forth, between random waits. `JUMPS=100000` for so many
/// histories.
#[tokio::test]
async fn however_the_wall_clock_jumps_each_jump_costs_one_renewal_at_most() {
    const LIFE: u64 = 600;
    let mut random = fastrand::Rng::with_seed(15);
    let histories = std::env::var("JUMPS").map_or(300, |count| count.parse().unwrap());
    for _ in 0..histories {
        let clock = FakeClock::new();
        let minter = Minter::default().lifetime(secs(LIFE));
        let session = minter.builder().clock(clock.clone()).build().unwrap();
        session.token().await.unwrap();
        let (mut jumps, mut waited) = (0, 0);
        for _ in 0..30 {
            if random.bool() {
                // An hour or ten years, and back to 1970.
                let far = *random.choice(&[3_600, 315_360_000, 1_900_000_000]).unwrap();
                clock.jump_wall(if random.bool() { far } else { -far });
                jumps += 1;
            }
            let wait = random.u64(..LIFE / 2);
            clock.advance(secs(wait));
            waited += wait;
            session.token().await.unwrap();
            settle().await;
        }
        // A token is renewed a tenth of its life ahead of its end.
        let due = waited / (LIFE - LIFE / 10);
        let count = minter.count() as u64;
        assert!(
            count <= 1 + due + jumps,
            "{count}: {due} were due, {jumps} jumps"
        );
        assert!(count > due / 2, "{count}: {due} were due");
    }
}
