//! A server that is away or slow: calls go on while the token is good, and everything comes back.

use std::time::Duration;

use http::StatusCode;
use tokio::task::JoinSet;
use tower_reauth::{
    ErrorKind,
    testing::{
        FakeClock,
        back_office::{Endpoint, Fault, Simulator},
    },
};

use crate::support::{Desk, guarded, until};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_refresh_that_hangs_holds_nobody_up_while_the_token_is_good() {
    guarded(async {
        let clock = FakeClock::new();
        let server = Simulator::builder()
            .clock(clock.clone())
            .access_lifetime(SECOND * 600);
        let desk = Desk::open(server, |settings| settings.clock(clock.clone())).await;
        desk.works().await;
        desk.server.inject(Endpoint::Refresh, Fault::Hang);

        // It is due a minute before its end.
        clock.advance(SECOND * 545);
        until_refreshed(&desk, 1).await;
        let before = desk.counts();
        let mut callers: JoinSet<_> = desk.begin(50).into_iter().collect();
        while let Some(response) = callers.join_next().await {
            assert_eq!(response.unwrap().unwrap().status(), StatusCode::OK);
        }
        let counts = desk.counts();
        assert_eq!(counts.api_ok - before.api_ok, 50);
        assert_eq!((counts.unauthorized, counts.refreshes), (0, 1));

        // It is given up after 30 s, and tried again after a pause. The token lives 25 s more.
        clock.advance(SECOND * 30);
        let mut events = desk.session.events();
        desk.works().await;
        assert_eq!(desk.traffic(), (1, 0, 1));
        until(|| clock.sleepers() == 1).await;
        clock.advance(SECOND * 2);
        until_refreshed(&desk, 2).await;
        drop(events.next().await);
        desk.works().await;
        assert_eq!(desk.session.current().unwrap().generation(), 2);
        assert_eq!(desk.traffic(), (1, 0, 2));
        assert_eq!(desk.counts().unauthorized, 0);
    })
    .await;
}

/// Makes calls, which all must succeed, until the server has seen so many refreshes.
async fn until_refreshed(desk: &Desk, refreshes: u64) {
    while desk.counts().refreshes < refreshes {
        desk.works().await;
    }
    assert_eq!(desk.traffic(), (1, 0, refreshes));
}

#[tokio::test]
async fn a_token_that_is_due_is_refreshed_once_however_many_calls_find_it_due() {
    guarded(async {
        let clock = FakeClock::new();
        let server = Simulator::builder()
            .clock(clock.clone())
            .access_lifetime(SECOND * 600);
        let desk = Desk::open(server, |settings| settings.clock(clock.clone())).await;
        desk.works().await;
        for refreshes in 1..=5 {
            clock.advance(SECOND * 545);
            let mut events = desk.session.events();
            until_refreshed(&desk, refreshes).await;
            drop(events.next().await);
            let mut callers: JoinSet<_> = desk.begin(20).into_iter().collect();
            while let Some(response) = callers.join_next().await {
                assert_eq!(response.unwrap().unwrap().status(), StatusCode::OK);
            }
            assert_eq!(desk.traffic(), (1, 0, refreshes));
        }
        assert_eq!(desk.counts().unauthorized, 0);
    })
    .await;
}

#[tokio::test]
async fn after_an_outage_the_session_comes_back_and_kept_the_limits_all_the_while() {
    guarded(async {
        const FAILURES: u64 = 30;
        let clock = FakeClock::new();
        let server = Simulator::builder().clock(clock.clone());
        let desk = Desk::open(server, |settings| settings.clock(clock.clone())).await;
        desk.server
            .inject_times(FAILURES as usize, Endpoint::SignIn, &Fault::Status(503));
        let mut waited = Duration::ZERO;
        let mut since_failure = Duration::ZERO;
        while let Err(error) = desk.call().await {
            // The first pauses are so short that the limit may be reached before they are long.
            let kind = error.kind();
            assert!(matches!(
                kind,
                ErrorKind::Transport | ErrorKind::RateLimited
            ));
            let sign_ins = desk.counts().sign_ins;
            clock.advance(SECOND);
            waited += SECOND;
            since_failure += SECOND;
            if desk.server.faults_left(Endpoint::SignIn) > 0 {
                since_failure = Duration::ZERO;
            }
            assert!(sign_ins <= FAILURES);
        }
        assert_eq!(desk.traffic(), (FAILURES + 1, 0, 0));
        assert_eq!(desk.counts().locked_out, 0);
        // The longest pause is a minute, with a quarter of jitter, and they begin short.
        assert!(since_failure <= SECOND * 76, "{since_failure:?}");
        assert!(waited >= SECOND * 45 * (FAILURES as u32 - 6), "{waited:?}");
        assert!(waited <= SECOND * 76 * (FAILURES as u32 + 2), "{waited:?}");
    })
    .await;
}

#[tokio::test]
async fn a_hanging_sign_in_fails_all_callers_when_its_time_is_up_and_the_next_works() {
    guarded(async {
        let clock = FakeClock::new();
        let server = Simulator::builder().clock(clock.clone());
        let desk = Desk::open(server, |settings| settings.clock(clock.clone())).await;
        desk.server.inject(Endpoint::SignIn, Fault::Hang);
        let mut callers: JoinSet<_> = desk.begin(20).into_iter().collect();
        until(|| desk.counts().sign_ins == 1).await;
        clock.advance(SECOND * 30);
        while let Some(response) = callers.join_next().await {
            let error = response.unwrap().unwrap_err();
            let error = tower_reauth::Error::from_boxed(error);
            assert_eq!(error.kind(), ErrorKind::Timeout);
            assert!(error.to_string().contains("within 30 s"), "{error}");
        }
        assert_eq!(desk.traffic(), (1, 0, 0));
        clock.advance(SECOND * 2);
        desk.works().await;
        assert_eq!(desk.traffic(), (2, 0, 0));
    })
    .await;
}
