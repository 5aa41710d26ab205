//! One stored credential, with its generation and the flags that the request path reads.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, task::AbortHandle};

use crate::{
    Error,
    clock::{Clock, Instant},
};

/// A lifetime shorter than this cannot be meant: the credential is used until it is refused.
pub(crate) const LEAST_LIFETIME: Duration = Duration::from_secs(1);

/// What the renewer must know of a credential, and how it speaks of it.
pub(crate) trait Credential: Clone + Send + Sync + 'static {
    /// What log lines call it.
    #[cfg(feature = "tracing")]
    const NAME: &'static str;

    /// How long it is good for from when it was received.
    fn lifetime(&self) -> Option<Duration>;

    /// None came in time.
    fn late(deadline: Duration) -> Error;

    /// The service that brings it panicked.
    fn panicked() -> Error;

    /// It was taken away while a call waited for it.
    fn cleared() -> Error;

    /// The service that brings it waits for what it is to bring.
    fn waits_for_itself() -> Error;
}

/// A credential as it stands in the cell. Shared by all who use it.
pub(crate) struct Entry<C> {
    pub(crate) credential: C,
    /// The credential that this one replaced, so that its traces can be recognised.
    pub(crate) replaced: Option<C>,
    /// Counts up from 1 with each credential that is stored.
    pub(crate) generation: u64,
    /// When it was asked for, on the monotonic clock; `None` if it was set by hand.
    pub(crate) asked_at: Option<Duration>,
    pub(crate) mark: Arc<Mark>,
    pub(super) life: Option<Life>,
    pub(super) due: Mutex<Due>,
    /// Wakes the schedule when `due` has changed.
    pub(super) changed: Arc<Notify>,
    schedule: Mutex<Option<AbortHandle>>,
}

/// The two instants in the life of a credential.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    pub(super) refresh_after: Instant,
    pub(super) never_use_after: Instant,
}

/// When the next early renewal is due.
#[derive(Clone, Copy, Debug)]
pub(super) enum Due {
    /// At the credential's own refresh-after instant.
    AtRefreshAfter,
    /// At this monotonic time, after an early renewal that failed.
    At(Duration),
    /// The flag is set already, or the request that took it is seeing to it.
    Given,
}

/// What the request path has to know, beyond that there is a credential. Nothing set: just use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Phase(u8);

/// The flags of one credential. Its copies in the threads look here too, and never at the cell.
#[derive(Debug)]
pub(crate) struct Mark(AtomicU8);

// === impl Phase ===

impl Phase {
    /// No schedule is running that would set the other flags.
    pub(crate) const UNSCHEDULED: Self = Self(1);
    /// The next request starts a renewal in the background.
    pub(crate) const DUE: Self = Self(2);
    /// Past never-use-after.
    pub(crate) const DEAD: Self = Self(4);
    /// The server refused it, and it is being renewed.
    pub(crate) const REFUSED: Self = Self(8);
    /// It is not in the cell any more. Set before whoever took it out says so.
    pub(crate) const REPLACED: Self = Self(16);

    pub(crate) fn has(self, flag: Self) -> bool {
        self.0 & flag.0 != 0
    }
}

// === impl Mark ===

impl Mark {
    /// Returns the flags. Relaxed will do: they are hints about the credential that they stand
    /// beside, and whoever acts on one looks again under the lock.
    #[inline]
    fn phase(&self) -> Phase {
        Phase(self.0.load(Ordering::Relaxed))
    }

    /// Whether there is nothing to do but use it: the one check of the request path.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.phase().0 == 0
    }

    /// Whether it is in the cell no more.
    pub(crate) fn is_replaced(&self) -> bool {
        self.phase().has(Phase::REPLACED)
    }
}

// === impl Life ===

impl Life {
    /// Fits the instants to the lifetime; `None` if it is unknown, or too short to be meant.
    ///
    /// The margin is never more than half the lifetime, so that there is no renewal without end.
    pub(super) fn new(
        lifetime: Option<Duration>,
        margin: Option<Duration>,
        clock: &dyn Clock,
    ) -> Option<Self> {
        let lifetime = lifetime.filter(|lifetime| *lifetime >= LEAST_LIFETIME)?;
        let margin = match margin {
            Some(margin) => margin.min(lifetime / 2),
            None => (lifetime / 10).min(Duration::from_secs(60)),
        };
        let now = Instant::now(clock);
        Some(Self {
            refresh_after: now.after(lifetime - margin),
            never_use_after: now.after(lifetime),
        })
    }
}

// === impl Entry ===

impl<C> Entry<C> {
    pub(super) fn new(
        credential: C,
        replaced: Option<C>,
        generation: u64,
        asked_at: Option<Duration>,
        life: Option<Life>,
    ) -> Self {
        let phase = if life.is_some() {
            Phase::UNSCHEDULED
        } else {
            Phase(0)
        };
        Self {
            credential,
            replaced,
            generation,
            asked_at,
            mark: Arc::new(Mark(AtomicU8::new(phase.0))),
            life,
            due: Mutex::new(Due::AtRefreshAfter),
            changed: Arc::new(Notify::new()),
            schedule: Mutex::new(None),
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        self.mark.phase()
    }

    /// Whether there is nothing to do but use it.
    pub(crate) fn is_plain(&self) -> bool {
        self.mark.is_plain()
    }

    pub(super) fn set(&self, flag: Phase) {
        self.mark.0.fetch_or(flag.0, Ordering::Relaxed);
    }

    /// Takes the flag away; whether it was there. Of many who call it one gets `true`.
    pub(super) fn take(&self, flag: Phase) -> bool {
        Phase(self.mark.0.fetch_and(!flag.0, Ordering::Relaxed)).has(flag)
    }

    /// Whether it is past never-use-after, by the flag or by the clocks themselves.
    pub(crate) fn is_dead(&self, now: impl FnOnce() -> Instant) -> bool {
        self.phase().has(Phase::DEAD)
            || self
                .life
                .is_some_and(|life| life.never_use_after.has_passed(now()))
    }

    /// `wait`, or the time until never-use-after if that is shorter.
    pub(super) fn no_longer_than(&self, wait: Duration, now: Instant) -> Duration {
        self.life
            .map_or(wait, |life| wait.min(life.never_use_after.wait(now)))
    }

    /// Sets when the next early renewal is due.
    pub(super) fn set_due(&self, due: Due) {
        *self.due.lock().unwrap_or_else(PoisonError::into_inner) = due;
        self.changed.notify_one();
    }

    /// Lets the next request start an early renewal.
    pub(super) fn give_due(&self) {
        *self.due.lock().unwrap_or_else(PoisonError::into_inner) = Due::Given;
        self.set(Phase::DUE);
    }

    pub(super) fn due(&self) -> Due {
        *self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn keep_schedule(&self, task: AbortHandle) {
        *self.schedule.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
    }
}

impl<C> Drop for Entry<C> {
    fn drop(&mut self) {
        // Its copies go with the next send of their threads.
        self.set(Phase::REPLACED);
        let schedule = self
            .schedule
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = schedule.take() {
            task.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{pin::Pin, time::SystemTime};

    use proptest::prelude::*;

    use super::*;

    /// Stands still.
    #[derive(Debug)]
    struct At(Duration, SystemTime);

    impl Clock for At {
        fn monotonic(&self) -> Duration {
            self.0
        }

        fn wall(&self) -> SystemTime {
            self.1
        }

        fn sleep(&self, _: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
            unreachable!("nobody waits here")
        }
    }

    fn duration() -> impl Strategy<Value = Duration> {
        let seconds = prop_oneof![any::<u64>(), 0..100_000_u64, Just(u64::MAX)];
        (seconds, 0..1_000_000_000_u32).prop_map(|(secs, nanos)| Duration::new(secs, nanos))
    }

    fn wall() -> impl Strategy<Value = SystemTime> {
        let at = |before| {
            move |by| {
                let epoch = SystemTime::UNIX_EPOCH;
                let at = if before {
                    epoch.checked_sub(by)
                } else {
                    epoch.checked_add(by)
                };
                at.unwrap_or(epoch)
            }
        };
        prop_oneof![
            duration().prop_map(at(false)),
            duration().prop_map(at(true))
        ]
    }

    proptest! {
        #[test]
        fn whatever_the_lifetime_and_the_clocks_it_is_renewed_before_its_end(
            lifetime in duration(),
            margin in prop::option::of(duration()),
            monotonic in duration(),
            (then, now) in (wall(), wall()),
        ) {
            let clock = At(monotonic, then);
            let Some(life) = Life::new(Some(lifetime), margin, &clock) else {
                prop_assert!(lifetime < LEAST_LIFETIME);
                return Ok(());
            };
            let start = Instant::now(&clock);
            prop_assert!(!life.never_use_after.has_passed(start) || monotonic == Duration::MAX);
            prop_assert!(life.refresh_after.wait(start) <= life.never_use_after.wait(start));
            prop_assert!(life.refresh_after.wait(start) >= lifetime.min(Duration::MAX - monotonic) / 2);
            // The wall clock is anywhere later on.
            let now = Instant::now(&At(monotonic, now));
            prop_assert!(life.never_use_after.wait(now) <= lifetime);
        }
    }
}
