//! Who renews, and who adopts.

use std::{convert::Infallible, time::Duration};

use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tower::{Layer, ServiceExt, service_fn};
use tower_reauth::{
    Clock, Event, Renewed, Session, store::StoreLayer, stores::MemoryStore, testing::FakeClock,
};

use crate::support::{Flaky, LIFE, ORIGIN, Server, access, key, settle};

type Body = Full<bytes::Bytes>;

#[tokio::test(start_paused = true)]
async fn a_restart_with_a_live_token_signs_in_no_more() {
    let (server, store) = (Server::default(), MemoryStore::new());
    assert_eq!(access(&server.session(store.clone())).await, "a1");

    let restarted = server.session(store);
    let mut events = restarted.events();
    assert_eq!(access(&restarted).await, "a1");
    assert_eq!(server.log(), ["sign-in"]);
    assert!(matches!(events.next().await, Some(Event::Adopted { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_restart_after_the_end_of_the_token_presents_its_refresh_token() {
    let (server, store) = (Server::default(), MemoryStore::new());
    let clock = FakeClock::new();
    let session = |server: &Server| {
        let layer = StoreLayer::new(store.clone(), key());
        server.builder(layer).clock(clock.clone()).build().unwrap()
    };
    assert_eq!(access(&session(&server)).await, "a1");
    clock.advance(LIFE);
    assert_eq!(access(&session(&server)).await, "a2");
    assert_eq!(server.log(), ["sign-in", "r1"]);
}

#[tokio::test(start_paused = true)]
async fn of_ten_who_are_refused_with_one_token_one_renews() {
    let (server, store) = (Server::default(), MemoryStore::new());
    let sessions: Vec<Session> = (0..10).map(|_| server.session(store.clone())).collect();
    for session in &sessions {
        assert_eq!(access(session).await, "a1");
    }
    let mut calls = tokio::task::JoinSet::new();
    for session in sessions {
        for _ in 0..10 {
            calls.spawn(call(session.clone(), "Bearer a2"));
        }
    }
    while let Some(status) = calls.join_next().await {
        assert_eq!(status.unwrap(), StatusCode::OK);
    }
    assert_eq!(
        (server.sign_ins(), server.refreshes(), server.reuses()),
        (1, 1, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn who_waited_for_the_lease_looks_again_though_nobody_told_of_a_change() {
    let (server, store) = (Server::default(), Flaky::default());
    let one = server.session(store.clone());
    access(&one).await;
    let _silent = store.notices();
    let other = server.session(store.clone());
    assert_eq!(access(&other).await, "a1");

    let gate = server.close();
    let renewing = tokio::spawn(async move { one.renew().await });
    settle().await;
    let waiting = tokio::spawn(async move {
        other.renew().await.unwrap();
        access(&other).await
    });
    settle().await;
    server.open();
    gate.add_permits(1);
    renewing.await.unwrap().unwrap();
    assert_eq!(waiting.await.unwrap(), "a2");
    assert_eq!(server.log(), ["sign-in", "r1"]);
}

#[tokio::test(start_paused = true)]
async fn a_herd_on_an_empty_store_signs_in_once() {
    let (server, store) = (Server::default(), MemoryStore::new());
    let gate = server.close();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let session = server.session(store.clone());
        calls.spawn(async move { access(&session).await });
    }
    settle().await;
    gate.add_permits(1);
    while let Some(token) = calls.join_next().await {
        assert_eq!(token.unwrap(), "a1");
    }
    assert_eq!(server.log(), ["sign-in"]);
}

#[tokio::test(start_paused = true)]
async fn what_one_renews_the_others_use_without_being_refused() {
    let (server, store) = (Server::default(), MemoryStore::new());
    let (one, other) = (server.session(store.clone()), server.session(store));
    assert_eq!(access(&one).await, "a1");
    assert_eq!(access(&other).await, "a1");
    one.renew().await.unwrap();
    settle().await;
    assert_eq!(access(&other).await, "a2");
    assert_eq!(server.log(), ["sign-in", "r1"]);
}

#[tokio::test(start_paused = true)]
async fn an_explicit_renewal_right_after_anothers_takes_that() {
    let (server, store) = (Server::default(), MemoryStore::new());
    let (one, other) = (server.session(store.clone()), server.session(store));
    assert_eq!(access(&one).await, "a1");
    assert_eq!(access(&other).await, "a1");
    let (first, second) = tokio::join!(one.renew(), other.renew());
    assert_eq!(first.unwrap().token().expose(), "a2");
    assert_eq!(second.unwrap().token().expose(), "a2");
    assert_eq!(server.log(), ["sign-in", "r1"]);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_arrives_expired_is_shared_all_the_same() {
    let (server, store) = (Server::default(), MemoryStore::new());
    let session = || {
        let tokens = server.tokens().map_response(|renewed: Renewed| {
            Renewed::new(renewed.credential().clone().with_lifetime(Duration::ZERO))
        });
        let layer = StoreLayer::new(store.clone(), key());
        let builder = Session::builder(tokens).origin(ORIGIN).store(layer);
        builder.build().unwrap()
    };
    assert_eq!(access(&session()).await, "a1");
    assert_eq!(access(&session()).await, "a1");
    assert_eq!(server.log(), ["sign-in"]);
}

#[tokio::test(start_paused = true)]
async fn different_keys_share_nothing() {
    let (server, store) = (Server::default(), MemoryStore::new());
    let other = key().scope("other");
    let layer = StoreLayer::new(store.clone(), other);
    let other = server.builder(layer).build().unwrap();
    assert_eq!(access(&server.session(store)).await, "a1");
    assert_eq!(access(&other).await, "a2");
    assert_eq!(server.log(), ["sign-in", "sign-in"]);
}

#[tokio::test(start_paused = true)]
async fn early_renewals_of_many_are_one() {
    let (server, store) = (Server::default(), MemoryStore::new());
    let sessions: Vec<Session> = (0..8).map(|_| server.session(store.clone())).collect();
    for session in &sessions {
        assert_eq!(access(session).await, "a1");
    }
    for step in 0..40 {
        tokio::time::sleep(Duration::from_secs(100)).await;
        for session in &sessions {
            access(session).await;
        }
        settle().await;
        // One a lifetime, ahead of its end, and nobody signs in again.
        assert_eq!(server.sign_ins(), 1, "step {step}");
    }
    assert_eq!(server.reuses(), 0);
    assert_eq!(server.refreshes(), 4);
}

async fn call(session: Session, good: &'static str) -> StatusCode {
    let api = service_fn(move |request: Request<Body>| async move {
        let is_good = request.headers()["authorization"] == good;
        let status = if is_good {
            StatusCode::OK
        } else {
            StatusCode::UNAUTHORIZED
        };
        let mut response = Response::new(Body::default());
        *response.status_mut() = status;
        Ok::<_, Infallible>(response)
    });
    let client = tower::ServiceBuilder::new()
        .layer(tower_reauth::layers::RefreshLayer::new(session.clone()))
        .service(tower_reauth::layers::BearerLayer::new(session).layer(api));
    let request = Request::get(format!("{ORIGIN}/a"))
        .body(Body::default())
        .unwrap();
    client.oneshot(request).await.unwrap().status()
}

#[tokio::test(start_paused = true)]
async fn clocks_that_disagree_cost_no_renewal_without_end() {
    let (server, store) = (Server::default(), MemoryStore::new());
    let session = |clock: &FakeClock| {
        let layer = StoreLayer::new(store.clone(), key());
        server.builder(layer).clock(clock.clone()).build().unwrap()
    };
    let right = FakeClock::new();
    // Wall clocks alone: what passes is the same for all.
    let (ahead, behind) = (FakeClock::new(), FakeClock::new());
    ahead.set_wall(right.wall() + Duration::from_secs(7200));
    behind.set_wall(right.wall() - Duration::from_secs(7200));
    let sessions = [session(&right), session(&ahead), session(&behind)];
    for round in 0..5 {
        for session in &sessions {
            access(session).await;
            settle().await;
        }
        // The one whose clock is ahead takes the token for expired, once, and renews it.
        assert_eq!(
            (server.sign_ins(), server.reuses()),
            (1, 0),
            "round {round}"
        );
        assert!(server.refreshes() <= 1, "round {round}: {:?}", server.log());
    }
}
