//! Signing out: tokens are revoked at the server, and not used again here.

use std::time::Duration;

use tower_reauth::{
    ErrorKind,
    testing::{
        FakeClock, Fault,
        oauth2::{Builder, Endpoint, Simulator},
    },
};

use crate::support::{Desk, ID, guarded, pooled, until};

/// Signed in, with a revocation endpoint.
async fn signed_in() -> Desk {
    signed_in_at(Simulator::builder()).await
}

async fn signed_in_at(server: Builder) -> Desk {
    let server = server.client_credentials_refresh(true);
    let server = server.start().await.unwrap();
    let url = server.revocation_url();
    let desk = Desk::at(pooled(), server, |settings| {
        settings.client_credentials().revocation_url(url)
    });
    desk.works().await;
    desk
}

#[tokio::test]
async fn both_tokens_are_revoked() {
    guarded(async {
        let desk = signed_in().await;
        desk.session.sign_out().await.unwrap();
        let counts = desk.counts();
        assert_eq!((counts.revocations, counts.revocations_ok), (2, 2));
        assert!(desk.session.current().is_none());
        // The next call signs in, and presents no old refresh token.
        desk.works().await;
        assert_eq!(desk.traffic(), (2, 2, 0));
        assert_eq!(desk.counts().unauthorized, 0);
    })
    .await;
}

#[tokio::test]
async fn a_revocation_that_fails_is_told_and_nothing_used_again() {
    guarded(async {
        let desk = signed_in().await;
        desk.server.inject(Endpoint::Revoke, Fault::Status(503));
        let error = desk.session.sign_out().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transport);
        assert_eq!(desk.counts().revocations, 2);
        desk.works().await;
        assert_eq!(desk.traffic(), (2, 2, 0));
    })
    .await;
}

#[tokio::test]
async fn a_user_who_signs_out_stays_signed_out() {
    guarded(async {
        let server = Simulator::builder().start().await.unwrap();
        let (_, refresh) = server.issue_tokens(ID, "read");
        let url = server.revocation_url();
        let desk = Desk::at(pooled(), server, |settings| {
            settings.refresh_token(refresh).revocation_url(url)
        });
        desk.works().await;
        desk.session.sign_out().await.unwrap();
        for _ in 0..3 {
            assert_eq!(desk.fails().await.kind(), ErrorKind::Rejected);
        }
        assert_eq!(desk.traffic(), (1, 0, 1));
        assert_eq!(desk.counts().revocations_ok, 2);
    })
    .await;
}

#[tokio::test]
async fn a_renewal_under_way_brings_nobody_back() {
    guarded(async {
        // The server's time stands still, and with it the refresh.
        let clock = FakeClock::new();
        let desk = signed_in_at(Simulator::builder().clock(clock.clone())).await;
        let delay = Duration::from_secs(10);
        desk.server.inject(Endpoint::Token, Fault::Delay(delay));
        let session = desk.session.clone();
        let renewing = tokio::spawn(async move { session.renew().await });
        until(|| desk.counts().token_requests == 2).await;
        // The refresh token is revoked while it is on its way, and the client's secret is not used
        // for somebody who has just signed out.
        let session = desk.session.clone();
        let signing_out = tokio::spawn(async move { session.sign_out().await });
        until(|| desk.counts().revocations_ok == 2).await;
        clock.advance(delay);
        signing_out.await.unwrap().unwrap();
        let error = renewing.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cleared);
        assert_eq!(desk.traffic(), (2, 1, 0));
        let counts = desk.counts();
        assert_eq!((counts.revocations_ok, counts.dead_refresh_tokens), (2, 1));
        desk.works().await;
        assert_eq!(desk.traffic(), (3, 2, 0));
    })
    .await;
}
