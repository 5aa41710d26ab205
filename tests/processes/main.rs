//! Eight processes share one sign-in, and are killed in the middle of renewals.

#[path = "../common/example.rs"]
mod example;
#[path = "../stores/server.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod server;
mod worker;

use std::time::Duration;

use tower_reauth::{
    store::{StoreKey, TokenStore},
    stores::{FileStore, RedisStore},
    testing::back_office::{Counts, Limits, Simulator},
};

use self::{server::RedisServer, worker::Worker};

const EMAIL: &str = "foo@bar.com";
const PASSWORD: &str = "Secret123";
const PROCESSES: usize = 8;
const ROTATIONS: usize = 200;
const KILLS: usize = 100;

/// What a run came to.
struct Ended {
    counts: Counts,
    /// Lines of processes that told a call that did not end with 200.
    failed: Vec<String>,
    calls: usize,
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_file_and_a_provider_that_lets_a_lost_answer_be_asked_for_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tokens");
    let store = FileStore::new(&path);
    let ended = run(path.to_str().unwrap(), &store, false, "present-once").await;
    nothing_is_lost(&ended);
    assert_eq!(
        ended.counts.sign_ins, 1,
        "the first sign-in was the only one"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_file_and_a_provider_that_takes_a_refresh_token_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tokens");
    let store = FileStore::new(&path);
    let ended = run(path.to_str().unwrap(), &store, true, "sign-in").await;
    nothing_is_lost(&ended);
    // Whoever was killed in the middle of a renewal took the refresh token with it.
    assert!(ended.counts.sign_ins as usize <= 1 + KILLS);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_redis() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let store = RedisStore::new(&server.url()).unwrap();
    let ended = run(&server.url(), &store, false, "present-once").await;
    nothing_is_lost(&ended);
    assert_eq!(
        ended.counts.sign_ins, 1,
        "the first sign-in was the only one"
    );
}

fn nothing_is_lost(ended: &Ended) {
    assert_eq!(ended.failed, [""; 0], "calls of survivors failed");
    assert_eq!(ended.counts.reused_refresh_tokens, 0);
    assert_eq!(ended.counts.violations, 0);
    // One renewal a rotation, and what those who were killed had begun.
    let renewals = ended.counts.refreshes + ended.counts.sign_ins - 1;
    assert!(renewals as usize >= ROTATIONS);
    assert!(
        renewals as usize <= ROTATIONS + KILLS,
        "{renewals} renewals"
    );
    assert!(ended.calls > ROTATIONS);
}

async fn run(place: &str, store: &impl TokenStore, rotate: bool, lost_answer: &str) -> Ended {
    let simulator = Simulator::builder()
        .account(EMAIL, PASSWORD)
        .two_factor(false)
        .rotate(rotate)
        .limits(Limits::none())
        .start()
        .await
        .unwrap();
    let start = || Worker::start(&simulator.base_url(), place, lost_answer);
    let mut workers: Vec<Worker> = (0..PROCESSES).map(|_| start()).collect();
    let mut failed = Vec::new();
    let mut calls = 0;
    for worker in &mut workers {
        worker.wait_for_a_call().await;
    }
    let key = StoreKey::new("back-office", &simulator.base_url(), EMAIL);
    for rotation in 0..ROTATIONS {
        let before = simulator.counts();
        simulator.revoke_access_tokens();
        if rotation % (ROTATIONS / KILLS) == 0 {
            // Somewhere between the first refusal and the use of the new token.
            let exchanges = |counts: Counts| counts.refreshes + counts.sign_ins;
            let mut patience = fastrand::u32(..200);
            while exchanges(simulator.counts()) == exchanges(before) && patience > 0 {
                patience -= 1;
                tokio::task::yield_now().await;
            }
            let victim = fastrand::usize(..PROCESSES);
            let killed = std::mem::replace(&mut workers[victim], start()).kill();
            failed.extend(killed.failed);
            calls += killed.calls;
            let record = store.load(&key).await.expect("the store is readable");
            assert!(record.is_some(), "the record was lost");
        }
        // All are well again before the next one.
        for worker in &mut workers {
            worker.wait_for_a_call().await;
        }
    }
    for worker in workers {
        let ended = worker.end().await;
        failed.extend(ended.failed);
        calls += ended.calls;
    }
    Ended {
        counts: simulator.counts(),
        failed,
        calls,
    }
}

/// How long a process may take for what takes milliseconds.
const HUNG: Duration = Duration::from_secs(60);
