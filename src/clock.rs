//! The time source of a session, which tests can replace.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// A time source: a monotonic clock, a wall clock and a way to wait.
///
/// Both clocks are watched, because a monotonic clock stands still while the machine is suspended
/// and a wall clock can be set. [`SystemClock`] is the default. With the feature `testing` there
/// is a `FakeClock` in `testing`, which moves only when it is told to.
///
/// A clock must not panic, and must not call the session that it serves.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// Returns the time since a fixed point of this clock's choice. It never goes back.
    fn monotonic(&self) -> Duration;

    /// Returns the date and time of the machine. It may jump.
    fn wall(&self) -> SystemTime;

    /// Returns a future that is ready after `wait` has passed on the monotonic clock.
    fn sleep(&self, wait: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// The machine's clocks, and tokio's timer. Under tokio's paused time the monotonic one stands
/// still as well; the wall clock never does.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    started: tokio::time::Instant,
}

impl SystemClock {
    /// Creates a clock that counts from now.
    #[must_use]
    pub fn new() -> Self {
        Self {
            started: tokio::time::Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }

    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }

    fn sleep(&self, wait: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(wait))
    }
}

/// Whether tokio's timer can be used here: there is a runtime, and its timers are enabled.
pub(crate) fn has_timer() -> bool {
    // Tokio offers no way to ask, and panics where there is none.
    tokio::runtime::Handle::try_current().is_ok()
        && std::panic::catch_unwind(|| drop(tokio::time::sleep(Duration::ZERO))).is_ok()
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn monotonic(&self) -> Duration {
        (**self).monotonic()
    }

    fn wall(&self) -> SystemTime {
        (**self).wall()
    }

    fn sleep(&self, wait: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        (**self).sleep(wait)
    }
}

/// A point in time on both clocks: it has passed when either says so.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instant {
    pub(crate) monotonic: Duration,
    pub(crate) wall: Option<SystemTime>,
}

impl Instant {
    pub(crate) fn now(clock: &dyn Clock) -> Self {
        Self {
            monotonic: clock.monotonic(),
            wall: Some(clock.wall()),
        }
    }

    pub(crate) fn after(self, wait: Duration) -> Self {
        Self {
            monotonic: self.monotonic.saturating_add(wait),
            // A date that no clock can show is left to the monotonic clock.
            wall: self.wall.and_then(|wall| wall.checked_add(wait)),
        }
    }

    pub(crate) fn has_passed(self, now: Self) -> bool {
        let by_wall = matches!((self.wall, now.wall), (Some(at), Some(now)) if now >= at);
        by_wall || now.monotonic >= self.monotonic
    }

    /// How long until it passes, by whichever clock comes first.
    pub(crate) fn wait(self, now: Self) -> Duration {
        let monotonic = self.monotonic.saturating_sub(now.monotonic);
        match (self.wall, now.wall) {
            (Some(at), Some(now)) => monotonic.min(at.duration_since(now).unwrap_or_default()),
            _ => monotonic,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sessions hold the clock as a trait object.
    fn _obj_safe(_: Box<dyn Clock>) {}
}
