//! Logins that end by events, which the gateway receives.

use http::StatusCode;
use serde_json::json;
use tower_reauth::testing::q2::{Delivery, Forgery};

use crate::support::{Answer, World};

async fn verify(world: &World, username: &str) -> Answer {
    let card = json!({
        "client_id": "579b695decfa11012711875d",
        "company_id": "579b695decea110719b1874d",
        "username": username,
        "password": "correct horse",
    });
    world.send("POST", "/cards", card.to_string()).await
}

#[tokio::test]
async fn a_login_is_verified_when_the_event_has_come() {
    let world = World::new().await;
    let answer = verify(&world, "test").await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    assert!(answer.json()["auth_id"].is_string());
    assert_eq!(world.q2.counts().creates, 1);
}

#[tokio::test]
async fn a_login_that_the_company_refuses_is_the_callers_fault() {
    let world = World::new().await;
    let answer = verify(&world, "testfail").await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(!answer.text().contains("correct horse"));
    assert_eq!(world.q2.counts().creates, 1);
}

#[tokio::test]
async fn a_login_on_hold_says_what_to_do() {
    let world = World::new().await;
    let answer = verify(&world, "testhold").await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert!(!answer.text().is_empty());
}

#[tokio::test]
async fn a_forged_event_ends_nothing() {
    let world = World::new().await;
    world
        .q2
        .script("auth.success", Delivery::Forged(Forgery::WrongKey));
    // It is the genuine one that does, which comes after it.
    let answer = verify(&world, "test").await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let mut events = world.q2.deliveries();
    events.retain(|event| event.kind == "auth.success");
    assert_eq!(events[0].forgery, Some(Forgery::WrongKey));
    assert_eq!(events[0].status, Some(401));
    assert_eq!(events[1].forgery, None);
}
