//! A lock-out: what the server has blocked is not sent to it.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{Clock, Error, ErrorKind};

/// Until when nothing is sent, because the server said so.
#[derive(Default)]
pub(crate) struct Lockout {
    blocked: Mutex<Option<Blocked>>,
}

#[derive(Clone, Copy)]
struct Blocked {
    /// [`ErrorKind::RateLimited`] or [`ErrorKind::Locked`].
    kind: ErrorKind,
    until: Duration,
}

// === impl Lockout ===

impl Lockout {
    /// Fails if nothing may be sent now; `name` is what the request is called in the error.
    pub(crate) fn check(&self, clock: &dyn Clock, name: &str) -> Result<(), Error> {
        let now = clock.monotonic();
        let blocked = *self.blocked();
        let Some(Blocked { kind, until }) = blocked.filter(|blocked| blocked.until > now) else {
            return Ok(());
        };
        let message =
            format!("the server has blocked further attempts, so the {name} was not sent");
        Err(Error::with_message(kind, message).retry_after(until - now))
    }

    /// Begins a lock-out. One that lasts longer stays.
    pub(crate) fn begin(&self, clock: &dyn Clock, kind: ErrorKind, wait: Duration) {
        let until = clock.monotonic().saturating_add(wait);
        let mut blocked = self.blocked();
        if blocked.is_none_or(|blocked| blocked.until <= until) {
            *blocked = Some(Blocked { kind, until });
        }
    }

    fn blocked(&self) -> MutexGuard<'_, Option<Blocked>> {
        self.blocked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Lockout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lockout").finish_non_exhaustive()
    }
}
