//! Many callers are refused at once, and none of them notices.

use tokio::task::JoinSet;

use crate::{
    kinds::{Kind, on_each_client},
    support::{World, send},
};

on_each_client!(a_storm_of_refusals_causes_one_renewal);

async fn a_storm_of_refusals_causes_one_renewal(kind: Kind) {
    const CALLERS: usize = 100;
    let world = World::new(kind).await;
    world.send(world.get("/")).await.unwrap();
    for round in 1..=3 {
        world.server.revoke_all();
        // With all of them on the way before the first is refused.
        world.server.refuse_together(round * CALLERS);
        let mut callers = JoinSet::new();
        for caller in 0..CALLERS {
            let (client, request) = (world.client.clone(), world.post(format!("call {caller}")));
            callers.spawn(async move { (caller, send(&client, request).await.unwrap()) });
        }
        while let Some(answer) = callers.join_next().await {
            let (caller, answer) = answer.unwrap();
            assert_eq!(
                (answer.status.as_u16(), answer.body),
                (200, format!("call {caller}").into())
            );
        }
        assert_eq!(world.minted(), 1 + round);
    }
    let counts = world.server.counts();
    assert_eq!(
        (counts.sends, counts.refused, counts.effects),
        (1 + 6 * CALLERS, 3 * CALLERS, 1 + 3 * CALLERS)
    );
    if kind.is_h2() {
        assert_eq!(counts.connections, 1);
    }
}
