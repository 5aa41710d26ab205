//! Calls to the API, through handlers that share one stack.

use std::sync::Arc;

use bytes::Bytes;
use http::{StatusCode, header};
use tokio::task::JoinSet;
use tower_reauth::testing::{
    FakeClock,
    back_office::{Endpoint, Fault, Limits, RetryAfter, Simulator},
};

use crate::support::World;

#[tokio::test]
async fn handlers_share_one_sign_in_and_one_renewal() {
    const CALLERS: usize = 50;
    let world = Arc::new(World::new().await);
    for round in 1..=3 {
        let mut callers = JoinSet::new();
        for _ in 0..CALLERS {
            let world = Arc::clone(&world);
            callers.spawn(async move { world.get("/accounts").await });
        }
        while let Some(answer) = callers.join_next().await {
            let answer = answer.unwrap();
            assert_eq!(answer.status, StatusCode::OK);
            assert_eq!(answer.headers[header::CONTENT_TYPE], "application/json");
            assert_eq!(answer.json()["path"], "/api/v2/accounts");
        }
        let counts = world.back_office.counts();
        assert_eq!((counts.sign_ins, counts.confirms), (1, 1));
        assert_eq!(counts.refreshes, round - 1);
        assert_eq!(counts.api_ok, round * CALLERS as u64);
        assert_eq!(counts.api_calls, counts.api_ok + counts.unauthorized);
        world.back_office.revoke_access_tokens();
    }
}

#[tokio::test]
async fn an_upload_that_the_api_refuses_is_sent_again_unseen() {
    let world = World::new().await;
    let body: Bytes = (0..2 << 20).map(|at: u32| (at ^ (at >> 8)) as u8).collect();
    world
        .back_office
        .inject(Endpoint::Api, Fault::EarlyUnauthorized);
    let answer = world.send("PUT", "/document", body.clone()).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.body == body);
    let counts = world.back_office.counts();
    assert_eq!(
        (counts.api_calls, counts.unauthorized, counts.api_ok),
        (2, 1, 1)
    );
    assert_eq!(counts.refreshes, 1);
    assert!(world.back_office.uploads()[0].body == body);
}

#[tokio::test]
async fn what_the_api_says_is_handed_on() {
    let world = World::new().await;
    world.back_office.inject(Endpoint::Api, Fault::Status(409));
    assert_eq!(world.get("/accounts").await.status, StatusCode::CONFLICT);
    assert_eq!(world.back_office.counts().api_calls, 1);
}

/// The gateway's own credentials are none of its callers' business.
#[tokio::test]
async fn a_sign_in_that_fails_is_a_bad_gateway() {
    let world = World::new().await;
    let refusal = || Fault::Status(401);
    world.back_office.inject(Endpoint::SignIn, refusal());
    for _ in 0..3 {
        let answer = world.get("/accounts").await;
        assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
        assert!(!answer.text().contains("Secret123"), "{}", answer.text());
    }
    let counts = world.back_office.counts();
    assert_eq!((counts.sign_ins, counts.api_calls), (1, 0));
}

#[tokio::test]
async fn a_limit_of_the_api_says_when_to_come_again() {
    let limits = Limits::new().sign_in(1);
    let server = Simulator::builder()
        .limits(limits)
        .retry_after(RetryAfter::Seconds)
        .clock(FakeClock::new());
    let world = World::with(server).await;
    world.give_code();
    world.back_office.lock_out();
    let answer = world.get("/accounts").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers[header::RETRY_AFTER], "600");
}
