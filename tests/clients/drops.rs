//! A connection that breaks off, or is told to end: nothing is sent twice, and no session suffers.

use http::StatusCode;
use tokio::task::JoinSet;
use tower_reauth::{Session, Token};

use crate::{
    common::calls,
    kinds::{Kind, on_each_client},
    server::{Act, Server},
    support::{World, get, send},
};

on_each_client!(
    a_call_whose_connection_drops_after_the_send_is_not_sent_again,
    nor_is_the_second_send_of_a_refused_call,
    a_connection_that_ends_during_the_renewal_costs_nothing,
    restarts_cause_no_renewal_and_double_nothing,
);

async fn a_call_whose_connection_drops_after_the_send_is_not_sent_again(kind: Kind) {
    const ROUNDS: usize = 20;
    let world = World::new(kind).await;
    for round in 0..ROUNDS {
        // Now on a new connection, now on one that was used.
        if round % 2 == 1 {
            world.send(world.get("/")).await.unwrap();
        }
        world.server.next(Act::Drop);
        let error = world.send(world.post("once")).await;
        assert!(error.is_err(), "round {round}");
    }
    let counts = world.server.counts();
    assert_eq!((counts.refused, counts.sends), (0, ROUNDS + ROUNDS / 2));
    assert_eq!(counts.effects, counts.sends);
    assert_eq!(world.minted(), 1, "the session has nothing to do with it");
}

async fn nor_is_the_second_send_of_a_refused_call(kind: Kind) {
    let world = World::new(kind).await;
    world.send(world.get("/")).await.unwrap();
    world.server.next(Act::RefuseEarly);
    world.server.next(Act::Drop);
    assert!(world.send(world.post("once")).await.is_err());
    let counts = world.server.counts();
    assert_eq!((counts.sends, counts.refused, counts.effects), (3, 1, 2));
    assert_eq!(world.minted(), 2);
    assert_eq!(
        world.send(world.get("/")).await.unwrap().status,
        StatusCode::OK
    );
    assert_eq!(world.minted(), 2);
}

/// Over HTTP/2 it is a GOAWAY.
async fn a_connection_that_ends_during_the_renewal_costs_nothing(kind: Kind) {
    let server = Server::start().await;
    let (tokens, mut calls) = calls();
    let session = Session::builder(tokens)
        .origin(server.url(""))
        .build()
        .unwrap();
    session.set(Token::new("dead").unwrap());
    let client = kind.signed_in(session.layer());

    let request = get(&server, "/");
    let call = tokio::spawn(async move { send(&client, request).await });
    let renewal = calls.next().await;
    server.go_away();
    server.open(0).await;
    server.accept("good");
    renewal.give("good");

    assert_eq!(call.await.unwrap().unwrap().status, StatusCode::OK);
    let counts = server.counts();
    assert_eq!((counts.sends, counts.refused, counts.effects), (2, 1, 1));
    assert_eq!(counts.connections, 2);
    assert!(calls.is_idle());
}

async fn restarts_cause_no_renewal_and_double_nothing(kind: Kind) {
    const ROUNDS: usize = 100;
    const CALLERS: usize = 25;
    let world = World::new(kind).await;
    world.send(world.get("/")).await.unwrap();
    let mut served = 0;
    for round in 0..ROUNDS {
        let mut callers = JoinSet::new();
        for caller in 0..CALLERS {
            let request = world.post(format!("{round}, {caller}"));
            let client = world.client.clone();
            callers.spawn(async move { send(&client, request).await });
        }
        // Each time a little later.
        for _ in 0..round {
            tokio::task::yield_now().await;
        }
        if round % 2 == 0 {
            world.server.cut();
        } else {
            world.server.go_away();
        }
        while let Some(answer) = callers.join_next().await {
            match answer.unwrap() {
                Ok(answer) => {
                    assert_eq!(answer.status, StatusCode::OK);
                    served += 1;
                }
                // As the client has it.
                Err(error) => assert!(!error.is::<tower_reauth::Error>(), "{error:?}"),
            }
        }
    }
    let counts = world.server.counts();
    assert_eq!((counts.refused, world.minted()), (0, 1));
    let mut seen: Vec<_> = world
        .server
        .seen()
        .into_iter()
        .skip(1)
        .map(|seen| seen.body)
        .collect();
    let all = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), all, "something was done twice");
    assert!(served <= all && all <= ROUNDS * CALLERS);
    assert!(0 < served, "nothing was done at all");
}
