//! However many callers need a new token, it is fetched once, and they may come and go.

mod common;

use std::time::Duration;

use common::{Api, Client, Minter, get};
use http::StatusCode;
use tokio::task::JoinSet;
use tokio_test::task;
use tower::ServiceExt;
use tower_reauth::{Error, ErrorKind, Session, Token};

const LATENCY: Duration = Duration::from_millis(35);

/// A session with a token that the server has just killed; what is minted works.
struct World {
    api: Api,
    minter: Minter,
    session: Session,
    client: Client,
}

impl World {
    fn new() -> Self {
        let api = Api::default().latency(Duration::from_millis(15));
        let minter = Minter::default().latency(LATENCY).valid_at(&api);
        let session = minter
            .builder()
            .token(Token::new("dead").unwrap())
            .build()
            .unwrap();
        let client = api.client(&session);
        Self {
            api,
            minter,
            session,
            client,
        }
    }

    /// Runs `count` calls at once and returns how many were answered with each status.
    async fn storm(&self, count: usize) -> Vec<StatusCode> {
        let mut calls = JoinSet::new();
        for _ in 0..count {
            calls.spawn(self.client.clone().oneshot(get()));
        }
        calls
            .join_all()
            .await
            .into_iter()
            .map(|answer| answer.unwrap().status())
            .collect()
    }
}

fn all_ok(answers: &[StatusCode]) -> bool {
    answers.iter().all(|status| *status == StatusCode::OK)
}

#[tokio::test(start_paused = true)]
async fn a_thousand_callers_refused_with_one_token_cause_one_renewal() {
    let world = World::new();
    world.api.refuse_together(1_000);
    let answers = world.storm(1_000).await;
    assert_eq!(answers.len(), 1_000);
    assert!(all_ok(&answers));
    assert_eq!(world.minter.count(), 1);
    assert_eq!(world.api.refused(), 1_000);
    assert_eq!(world.api.sends(), 2_000);
    assert_eq!(world.api.bare(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_callers_without_a_token_cause_one_sign_in() {
    let api = Api::default();
    let minter = Minter::default().latency(LATENCY).valid_at(&api);
    let session = minter.session();
    let client = api.client(&session);
    let world = World {
        api,
        minter,
        session,
        client,
    };
    let answers = world.storm(1_000).await;
    assert!(all_ok(&answers));
    assert_eq!(answers.len(), 1_000);
    assert_eq!(world.minter.count(), 1);
    assert_eq!(world.api.sends(), 1_000);
    assert_eq!(world.api.bare(), 0);
}

#[tokio::test(start_paused = true)]
async fn callers_that_come_during_the_renewal_wait_for_it() {
    let world = World::new();
    let first = tokio::spawn(world.client.clone().oneshot(get()));
    // The first call is refused after 15 ms, and renewed after 50.
    tokio::time::sleep(Duration::from_millis(20)).await;
    let answers = world.storm(100).await;
    assert!(all_ok(&answers));
    assert_eq!(first.await.unwrap().unwrap().status(), StatusCode::OK);
    assert_eq!(world.minter.count(), 1);
    assert_eq!(
        world.api.refused(),
        1,
        "the hundred never sent the dead token"
    );
}

#[tokio::test(start_paused = true)]
async fn the_leader_may_be_dropped_at_every_await_point() {
    let mut points = 0;
    loop {
        let world = World::new();
        let mut leader = task::spawn(world.client.clone().oneshot(get()));
        let mut finished = false;
        for _ in 0..points {
            finished = leader.poll().is_ready();
            if finished {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        drop(leader);
        let answers = world.storm(999).await;
        assert!(all_ok(&answers), "dropped after {points} polls");
        assert_eq!(world.minter.count(), 1, "dropped after {points} polls");
        if finished {
            break;
        }
        points += 1;
    }
    assert!(
        points > 10,
        "the leader was dropped at {points} points only"
    );
}

#[tokio::test(start_paused = true)]
async fn every_caller_may_be_dropped_at_every_await_point() {
    for callers in [1, 2, 10, 1_000] {
        let mut points = 0;
        loop {
            let world = World::new();
            let mut calls: Vec<_> = (0..callers)
                .map(|_| task::spawn(world.client.clone().oneshot(get())))
                .collect();
            let mut finished = false;
            for _ in 0..points {
                for call in &mut calls {
                    if !finished || call.is_woken() {
                        finished |= call.poll().is_ready();
                    }
                }
                if finished {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            drop(calls);
            let begun = world.minter.count();
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert_eq!(
                world.minter.count(),
                begun,
                "nothing begins without a caller"
            );
            if begun == 1 {
                assert_eq!(world.session.current().unwrap().token().expose(), "t1");
            }
            assert!(all_ok(&world.storm(1).await));
            assert_eq!(
                world.minter.count(),
                1,
                "{callers} dropped after {points} polls"
            );
            if finished {
                break;
            }
            points += 1;
        }
        assert!(points > 10);
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_renewal_is_one_attempt_for_all_and_then_pauses() {
    let world = World::new();
    world
        .minter
        .fail(Some(Error::new(ErrorKind::Transport, "connection refused")));
    world.api.refuse_together(1_000);

    let mut calls = JoinSet::new();
    let started = tokio::time::Instant::now();
    for _ in 0..1_000 {
        calls.spawn(world.client.clone().oneshot(get()));
    }
    for answer in calls.join_all().await {
        let answer = answer.unwrap();
        assert_eq!(
            answer.status(),
            StatusCode::UNAUTHORIZED,
            "the original answer"
        );
        let error = answer
            .extensions()
            .get::<Error>()
            .expect("and why it was not mended");
        assert_eq!(error.kind(), ErrorKind::Transport);
    }
    assert_eq!(world.minter.count(), 1);
    assert_eq!(world.api.sends(), 1_000);
    // Virtual time, so this is the number of latencies: the API's and the token service's.
    assert_eq!(started.elapsed(), Duration::from_millis(50));

    // In the cool-down the stored error is given at once.
    world.storm(100).await;
    assert_eq!(world.minter.count(), 1);

    // After it, all is mended.
    world.minter.fail(None);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(all_ok(&world.storm(100).await));
    assert_eq!(world.minter.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_failed_sign_in_is_one_attempt_for_all() {
    let minter = Minter::default().latency(LATENCY);
    minter.fail(Some(Error::new(ErrorKind::Rejected, "wrong password")));
    let session = minter.session();
    let client = Api::default().client(&session);
    let mut calls = JoinSet::new();
    for _ in 0..1_000 {
        calls.spawn(client.clone().oneshot(get()));
    }
    for answer in calls.join_all().await {
        assert_eq!(
            Error::from_boxed(answer.unwrap_err()).kind(),
            ErrorKind::Rejected
        );
    }
    assert_eq!(minter.count(), 1);

    // Bad credentials are never tried again by themselves.
    tokio::time::sleep(Duration::from_secs(86_400)).await;
    assert!(client.clone().oneshot(get()).await.is_err());
    assert_eq!(minter.count(), 1);
    assert!(session.renew().await.is_err());
    assert_eq!(minter.count(), 2, "but if somebody asks explicitly");
    session.set(Token::new("t9").unwrap());
    assert_eq!(session.token().await.unwrap().token().expose(), "t9");
}

#[tokio::test(start_paused = true)]
async fn late_refusals_of_an_old_token_renew_nothing() {
    let world = World::new();
    world.api.refuse_together(100);
    let mut late = Vec::new();
    for _ in 0..99 {
        let mut call = task::spawn(world.client.clone().oneshot(get()));
        assert!(call.poll().is_pending());
        late.push(call);
    }
    tokio::time::sleep(Duration::from_millis(20)).await;
    for call in &mut late {
        assert!(call.poll().is_pending(), "the refusal is held back");
    }
    // Meanwhile somebody renews.
    world.session.renew().await.unwrap();
    assert_eq!(world.minter.count(), 1);
    let generation = world.session.current().unwrap().generation();

    // The last refusal lets all of them go.
    let last = Token::new("dead").unwrap();
    let other = Minter::default().builder().token(last).build().unwrap();
    drop(world.api.client(&other).oneshot(get()).await);
    for mut call in late {
        while call.poll().is_pending() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    assert_eq!(world.api.refused(), 100);
    assert_eq!(world.minter.count(), 1, "no further renewal");
    assert_eq!(
        world.session.current().unwrap().generation(),
        generation,
        "nothing discarded"
    );
}
