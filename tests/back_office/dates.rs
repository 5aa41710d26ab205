//! How long a token is said to live, in every form that servers write it.

use std::time::Duration;

use tower_reauth::{
    ErrorKind, Event,
    testing::{
        FakeClock,
        back_office::{DateFormat, Endpoint, Fault, Simulator},
    },
};

use crate::support::{Desk, guarded};

const LIFETIME: Duration = Duration::from_secs(36_000);

#[tokio::test]
async fn every_form_of_a_date_gives_the_same_lifetime() {
    guarded(async {
        for format in [
            DateFormat::Offset,
            DateFormat::Zulu,
            DateFormat::East,
            DateFormat::Fraction,
            DateFormat::NoColon,
            DateFormat::NoOffset,
        ] {
            // Each with a clock of its own: the local one is a day behind.
            let (local, at_server) = (FakeClock::new(), FakeClock::new());
            local.jump_wall(-24 * 3600);
            let server = Simulator::builder().clock(at_server).dates(format);
            let desk = Desk::open(server, |settings| settings.clock(local)).await;
            let mut events = desk.session.events();
            let current = desk.session.token().await.unwrap();
            assert_eq!(current.token().lifetime(), Some(LIFETIME), "{format:?}");
            let current = desk.session.renew().await.unwrap();
            assert_eq!(current.token().lifetime(), Some(LIFETIME), "{format:?}");
            desk.works().await;
            assert_eq!(desk.traffic(), (1, 0, 1));
            for _ in 0..2 {
                let event = events.next().await.unwrap();
                assert!(!matches!(event, Event::Warned { .. }), "{event:?}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn dates_that_are_placeholders_are_warned_of_and_the_token_is_used_until_a_401() {
    guarded(async {
        let clock = FakeClock::new();
        let server = Simulator::builder().clock(clock.clone());
        let desk = Desk::open(server, |settings| settings.clock(clock.clone())).await;
        desk.server
            .inject(Endpoint::SignIn, Fault::PlaceholderDates);
        let mut events = desk.session.events();
        desk.works().await;
        assert_eq!(desk.session.current().unwrap().token().lifetime(), None);
        let event = events.next().await;
        assert!(matches!(event, Some(Event::SignedIn { .. })), "{event:?}");
        match events.next().await {
            Some(Event::Warned { error, .. }) => assert_eq!(error.kind(), ErrorKind::Protocol),
            event => panic!("{event:?}"),
        }
        clock.advance(LIFETIME - Duration::from_secs(1));
        desk.works().await;
        assert_eq!(desk.traffic(), (1, 0, 0));
        assert_eq!(desk.counts().unauthorized, 0);
        clock.advance(Duration::from_secs(1));
        desk.works().await;
        assert_eq!(desk.traffic(), (1, 0, 1));
        assert_eq!(desk.counts().unauthorized, 1);
    })
    .await;
}

#[tokio::test]
async fn a_token_without_an_end_is_used_until_a_401_with_a_warning() {
    guarded(async {
        let desk = Desk::open(Simulator::builder(), |settings| settings.strict_dates(true)).await;
        desk.server.inject(Endpoint::SignIn, Fault::NoExpiry);
        let mut events = desk.session.events();
        desk.works().await;
        assert_eq!(desk.session.current().unwrap().token().lifetime(), None);
        desk.server.revoke_access_tokens();
        desk.works().await;
        assert_eq!(desk.traffic(), (1, 0, 1));
        let event = events.next().await;
        assert!(matches!(event, Some(Event::SignedIn { .. })), "{event:?}");
        let event = events.next().await;
        assert!(matches!(event, Some(Event::Warned { .. })), "{event:?}");
        let event = events.next().await;
        assert!(matches!(event, Some(Event::Renewed { .. })), "{event:?}");
    })
    .await;
}
