//! What is set, cleared and signed out reaches the store and those who share it.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tower::service_fn;
use tower_reauth::{
    Error, ErrorKind, SignOut, Token,
    store::{Changes, Lease, Record, Saved, StoreFuture, StoreKey, StoreLayer, TokenStore},
    stores::MemoryStore,
};

use crate::support::{Flaky, Server, access, key, settle};

#[tokio::test(start_paused = true)]
async fn a_token_set_by_hand_is_everybodys() {
    let (server, store) = (Server::default(), Flaky::default());
    let (one, other) = (server.session(store.clone()), server.session(store.clone()));
    assert_eq!(access(&one).await, "a1");
    assert_eq!(access(&other).await, "a1");
    one.set(Token::new("by-hand").unwrap());
    settle().await;
    assert_eq!(access(&other).await, "by-hand");
    assert_eq!(
        store.record().await.unwrap().token().unwrap().expose(),
        "by-hand"
    );
    assert_eq!(server.log(), ["sign-in"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_set_last_is_written_last() {
    let (server, store) = (Server::default(), Flaky::default());
    let session = server.session(store.clone());
    for number in 0..100 {
        session.set(Token::new(format!("t{number}")).unwrap());
        if number % 3 == 0 {
            session.clear();
        }
    }
    settle().await;
    assert!(store.record().await.unwrap().token().is_none());
    session.set(Token::new("last").unwrap());
    settle().await;
    assert_eq!(
        store.record().await.unwrap().token().unwrap().expose(),
        "last"
    );
}

#[tokio::test(start_paused = true)]
async fn clearing_clears_everybody() {
    let (server, store) = (Server::default(), Flaky::default());
    let (one, other) = (server.session(store.clone()), server.session(store.clone()));
    assert_eq!(access(&one).await, "a1");
    assert_eq!(access(&other).await, "a1");
    one.clear();
    settle().await;
    assert!(other.current().is_none());
    assert!(store.record().await.unwrap().token().is_none());
    assert_eq!(access(&other).await, "a2");
    assert_eq!(server.log(), ["sign-in", "sign-in"]);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_was_cleared_away_does_not_come_back_through_the_store() {
    let (server, store) = (Server::default(), Flaky::default());
    let session = server.session(store.clone());
    access(&session).await;
    let gate = server.close();
    let renewing = tokio::spawn({
        let session = session.clone();
        async move { session.renew().await }
    });
    settle().await;
    session.clear();
    settle().await;
    gate.add_permits(1);
    assert_eq!(
        renewing.await.unwrap().unwrap_err().kind(),
        ErrorKind::Cleared
    );
    settle().await;
    assert!(session.current().is_none());
    assert!(store.record().await.unwrap().token().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_that_was_cleared_away_before_it_began_writes_nothing() {
    let (server, store) = (Server::default(), Flaky::default());
    let session = server.session(store.clone());
    let mut call = tokio_test::task::spawn(session.token());
    assert!(call.poll().is_pending());
    session.clear();
    settle().await;
    assert!(store.record().await.unwrap().token().is_none());
    assert!(server.log().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_set_or_cleared_is_written_though_the_session_is_gone() {
    let (server, store) = (Server::default(), Flaky::default());
    server
        .session(store.clone())
        .set(Token::new("by-hand").unwrap());
    settle().await;
    let stored = store.record().await.unwrap();
    assert_eq!(stored.token().unwrap().expose(), "by-hand");
    server.session(store.clone()).clear();
    settle().await;
    assert!(store.record().await.unwrap().token().is_none());
}

#[tokio::test(start_paused = true)]
async fn once_settled_all_is_written() {
    let (server, store) = (Server::default(), Flaky::default());
    let session = server.session(store.clone());
    session.set(Token::new("by-hand").unwrap());
    session.settled().await;
    let stored = store.record().await.unwrap();
    assert_eq!(stored.token().unwrap().expose(), "by-hand");
    Flaky::set(&store.down, true);
    session.clear();
    // It does not wait for a store that fails.
    session.settled().await;
}

#[tokio::test(start_paused = true)]
async fn what_others_write_is_news_though_the_store_was_emptied() {
    let (server, store) = (Server::default(), Flaky::default());
    let notices = store.notices();
    let session = server.session(store.clone());
    for _ in 0..3 {
        session.renew().await.unwrap();
    }
    Flaky::set(&store.is_emptied, true);
    notices.send(()).unwrap();
    settle().await;
    assert_eq!(access(&session).await, "a3", "it is good all the same");
    server
        .session(store.clone())
        .set(Token::new("theirs").unwrap());
    settle().await;
    notices.send(()).unwrap();
    settle().await;
    assert_eq!(access(&session).await, "theirs");
}

#[tokio::test(start_paused = true)]
async fn signing_out_revokes_a_token_that_could_not_be_saved() {
    let (server, store) = (Server::default(), Flaky::default());
    let revoked = Arc::new(Mutex::new(Vec::new()));
    let sign_outs = service_fn({
        let revoked = Arc::clone(&revoked);
        move |sign_out: SignOut| {
            let token = sign_out.token.expose().to_owned();
            revoked.lock().unwrap().push(token);
            async { Ok::<_, Error>(()) }
        }
    });
    let builder = server.builder(StoreLayer::new(store.clone(), key()));
    let session = builder.sign_out_service(sign_outs).build().unwrap();
    assert_eq!(access(&session).await, "a1");
    let gate = server.close();
    let renewing = tokio::spawn({
        let session = session.clone();
        async move { session.renew().await }
    });
    settle().await;
    Flaky::set(&store.saves_fail, true);
    gate.add_permits(1);
    renewing.await.unwrap().unwrap();
    Flaky::set(&store.saves_fail, false);
    session.sign_out().await.unwrap();
    assert_eq!(*revoked.lock().unwrap(), ["a2"]);
    assert!(store.record().await.unwrap().token().is_none());
}

#[tokio::test(start_paused = true)]
async fn signing_out_revokes_what_the_store_has() {
    let (server, store) = (Server::default(), MemoryStore::new());
    let revoked = Arc::new(Mutex::new(Vec::new()));
    let session = |server: &Server| {
        let revoked = Arc::clone(&revoked);
        let sign_outs = service_fn(move |sign_out: SignOut| {
            revoked
                .lock()
                .unwrap()
                .push(sign_out.token.expose().to_owned());
            async { Ok::<_, Error>(()) }
        });
        let layer = StoreLayer::new(store.clone(), key());
        let builder = server.builder(layer).sign_out_service(sign_outs);
        builder.build().unwrap()
    };
    assert_eq!(access(&session(&server)).await, "a1");
    // Another run that has not used the token yet.
    session(&server).sign_out().await.unwrap();
    assert_eq!(*revoked.lock().unwrap(), ["a1"]);
    assert_eq!(access(&session(&server)).await, "a2");
    assert_eq!(server.log(), ["sign-in", "sign-in"]);
}

/// A store that says at once that there may be something new, as one does that is asked again and
/// again.
#[derive(Debug)]
struct Eager(MemoryStore);

impl TokenStore for Eager {
    fn load<'a>(&'a self, key: &'a StoreKey) -> StoreFuture<'a, Option<Record>> {
        self.0.load(key)
    }

    fn lease<'a>(&'a self, key: &'a StoreKey, ttl: Duration) -> StoreFuture<'a, Lease> {
        self.0.lease(key, ttl)
    }

    fn save<'a>(&'a self, key: &'a StoreKey, record: &'a Record) -> StoreFuture<'a, Saved> {
        self.0.save(key, record)
    }

    fn changes(&self, _: &StoreKey) -> Changes {
        Box::pin(tokio_stream::once(()))
    }
}

#[tokio::test(start_paused = true)]
async fn who_begins_after_a_sign_out_is_not_cleared_by_it() {
    let (server, store) = (Server::default(), MemoryStore::new());
    let one = server.session(store.clone());
    access(&one).await;
    one.sign_out().await.unwrap();
    // Looked at before its first renewal does.
    assert_eq!(access(&server.session(Eager(store))).await, "a2");
}

#[tokio::test(start_paused = true)]
async fn a_sign_out_that_the_store_did_not_take_says_so_and_is_made_up_for() {
    let (server, store) = (Server::default(), Flaky::default());
    let session = server.session(store.clone());
    access(&session).await;
    Flaky::set(&store.down, true);
    let error = session.sign_out().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
    assert!(session.current().is_none());
    Flaky::set(&store.down, false);
    // What was left to write is written when the store is back.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(store.record().await.unwrap().token().is_none());
    assert_eq!(access(&session).await, "a2");
    assert_eq!(server.log(), ["sign-in", "sign-in"]);
}
