//! A refusal costs no connection, and cannot keep one.

use http::StatusCode;

use crate::{
    kinds::{Kind, on_each_client},
    server::Act,
    support::World,
};

on_each_client!(
    the_connection_of_a_refused_call_is_used_again,
    a_refusal_without_end_is_not_waited_for,
);

async fn the_connection_of_a_refused_call_is_used_again(kind: Kind) {
    const CALLS: usize = 100;
    let world = World::new(kind).await;
    for _ in 0..CALLS {
        world.server.revoke_all();
        let answer = world.send(world.get("/")).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK);
    }
    let counts = world.server.counts();
    // The very first call had no token to be revoked.
    assert_eq!((counts.sends, counts.refused), (2 * CALLS - 1, CALLS - 1));
    assert_eq!((world.minted(), counts.connections), (CALLS, 1));
}

async fn a_refusal_without_end_is_not_waited_for(kind: Kind) {
    let world = World::new(kind).await;
    for _ in 0..10 {
        world.server.next(Act::RefuseWithoutEnd);
        let answer = world.send(world.get("/")).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK);
    }
    let counts = world.server.counts();
    assert_eq!((counts.sends, counts.refused, counts.effects), (20, 10, 10));
    if kind.is_h2() {
        // Its stream was reset, and nothing else.
        assert_eq!(counts.connections, 1);
    }
}
