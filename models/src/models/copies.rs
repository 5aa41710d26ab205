//! A thread's copy of a token is used no longer than the token.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use http::{HeaderValue, Request, Response};
use tokio::{spawn, task::yield_now};
use tower::{Layer, ServiceExt, service_fn};

use super::world::{Calls, built, finds, holds, session, token};
use crate::{Error, Session, layers::BearerLayer};

/// Sends while `end` takes the token away. All tasks are on one thread here, and have one copy.
async fn sends_until(end: impl FnOnce(&Session) + Send + 'static) {
    let calls = Calls::default();
    let session = built(session(&calls).token(token("old")));
    // Somebody looks at the token for longer than it is in the cell.
    let _held = session.current();
    let carried = service_fn(|request: Request<()>| async move {
        Ok::<_, Error>(Response::new(request.headers()["authorization"].clone()))
    });
    let client = BearerLayer::new(session.clone()).layer(carried);
    let send = || async {
        let request = Request::get("https://api.example.com/").body(());
        let response = client.clone().oneshot(request.expect("a request")).await;
        response.expect("a token").into_body()
    };
    assert_eq!(send().await, "Bearer old");

    let has_ended = Arc::new(AtomicBool::new(false));
    let ending = spawn({
        let (session, has_ended) = (session.clone(), Arc::clone(&has_ended));
        async move {
            end(&session);
            has_ended.store(true, Ordering::Relaxed);
        }
    });
    for _ in 0..2 {
        let had_ended = has_ended.load(Ordering::Relaxed);
        let carried: HeaderValue = send().await;
        assert!(
            !had_ended || carried != "Bearer old",
            "a copy outlived its token"
        );
        yield_now().await;
    }
    ending.await.expect("no panic");
}

async fn sends_until_it_is_cleared() {
    sends_until(|session| session.clear()).await;
}

async fn sends_until_it_is_set() {
    sends_until(|session| {
        session.set(token("by-hand"));
    })
    .await;
}

#[test]
fn no_copy_is_used_after_a_clear() {
    holds(sends_until_it_is_cleared);
}

#[test]
fn no_copy_is_used_after_there_is_a_newer_token() {
    holds(sends_until_it_is_set);
}

#[test]
fn twin_whose_copies_outlive_their_token() {
    finds(
        "copies outlive a clear",
        "a copy outlived its token",
        sends_until_it_is_cleared,
    );
    finds(
        "copies outlive a newer token",
        "a copy outlived its token",
        sends_until_it_is_set,
    );
}
