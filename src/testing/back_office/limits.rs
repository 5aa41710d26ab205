//! How many attempts are allowed, and what happens to the one after.

use std::{collections::VecDeque, time::Duration};

use super::Endpoint;

/// How many attempts are allowed in any window of 60 s, at each endpoint.
///
/// The defaults are the documented ones: 5 sign-ins, 3 confirmations, 5 refreshes. Every attempt
/// counts, right or wrong, and whoever it is for: the limits are the simulator's, not an account's.
/// Attempts that are refused because of a limit do not count towards it.
///
/// # Example
///
/// ```
/// use tower_reauth::testing::back_office::Limits;
///
/// let limits = Limits::new().sign_in(2).confirm(1);
/// # let _ = limits;
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    sign_in: usize,
    confirm: usize,
    refresh: usize,
    window: Duration,
}

/// The attempts of the last window, and the lock-out. Times are monotonic.
pub(super) struct Limiter {
    limits: Limits,
    lockout: Duration,
    attempts: [VecDeque<Duration>; 3],
    lock: Option<Lock>,
}

/// A lock-out.
struct Lock {
    until: Duration,
    /// Whether somebody was refused because of it, and so knows of it.
    told: bool,
}

/// Why an attempt is not let in.
pub(super) struct Refused {
    /// How much of the lock-out is left.
    pub(super) left: Duration,
    pub(super) why: Why,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Why {
    /// This attempt brought the lock-out about.
    Exceeded,
    /// It is the first in a lock-out that nobody was told of yet.
    Locked,
    /// It comes in a lock-out that an earlier refusal told of.
    Hammered,
}

// === impl Limits ===

impl Limits {
    /// Creates the documented limits: 5 sign-ins, 3 confirmations, 5 refreshes in any 60 s.
    #[must_use]
    pub fn new() -> Self {
        Self {
            sign_in: 5,
            confirm: 3,
            refresh: 5,
            window: Duration::from_secs(60),
        }
    }

    /// Creates limits that are never reached.
    #[must_use]
    pub fn none() -> Self {
        Self {
            sign_in: usize::MAX,
            confirm: usize::MAX,
            refresh: usize::MAX,
            window: Duration::ZERO,
        }
    }

    /// Sets how many sign-ins are allowed. 5 by default.
    #[must_use]
    pub fn sign_in(mut self, attempts: usize) -> Self {
        self.sign_in = attempts;
        self
    }

    /// Sets how many confirmations of a 2FA code are allowed. 3 by default.
    #[must_use]
    pub fn confirm(mut self, attempts: usize) -> Self {
        self.confirm = attempts;
        self
    }

    /// Sets how many refreshes are allowed. 5 by default.
    #[must_use]
    pub fn refresh(mut self, attempts: usize) -> Self {
        self.refresh = attempts;
        self
    }

    /// Sets the length of the window. 60 s by default.
    #[must_use]
    pub fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}

// === impl Limiter ===

impl Limiter {
    pub(super) fn new(limits: Limits, lockout: Duration) -> Self {
        Self {
            limits,
            lockout,
            attempts: Default::default(),
            lock: None,
        }
    }

    /// Notes an attempt at `endpoint`, or refuses it.
    pub(super) fn admit(&mut self, endpoint: Endpoint, now: Duration) -> Result<(), Refused> {
        let (most, attempts) = match endpoint {
            Endpoint::SignIn => (self.limits.sign_in, &mut self.attempts[0]),
            Endpoint::Confirm => (self.limits.confirm, &mut self.attempts[1]),
            Endpoint::Refresh => (self.limits.refresh, &mut self.attempts[2]),
            Endpoint::SignOut | Endpoint::Api => return Ok(()),
        };
        if let Some(lock) = self.lock.as_mut().filter(|lock| lock.until > now) {
            let told = std::mem::replace(&mut lock.told, true);
            return Err(Refused {
                left: lock.until - now,
                why: if told { Why::Hammered } else { Why::Locked },
            });
        }
        while attempts
            .front()
            .is_some_and(|first| now.saturating_sub(*first) >= self.limits.window)
        {
            attempts.pop_front();
        }
        if attempts.len() >= most {
            self.lock(now, true);
            return Err(Refused {
                left: self.lockout,
                why: Why::Exceeded,
            });
        }
        attempts.push_back(now);
        Ok(())
    }

    pub(super) fn lock(&mut self, now: Duration, told: bool) {
        let until = now.saturating_add(self.lockout);
        self.lock = Some(Lock { until, told });
    }

    pub(super) fn unlock(&mut self) {
        self.lock = None;
        self.attempts = Default::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(limiter: &mut Limiter, second: u64) -> Result<(), Why> {
        limiter
            .admit(Endpoint::Confirm, Duration::from_secs(second))
            .map_err(|refused| refused.why)
    }

    #[test]
    fn the_window_slides() {
        let mut limiter = Limiter::new(Limits::new(), Duration::from_secs(600));
        assert_eq!(at(&mut limiter, 0), Ok(()));
        assert_eq!(at(&mut limiter, 50), Ok(()));
        assert_eq!(at(&mut limiter, 59), Ok(()));
        // The first attempt is a whole window ago; the other two are not.
        assert_eq!(at(&mut limiter, 60), Ok(()));
        assert_eq!(at(&mut limiter, 109), Err(Why::Exceeded));
    }

    #[test]
    fn the_lock_ends_when_its_time_has_passed() {
        let mut limiter = Limiter::new(Limits::new().confirm(1), Duration::from_secs(600));
        assert_eq!(at(&mut limiter, 0), Ok(()));
        assert_eq!(at(&mut limiter, 1), Err(Why::Exceeded));
        assert_eq!(at(&mut limiter, 600), Err(Why::Hammered));
        assert_eq!(at(&mut limiter, 601), Ok(()));
    }

    #[test]
    fn each_lock_is_told_of_once() {
        let mut limiter = Limiter::new(Limits::new(), Duration::from_secs(600));
        for start in [0, 600] {
            limiter.lock(Duration::from_secs(start), false);
            assert_eq!(at(&mut limiter, start), Err(Why::Locked));
            assert_eq!(at(&mut limiter, start + 1), Err(Why::Hammered));
            assert_eq!(at(&mut limiter, start + 2), Err(Why::Hammered));
        }
    }

    #[test]
    fn a_lock_holds_everywhere_but_limits_are_apart() {
        let mut limiter = Limiter::new(Limits::new().sign_in(1), Duration::from_secs(600));
        let now = Duration::from_secs(1);
        assert!(limiter.admit(Endpoint::SignIn, now).is_ok());
        assert!(limiter.admit(Endpoint::Refresh, now).is_ok());
        assert!(limiter.admit(Endpoint::SignIn, now).is_err());
        assert!(limiter.admit(Endpoint::Refresh, now).is_err());
        assert!(limiter.admit(Endpoint::Api, now).is_ok());
        limiter.unlock();
        assert!(limiter.admit(Endpoint::SignIn, now).is_ok());
    }
}
