//! Refresh tokens: rotated, kept, dead, and a user's.

use tower_reauth::{
    ErrorKind, Event,
    testing::oauth2::{Endpoint, Quirk, RefreshTokens, Simulator},
};

use crate::support::{Desk, ID, guarded};

/// Has the session renew a token that the server has just revoked.
async fn renew(desk: &Desk) {
    desk.server.revoke_access_tokens();
    desk.works().await;
}

#[tokio::test]
async fn a_refresh_token_is_replaced_by_a_new_one_and_kept_otherwise() {
    for (way, is_kept) in [
        (RefreshTokens::Rotated, false),
        (RefreshTokens::Same, true),
        (RefreshTokens::Omitted, true),
        (RefreshTokens::Empty, true),
    ] {
        guarded(async {
            let desk = Desk::open(Simulator::builder()).await;
            desk.works().await;
            let mut before = desk.refresh_token();
            assert!(before.is_some());
            for count in 1..=3 {
                desk.server
                    .inject_quirk(Endpoint::Token, Quirk::RefreshToken(way));
                renew(&desk).await;
                assert_eq!(desk.refresh_token() == before, is_kept, "{way:?}");
                before = desk.refresh_token();
                assert_eq!(desk.traffic(), (1 + count, 1, count), "{way:?}");
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_new_refresh_token_is_not_lost_whatever_is_wrong_beside_it() {
    for quirk in [
        Quirk::NoAccessToken,
        Quirk::EmptyAccessToken,
        Quirk::TokenType("DPoP".to_owned()),
    ] {
        guarded(async {
            let desk = Desk::open(Simulator::builder()).await;
            desk.works().await;
            desk.server.inject_quirk(Endpoint::Token, quirk.clone());
            let error = desk.session.renew().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Protocol, "{quirk:?}");
            // The token in hand is good all the while.
            desk.works().await;
            assert_eq!(desk.traffic(), (2, 1, 1));
            // A server that rotates would notice if the spent one came again.
            desk.session.renew().await.unwrap();
            desk.works().await;
            assert_eq!(desk.traffic(), (3, 1, 2), "{quirk:?}");
        })
        .await;
    }
}

#[tokio::test]
async fn a_dead_refresh_token_means_one_sign_in() {
    for kill in [
        Simulator::revoke_refresh_tokens,
        Simulator::expire_refresh_tokens,
    ] {
        guarded(async {
            let desk = Desk::open(Simulator::builder()).await;
            desk.works().await;
            let mut events = desk.session.events();
            kill(&desk.server);
            renew(&desk).await;
            assert_eq!(desk.traffic(), (3, 2, 0));
            assert!(matches!(events.next().await, Some(Event::SignedIn { .. })));
            // What that brought can be refreshed.
            renew(&desk).await;
            assert_eq!(desk.traffic(), (4, 2, 1));
            assert_eq!(desk.counts().dead_refresh_tokens, 1);
        })
        .await;
    }
}

#[tokio::test]
async fn a_user_is_refreshed_and_cleared_and_refreshed_again() {
    guarded(async {
        let desk = Desk::for_user(Simulator::builder(), |settings| settings).await;
        let mut events = desk.session.events();
        desk.works().await;
        assert!(matches!(
            events.next().await,
            Some(Event::Renewed { old: None, .. })
        ));
        for count in 2..=20 {
            if count % 2 == 0 {
                desk.session.clear();
            } else {
                desk.server.revoke_access_tokens();
            }
            desk.works().await;
            assert_eq!(desk.traffic(), (count, 0, count));
        }
    })
    .await;
}

#[tokio::test]
async fn a_user_who_is_signed_out_elsewhere_has_to_sign_in_again() {
    guarded(async {
        let desk = Desk::for_user(Simulator::builder(), |settings| settings).await;
        desk.works().await;
        desk.server.revoke_refresh_tokens();
        desk.server.revoke_access_tokens();
        for _ in 0..3 {
            let error = desk.fails().await;
            assert_eq!(error.kind(), ErrorKind::Rejected);
            assert_eq!(error.provider_code(), Some("invalid_grant"));
            assert!(
                error.to_string().contains("have the user sign in"),
                "{error}"
            );
        }
        assert_eq!(desk.traffic(), (2, 0, 1));

        // They did.
        let (access, refresh) = desk.server.issue_tokens(ID, "read");
        let token = tower_reauth::Token::new(access).unwrap();
        desk.session.set(token.with_refresh_token(refresh).unwrap());
        desk.works().await;
        renew(&desk).await;
        assert_eq!(desk.traffic(), (3, 0, 2));
    })
    .await;
}

#[tokio::test]
async fn the_client_goes_on_as_itself_where_that_is_configured() {
    guarded(async {
        let desk = Desk::for_user(Simulator::builder(), |settings| {
            settings.client_credentials()
        })
        .await;
        desk.works().await;
        desk.server.revoke_refresh_tokens();
        renew(&desk).await;
        assert_eq!(desk.traffic(), (3, 1, 1));
        // That server gives no refresh token for it.
        assert_eq!(desk.refresh_token(), None);
        renew(&desk).await;
        assert_eq!(desk.traffic(), (4, 2, 1));
    })
    .await;
}
