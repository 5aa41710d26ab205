//! A token is saved before anybody sees it, and those who share a store renew once.

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use futures_core::Stream;
use tokio::{
    spawn,
    sync::{Mutex as AsyncMutex, OwnedMutexGuard},
};

use super::world::{Calls, built, current, finds, holds, refuse, session, token};
use crate::{
    Session,
    store::{
        Changes, Lease, Record, Release, Saved, StoreFuture, StoreKey, StoreLayer, TokenStore,
    },
};

/// A store of one record, whose every operation lets others have a turn first.
#[derive(Clone, Debug, Default)]
struct Shelf {
    record: Arc<Mutex<Option<Record>>>,
    lease: Arc<AsyncMutex<()>>,
}

struct Held(OwnedMutexGuard<()>);

/// No news: the models look themselves.
struct Never;

impl Shelf {
    fn text(&self) -> Option<String> {
        let record = self.record.lock().expect("no panic");
        let token = record.as_ref()?.token()?;
        Some(token.expose().to_owned())
    }

    fn session(&self, calls: &Calls) -> Session {
        let key = StoreKey::new("models", "https://api.example.com", "user");
        built(
            session(calls)
                .token(token("old"))
                .store(StoreLayer::new(self.clone(), key)),
        )
    }
}

impl TokenStore for Shelf {
    fn load<'a>(&'a self, _: &'a StoreKey) -> StoreFuture<'a, Option<Record>> {
        Box::pin(async {
            tokio::task::yield_now().await;
            Ok(self.record.lock().expect("no panic").clone())
        })
    }

    fn lease<'a>(&'a self, _: &'a StoreKey, _: Duration) -> StoreFuture<'a, Lease> {
        let lease = Arc::clone(&self.lease);
        Box::pin(async { Ok(Lease::new(Held(lease.lock_owned().await))) })
    }

    fn save<'a>(&'a self, _: &'a StoreKey, record: &'a Record) -> StoreFuture<'a, Saved> {
        Box::pin(async {
            tokio::task::yield_now().await;
            let mut stored = self.record.lock().expect("no panic");
            if stored.as_ref().map_or(0, Record::version) + 1 != record.version() {
                return Ok(Saved::Conflict);
            }
            *stored = Some(record.clone());
            Ok(Saved::Done)
        })
    }

    fn changes(&self, _: &StoreKey) -> Changes {
        Box::pin(Never)
    }
}

impl Release for Held {
    fn release(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move { drop(self.0) })
    }
}

impl Stream for Never {
    type Item = ();

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<()>> {
        Poll::Pending
    }
}

/// Whoever asked for it leaves; whoever looks meanwhile sees nothing that is not saved.
async fn seen_is_saved() {
    let calls = Calls::default();
    let shelf = Shelf::default();
    let session = shelf.session(&calls);
    let caller = spawn(refuse(&session, 1).outcome());
    let reader = spawn({
        let (session, shelf) = (session.clone(), shelf.clone());
        async move {
            for _ in 0..5 {
                if current(&session).as_deref() == Some("new-1") {
                    assert_eq!(shelf.text().as_deref(), Some("new-1"), "not saved");
                }
                tokio::task::yield_now().await;
            }
        }
    });
    caller.abort();
    drop(caller.await);
    reader.await.expect("no panic");
    session.settled().await;
    assert_eq!(current(&session).as_deref(), Some("new-1"), "not published");
    assert_eq!(shelf.text().as_deref(), Some("new-1"), "not saved");
    assert_eq!(calls.count(), 1, "renewed more than once");
}

/// Two sessions with one store, as two processes are, are refused with the same token.
async fn two_share_a_store() {
    let calls = Calls::default();
    let shelf = Shelf::default();
    let callers = [(); 2].map(|()| {
        let session = shelf.session(&calls);
        spawn(async move {
            let renewed = refuse(&session, 1).outcome().await.expect("a token");
            renewed.credential.expose().to_owned()
        })
    });
    for caller in callers {
        let renewed = caller.await.expect("no panic");
        assert_eq!(renewed, "new-1", "renewed more than once");
    }
    assert_eq!(calls.count(), 1, "renewed more than once");
}

#[test]
fn a_token_is_saved_before_it_is_seen() {
    holds(seen_is_saved);
}

#[test]
fn two_who_share_a_store_renew_once() {
    holds(two_share_a_store);
}

#[test]
fn twin_that_publishes_before_it_saves() {
    finds("published before it is saved", "not saved", seen_is_saved);
}

#[test]
fn twin_that_does_not_look_again() {
    finds(
        "not looked at again under the lease",
        "renewed more than once",
        two_share_a_store,
    );
}
