//! A client of the gateway that hangs up takes its call along, and breaks nothing.

use http::StatusCode;
use tokio::{io::AsyncWriteExt, net::TcpStream};
use tower_reauth::testing::back_office::{Endpoint, Fault};

use crate::support::World;

/// Asks for the accounts, and does not read the answer.
async fn call(world: &World) -> TcpStream {
    let mut connection = TcpStream::connect(world.address).await.unwrap();
    let request = b"GET /accounts HTTP/1.1\r\nhost: gateway\r\n\r\n";
    connection.write_all(request).await.unwrap();
    connection
}

#[tokio::test]
async fn during_the_sign_in() {
    let mut world = World::without_codes().await;
    let connection = call(&world).await;
    world.asked().await;
    drop(connection);
    world.in_flight(0).await;

    // The person types the code all the same.
    world.give_code();
    world.session.settled().await;
    assert_eq!(world.back_office.counts().api_calls, 0);
    assert_eq!(world.get("/accounts").await.status, StatusCode::OK);
    let counts = world.back_office.counts();
    assert_eq!(
        (counts.sign_ins, counts.confirms, counts.api_calls),
        (1, 1, 1)
    );
}

#[tokio::test]
async fn all_but_one_during_the_sign_in() {
    let mut world = World::without_codes().await;
    let mut connections = Vec::new();
    for _ in 0..10 {
        connections.push(call(&world).await);
    }
    world.in_flight(10).await;
    world.asked().await;
    connections.truncate(1);
    world.in_flight(1).await;
    world.give_code();
    world.in_flight(0).await;
    let counts = world.back_office.counts();
    assert_eq!(
        (counts.sign_ins, counts.confirms, counts.api_calls),
        (1, 1, 1)
    );
}

#[tokio::test]
async fn during_a_renewal() {
    let mut world = World::new().await;
    assert_eq!(world.get("/accounts").await.status, StatusCode::OK);
    world.back_office.revoke_access_tokens();
    // Without the refresh token it takes the password and a code, for which the test can wait.
    world
        .back_office
        .inject(Endpoint::Refresh, Fault::Status(401));
    world.keep_codes();
    let connection = call(&world).await;
    world.asked().await;
    drop(connection);
    world.in_flight(0).await;
    world.give_code();
    world.session.settled().await;
    assert_eq!(world.back_office.counts().api_calls, 2);
    assert_eq!(world.get("/accounts").await.status, StatusCode::OK);
    let counts = world.back_office.counts();
    assert_eq!(
        (counts.sign_ins, counts.confirms, counts.refreshes),
        (2, 2, 1)
    );
    assert_eq!((counts.api_calls, counts.unauthorized), (3, 1));
}

#[tokio::test]
async fn while_the_api_works() {
    let world = World::new().await;
    assert_eq!(world.get("/accounts").await.status, StatusCode::OK);
    world.back_office.inject(Endpoint::Api, Fault::Hang);
    let connection = call(&world).await;
    world.in_flight(1).await;
    drop(connection);
    world.in_flight(0).await;
    assert_eq!(world.get("/accounts").await.status, StatusCode::OK);
    assert_eq!(world.back_office.counts().sign_ins, 1);
}
