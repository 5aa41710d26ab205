//! The documented limits on attempts, and lock-outs: kept here, so that the server never has to.

use std::time::Duration;

use tower::service_fn;
use tower_reauth::{
    BoxError, Code, CodeRequest, Error, ErrorKind,
    testing::{
        FakeClock,
        back_office::{Endpoint, Fault, RetryAfter, Simulator},
    },
};

use crate::support::{Desk, guarded};

/// A minute, in which both ends count.
const WINDOW: Duration = Duration::from_millis(60_001);
/// The jitter on top of a pause that was asked for.
const JITTER: Duration = Duration::from_secs(1);

#[track_caller]
fn is_limited(error: &Error, wait: Duration) {
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    let hint = error.retry_after_hint().unwrap();
    assert!(wait <= hint && hint <= wait + JITTER, "{hint:?}");
    let seconds = hint.as_secs() + u64::from(hint.subsec_nanos() > 0);
    let advice = format!(", try again in {seconds} s");
    assert!(error.to_string().ends_with(&advice), "{error}");
}

#[tokio::test]
async fn the_sixth_sign_in_of_a_minute_fails_here_and_says_when_to_come_again() {
    guarded(async {
        let clock = FakeClock::new();
        let server = Simulator::builder().clock(clock.clone());
        let desk = Desk::open(server, |settings| settings.clock(clock.clone())).await;
        desk.server
            .inject_times(5, Endpoint::SignIn, &Fault::Status(503));
        for sign_ins in 1..=5 {
            let error = desk.session.renew().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Transport);
            assert!(error.to_string().contains("(503)"), "{error}");
            assert_eq!(desk.traffic(), (sign_ins, 0, 0));
        }
        let error = desk.session.renew().await.unwrap_err();
        is_limited(&error, WINDOW);
        assert!(error.to_string().contains("5 sign-ins a minute"), "{error}");

        // Every way of asking gets that, until the time has come.
        for second in 1..=59 {
            clock.advance(Duration::from_secs(1));
            let left = WINDOW - Duration::from_secs(second);
            is_limited(&desk.session.renew().await.unwrap_err(), left);
            is_limited(&desk.session.token().await.unwrap_err(), left);
            is_limited(&desk.call().await.unwrap_err(), left);
        }
        assert_eq!(desk.traffic(), (5, 0, 0));
        clock.advance(Duration::from_secs(1) + JITTER * 2);
        desk.works().await;
        assert_eq!(desk.traffic(), (6, 0, 0));
        assert_eq!(desk.counts().locked_out, 0);
    })
    .await;
}

#[tokio::test]
async fn the_fourth_code_of_a_minute_is_neither_sent_nor_asked_for() {
    guarded(async {
        let clock = FakeClock::new();
        let server = Simulator::builder().clock(clock.clone()).two_factor(true);
        let (asked, prompts) = std::sync::mpsc::channel();
        let codes = service_fn(move |request: CodeRequest| {
            asked.send(request.attempt()).unwrap();
            async move { Ok::<_, BoxError>(Code::new(format!("wrong-{}", request.attempt()))?) }
        });
        let desk = Desk::open(server, |settings| {
            settings
                .clock(clock.clone())
                .max_2fa_attempts(10)
                .code_service(codes)
        })
        .await;
        let error = desk.call().await.unwrap_err();
        is_limited(&error, WINDOW);
        assert!(error.to_string().contains("3 confirmations"), "{error}");
        assert_eq!(desk.traffic(), (1, 3, 0));
        assert_eq!(prompts.try_iter().collect::<Vec<_>>(), [1, 2, 3]);

        is_limited(&desk.session.renew().await.unwrap_err(), WINDOW);
        assert_eq!(desk.traffic(), (1, 3, 0));
        clock.advance(WINDOW + JITTER);
        is_limited(&desk.call().await.unwrap_err(), WINDOW);
        assert_eq!(desk.traffic(), (2, 6, 0));
        assert_eq!(prompts.try_iter().count(), 3);
        assert_eq!(desk.counts().locked_out, 0);
    })
    .await;
}

#[tokio::test]
async fn the_sixth_refresh_of_a_minute_fails_here_while_calls_go_on() {
    guarded(async {
        let clock = FakeClock::new();
        let server = Simulator::builder().clock(clock.clone());
        let desk = Desk::open(server, |settings| settings.clock(clock.clone())).await;
        desk.works().await;
        for _ in 0..5 {
            desk.session.renew().await.unwrap();
        }
        let error = desk.session.renew().await.unwrap_err();
        is_limited(&error, WINDOW);
        assert!(error.to_string().contains("5 refreshes"), "{error}");
        desk.works().await;
        assert_eq!(desk.traffic(), (1, 0, 5));

        // A 401 in that minute is the caller's, with the reason. The password is no way round.
        desk.server.revoke_access_tokens();
        is_limited(&desk.refused().await, WINDOW);
        assert_eq!(desk.traffic(), (1, 0, 5));
        clock.advance(WINDOW + JITTER);
        desk.works().await;
        assert_eq!(desk.traffic(), (1, 0, 6));
        assert_eq!(desk.counts().locked_out, 0);
    })
    .await;
}

#[tokio::test]
async fn nothing_is_sent_during_a_lock_out_however_the_server_tells_its_length() {
    guarded(async {
        for retry_after in [RetryAfter::None, RetryAfter::Seconds, RetryAfter::HttpDate] {
            // The server's clock is an hour ahead, which must not matter.
            let (clock, at_server) = (FakeClock::new(), FakeClock::new());
            at_server.jump_wall(3600);
            let advance = |by| {
                clock.advance(by);
                at_server.advance(by);
            };
            let server = Simulator::builder()
                .clock(at_server.clone())
                .retry_after(retry_after);
            let desk = Desk::open(server, |settings| settings.clock(clock.clone())).await;
            desk.works().await;
            desk.server.lock_out();
            let lockout = Duration::from_secs(600);
            is_limited(&desk.session.renew().await.unwrap_err(), lockout);
            assert_eq!(desk.traffic(), (1, 0, 1), "{retry_after:?}");
            assert_eq!(desk.counts().locked_out, 1);
            desk.works().await;

            // Nor to sign in, by which the session's own pause is taken away.
            desk.session.clear();
            is_limited(&desk.call().await.unwrap_err(), lockout);
            for minute in 1..10 {
                advance(Duration::from_secs(60));
                let left = lockout - Duration::from_secs(60) * minute;
                is_limited(&desk.session.renew().await.unwrap_err(), left);
                desk.session.clear();
                is_limited(&desk.session.token().await.unwrap_err(), left);
            }
            assert_eq!(desk.traffic(), (1, 0, 1), "{retry_after:?}");
            assert_eq!(desk.counts().locked_out, 1);
            advance(Duration::from_secs(60) + JITTER);
            desk.works().await;
            assert_eq!(desk.traffic(), (2, 0, 1), "{retry_after:?}");
            assert_eq!(desk.counts().locked_out, 1);
        }
    })
    .await;
}

#[tokio::test]
async fn signing_out_is_possible_during_a_lock_out() {
    guarded(async {
        let desk = Desk::open(Simulator::builder(), |settings| settings).await;
        desk.works().await;
        desk.server.lock_out();
        assert!(desk.session.renew().await.is_err());
        desk.session.sign_out().await.unwrap();
        assert_eq!(desk.counts().sign_outs_ok, 1);
    })
    .await;
}
