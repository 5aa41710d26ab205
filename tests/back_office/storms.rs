//! Many callers and one dead token; callers that leave at any point.

use std::time::Duration;

use http::StatusCode;
use tokio::task::JoinSet;
use tower_reauth::{
    Event, Reason,
    providers::back_office::BackOfficeBuilder,
    testing::{
        FakeClock,
        back_office::{Builder, Endpoint, Fault, Limits, Simulator},
    },
};

use crate::support::{Desk, HttpClient, Polls, guarded, http2, pooled, until};

const CALLERS: u64 = 200;

/// Makes so many calls with a token that the server has just revoked.
async fn storm(desk: &Desk) {
    desk.works().await;
    let before = desk.counts();
    desk.server.revoke_access_tokens();
    let mut callers: JoinSet<_> = desk.begin(CALLERS as usize).into_iter().collect();
    while let Some(response) = callers.join_next().await {
        assert_eq!(response.unwrap().unwrap().status(), StatusCode::OK);
    }
    let counts = desk.counts();
    assert_eq!(counts.refreshes - before.refreshes, 1);
    assert_eq!(counts.unauthorized - before.unauthorized, CALLERS);
    assert_eq!(counts.api_ok - before.api_ok, CALLERS);
    assert_eq!(counts.api_calls - before.api_calls, 2 * CALLERS);
    assert_eq!(counts.sign_ins, 1);
}

#[tokio::test]
async fn two_hundred_callers_refused_at_once_cause_one_refresh_and_none_notices() {
    for client in [pooled(), http2()] {
        guarded(async {
            let desk = Desk::through(client, Simulator::builder(), |settings| settings).await;
            for _ in 0..5 {
                storm(&desk).await;
            }
            assert_eq!(desk.traffic(), (1, 0, 5));
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_callers_on_many_threads_cause_one_refresh_as_well() {
    for client in [pooled(), http2()] {
        guarded(async {
            let server = Simulator::builder().two_factor(true);
            let desk = Desk::through(client, server, |settings| settings).await;
            for _ in 0..5 {
                storm(&desk).await;
            }
            assert_eq!(desk.traffic(), (1, 1, 5));
        })
        .await;
    }
}

#[tokio::test]
async fn tokens_that_expire_are_refreshed_like_revoked_ones() {
    guarded(async {
        let desk = Desk::open(Simulator::builder(), |settings| settings).await;
        desk.works().await;
        desk.server.expire_access_tokens();
        desk.works().await;
        assert_eq!(desk.traffic(), (1, 0, 1));
        assert_eq!(desk.counts().unauthorized, 1);
    })
    .await;
}

fn without_limits() -> (Builder, fn(BackOfficeBuilder) -> BackOfficeBuilder) {
    (Simulator::builder().limits(Limits::none()), |settings| {
        settings.refresh_limit(u32::MAX)
    })
}

/// Drops the first caller after one poll, two, and so on until it is done before; each time there
/// are `others` beside it, begun before or after that.
async fn sweep(client: HttpClient, others: usize, before: bool) -> usize {
    let (server, settings) = without_limits();
    let desk = Desk::through(client, server, settings).await;
    desk.works().await;
    for polls in 0.. {
        desk.server.revoke_access_tokens();
        let issued = desk.counts().tokens_issued;
        let refreshes = desk.counts().refreshes;
        let first = desk.begin(1).remove(0);
        let mut callers = JoinSet::new();
        if before {
            callers = desk.begin(others).into_iter().collect();
        }
        let first = Polls {
            future: first,
            left: polls,
        };
        let first = first.await;
        if !before {
            callers = desk.begin(others).into_iter().collect();
        }
        while let Some(response) = callers.join_next().await {
            assert_eq!(response.unwrap().unwrap().status(), StatusCode::OK);
        }
        let counts = desk.counts();
        assert_eq!(
            counts.refreshes - refreshes,
            1,
            "dropped after {polls} polls"
        );
        assert_eq!(counts.tokens_issued - issued, 1);
        assert_eq!((counts.sign_ins, counts.reused_refresh_tokens), (1, 0));
        if let Some(response) = first {
            assert_eq!(response.unwrap().status(), StatusCode::OK);
            return polls;
        }
    }
    unreachable!()
}

#[tokio::test]
async fn a_first_caller_dropped_at_any_poll_takes_nothing_from_the_others() {
    for client in [pooled(), http2()] {
        for others in [1, 9, 99] {
            for before in [false, true] {
                let polls = guarded(sweep(client.clone(), others, before)).await;
                // Refused, renewed, sent again, answered: less would not have swept anything.
                assert!(polls >= 3, "{polls}");
            }
        }
    }
}

#[tokio::test]
async fn a_refresh_that_every_caller_has_left_is_adopted_all_the_same() {
    guarded(async {
        let at_server = FakeClock::new();
        let server = Simulator::builder().clock(at_server.clone());
        let desk = Desk::open(server, |settings| settings).await;
        desk.works().await;
        desk.server.revoke_access_tokens();
        let delay = Duration::from_secs(1);
        desk.server.inject(Endpoint::Refresh, Fault::Delay(delay));
        let mut events = desk.session.events();

        let mut callers: JoinSet<_> = desk.begin(10).into_iter().collect();
        // The server has the refresh in its hands.
        at_server.wait_for_sleepers(1).await;
        callers.shutdown().await;
        assert_eq!(desk.traffic(), (1, 0, 1));
        assert_eq!(desk.counts().refreshes_ok, 0);
        at_server.advance(delay);

        let event = events.next().await;
        let renewed = |event| {
            matches!(
                event,
                Some(Event::Renewed {
                    old: Some(1),
                    new: 2,
                    reason: Reason::Rejected,
                    ..
                })
            )
        };
        assert!(renewed(event.clone()), "{event:?}");
        let refused = desk.counts().unauthorized;
        desk.works().await;
        assert_eq!(desk.traffic(), (1, 0, 1));
        assert_eq!(desk.counts().unauthorized, refused);

        // The refresh token beside it was adopted as well.
        desk.server.revoke_access_tokens();
        desk.works().await;
        assert_eq!(desk.traffic(), (1, 0, 2));
        assert_eq!(desk.counts().refreshes_ok, 2);
    })
    .await;
}

#[tokio::test]
async fn a_sign_in_that_every_caller_has_left_is_adopted_all_the_same() {
    guarded(async {
        let at_server = FakeClock::new();
        let server = Simulator::builder()
            .clock(at_server.clone())
            .two_factor(true);
        let desk = Desk::open(server, |settings| settings).await;
        let delay = Duration::from_secs(1);
        desk.server.inject(Endpoint::Confirm, Fault::Delay(delay));
        let mut events = desk.session.events();
        let mut callers: JoinSet<_> = desk.begin(10).into_iter().collect();
        at_server.wait_for_sleepers(1).await;
        callers.shutdown().await;
        assert!(desk.session.current().is_none());
        at_server.advance(delay);
        let event = events.next().await;
        assert!(
            matches!(event, Some(Event::SignedIn { generation: 1, .. })),
            "{event:?}"
        );
        desk.works().await;
        assert_eq!(desk.traffic(), (1, 1, 0));
        assert_eq!(desk.prompts().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn signing_out_in_the_middle_of_a_refresh_revokes_what_it_brings() {
    guarded(async {
        let at_server = FakeClock::new();
        let server = Simulator::builder().clock(at_server.clone());
        let desk = Desk::open(server, |settings| settings).await;
        desk.works().await;
        let delay = Duration::from_secs(1);
        desk.server.inject(Endpoint::Refresh, Fault::Delay(delay));
        let session = desk.session.clone();
        let renewing = tokio::spawn(async move { session.renew().await });
        at_server.wait_for_sleepers(1).await;
        let session = desk.session.clone();
        let signing_out = tokio::spawn(async move { session.sign_out().await });
        let error = renewing.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), tower_reauth::ErrorKind::Cleared);
        // The old token is signed out first, and with it the refresh token on its way.
        until(|| desk.counts().sign_outs_ok == 1).await;
        at_server.advance(delay);
        signing_out.await.unwrap().unwrap();
        assert!(desk.session.current().is_none());
        // However the renewal ended: whatever was signed in is signed out.
        let counts = desk.counts();
        assert_eq!(counts.sign_outs_ok, counts.sign_ins);
        assert_eq!((counts.refreshes, counts.refreshes_ok), (1, 0));
        desk.works().await;
        assert_eq!(desk.counts().sign_ins, counts.sign_ins + 1);
    })
    .await;
}
