//! Signing in: by which credentials, for what, and for how long.

use std::time::Duration;

use tower_reauth::{
    ErrorKind, Event,
    providers::oauth2::ClientAuth,
    testing::{
        FakeClock,
        oauth2::{self as simulator, Endpoint, ExpiresIn, Quirk, Simulator},
    },
};

use crate::support::{Desk, ID, SECRET, guarded};

#[tokio::test]
async fn a_client_authenticates_itself_in_the_way_that_is_set() {
    // Characters that each of the ways has to encode.
    let (id, secret) = ("a:b c&d=é", "p%+ /:=&ß");
    for (auth, seen) in [
        (ClientAuth::Basic, simulator::ClientAuth::Basic),
        (ClientAuth::Form, simulator::ClientAuth::Form),
    ] {
        guarded(async {
            let server = Simulator::builder().client(id, secret).client_auth([seen]);
            let desk = Desk::with(server, |settings| {
                let settings = settings.client_id(id).client_secret(secret);
                settings.client_auth(auth)
            })
            .await;
            desk.works().await;
            desk.server.revoke_access_tokens();
            desk.works().await;
            let requests = desk.server.token_requests();
            let grants: Vec<_> = requests
                .iter()
                .map(|request| request.grant_type.as_str())
                .collect();
            assert_eq!(grants, ["client_credentials", "refresh_token"]);
            for request in requests {
                assert_eq!(request.client_id.as_deref(), Some(id));
                assert_eq!(request.client_auth, Some(seen));
            }
        })
        .await;
    }
}

#[tokio::test]
async fn the_other_way_is_told_as_a_wrong_setting() {
    guarded(async {
        let server = Simulator::builder().client_auth([simulator::ClientAuth::Form]);
        let desk = Desk::open(server).await;
        let error = desk.fails().await;
        assert_eq!(error.kind(), ErrorKind::Rejected);
        assert_eq!(error.provider_code(), Some("invalid_client"));
        assert!(error.to_string().contains("client_auth"), "{error}");
        assert_eq!(desk.traffic(), (1, 0, 0));
    })
    .await;
}

#[tokio::test]
async fn wrong_credentials_are_presented_once_and_mended_by_renew() {
    guarded(async {
        let clock = FakeClock::new();
        let server = Simulator::builder()
            .client(ID, "another")
            .clock(clock.clone());
        let desk = Desk::with(server, |settings| settings.clock(clock.clone())).await;
        for _ in 0..5 {
            let error = desk.fails().await;
            assert_eq!(error.kind(), ErrorKind::Rejected);
            assert_eq!(error.provider_code(), Some("invalid_client"));
            clock.advance(Duration::from_secs(100_000));
        }
        assert_eq!(desk.traffic(), (1, 0, 0));
        assert_eq!(desk.counts().api_calls, 0);
        desk.server.set_client_secret(ID, SECRET);
        desk.session.renew().await.unwrap();
        desk.works().await;
        assert_eq!(desk.traffic(), (2, 1, 0));
    })
    .await;
}

#[tokio::test]
async fn scope_and_resource_are_asked_for_and_kept_on_a_refresh() {
    guarded(async {
        let uri = "https://accounts.example.com/";
        let server = Simulator::builder()
            .resource(uri, "/accounts")
            .resource("urn:example:other", "/other")
            .needs("/accounts", "write");
        let desk = Desk::with(server, |settings| {
            let settings = settings.scope("read write").audience("https://a/");
            settings.resource(uri).resource("urn:example:other")
        })
        .await;
        desk.works().await;
        desk.server.revoke_access_tokens();
        desk.works().await;
        let requests = desk.server.token_requests();
        assert_eq!(requests[0].scope.as_deref(), Some("read write"));
        assert_eq!(requests[1].scope, None);
        for request in &requests {
            assert_eq!(request.resources, [uri, "urn:example:other"]);
        }
        let has_audience = |at: usize| {
            requests[at]
                .parameters
                .iter()
                .any(|name| name == "audience")
        };
        assert_eq!((has_audience(0), has_audience(1)), (true, false));
    })
    .await;
}

#[tokio::test]
async fn less_scope_than_asked_for_makes_a_warning() {
    guarded(async {
        let server = Simulator::builder();
        let desk = Desk::with(server, |settings| settings.scope("read write")).await;
        desk.server
            .inject_quirk(Endpoint::Token, Quirk::Scope("read".to_owned()));
        let mut events = desk.session.events();
        desk.works().await;
        assert!(matches!(events.next().await, Some(Event::SignedIn { .. })));
        let Some(Event::Warned { error, .. }) = events.next().await else {
            panic!("no warning");
        };
        assert!(
            error.to_string().ends_with("did not grant: write"),
            "{error}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_token_is_renewed_ahead_of_its_end_however_that_is_written() {
    for form in [ExpiresIn::Number, ExpiresIn::Text] {
        guarded(async {
            let clock = FakeClock::new();
            let server = Simulator::builder()
                .expires_in(form.clone())
                .access_lifetime(Duration::from_secs(100))
                .clock(clock.clone());
            let desk = Desk::with(server, |settings| settings.clock(clock.clone())).await;
            desk.works().await;
            clock.advance(Duration::from_secs(89));
            desk.works().await;
            assert_eq!(desk.traffic(), (1, 1, 0));
            clock.advance(Duration::from_secs(2));
            // The schedule is a task of its own.
            while desk.traffic() == (1, 1, 0) {
                desk.works().await;
            }
            desk.session.settled().await;
            assert_eq!(desk.traffic(), (2, 1, 1), "{form:?}");
            assert_eq!(desk.counts().unauthorized, 0);
        })
        .await;
    }
}

#[tokio::test]
async fn a_token_without_a_credible_lifetime_is_used_until_it_is_refused() {
    for json in ["0", "-1", "1e300", "9223372036854775808", "null", "soon"] {
        guarded(async {
            let clock = FakeClock::new();
            let server = Simulator::builder()
                .expires_in(ExpiresIn::Json(json.to_owned()))
                .clock(clock.clone());
            let desk = Desk::with(server, |settings| settings.clock(clock.clone())).await;
            for _ in 0..3 {
                desk.works().await;
                clock.advance(Duration::from_secs(1000));
            }
            assert_eq!(desk.traffic(), (1, 1, 0), "{json}");
            // The hour is over.
            clock.advance(Duration::from_secs(1000));
            desk.works().await;
            assert_eq!(desk.traffic(), (2, 1, 1), "{json}");
            assert_eq!(desk.counts().unauthorized, 1);
        })
        .await;
    }
}
