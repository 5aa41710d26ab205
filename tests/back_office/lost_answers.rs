//! The server has done its part, and the answer does not arrive: nobody knows what became of the
//! refresh token. It is presented once more, and a server that takes that for theft is signed in to
//! again.

use std::time::Duration;

use tower_reauth::{
    ErrorKind,
    testing::{
        FakeClock,
        back_office::{Endpoint, Fault, Simulator},
    },
};

use crate::support::{Desk, guarded, unpooled, until};

/// Longer than the first pause after a failure, with its jitter.
const PAUSE: Duration = Duration::from_secs(2);

/// After this fault at a refresh: `true` if its answer was lost.
async fn refresh_with(fault: Fault) -> bool {
    let clock = FakeClock::new();
    let server = Simulator::builder().clock(clock.clone());
    let mut desk =
        Desk::through(unpooled(), server, |settings| settings.clock(clock.clone())).await;
    desk.works().await;
    desk.server.revoke_access_tokens();
    desk.server.inject(Endpoint::Refresh, fault);
    let response = desk.call().await.unwrap();
    assert_eq!(desk.traffic(), (1, 0, 1));
    assert_eq!(desk.counts().refreshes_ok, 1);
    let lost = response.status() == 401;
    if lost {
        let error = crate::support::error_in(&response);
        assert_eq!(error.kind(), ErrorKind::Transport);
        // Nothing more is sent before the pause is over, however many ask.
        for _ in 0..3 {
            assert_eq!(desk.refused().await.kind(), ErrorKind::Transport);
        }
        assert_eq!(desk.traffic(), (1, 0, 1));
        clock.advance(PAUSE);
        desk.works().await;
        // Once more, and when that was taken for theft, the password; in one renewal.
        assert_eq!(desk.traffic(), (2, 0, 2));
        desk.reuses = 1;
        assert_eq!(desk.counts().refreshes_ok, 1);
    }
    // Never again afterwards.
    let before = desk.traffic();
    for _ in 0..3 {
        desk.works().await;
    }
    assert_eq!(desk.traffic(), before);
    desk.server.revoke_access_tokens();
    desk.works().await;
    assert_eq!(desk.traffic(), (before.0, 0, before.2 + 1));
    assert_eq!(desk.counts().refreshes_ok, 2);
    lost
}

#[tokio::test]
async fn a_refresh_whose_answer_is_reset_is_presented_once_more_and_then_signed_in() {
    guarded(async {
        assert!(refresh_with(Fault::ResetAfterwards).await);
    })
    .await;
}

#[tokio::test]
async fn a_refresh_whose_answer_is_cut_at_any_byte_is_presented_once_more_and_then_signed_in() {
    guarded(async {
        let mut bytes = 0;
        while refresh_with(Fault::CutAt(bytes)).await {
            bytes += 1;
        }
        // Two tokens and their dates: less would have been cut in the head alone.
        assert!(bytes > 400, "{bytes}");
        // Once it is whole, it stays whole.
        assert!(!refresh_with(Fault::CutAt(bytes + 1)).await);
        assert!(!refresh_with(Fault::CutAt(bytes * 2)).await);
    })
    .await;
}

#[tokio::test]
async fn a_refresh_whose_answer_breaks_off_is_presented_once_more_and_then_signed_in() {
    guarded(async {
        assert!(refresh_with(Fault::Truncated).await);
    })
    .await;
}

#[tokio::test]
async fn a_refresh_that_is_never_answered_times_out_and_is_presented_once_more() {
    guarded(async {
        let clock = FakeClock::new();
        let server = Simulator::builder().clock(clock.clone());
        let mut desk = Desk::open(server, |settings| settings.clock(clock.clone())).await;
        desk.works().await;
        desk.server.inject(Endpoint::Refresh, Fault::HangAfterwards);
        let session = desk.session.clone();
        let renewing = tokio::spawn(async move { session.renew().await });
        until(|| desk.counts().refreshes_ok == 1).await;
        // The token in hand is good all the while.
        desk.works().await;
        clock.advance(Duration::from_secs(30));
        let error = renewing.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert_eq!(desk.traffic(), (1, 0, 1));

        desk.session.renew().await.unwrap();
        desk.reuses = 1;
        assert_eq!(desk.traffic(), (2, 0, 2));
        desk.works().await;
    })
    .await;
}

#[tokio::test]
async fn a_refresh_that_the_server_never_saw_costs_no_sign_in() {
    guarded(async {
        let clock = FakeClock::new();
        let server = Simulator::builder().clock(clock.clone());
        let desk = Desk::open(server, |settings| settings.clock(clock.clone())).await;
        desk.works().await;
        for fault in [Fault::Reset, Fault::Status(502)] {
            let before = desk.counts();
            desk.server.inject(Endpoint::Refresh, fault);
            desk.server.revoke_access_tokens();
            assert_eq!(desk.refused().await.kind(), ErrorKind::Transport);
            clock.advance(PAUSE);
            desk.works().await;
            let counts = desk.counts();
            assert_eq!(counts.refreshes - before.refreshes, 2);
            assert_eq!(counts.refreshes_ok - before.refreshes_ok, 1);
        }
        assert_eq!(desk.counts().sign_ins, 1);
    })
    .await;
}

#[tokio::test]
async fn without_relogin_a_lost_answer_ends_in_an_error_and_never_in_a_loop() {
    guarded(async {
        let clock = FakeClock::new();
        let server = Simulator::builder().clock(clock.clone());
        let mut desk = Desk::open(server, |settings| {
            settings.clock(clock.clone()).allow_relogin(false)
        })
        .await;
        desk.works().await;
        desk.server.revoke_access_tokens();
        desk.server
            .inject(Endpoint::Refresh, Fault::ResetAfterwards);
        assert_eq!(desk.refused().await.kind(), ErrorKind::Transport);
        desk.reuses = 1;
        for _ in 0..50 {
            clock.advance(Duration::from_secs(600));
            assert_eq!(desk.refused().await.kind(), ErrorKind::Rejected);
        }
        assert_eq!(desk.traffic(), (1, 0, 2));
    })
    .await;
}

#[tokio::test]
async fn a_lost_answer_to_a_sign_in_or_a_code_costs_one_more_sign_in() {
    guarded(async {
        for endpoint in [Endpoint::SignIn, Endpoint::Confirm] {
            for fault in [
                Fault::ResetAfterwards,
                Fault::CutAt(0),
                Fault::CutAt(20),
                Fault::CutAt(200),
                Fault::Truncated,
            ] {
                let clock = FakeClock::new();
                let server = Simulator::builder().clock(clock.clone()).two_factor(true);
                let desk = Desk::open(server, |settings| settings.clock(clock.clone())).await;
                desk.server.inject(endpoint, fault.clone());
                let error = desk.call().await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Transport, "{fault:?}");
                let confirms = u64::from(endpoint == Endpoint::Confirm);
                assert_eq!(desk.traffic(), (1, confirms, 0));
                assert_eq!(desk.call().await.unwrap_err().kind(), ErrorKind::Transport);
                assert_eq!(desk.traffic(), (1, confirms, 0));
                clock.advance(PAUSE);
                // The mailbox still has the code of the sign-in whose answer was lost: it is a
                // wrong one now.
                desk.works().await;
                let stale = u64::from(endpoint == Endpoint::SignIn);
                assert_eq!(desk.traffic(), (2, confirms + stale + 1, 0), "{fault:?}");
            }
        }
    })
    .await;
}
