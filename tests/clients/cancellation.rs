//! A caller that leaves takes its request along, and nothing else.

use http::StatusCode;
use tokio::task::JoinHandle;
use tower::BoxError;
use tower_reauth::{Session, Token};

use crate::{
    common::{Calls, calls},
    kinds::{Kind, TestClient, on_each_client},
    server::{Act, Server},
    support::{Answer, get, send},
};

on_each_client!(
    a_caller_that_leaves_during_the_sign_in,
    a_caller_that_leaves_while_the_server_works,
    a_caller_that_leaves_during_the_renewal,
    a_caller_that_leaves_during_the_second_send,
);

/// A session whose token service the test answers.
struct World {
    server: Server,
    session: Session,
    calls: Calls,
    client: TestClient,
}

impl World {
    async fn new(kind: Kind) -> Self {
        let server = Server::start().await;
        let (tokens, calls) = calls();
        let session = Session::builder(tokens)
            .origin(server.url(""))
            .build()
            .unwrap();
        Self {
            client: kind.signed_in(session.layer()),
            server,
            session,
            calls,
        }
    }

    fn call(&self) -> JoinHandle<Result<Answer, BoxError>> {
        let (client, request) = (self.client.clone(), get(&self.server, "/"));
        tokio::spawn(async move { send(&client, request).await })
    }

    /// The next caller finds the token, and nothing else has happened.
    async fn next_is_served(mut self, sends: usize, refused: usize) {
        self.session.settled().await;
        assert_eq!(self.call().await.unwrap().unwrap().status, StatusCode::OK);
        assert!(self.calls.is_idle());
        let counts = self.server.counts();
        assert_eq!((counts.sends, counts.refused), (sends + 1, refused));
    }
}

async fn leave(call: JoinHandle<Result<Answer, BoxError>>) {
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
}

async fn a_caller_that_leaves_during_the_sign_in(kind: Kind) {
    let mut world = World::new(kind).await;
    let call = world.call();
    let sign_in = world.calls.next().await;
    leave(call).await;
    world.server.accept("good");
    sign_in.give("good");
    world.next_is_served(0, 0).await;
}

async fn a_caller_that_leaves_while_the_server_works(kind: Kind) {
    let world = World::new(kind).await;
    world.server.accept("good");
    world.session.set(Token::new("good").unwrap());
    world.server.next(Act::Hang);
    let call = world.call();
    world.server.hanging(1).await;
    leave(call).await;
    // The server learns of it.
    world.server.hanging(0).await;
    world.next_is_served(1, 0).await;
}

async fn a_caller_that_leaves_during_the_renewal(kind: Kind) {
    let mut world = World::new(kind).await;
    world.session.set(Token::new("dead").unwrap());
    let call = world.call();
    let renewal = world.calls.next().await;
    leave(call).await;
    world.server.accept("good");
    renewal.give("good");
    world.next_is_served(1, 1).await;
}

async fn a_caller_that_leaves_during_the_second_send(kind: Kind) {
    let mut world = World::new(kind).await;
    world.session.set(Token::new("dead").unwrap());
    let call = world.call();
    let renewal = world.calls.next().await;
    world.server.accept("good");
    world.server.next(Act::Hang);
    renewal.give("good");
    world.server.hanging(1).await;
    leave(call).await;
    world.server.hanging(0).await;
    world.next_is_served(2, 1).await;
}
