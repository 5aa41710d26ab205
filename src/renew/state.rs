//! What the renewer keeps behind its lock.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use super::{
    Event, Reason,
    backoff::{Backoff, Breaker},
    flight::Flight,
};
use crate::{Error, ErrorKind};

pub(super) struct State<C> {
    /// The generation that was given out last.
    pub(super) last: u64,
    /// Generations up to this one were cleared.
    pub(super) floor: u64,
    /// Counts how often a credential was set or cleared by hand.
    pub(super) epoch: u64,
    pub(super) flight: Option<Arc<Flight<C>>>,
    pub(super) failure: Option<Failure>,
    pub(super) backoff: Backoff,
    pub(super) breaker: Breaker,
    /// Events that happened and are still to be told, which is not done under the lock.
    pub(super) untold: VecDeque<Event>,
}

/// The last failure, while its cool-down lasts.
pub(super) struct Failure {
    pub(super) error: Error,
    /// On the monotonic clock; `None`: until it is reset.
    pub(super) until: Option<Duration>,
}

// === impl State ===

impl<C> State<C> {
    pub(super) fn new() -> Self {
        Self {
            last: 0,
            floor: 0,
            epoch: 0,
            flight: None,
            failure: None,
            backoff: Backoff::default(),
            breaker: Breaker::default(),
            untold: VecDeque::new(),
        }
    }

    /// The stored error, if `reason` has to respect its cool-down.
    pub(super) fn pause(&mut self, reason: Reason, now: Duration) -> Option<Error> {
        let failure = self.failure.as_ref()?;
        let left = match failure.until {
            Some(until) => Some(until.checked_sub(now).filter(|left| !left.is_zero())?),
            None => None,
        };
        // Whoever asks explicitly has changed something, or wants to see; but a limit stays one.
        let limited = matches!(
            failure.error.kind(),
            ErrorKind::Locked | ErrorKind::RateLimited
        );
        if reason == Reason::Explicit && !limited {
            return None;
        }
        Some(match left {
            Some(left) => failure.error.clone().retry_after(left),
            None => failure.error.clone(),
        })
    }

    /// When the cool-down is over, on the monotonic clock; `None` if there is none or no end.
    pub(super) fn paused_until(&self) -> Option<Duration> {
        self.failure.as_ref()?.until
    }

    /// Whether `flight` is the one under way, and not overtaken.
    pub(super) fn is_flying(&self, flight: &Arc<Flight<C>>) -> bool {
        self.flight
            .as_ref()
            .is_some_and(|current| Arc::ptr_eq(current, flight))
    }

    pub(super) fn reset(&mut self) {
        self.failure = None;
        self.backoff.reset();
        self.breaker.reset();
    }
}
