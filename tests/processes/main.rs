//! Eight processes share one sign-in, and are killed in the middle of renewals.

#[path = "../common/example.rs"]
mod example;
mod pauses;
#[path = "../stores/server.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod server;
mod worker;

use std::time::Duration;

use tokio::sync::mpsc;
use tower_reauth::{
    store::{StoreKey, TokenStore},
    stores::{FileStore, RedisStore},
    testing::back_office::{Counts, Endpoint, Fault, Limits, Simulator},
};

use self::{
    server::RedisServer,
    worker::{Exchange, Worker},
};

const EMAIL: &str = "foo@bar.com";
const PASSWORD: &str = "Secret123";
const PROCESSES: usize = 8;
const ROTATIONS: usize = 200;
const KILLS: usize = 100;

/// Where a process is killed. Each in turn, so that each is met as often.
const POINTS: [Point; 5] = [
    Point::Asking,
    Point::Unprocessed,
    Point::Unanswered,
    Point::Answered,
    Point::Anywhere,
];

#[derive(Clone, Copy)]
enum Point {
    /// The request for a token is about to be written.
    Asking,
    /// The server has the request, and has done nothing about it.
    Unprocessed,
    /// The server has issued a token, and has not answered.
    Unanswered,
    /// The answer is there, and is about to be saved.
    Answered,
    /// Any process, at any time of a renewal or after it.
    Anywhere,
}

/// What a run came to.
struct Ended {
    counts: Counts,
    /// Processes that were killed while the server held the answer to their renewal.
    killed_amid: usize,
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
    assert_eq!(ended.failed.first(), None, "a survivor's call failed");
    assert_eq!(ended.counts.reused_refresh_tokens, 0);
    assert_eq!(ended.counts.violations, 0);
    assert_eq!(ended.killed_amid, KILLS * 2 / POINTS.len());
    // One renewal a rotation, and those whose answer was lost: where it was held that is certain.
    let renewals = ended.counts.refreshes + ended.counts.sign_ins - 1;
    assert!(
        (ROTATIONS + ended.killed_amid..=ROTATIONS + KILLS).contains(&(renewals as usize)),
        "{renewals} renewals"
    );
    assert!(ended.calls > ROTATIONS);
}

async fn simulator(rotate: bool) -> Simulator {
    let builder = Simulator::builder()
        .account(EMAIL, PASSWORD)
        .two_factor(false)
        .rotate(rotate)
        .limits(Limits::none());
    builder.start().await.unwrap()
}

async fn run(place: &str, store: &impl TokenStore, rotate: bool, lost_answer: &str) -> Ended {
    let simulator = simulator(rotate).await;
    let (tell, mut exchanges) = mpsc::unbounded_channel();
    let start = || Worker::start(&simulator.base_url(), place, lost_answer, tell.clone());
    let mut workers: Vec<Worker> = (0..PROCESSES).map(|_| start()).collect();
    let mut failed = Vec::new();
    let (mut calls, mut killed_amid) = (0, 0);
    for worker in &mut workers {
        worker.wait_for_a_call().await;
    }
    let key = StoreKey::new("back-office", &simulator.base_url(), EMAIL);
    for rotation in 0..ROTATIONS {
        while exchanges.try_recv().is_ok() {}
        let kill = rotation / (ROTATIONS / KILLS);
        if rotation % (ROTATIONS / KILLS) == 0 {
            let point = POINTS[kill % POINTS.len()];
            let victim = renew_until(point, &simulator, &mut exchanges).await;
            let victim = match victim {
                Some(id) => workers.iter().position(|worker| worker.id() == id).unwrap(),
                None => fastrand::usize(..PROCESSES),
            };
            let killed = workers.swap_remove(victim).kill();
            if matches!(point, Point::Unprocessed | Point::Unanswered) {
                killed_amid += 1;
            }
            failed.extend(killed.failed);
            calls += killed.calls;
            let record = store.load(&key).await.expect("the store is readable");
            assert!(record.is_some(), "the record was lost");
            workers.push(start());
        } else {
            simulator.revoke_access_tokens();
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
        killed_amid,
        failed,
        calls,
    }
}

/// Has the token renewed, and returns which process is to be killed when `point` is reached; any of
/// them if it is `None`.
async fn renew_until(
    point: Point,
    simulator: &Simulator,
    exchanges: &mut mpsc::UnboundedReceiver<Exchange>,
) -> Option<u32> {
    let before = simulator.counts();
    match point {
        Point::Unprocessed => simulator.inject(Endpoint::Refresh, Fault::Hang),
        Point::Unanswered => simulator.inject(Endpoint::Refresh, Fault::HangAfterwards),
        Point::Asking | Point::Answered | Point::Anywhere => {}
    }
    simulator.revoke_access_tokens();
    if let Point::Anywhere = point {
        for _ in 0..fastrand::u32(..400) {
            tokio::task::yield_now().await;
        }
        return None;
    }
    let reaching = async {
        let asking = exchanges.recv().await.unwrap();
        assert!(!asking.is_answered);
        match point {
            Point::Unprocessed => {
                while simulator.faults_left(Endpoint::Refresh) > 0 {
                    tokio::task::yield_now().await;
                }
            }
            Point::Unanswered => {
                while simulator.counts().refreshes_ok == before.refreshes_ok {
                    tokio::task::yield_now().await;
                }
            }
            Point::Answered => {
                let answered = exchanges.recv().await.unwrap();
                assert!(answered.is_answered && answered.process == asking.process);
            }
            Point::Asking | Point::Anywhere => {}
        }
        asking.process
    };
    let reached = tokio::time::timeout(HUNG, reaching).await;
    Some(reached.expect("nobody renews"))
}

/// How long a process may take for what takes milliseconds.
const HUNG: Duration = Duration::from_secs(60);
