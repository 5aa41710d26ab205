//! Tokens: signing in, refreshing and signing out, at both kinds of endpoints.

use tower_reauth::{
    Error, ErrorKind,
    testing::{
        FakeClock, Fault,
        glue::{Endpoint, Quirk, Simulator, TokenShape},
    },
};

use crate::support::*;

async fn token_error(shop: &Shop) -> Error {
    shop.session.token().await.unwrap_err()
}

#[tokio::test]
async fn tokens_are_had_and_rotated_at_both_endpoints() {
    guarded(async {
        let shapes = [
            TokenShape::Object,
            TokenShape::Array,
            TokenShape::Camel,
            TokenShape::CamelArray,
            TokenShape::Attributes,
        ];
        let forms = shapes.map(|shape| (true, shape));
        for (is_form, shape) in forms.into_iter().chain([(false, TokenShape::Object)]) {
            for text in [false, true] {
                let server = Simulator::builder().token_shape(shape).expiry_as_text(text);
                let settings = |glue: tower_reauth::providers::glue::GlueBuilder| {
                    if is_form { glue.token_form() } else { glue }
                };
                let shop = Shop::with(server, settings, |mfa| mfa).await;
                shop.works().await;
                let current = shop.session.current().unwrap();
                assert_eq!(current.token().lifetime(), Some(secs(28_800)));
                for round in 1..=3 {
                    shop.server.revoke_access_tokens();
                    shop.works().await;
                    let counts = shop.counts();
                    assert_eq!((counts.logins_ok, counts.refreshes_ok), (1, round));
                }
                let counts = shop.counts();
                let requests = if is_form { (0, 0, 4) } else { (1, 3, 0) };
                let seen = (
                    counts.access_tokens,
                    counts.refresh_tokens,
                    counts.token_requests,
                );
                assert_eq!(seen, requests);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_dead_refresh_token_leads_to_the_password_once() {
    guarded(async {
        for relogin in [true, false] {
            let server = Simulator::builder();
            let shop = Shop::with(server, |glue| glue.allow_relogin(relogin), |mfa| mfa).await;
            shop.works().await;
            shop.server.revoke_access_tokens();
            shop.server.revoke_refresh_tokens();
            let response = shop.call(shop.protected()).await;
            let counts = shop.counts();
            assert_eq!(counts.dead_refresh_tokens, 1);
            if relogin {
                assert_eq!(outcome(&response), (200, None));
                assert_eq!(counts.logins_ok, 2);
            } else {
                assert_eq!(outcome(&response), (401, Some((ErrorKind::Rejected, None))));
                assert_eq!(counts.logins_ok, 1);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_sign_out_revokes_the_refresh_tokens() {
    guarded(async {
        let shop = Shop::open(Simulator::builder()).await;
        shop.works().await;
        shop.session.sign_out().await.unwrap();
        assert_eq!(shop.counts().revocations_ok, 1);
        assert!(shop.session.current().is_none());
        // With a dead access token: by way of the refresh token.
        shop.works().await;
        shop.server.revoke_access_tokens();
        shop.session.sign_out().await.unwrap();
        let counts = shop.counts();
        assert_eq!((counts.revocations, counts.revocations_ok), (3, 2));
        assert_eq!((counts.logins_ok, counts.refreshes_ok), (2, 1));
    })
    .await;
}

#[tokio::test]
async fn a_wrong_password_is_tried_once() {
    guarded(async {
        let server = Simulator::builder();
        let shop = Shop::open(server).await;
        shop.server.set_password(USERNAME, "Another123");
        for _ in 0..20 {
            let error = token_error(&shop).await;
            assert_eq!(error.kind(), ErrorKind::Rejected);
            assert_eq!(error.provider_code(), Some("003"));
        }
        assert_eq!(shop.counts().access_tokens, 1);
    })
    .await;
}

#[tokio::test]
async fn an_unconfirmed_address_is_rejected_with_either_status() {
    guarded(async {
        for status in [401, 403] {
            let shop = Shop::open(Simulator::builder().unconfirmed_status(status)).await;
            shop.server.set_unconfirmed(USERNAME, true);
            let error = token_error(&shop).await;
            assert_eq!(error.kind(), ErrorKind::Rejected);
            assert_eq!(shop.counts().access_tokens, 1);
        }
    })
    .await;
}

#[tokio::test]
async fn a_lock_is_kept() {
    guarded(async {
        let clock = FakeClock::new();
        let server = Simulator::builder().clock(clock.clone());
        let ours = clock.clone();
        let shop = Shop::with(server, |glue| glue.clock(ours), |mfa| mfa).await;
        shop.server.lock();
        let error = token_error(&shop).await;
        assert_eq!(error.kind(), ErrorKind::Locked);
        assert_eq!(error.provider_code(), Some("4401"));
        // Nobody's attempts are sent meanwhile, however they come about.
        for _ in 0..20 {
            shop.session.clear();
            assert_eq!(token_error(&shop).await.kind(), ErrorKind::Locked);
        }
        assert_eq!(shop.counts().access_tokens, 1);
        shop.session.clear();
        clock.advance(secs(361));
        shop.works().await;
    })
    .await;
}

#[tokio::test]
async fn a_company_user_signs_in_by_way_of_its_customer() {
    guarded(async {
        let shop = Shop::open(Simulator::builder()).await;
        let id = shop.server.company_user(USERNAME).unwrap();
        let glue = tower_reauth::providers::glue::Glue::builder(pooled(), shop.server.base_url())
            .credentials(USERNAME, PASSWORD)
            .company_user(id)
            .build()
            .unwrap();
        let session = glue.session().build().unwrap();
        session.token().await.unwrap();
        session.renew().await.unwrap();
        let counts = shop.counts();
        assert_eq!((counts.access_tokens, counts.company_user_tokens), (1, 1));
        assert_eq!(counts.refreshes_ok, 1);
    })
    .await;
}

#[tokio::test]
async fn odd_answers_lose_nothing() {
    guarded(async {
        let shop = Shop::open(Simulator::builder()).await;
        shop.works().await;
        // A new refresh token without an access token: it is kept, and used next.
        let refresh = Endpoint::RefreshTokens;
        shop.server.inject_quirk(refresh, Quirk::NoAccessToken);
        let error = shop.session.renew().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
        shop.session.renew().await.unwrap();
        // Only the access token: the old refresh token stays.
        shop.server.inject_quirk(refresh, Quirk::NoRefreshToken);
        shop.session.renew().await.unwrap();
        shop.session.renew().await.unwrap();
        shop.server.inject_quirk(refresh, Quirk::NoExpiry);
        shop.session.renew().await.unwrap();
        let current = shop.session.current().unwrap();
        assert_eq!(current.token().lifetime(), None);
        let counts = shop.counts();
        assert_eq!((counts.logins_ok, counts.refreshes_ok), (1, 5));
    })
    .await;
}

#[tokio::test]
async fn an_outage_takes_no_token_away() {
    guarded(async {
        let shop = Shop::open(Simulator::builder()).await;
        shop.works().await;
        shop.server
            .inject(Endpoint::RefreshTokens, Fault::Status(503));
        let error = shop.session.renew().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transport);
        shop.works().await;
        shop.session.renew().await.unwrap();
        assert_eq!(shop.counts().logins_ok, 1);
    })
    .await;
}
