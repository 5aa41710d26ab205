//! Whatever is delivered, what is kept of it is bounded.

use fastrand::Rng;
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};
use tower_reauth::providers::q2::{Delivery, Event, Q2};

use crate::support::*;

/// An event at random: of few ids, so that some are the same, and of auths and pairs that are waited
/// for or not.
fn event(random: &mut Rng) -> Event {
    let kinds = [
        "auth.created",
        "auth.mfa-required",
        "auth.success",
        "auth.failed",
        "auth.hold",
        "swap.success",
        "of-tomorrow",
    ];
    let kind = kinds[random.usize(..kinds.len())];
    let mut event = json!({"type": kind, "payload": {"data": {}}});
    if random.u8(..3) > 0 {
        event["_id"] = json!(format!("e{}", random.u32(..50_000)));
    }
    let auth = random.bool().then(|| random.u32(..300));
    if auth.is_none() || random.bool() {
        event["clientId"] = json!(format!("c{}", random.u8(..4)));
        let company = json!({"_id": format!("co{}", random.u8(..4))});
        event["payload"]["data"]["company"] = company;
    }
    if let Some(auth) = auth {
        event["payload"]["data"]["auth"] = json!({"_id": format!("a{auth}")});
    }
    Event::from_json(event.to_string()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_hundred_thousand_events_at_random_hold_no_more_than_the_caps() {
    const REMEMBERED: usize = 1_000;
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = Rng::with_seed(seed);
    let mut desk = desk_with(|builder| builder.remembered_events(REMEMBERED));
    // One that waits for its answer.
    let early = begin(&desk.q2);
    let _answer = desk.server.next().await;
    for number in 1..=100_000 {
        let _ = desk.q2.deliver(&event(&mut random));
        if number % 1_000 == 0 {
            let counts = desk.q2.counts();
            assert!(counts.held <= 32 + 256, "{counts:?}");
            assert!(counts.remembered <= REMEMBERED, "{counts:?}");
            assert_eq!(counts.waiting, 1);
        }
    }
    let counts = desk.q2.counts();
    let each = [
        counts.delivered,
        counts.kept,
        counts.duplicate,
        counts.unclaimed,
        counts.unknown,
        counts.busy,
    ];
    assert_eq!(each.iter().sum::<u64>(), 100_000);
    assert!(each.iter().all(|count| *count > 0), "{counts:?}");
    drop(early);
    let counts = desk.q2.counts();
    assert_eq!((counts.waiting, counts.held), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn large_early_events_are_bounded_by_their_bytes() {
    let mut desk = desk();
    let _early = begin(&desk.q2);
    let _answer = desk.server.next().await;
    let large = "x".repeat(200_000);
    for number in 0..100 {
        let event = json!({"_id": format!("e{number}"), "type": "auth.created", "payload": {
            "resource": {"type": "auth", "id": format!("a{number}")}, "data": {"x": large}}});
        let event = Event::from_json(event.to_string()).unwrap();
        assert_eq!(desk.q2.deliver(&event), Delivery::Kept);
    }
    // Of 1 MiB, counted twice for what was read out of them.
    assert_eq!(desk.q2.counts().held, 2);
}

/// Each event of a stream at random counts once, whatever the order and however often it comes.
#[tokio::test(start_paused = true)]
async fn each_effect_happens_once_in_random_streams() {
    let order = vec(0..5u8, 1..40);
    let mut runner = TestRunner::new(Config::with_cases(2_000));
    runner
        .run(&order, |order| {
            let desk = desk();
            let mut counted = std::collections::HashSet::new();
            for number in order {
                let event = match number {
                    0 => created(),
                    1 => success(),
                    2 => failed(),
                    3 => questions("e-mfa", "t1"),
                    _ => json!({"_id": "e-swap", "type": "swap.success", "payload": {}}),
                };
                let is_first = counted.insert(number);
                let delivery = deliver(&desk.q2, &event);
                prop_assert_eq!(delivery == Delivery::Duplicate, !is_first);
            }
            prop_assert_eq!(desk.q2.counts().remembered, counted.len());
            Ok(())
        })
        .unwrap();
}

fn deliver(q2: &Q2, event: &Value) -> Delivery {
    q2.deliver(&Event::from_json(event.to_string()).unwrap())
}
