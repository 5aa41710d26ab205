//! Many callers and one dead token.

use http::StatusCode;
use tokio::task::JoinSet;
use tower::ServiceExt;
use tower_reauth::testing::oauth2::Simulator;

use crate::support::{Desk, guarded, http2, pooled};

const CALLERS: u64 = 200;

async fn storm(desk: &Desk) {
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        callers.spawn(desk.api.clone().oneshot(desk.request("/accounts")));
    }
    while let Some(response) = callers.join_next().await {
        assert_eq!(response.unwrap().unwrap().status(), StatusCode::OK);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_callers_cause_one_sign_in_and_one_refresh_each_time() {
    for client in [pooled(), http2()] {
        guarded(async {
            let desk = Desk::through(client, Simulator::builder(), |settings| settings).await;
            storm(&desk).await;
            assert_eq!(desk.traffic(), (1, 1, 0));
            for count in 1..=5 {
                desk.server.revoke_access_tokens();
                storm(&desk).await;
                assert_eq!(desk.traffic(), (1 + count, 1, count));
            }
            assert_eq!(desk.counts().api_ok, 6 * CALLERS);
        })
        .await;
    }
}

#[tokio::test]
async fn sessions_of_several_users_share_a_client_and_nothing_else() {
    guarded(async {
        let desk = Desk::for_user(Simulator::builder(), |settings| settings).await;
        desk.works().await;
        let first = desk.refresh_token();
        let token = {
            let (access, refresh) = desk.server.issue_tokens(crate::support::ID, "write");
            let token = tower_reauth::Token::new(access).unwrap();
            token.with_refresh_token(refresh).unwrap()
        };
        let oauth2 =
            tower_reauth::providers::oauth2::OAuth2::builder(pooled(), desk.server.token_url())
                .client_id(crate::support::ID)
                .client_secret(crate::support::SECRET)
                .build()
                .unwrap();
        let builder = || oauth2.session().origin(desk.server.base_url());
        let one = builder().token(token.clone()).build().unwrap();
        let other = builder().token(token).build().unwrap();
        // Two sessions with one refresh token never present it twice.
        let (a, b) = tokio::join!(one.renew(), other.renew());
        a.unwrap();
        b.unwrap();
        assert_eq!(desk.traffic(), (3, 0, 3));
        // The first user notices nothing.
        assert_eq!(desk.refresh_token(), first);
        desk.server.revoke_access_tokens();
        desk.works().await;
        assert_eq!(desk.traffic(), (4, 0, 4));
    })
    .await;
}
