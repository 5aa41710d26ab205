//! The server has done its part, and the answer does not arrive: nobody knows what became of the
//! refresh token. It is presented once more, and a server that takes that for theft is signed in to
//! again.

use std::time::Duration;

use tower_reauth::{
    ErrorKind,
    testing::{
        FakeClock, Fault,
        oauth2::{Endpoint, Simulator},
    },
};

use crate::support::{Desk, guarded, unpooled};

/// Longer than the first pause after a failure, with its jitter.
const PAUSE: Duration = Duration::from_secs(2);

/// After this fault at a refresh: `true` if its answer was lost.
async fn refresh_with(fault: Fault, grace: Duration) -> bool {
    let clock = FakeClock::new();
    let server = Simulator::builder().reuse_grace(grace).clock(clock.clone());
    let mut desk =
        Desk::through(unpooled(), server, |settings| settings.clock(clock.clone())).await;
    desk.works().await;
    desk.server.inject(Endpoint::Token, fault);
    let renewed = desk.session.renew().await;
    assert_eq!(desk.traffic(), (2, 1, 1));
    let lost = renewed.is_err();
    if lost {
        assert_eq!(renewed.unwrap_err().kind(), ErrorKind::Transport);
        // The access token lives, and is used meanwhile.
        for _ in 0..3 {
            desk.works().await;
        }
        assert_eq!(desk.traffic(), (2, 1, 1));
        clock.advance(PAUSE);
        desk.session.renew().await.unwrap();
        // Once more; and when that was taken for theft, the client's secret, in one renewal.
        if grace.is_zero() {
            desk.reuses = 1;
            assert_eq!(desk.traffic(), (4, 2, 1));
        } else {
            assert_eq!(desk.traffic(), (3, 1, 2));
            assert_eq!(desk.counts().repeated_refresh_tokens, 1);
        }
        desk.works().await;
    }
    // Never again afterwards.
    let before = desk.traffic();
    for _ in 0..3 {
        desk.works().await;
    }
    assert_eq!(desk.traffic(), before);
    desk.session.renew().await.unwrap();
    desk.works().await;
    assert_eq!(desk.traffic(), (before.0 + 1, before.1, before.2 + 1));
    lost
}

#[tokio::test]
async fn a_refresh_whose_answer_is_cut_at_any_byte_is_presented_once_more() {
    guarded(async {
        let mut bytes = 0;
        while refresh_with(Fault::CutAt(bytes), Duration::ZERO).await {
            bytes += 1;
        }
        // Two tokens: less would have been cut in the head alone.
        assert!(bytes > 250, "{bytes}");
        assert!(!refresh_with(Fault::CutAt(bytes * 2), Duration::ZERO).await);
    })
    .await;
}

#[tokio::test]
async fn a_refresh_whose_answer_is_reset_or_breaks_off_is_presented_once_more() {
    guarded(async {
        for fault in [Fault::ResetAfterwards, Fault::Truncated] {
            for grace in [Duration::ZERO, Duration::from_secs(60)] {
                assert!(refresh_with(fault.clone(), grace).await, "{fault:?}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_user_whose_answer_is_lost_may_have_to_sign_in_again_and_is_told() {
    guarded(async {
        let clock = FakeClock::new();
        let server = Simulator::builder().clock(clock.clone());
        let mut desk = Desk::for_user(server, |settings| settings.clock(clock.clone())).await;
        desk.works().await;
        desk.server.inject(Endpoint::Token, Fault::Truncated);
        desk.session.renew().await.unwrap_err();
        desk.works().await;
        clock.advance(PAUSE);
        let error = desk.session.renew().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected);
        assert_eq!(error.provider_code(), Some("invalid_grant"));
        desk.reuses = 1;
        assert_eq!(desk.traffic(), (3, 0, 2));
        // The server ends the whole family then, and nothing more is presented.
        for _ in 0..3 {
            assert_eq!(desk.fails().await.kind(), ErrorKind::Rejected);
        }
        assert_eq!(desk.traffic(), (3, 0, 2));
    })
    .await;
}
