//! The Redis store when Redis is away, changed, asks for a password, or is several.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tower::service_fn;
use tower_reauth::{
    BoxError, ErrorKind, Renewal, Renewed, Session, Token,
    store::{Record, Saved, StoreKey, StoreLayer, TokenStore},
    stores::RedisStore,
};

use crate::server::RedisServer;

fn key() -> StoreKey {
    StoreKey::new("test", "https://api.example.com", "foo@bar.com")
}

fn record(version: u64, access: &str) -> Record {
    Record::new(version, Token::new(access).ok(), None, 0)
}

#[tokio::test]
async fn a_connection_that_was_lost_is_made_again() {
    let Some(mut server) = RedisServer::start() else {
        return;
    };
    let store = RedisStore::new(&server.url()).unwrap();
    assert_eq!(
        store.save(&key(), &record(1, "a1")).await.unwrap(),
        Saved::Done
    );
    server.stop();
    let error = store.load(&key()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
    server.restart();
    // With nothing in it any more.
    assert!(store.load(&key()).await.unwrap().is_none());
}

#[tokio::test]
async fn no_error_shows_the_password() {
    let Some(server) = RedisServer::with(&["--requirepass", "right-hunter2"]) else {
        return;
    };
    let url = |password: &str| format!("redis://:{password}@127.0.0.1:{}", server.port());
    let wrong = RedisStore::new(&url("wrong-hunter2")).unwrap();
    let none = RedisStore::new(&server.url()).unwrap();
    for store in [wrong, none] {
        let error = store.load(&key()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Store);
        let shown = format!("{error} {error:?} {store:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    let right = RedisStore::new(&url("right-hunter2")).unwrap();
    assert!(right.load(&key()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_url_that_is_none_is_refused_without_being_repeated() {
    for url in [
        "hunter2",
        "http://:hunter2@127.0.0.1",
        "redis://:hunter2@",
        "redis+sentinel://:hunter2@127.0.0.1:1",
        "redis+other://:hunter2@127.0.0.1:1",
    ] {
        let error = RedisStore::new(url).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{url}");
        assert!(
            !format!("{error} {error:?}").contains("hunter2"),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_record_that_is_none_is_an_error() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let store = RedisStore::new(&server.url()).unwrap();
    store.save(&key(), &record(1, "a1")).await.unwrap();
    let name = format!("tower-reauth:{{{}}}", key());
    for text in [
        "hunter2",
        "{}",
        r#"{"version":1,"token":{"access":"hunter2\n","header":"a"}}"#,
    ] {
        server.command(&["HSET", &name, "record", text]);
        let error = store.load(&key()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Store, "{text}");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}

#[tokio::test]
async fn a_read_only_server_is_an_error_and_left_for_the_next() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let store = RedisStore::new(&server.url()).unwrap();
    store.save(&key(), &record(1, "a1")).await.unwrap();
    server.command(&["REPLICAOF", "127.0.0.1", "1"]);
    let error = store.save(&key(), &record(2, "a2")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
    server.command(&["REPLICAOF", "NO", "ONE"]);
    assert_eq!(
        store.save(&key(), &record(2, "a2")).await.unwrap(),
        Saved::Done
    );
}

/// `PAUSES=1000` for so many leases that are outlived.
#[tokio::test]
async fn a_late_holder_changes_nothing() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let (late, other) = (
        RedisStore::new(&server.url()).unwrap(),
        RedisStore::new(&server.url()).unwrap(),
    );
    let rounds = std::env::var("PAUSES").map_or(50, |count| count.parse().unwrap());
    for round in 0..rounds {
        let version = round * 2 + 1;
        let held = late.lease(&key(), Duration::from_millis(1)).await.unwrap();
        let next = other.lease(&key(), Duration::from_secs(60)).await.unwrap();
        let newer = record(version, "newer");
        assert_eq!(other.save(&key(), &newer).await.unwrap(), Saved::Done);
        assert_eq!(
            late.save(&key(), &record(version, "older")).await.unwrap(),
            Saved::Conflict
        );
        // Its lease is another's now, and stays so.
        held.release().await;
        let owner = server.command(&["EXISTS", &format!("tower-reauth:{{{}}}:lease", key())]);
        assert_eq!(owner, "1");
        next.release().await;
        let after = record(version + 1, "after");
        assert_eq!(other.save(&key(), &after).await.unwrap(), Saved::Done);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_redis_is_away_the_live_token_is_used_and_then_renewed_once() {
    let Some(mut server) = RedisServer::start() else {
        return;
    };
    let renewals = Arc::new(AtomicU32::new(0));
    let sessions: Vec<Session> = (0..10)
        .map(|_| {
            let renewals = Arc::clone(&renewals);
            let tokens = service_fn(move |_: Renewal| {
                let number = renewals.fetch_add(1, Ordering::SeqCst) + 1;
                async move { Ok::<_, BoxError>(Renewed::new(Token::new(format!("a{number}"))?)) }
            });
            let store = RedisStore::new(&server.url()).unwrap();
            Session::builder(tokens)
                .origin("https://api.example.com")
                .store(StoreLayer::new(store, key()))
                .build()
                .unwrap()
        })
        .collect();
    for session in &sessions {
        assert_eq!(session.token().await.unwrap().token().expose(), "a1");
    }
    server.stop();
    for session in &sessions {
        assert_eq!(session.renew().await.unwrap_err().kind(), ErrorKind::Store);
        assert_eq!(session.token().await.unwrap().token().expose(), "a1");
    }
    server.restart();
    let mut herd = tokio::task::JoinSet::new();
    for session in sessions {
        herd.spawn(async move { session.renew().await.unwrap().token().expose().to_owned() });
    }
    for token in herd.join_all().await {
        assert_eq!(token, "a2");
    }
    assert_eq!(renewals.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_cluster_keeps_record_lease_and_notices() {
    let arguments = ["--cluster-enabled", "yes"];
    let Some(server) = RedisServer::with(&arguments) else {
        return;
    };
    server.command(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    while !server
        .command(&["CLUSTER", "INFO"])
        .contains("cluster_state:ok")
    {
        tokio::task::yield_now().await;
    }
    let url = format!("redis+cluster://127.0.0.1:{}", server.port());
    tower_reauth::testing::store_conformance::check(|| RedisStore::new(&url).unwrap()).await;
}
