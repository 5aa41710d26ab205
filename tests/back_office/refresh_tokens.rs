//! Refresh tokens that are dead, missing, or beside an access token that cannot be used.

use http::StatusCode;
use tower_reauth::{
    ErrorKind, Event, ExposeSecret,
    testing::back_office::{DateFormat, Endpoint, Fault, Simulator},
};

use crate::support::{Desk, guarded};

fn refresh_token(desk: &Desk) -> String {
    let current = desk.session.current().unwrap();
    let refresh = current.token().refresh_token().unwrap();
    refresh.expose_secret().to_owned()
}

#[tokio::test]
async fn a_dead_refresh_token_means_one_new_sign_in_that_asks_for_a_code_again() {
    guarded(async {
        let desk = Desk::open(Simulator::builder().two_factor(true), |settings| settings).await;
        desk.works().await;
        let mut events = desk.session.events();
        for kill in [
            Simulator::revoke_refresh_tokens,
            Simulator::expire_refresh_tokens,
        ] {
            let before = desk.counts();
            kill(&desk.server);
            desk.server.revoke_access_tokens();
            desk.works().await;
            let counts = desk.counts();
            assert_eq!(counts.refreshes - before.refreshes, 1);
            assert_eq!(counts.sign_ins - before.sign_ins, 1);
            assert_eq!(counts.confirms - before.confirms, 1);
            let event = events.next().await;
            assert!(matches!(event, Some(Event::SignedIn { .. })), "{event:?}");
        }
        assert_eq!(desk.counts().refreshes_ok, 0);
        assert_eq!(desk.prompts().len(), 3);

        // What the last sign-in brought can be refreshed.
        desk.server.revoke_access_tokens();
        desk.works().await;
        assert_eq!(desk.traffic(), (3, 3, 3));
        assert_eq!(desk.counts().refreshes_ok, 1);
    })
    .await;
}

#[tokio::test]
async fn every_status_for_a_dead_refresh_token_means_one_new_sign_in() {
    for status in [400, 401, 403, 422] {
        guarded(async {
            let server = Simulator::builder().bad_refresh_status(status);
            let desk = Desk::open(server, |settings| settings).await;
            desk.works().await;
            desk.server.revoke_refresh_tokens();
            desk.server.revoke_access_tokens();
            desk.works().await;
            assert_eq!(desk.traffic(), (2, 0, 1), "{status}");
        })
        .await;
    }
}

#[tokio::test]
async fn without_relogin_a_dead_refresh_token_is_final_and_the_password_is_not_used() {
    guarded(async {
        let desk = Desk::open(Simulator::builder(), |settings| {
            settings.allow_relogin(false)
        })
        .await;
        desk.works().await;
        desk.server.revoke_refresh_tokens();
        desk.server.revoke_access_tokens();
        for calls in 1..=5 {
            let error = desk.refused().await;
            assert_eq!(error.kind(), ErrorKind::Rejected);
            assert!(error.to_string().contains("clear the session"), "{error}");
            assert_eq!(desk.traffic(), (1, 0, 1));
            // The first is not sent again either: there is nothing newer to send it with.
            assert_eq!(desk.counts().api_calls, 1 + calls);
        }
        // Asking for it does not present a dead token again.
        let error = desk.session.renew().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected);
        assert_eq!(desk.traffic(), (1, 0, 1));

        // As the error says.
        desk.session.clear();
        desk.works().await;
        assert_eq!(desk.traffic(), (2, 0, 1));
    })
    .await;
}

#[tokio::test]
async fn a_refresh_that_brings_no_refresh_token_keeps_the_old_one() {
    guarded(async {
        let desk = Desk::open(Simulator::builder(), |settings| settings).await;
        desk.works().await;
        let first = refresh_token(&desk);
        desk.server.inject(Endpoint::Refresh, Fault::OnlyAccess);
        desk.server.revoke_access_tokens();
        desk.works().await;
        assert_eq!(refresh_token(&desk), first);
        desk.server.revoke_access_tokens();
        desk.works().await;
        assert_ne!(refresh_token(&desk), first);
        desk.server.revoke_access_tokens();
        desk.works().await;
        assert_eq!(desk.traffic(), (1, 0, 3));
        assert_eq!(desk.counts().refreshes_ok, 3);
    })
    .await;
}

#[tokio::test]
async fn a_refresh_that_brings_only_a_refresh_token_fails_and_loses_nothing() {
    guarded(async {
        let desk = Desk::open(Simulator::builder(), |settings| settings).await;
        desk.works().await;
        desk.server.inject(Endpoint::Refresh, Fault::OnlyRefresh);
        desk.server.revoke_access_tokens();
        let error = desk.refused().await;
        assert_eq!(error.kind(), ErrorKind::Protocol);
        assert!(error.to_string().contains("no access token"), "{error}");
        // The stored error answers: nothing is sent.
        assert_eq!(desk.refused().await.kind(), ErrorKind::Protocol);
        assert_eq!(desk.traffic(), (1, 0, 1));

        // The spent one would be a reuse.
        desk.session.renew().await.unwrap();
        desk.works().await;
        assert_eq!(desk.traffic(), (1, 0, 2));
        assert_eq!(desk.counts().refreshes_ok, 2);
    })
    .await;
}

#[tokio::test]
async fn a_sign_in_without_a_refresh_token_is_followed_by_a_sign_in() {
    guarded(async {
        let desk = Desk::open(Simulator::builder(), |settings| settings).await;
        desk.server.inject(Endpoint::SignIn, Fault::OnlyAccess);
        desk.works().await;
        desk.server.revoke_access_tokens();
        desk.works().await;
        assert_eq!(desk.traffic(), (2, 0, 0));
    })
    .await;
}

#[tokio::test]
async fn a_sign_in_with_only_a_refresh_token_is_followed_by_a_refresh() {
    guarded(async {
        let server = Simulator::builder().two_factor(true);
        let desk = Desk::open(server, |settings| settings).await;
        desk.server.inject(Endpoint::Confirm, Fault::OnlyRefresh);
        let error = desk.call().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
        desk.session.renew().await.unwrap();
        desk.works().await;
        // Nobody had to look for a second code.
        assert_eq!(desk.traffic(), (1, 1, 1));
    })
    .await;
}

#[tokio::test]
async fn strict_dates_refuse_an_answer_and_lose_nothing() {
    guarded(async {
        for format in [DateFormat::NoOffset, DateFormat::NoColon] {
            let desk =
                Desk::open(Simulator::builder(), |settings| settings.strict_dates(true)).await;
            desk.server.inject(Endpoint::SignIn, Fault::Dates(format));
            let error = desk.call().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Protocol);
            assert!(error.to_string().contains("turn that off"), "{error}");
            desk.session.renew().await.unwrap();
            assert_eq!(desk.traffic(), (1, 0, 1), "{format:?}");

            desk.server.inject(Endpoint::Refresh, Fault::Dates(format));
            let error = desk.session.renew().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Protocol);
            // The token in hand is good, whatever came of that.
            let response = desk.call().await.unwrap();
            assert_eq!(response.status(), StatusCode::OK);
            desk.session.renew().await.unwrap();
            desk.works().await;
            assert_eq!(desk.traffic(), (1, 0, 3), "{format:?}");
            assert_eq!(desk.counts().refreshes_ok, 3);
        }
    })
    .await;
}

#[tokio::test]
async fn without_rotation_everything_goes_on_as_usual() {
    guarded(async {
        let server = Simulator::builder().rotate(false).only_newest(true);
        let desk = Desk::open(server, |settings| settings).await;
        desk.works().await;
        for refreshes in 1..=4 {
            desk.server.revoke_access_tokens();
            desk.works().await;
            assert_eq!(desk.traffic(), (1, 0, refreshes));
        }
    })
    .await;
}
