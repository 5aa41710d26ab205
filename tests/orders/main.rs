//! All layers in every order: none leaks a credential, loops or panics, and each does what the page on
//! the order of layers says of its place.

mod stack;
mod world;

use http::StatusCode;
use tower_reauth::replay::NotReplayed;

use self::{
    stack::{Kind, Order, all_orders},
    world::{Scenario, World},
};

/// Runs `scenario` through the layers in every order, and checks what the order promises.
async fn in_every_order(scenario: Scenario, check: impl Fn(&Order, &World, &Ended)) {
    for order in all_orders() {
        let world = World::new(scenario);
        let service = order.stack(&world);
        let response = world.call(service).await;
        let ended = Ended {
            status: response.status(),
            not_replayed: response.extensions().get::<NotReplayed>().copied(),
        };
        world.settle().await;
        let leaks = world.leaks();
        assert_eq!(leaks, [""; 0], "{order:?} {scenario:?}");
        assert!(
            world.sends() <= 3,
            "{order:?} {scenario:?}: {} sends",
            world.sends()
        );
        assert!(world.renewals() <= 1, "{order:?} {scenario:?}");
        assert!(world.prompts() <= 1, "{order:?} {scenario:?}");
        check(&order, &world, &ended);
    }
}

struct Ended {
    status: StatusCode,
    not_replayed: Option<NotReplayed>,
}

// What the places promise.
impl Order {
    /// A 401 is mended if Refresh stands around Bearer, which notes what was refused.
    fn mends(&self) -> bool {
        self.is_outside(Kind::Refresh, Kind::Bearer)
    }

    /// A 401 that was made of a 200 is one to Bearer if Normalize stands inside.
    fn mends_normalized(&self) -> bool {
        self.mends() && self.is_outside(Kind::Bearer, Kind::Normalize)
    }
}

#[tokio::test(start_paused = true)]
async fn a_good_call_is_sent_once() {
    in_every_order(Scenario::default(), |order, world, ended| {
        assert_eq!(ended.status, StatusCode::OK, "{order:?}");
        assert_eq!(
            (world.sends(), world.renewals(), world.prompts()),
            (1, 0, 0),
            "{order:?}"
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_dead_token_is_renewed_where_refresh_stands_around_bearer() {
    let scenario = Scenario {
        dead_token: true,
        ..Scenario::default()
    };
    in_every_order(scenario, |order, world, ended| {
        let mended = order.mends();
        assert_eq!(ended.status == StatusCode::OK, mended, "{order:?}");
        let expected = if mended { (2, 1) } else { (1, 0) };
        assert_eq!((world.sends(), world.renewals()), expected, "{order:?}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_dead_token_behind_a_200_is_renewed_where_normalize_stands_inside_bearer() {
    let scenario = Scenario {
        dead_token: true,
        behind_200: true,
        ..Scenario::default()
    };
    in_every_order(scenario, |order, world, ended| {
        let mended = order.mends_normalized();
        // Wherever Normalize stands, nobody takes the failure for a success.
        let expected = if mended {
            StatusCode::OK
        } else {
            StatusCode::UNAUTHORIZED
        };
        assert_eq!(ended.status, expected, "{order:?}");
        let expected = if mended { (2, 1) } else { (1, 0) };
        assert_eq!((world.sends(), world.renewals()), expected, "{order:?}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_code_is_got_in_any_order() {
    let scenario = Scenario {
        wants_code: true,
        ..Scenario::default()
    };
    in_every_order(scenario, |order, world, ended| {
        assert_eq!(ended.status, StatusCode::OK, "{order:?}");
        assert_eq!(
            (world.sends(), world.renewals(), world.prompts()),
            (2, 0, 1),
            "{order:?}"
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_dead_token_and_a_code_take_three_sends() {
    let scenario = Scenario {
        dead_token: true,
        wants_code: true,
        ..Scenario::default()
    };
    in_every_order(scenario, |order, world, ended| {
        if order.mends() {
            assert_eq!(ended.status, StatusCode::OK, "{order:?}");
            assert_eq!(
                (world.sends(), world.renewals(), world.prompts()),
                (3, 1, 1),
                "{order:?}"
            );
        } else {
            assert_eq!(ended.status, StatusCode::UNAUTHORIZED, "{order:?}");
            assert_eq!(
                (world.sends(), world.renewals(), world.prompts()),
                (1, 0, 0),
                "{order:?}"
            );
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_refuses_every_token_is_sent_two() {
    let scenario = Scenario {
        refuses_tokens: true,
        ..Scenario::default()
    };
    in_every_order(scenario, |order, world, ended| {
        assert_eq!(ended.status, StatusCode::UNAUTHORIZED, "{order:?}");
        let expected = if order.mends() { (2, 1) } else { (1, 0) };
        assert_eq!((world.sends(), world.renewals()), expected, "{order:?}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_refuses_every_code_is_sent_one() {
    let scenario = Scenario {
        wants_code: true,
        refuses_codes: true,
        ..Scenario::default()
    };
    in_every_order(scenario, |order, world, ended| {
        assert_eq!(ended.status, StatusCode::FORBIDDEN, "{order:?}");
        assert_eq!((world.sends(), world.prompts()), (2, 1), "{order:?}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_sent_again_where_replay_stands_around_who_sends() {
    let scenario = Scenario {
        dead_token: true,
        one_shot: true,
        ..Scenario::default()
    };
    in_every_order(scenario, |order, world, ended| {
        let replayed = order.mends() && order.is_outside(Kind::Replay, Kind::Refresh);
        assert_eq!(ended.status == StatusCode::OK, replayed, "{order:?}");
        assert_eq!(world.sends(), if replayed { 2 } else { 1 }, "{order:?}");
        // The renewal is made all the same, for those who come next.
        assert_eq!(world.renewals(), u64::from(order.mends()), "{order:?}");
        if order.mends() && !replayed {
            assert_eq!(
                ended.not_replayed,
                Some(NotReplayed::NotCopyable),
                "{order:?}"
            );
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_challenged_stream_is_sent_again_where_replay_stands_around_mfa() {
    let scenario = Scenario {
        wants_code: true,
        one_shot: true,
        ..Scenario::default()
    };
    in_every_order(scenario, |order, world, ended| {
        let replayed = order.is_outside(Kind::Replay, Kind::Mfa);
        let expected = if replayed {
            StatusCode::OK
        } else {
            StatusCode::FORBIDDEN
        };
        assert_eq!(ended.status, expected, "{order:?}");
        assert_eq!(world.sends(), if replayed { 2 } else { 1 }, "{order:?}");
        if !replayed {
            assert_eq!(
                ended.not_replayed,
                Some(NotReplayed::NotCopyable),
                "{order:?}"
            );
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn another_origin_gets_nothing_even_if_the_caller_sends_it() {
    let scenario = Scenario {
        foreign: true,
        dead_token: true,
        wants_code: true,
        ..Scenario::default()
    };
    in_every_order(scenario, |order, world, ended| {
        // Its refusals are no business of ours.
        assert_eq!(ended.status, StatusCode::UNAUTHORIZED, "{order:?}");
        assert_eq!(
            (world.sends(), world.renewals(), world.prompts()),
            (1, 0, 0),
            "{order:?}"
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_redirect_elsewhere_takes_no_credential_along_where_redirects_stand_outermost() {
    let scenario = Scenario {
        redirects: true,
        ..Scenario::default()
    };
    in_every_order(scenario, |order, world, ended| {
        assert_eq!(ended.status, StatusCode::OK, "{order:?}");
        assert_eq!(world.sends(), 2, "{order:?}");
        assert_eq!(world.renewals(), 0, "{order:?}");
    })
    .await;
}
