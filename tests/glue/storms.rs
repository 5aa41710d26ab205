//! Many callers at once: one trigger and one prompt for all.

use http::Method;
use tokio::task::JoinSet;
use tower::ServiceExt;
use tower_reauth::testing::glue::Simulator;

use crate::support::*;

const CALLERS: usize = 64;

/// Makes as many protected calls at once; each must succeed.
async fn storm(shop: &Shop) {
    let mut calls = JoinSet::new();
    for _ in 0..CALLERS {
        calls.spawn(shop.api.clone().oneshot(shop.protected()));
    }
    let mut done = 0;
    while let Some(response) = calls.join_next().await {
        assert_eq!(outcome(&response.unwrap().unwrap()), (200, None));
        done += 1;
    }
    assert_eq!(done, CALLERS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_many_need_a_code_one_is_triggered_and_one_asked_for() {
    guarded(async {
        for client in [pooled(), http2()] {
            let server = Simulator::builder();
            let shop = Shop::through(client, server, |glue| glue, |mfa| mfa).await;
            storm(&shop).await;
            let counts = shop.counts();
            assert_eq!((counts.triggers, shop.prompts()), (1, 1));
            assert_eq!((counts.logins_ok, counts.api_ok), (1, CALLERS as u64));
            assert_eq!(counts.refused_codes, 0);
            // The code is there now.
            storm(&shop).await;
            let counts = shop.counts();
            assert_eq!((counts.triggers, shop.prompts()), (1, 1));
            assert_eq!(counts.api_ok, 2 * CALLERS as u64);
            assert_eq!(counts.api_calls, counts.api_ok + counts.missing_codes);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_that_dies_early_costs_one_more_trigger() {
    guarded(async {
        for client in [pooled(), http2()] {
            let server = Simulator::builder();
            let shop = Shop::through(client, server, |glue| glue, |mfa| mfa).await;
            storm(&shop).await;
            for round in 2..=4 {
                // As a web login of the same user can do at any time.
                shop.server.invalidate_codes(USERNAME);
                storm(&shop).await;
                let counts = shop.counts();
                assert_eq!((counts.triggers, shop.prompts()), (round, round as usize));
                assert_eq!(counts.api_ok, round * CALLERS as u64);
                assert_eq!((counts.blocked_codes, counts.superseded_codes), (0, 0));
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_and_codes_may_die_together() {
    guarded(async {
        let shop = Shop::open(Simulator::builder()).await;
        storm(&shop).await;
        shop.server.invalidate_codes(USERNAME);
        shop.server.revoke_access_tokens();
        storm(&shop).await;
        let counts = shop.counts();
        assert_eq!((counts.triggers, shop.prompts()), (2, 2));
        assert_eq!((counts.logins_ok, counts.refreshes_ok), (1, 1));
        assert_eq!(counts.api_ok, 2 * CALLERS as u64);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_code_is_awaited_other_calls_go_on() {
    guarded(async {
        let shop = Shop::open(Simulator::builder()).await;
        shop.session.token().await.unwrap();
        // Somebody takes his time: no code comes at all, until it is set by hand.
        let glue = tower_reauth::providers::glue::Glue::builder(pooled(), shop.server.base_url())
            .credentials(USERNAME, PASSWORD)
            .code_service(tower::service_fn(|_| {
                std::future::pending::<Result<tower_reauth::Code, tower_reauth::BoxError>>()
            }))
            .build()
            .unwrap();
        let mfa = glue.mfa(&shop.session).build().unwrap();
        let api = tower::Layer::layer(&shop.session.layer().mfa(&mfa), pooled());
        let waiting = tokio::spawn(api.clone().oneshot(shop.protected()));
        while shop.counts().triggers_ok < 1 {
            tokio::task::yield_now().await;
        }
        for _ in 0..CALLERS {
            let request = shop.request(Method::GET, "/customers/DE--42");
            let response = api.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), 200);
        }
        let code = shop.server.latest_code(USERNAME).unwrap();
        mfa.set(tower_reauth::Code::new(code).unwrap());
        let response = waiting.await.unwrap().unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(shop.counts().triggers, 1);
    })
    .await;
}
