//! Processes that are stopped (`SIGSTOP`) in the middle of a renewal until their lease is another's, and
//! then go on.

use std::env;

use tokio::sync::mpsc::{self, error::TryRecvError};
use tower_reauth::{
    store::{Record, StoreKey, TokenStore},
    stores::RedisStore,
};

use crate::{EMAIL, HUNG, server::RedisServer, simulator, worker::Worker};

/// `PAUSES=1000` for as many.
fn pauses() -> usize {
    env::var("PAUSES").map_or(5, |count| count.parse().expect("a number"))
}

/// What has happened while a process was stopped.
enum Meanwhile {
    /// It had saved its token before.
    TooLate,
    /// Another has renewed, and saved this.
    Overtaken(Record),
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_that_was_stopped_past_its_lease_overwrites_nothing() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let store = RedisStore::new(&server.url()).unwrap();
    let simulator = simulator(false).await;
    let key = StoreKey::new("back-office", &simulator.base_url(), EMAIL);
    let (tell, mut exchanges) = mpsc::unbounded_channel();
    let start = || {
        Worker::start(
            &simulator.base_url(),
            &server.url(),
            "present-once",
            tell.clone(),
        )
    };
    let mut workers = [start(), start()];
    for worker in &mut workers {
        worker.wait_for_a_call().await;
    }

    let (mut overtaken, mut too_late) = (0, 0);
    while overtaken < pauses() {
        while exchanges.try_recv().is_ok() {}
        let before = loaded(&store, &key).await;
        simulator.revoke_access_tokens();
        let asking = exchanges.recv().await.unwrap();
        let stopped = workers
            .iter()
            .position(|worker| worker.id() == asking.process);
        let stopped = stopped.unwrap();
        workers[stopped].signal("STOP");
        let meanwhile = async {
            loop {
                match exchanges.try_recv() {
                    Ok(exchange) if exchange.process != asking.process && exchange.is_answered => {
                        workers[1 - stopped].wait_for_a_call().await;
                        return Meanwhile::Overtaken(loaded(&store, &key).await);
                    }
                    Ok(_) => continue,
                    Err(TryRecvError::Empty) => {}
                    Err(TryRecvError::Disconnected) => unreachable!("we hold a sender"),
                }
                let now = loaded(&store, &key).await;
                if expose(&now) != expose(&before) && exchanges.is_empty() {
                    return Meanwhile::TooLate;
                }
                tokio::task::yield_now().await;
            }
        };
        let meanwhile = tokio::time::timeout(HUNG, meanwhile).await;
        workers[stopped].signal("CONT");
        for worker in &mut workers {
            worker.wait_for_a_call().await;
        }
        match meanwhile.expect("nobody renews") {
            Meanwhile::TooLate => too_late += 1,
            Meanwhile::Overtaken(newer) => {
                overtaken += 1;
                let after = loaded(&store, &key).await;
                assert_eq!(
                    (after.version(), expose(&after)),
                    (newer.version(), expose(&newer)),
                    "an older token over a newer"
                );
            }
        }
    }
    println!("{overtaken} overtaken, {too_late} had saved before they were stopped");
    for worker in workers {
        assert_eq!(worker.end().await.failed, Vec::<String>::new());
    }
    assert_eq!(simulator.counts().reused_refresh_tokens, 0);
    assert_eq!(simulator.counts().sign_ins, 1);
}

async fn loaded(store: &RedisStore, key: &StoreKey) -> Record {
    let record = store.load(key).await.expect("the store is readable");
    record.expect("the record was lost")
}

fn expose(record: &Record) -> &str {
    record.token().expect("it was not given up").expose()
}
