//! How long to leave the token service alone after a failure, and after fresh tokens that were
//! refused.

use std::time::Duration;

use crate::{Error, ErrorKind};

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
const TERMINAL: Duration = Duration::from_secs(5 * 60);
/// The longest `Retry-After` that is honoured.
const RETRY_AFTER_CAP: Duration = Duration::from_secs(60 * 60);
/// The longest lock that is honoured.
const LOCK_CAP: Duration = Duration::from_secs(24 * 60 * 60);
/// By how much of itself a cool-down of ours may be longer.
const SPREAD: f64 = 0.05;
/// This many foreign errors in a row count as terminal.
const FOREIGN_LIMIT: u32 = 3;

/// How long the cool-down after a failure lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CoolDown {
    /// For this long.
    For(Duration),
    /// Until somebody sets, clears or explicitly renews.
    UntilReset,
}

/// Counts failures in a row.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    transient: u32,
    foreign: u32,
}

/// Stops renewals when the server refuses one fresh token after the other.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    /// Fresh tokens refused in a row.
    streak: u32,
    /// The generation that was counted last: each counts once.
    counted: u64,
    /// The newest generation that was known to work when we last looked.
    proven: u64,
    /// How often it tripped in a row.
    trips: u32,
    open_until: Option<Duration>,
}

// === impl Backoff ===

impl Backoff {
    /// Returns the cool-down after `error`.
    pub(super) fn after(&mut self, error: &Error) -> CoolDown {
        let kind = error.kind();
        let asked = error.retry_after_hint();
        self.foreign = if error.is_foreign() {
            self.foreign + 1
        } else {
            0
        };
        if kind == ErrorKind::Rejected {
            return CoolDown::UntilReset;
        }
        let (own, cap) = if kind == ErrorKind::Locked {
            (asked.map_or(TERMINAL, |_| FIRST), LOCK_CAP)
        } else if !kind.is_transient() || self.foreign >= FOREIGN_LIMIT {
            (TERMINAL, RETRY_AFTER_CAP)
        } else {
            let doubled = FIRST
                .saturating_mul(1 << self.transient.min(6))
                .min(LONGEST);
            self.transient = self.transient.saturating_add(1);
            (
                doubled.mul_f64(0.75 + 0.35 * fastrand::f64()),
                RETRY_AFTER_CAP,
            )
        };
        // Not all clients at once, and never sooner than asked.
        let wait = match asked.map(|asked| asked.min(cap)) {
            Some(asked) if asked >= own => asked + FIRST.mul_f64(fastrand::f64()),
            _ => own.mul_f64(1.0 + SPREAD * fastrand::f64()),
        };
        CoolDown::For(wait)
    }

    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}

// === impl Breaker ===

impl Breaker {
    const LIMIT: u32 = 3;
    const FIRST: Duration = Duration::from_secs(10);
    const LONGEST: Duration = Duration::from_secs(5 * 60);

    /// Notes that `generation` was refused; returns how long renewals must pause, if they must.
    ///
    /// `proven` is the newest generation that the server is known to have accepted.
    pub(super) fn refused(
        &mut self,
        generation: u64,
        proven: u64,
        now: Duration,
    ) -> Option<Duration> {
        if proven > self.proven {
            *self = Self {
                proven,
                ..Self::default()
            };
        }
        if generation <= proven {
            return None;
        }
        if let Some(until) = self.open_until {
            if now < until {
                return Some(until - now);
            }
            // One attempt is let through; if its token is refused as well we trip again at once.
            self.open_until = None;
            return None;
        }
        if generation == self.counted {
            return None;
        }
        self.counted = generation;
        self.streak += 1;
        if self.streak < Self::LIMIT {
            return None;
        }
        let pause = Self::FIRST
            .saturating_mul(1 << self.trips.min(5))
            .min(Self::LONGEST);
        self.trips += 1;
        self.open_until = Some(now + pause);
        Some(pause)
    }

    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(cool_down: CoolDown) -> Duration {
        match cool_down {
            CoolDown::For(wait) => wait,
            CoolDown::UntilReset => panic!("expected a time"),
        }
    }

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn transient_failures_double_from_one_second_to_sixty() {
        let mut backoff = Backoff::default();
        for expected in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
            let wait = wait(backoff.after(&Error::new(ErrorKind::Transport, "down")));
            assert!(wait >= secs(expected).mul_f64(0.75), "{wait:?}");
            assert!(wait <= secs(expected).mul_f64(1.25), "{wait:?}");
        }
        backoff.reset();
        assert!(wait(backoff.after(&Error::new(ErrorKind::Timeout, "slow"))) <= secs(2));
    }

    #[test]
    fn retry_after_is_a_lower_bound_and_capped() {
        let mut backoff = Backoff::default();
        let limited = Error::new(ErrorKind::RateLimited, "").retry_after(secs(30));
        let wait_ = wait(backoff.after(&limited));
        assert!(wait_ >= secs(30) && wait_ <= secs(31), "{wait_:?}");
        let decade = Error::new(ErrorKind::RateLimited, "").retry_after(Duration::MAX);
        assert!(wait(backoff.after(&decade)) <= secs(3_601));
    }

    #[test]
    fn terminal_kinds_differ() {
        let mut backoff = Backoff::default();
        let mut after = |error: Error| backoff.after(&error);
        let bare = |kind| Error::new(kind, "");
        assert_eq!(after(bare(ErrorKind::Rejected)), CoolDown::UntilReset);
        for (error, expected) in [
            (bare(ErrorKind::Protocol), secs(300)),
            (bare(ErrorKind::Provider).retry_after(secs(900)), secs(900)),
            (bare(ErrorKind::Locked), secs(300)),
            (bare(ErrorKind::Locked).retry_after(secs(600)), secs(600)),
            (
                bare(ErrorKind::Locked).retry_after(Duration::MAX),
                secs(86_400),
            ),
            // A lock is never over at once.
            (bare(ErrorKind::Locked).retry_after(Duration::ZERO), secs(1)),
        ] {
            let wait = wait(after(error.clone()));
            assert!(
                wait >= expected && wait <= expected + secs(15),
                "{error:?}: {wait:?}"
            );
        }
    }

    #[test]
    fn cool_downs_are_spread() {
        let spread = |error: Error| {
            let waits = (0..50).map(|_| wait(Backoff::default().after(&error)));
            waits.collect::<std::collections::BTreeSet<_>>().len()
        };
        assert!(spread(Error::new(ErrorKind::Transport, "")) > 25);
        assert!(spread(Error::new(ErrorKind::Protocol, "")) > 25);
        assert!(spread(Error::new(ErrorKind::Locked, "").retry_after(secs(600))) > 25);
    }

    #[test]
    fn three_foreign_errors_in_a_row_are_terminal() {
        let mut backoff = Backoff::default();
        let foreign = || Error::from_boxed("who knows".into());
        assert!(wait(backoff.after(&foreign())) < secs(2));
        assert!(wait(backoff.after(&foreign())) < secs(3));
        backoff.after(&Error::new(ErrorKind::Protocol, "ours comes between"));
        assert!(wait(backoff.after(&foreign())) < secs(6));
        assert!(wait(backoff.after(&foreign())) < secs(11));
        assert!(wait(backoff.after(&foreign())) >= secs(300));
    }

    #[test]
    fn a_breaker_that_lets_one_through_is_patient_with_other_failures() {
        let mut breaker = Breaker::default();
        for generation in 1..=2 {
            assert_eq!(breaker.refused(generation, 0, secs(0)), None);
        }
        assert_eq!(breaker.refused(3, 0, secs(0)), Some(secs(10)));
        assert_eq!(
            breaker.refused(3, 0, secs(11)),
            None,
            "this attempt fails otherwise"
        );
        assert_eq!(
            breaker.refused(3, 0, secs(13)),
            None,
            "so no fresh token was refused"
        );
        assert_eq!(breaker.refused(4, 0, secs(14)), Some(secs(20)));
    }

    #[test]
    fn a_breaker_lets_one_through_for_a_token_that_it_has_not_seen_too() {
        let mut breaker = Breaker::default();
        for generation in 1..=2 {
            assert_eq!(breaker.refused(generation, 0, secs(0)), None);
        }
        assert_eq!(breaker.refused(3, 0, secs(0)), Some(secs(10)));
        assert_eq!(
            breaker.refused(4, 0, secs(11)),
            None,
            "it was asked for explicitly, meanwhile"
        );
        assert_eq!(breaker.refused(5, 0, secs(12)), Some(secs(20)));
    }

    #[test]
    fn three_fresh_tokens_refused_trip_the_breaker_until_one_works() {
        let mut breaker = Breaker::default();
        assert_eq!(breaker.refused(1, 0, secs(0)), None);
        assert_eq!(
            breaker.refused(1, 0, secs(0)),
            None,
            "each generation counts once"
        );
        assert_eq!(breaker.refused(2, 0, secs(1)), None);
        assert_eq!(breaker.refused(3, 0, secs(2)), Some(secs(10)));
        assert_eq!(breaker.refused(3, 0, secs(7)), Some(secs(5)));
        assert_eq!(
            breaker.refused(3, 0, secs(12)),
            None,
            "one attempt is let through"
        );
        assert_eq!(
            breaker.refused(4, 0, secs(12)),
            Some(secs(20)),
            "and its token is refused"
        );
        // Generation 5 worked, so its refusal is an ordinary one.
        assert_eq!(breaker.refused(5, 5, secs(40)), None);
        assert_eq!(breaker.refused(6, 5, secs(41)), None);
        assert_eq!(breaker.refused(7, 5, secs(42)), None);
        assert_eq!(breaker.refused(8, 5, secs(43)), Some(secs(10)));
    }

    #[test]
    fn the_pauses_of_a_breaker_double_from_ten_seconds_to_five_minutes() {
        let mut breaker = Breaker::default();
        for generation in 1..=2 {
            assert_eq!(breaker.refused(generation, 0, secs(0)), None);
        }
        let mut now = 0;
        for (generation, pause) in (3..).zip([10, 20, 40, 80, 160, 300, 300, 300]) {
            let refused = breaker.refused(generation, 0, secs(now));
            assert_eq!(refused, Some(secs(pause)));
            now += pause;
            assert_eq!(breaker.refused(generation, 0, secs(now)), None, "one more");
        }
    }

    #[test]
    fn a_server_that_kills_working_tokens_never_trips_the_breaker() {
        let mut breaker = Breaker::default();
        for generation in 1..1_000 {
            assert_eq!(
                breaker.refused(generation, generation, secs(generation)),
                None
            );
        }
    }
}
