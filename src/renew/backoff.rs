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
        if kind == ErrorKind::Rejected {
            return CoolDown::UntilReset;
        }
        if kind == ErrorKind::Locked {
            return CoolDown::For(error.retry_after_hint().unwrap_or(TERMINAL).min(LOCK_CAP));
        }
        if !kind.is_transient() {
            return CoolDown::For(TERMINAL);
        }
        self.foreign = if error.is_foreign() {
            self.foreign + 1
        } else {
            0
        };
        if self.foreign >= FOREIGN_LIMIT {
            return CoolDown::For(TERMINAL);
        }
        let exponential = FIRST
            .saturating_mul(1 << self.transient.min(6))
            .min(LONGEST);
        self.transient = self.transient.saturating_add(1);
        let own = exponential.mul_f64(0.75 + 0.5 * fastrand::f64());
        let asked = error.retry_after_hint().map(|wait| {
            // Never sooner than asked, and not all clients at once.
            wait.min(RETRY_AFTER_CAP) + FIRST.mul_f64(fastrand::f64())
        });
        CoolDown::For(asked.map_or(own, |asked| asked.max(own)))
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
            self.counted = generation;
            return None;
        }
        if generation != self.counted {
            self.counted = generation;
            self.streak += 1;
        }
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
        let after = |backoff: &mut Backoff, kind| backoff.after(&Error::new(kind, ""));
        assert_eq!(
            after(&mut backoff, ErrorKind::Rejected),
            CoolDown::UntilReset
        );
        assert_eq!(
            after(&mut backoff, ErrorKind::Protocol),
            CoolDown::For(secs(300))
        );
        let locked = Error::new(ErrorKind::Locked, "").retry_after(secs(600));
        assert_eq!(backoff.after(&locked), CoolDown::For(secs(600)));
    }

    #[test]
    fn three_foreign_errors_in_a_row_are_terminal() {
        let mut backoff = Backoff::default();
        let foreign = || Error::from_boxed("who knows".into());
        assert!(wait(backoff.after(&foreign())) < secs(2));
        assert!(wait(backoff.after(&foreign())) < secs(3));
        assert_eq!(backoff.after(&foreign()), CoolDown::For(secs(300)));
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
