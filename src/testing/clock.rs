//! A clock that moves only when it is told to.

use std::{
    collections::BTreeMap,
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::{Duration, SystemTime},
};

use tokio::sync::Notify;

use crate::Clock;

/// 2026-01-01T00:00:00Z, in seconds since the Unix epoch.
const START: u64 = 1_767_225_600;

/// A [`Clock`] that stands still until a test moves it.
///
/// It starts at 2026-01-01T00:00:00Z, with the monotonic clock at zero. Clones share the same time,
/// so one goes into the session (or the simulator) and one stays with the test.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use tower_reauth::{Clock, testing::FakeClock};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let clock = FakeClock::new();
/// let sleeper = tokio::spawn(clock.sleep(Duration::from_secs(3600)));
/// clock.wait_for_sleepers(1).await;
///
/// clock.advance(Duration::from_secs(3600));
/// sleeper.await.expect("does not panic");
/// assert_eq!(clock.monotonic(), Duration::from_secs(3600));
/// # }
/// ```
#[derive(Clone)]
pub struct FakeClock {
    shared: Arc<Shared>,
}

struct Shared {
    time: Mutex<Time>,
    /// Told each time a sleeper is added.
    slept: Notify,
}

struct Time {
    monotonic: Duration,
    wall: SystemTime,
    /// By when they are due, then by who came first.
    sleepers: BTreeMap<(Duration, u64), Waker>,
    /// The number of the next sleeper.
    next: u64,
}

struct Sleep {
    shared: Arc<Shared>,
    key: (Duration, u64),
}

// === impl FakeClock ===

impl FakeClock {
    /// Creates a clock that stands at 2026-01-01T00:00:00Z.
    #[must_use]
    pub fn new() -> Self {
        Self {
            shared: Arc::new(Shared {
                time: Mutex::new(Time {
                    monotonic: Duration::ZERO,
                    wall: SystemTime::UNIX_EPOCH + Duration::from_secs(START),
                    sleepers: BTreeMap::new(),
                    next: 0,
                }),
                slept: Notify::new(),
            }),
        }
    }

    /// Moves both clocks forward and wakes the sleepers that are due, the earliest first.
    ///
    /// The clock goes to the end at once: a task that sleeps again when woken counts from there.
    ///
    /// # Panics
    ///
    /// Panics if a clock would overflow.
    pub fn advance(&self, by: Duration) {
        let due = {
            let mut time = self.shared.time();
            time.monotonic += by;
            time.wall += by;
            let now = time.monotonic;
            let later = time.sleepers.split_off(&(now, u64::MAX));
            std::mem::replace(&mut time.sleepers, later)
        };
        // Not under the lock: a waker may poll the sleeper on the spot.
        due.into_values().for_each(Waker::wake);
    }

    /// Moves only the wall clock, as if somebody had set it: forward, or backward if `seconds` is
    /// negative.
    pub fn jump_wall(&self, seconds: i64) {
        let by = Duration::from_secs(seconds.unsigned_abs());
        let mut time = self.shared.time();
        if seconds < 0 {
            time.wall -= by;
        } else {
            time.wall += by;
        }
    }

    /// Sets the wall clock. The monotonic clock goes on from where it is.
    pub fn set_wall(&self, to: SystemTime) {
        self.shared.time().wall = to;
    }

    /// Moves only the wall clock forward, as it is after the machine was suspended for that long.
    pub fn suspend(&self, time: Duration) {
        self.shared.time().wall += time;
    }

    /// Returns how many sleeps have been polled and are neither due nor dropped.
    #[must_use]
    pub fn sleepers(&self) -> usize {
        self.shared.time().sleepers.len()
    }

    /// Waits until at least `count` tasks sleep on this clock.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn wait_for_sleepers(&self, count: usize) {
        loop {
            let mut slept = std::pin::pin!(self.shared.slept.notified());
            // Listen before looking, so that a sleeper that comes in between is not missed.
            slept.as_mut().enable();
            if self.sleepers() >= count {
                return;
            }
            slept.await;
        }
    }
}

impl Default for FakeClock {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for FakeClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.shared.time();
        f.debug_struct("FakeClock")
            .field("monotonic", &time.monotonic)
            .field("wall", &time.wall)
            .field("sleepers", &time.sleepers.len())
            .finish_non_exhaustive()
    }
}

impl Clock for FakeClock {
    fn monotonic(&self) -> Duration {
        self.shared.time().monotonic
    }

    fn wall(&self) -> SystemTime {
        self.shared.time().wall
    }

    fn sleep(&self, wait: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let mut time = self.shared.time();
        let number = time.next;
        time.next += 1;
        Box::pin(Sleep {
            shared: self.shared.clone(),
            key: (time.monotonic.saturating_add(wait), number),
        })
    }
}

// === impl Shared ===

impl Shared {
    fn time(&self) -> MutexGuard<'_, Time> {
        self.time.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Sleep ===

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut time = self.shared.time();
        if time.monotonic >= self.key.0 {
            return Poll::Ready(());
        }
        let old = time.sleepers.insert(self.key, cx.waker().clone());
        drop(time);
        drop(old);
        self.shared.slept.notify_waiters();
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let waker = self.shared.time().sleepers.remove(&self.key);
        // Not under the lock: it may be the last handle to a task that holds another sleeper.
        drop(waker);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio_test::{assert_pending, assert_ready, task};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn stands_still_until_advanced() {
        let clock = FakeClock::new();
        let twin = clock.clone();
        let start = clock.wall();
        assert_eq!(clock.monotonic(), Duration::ZERO);

        twin.advance(SECOND);
        assert_eq!(clock.monotonic(), SECOND);
        assert_eq!(clock.wall(), start + SECOND);
    }

    #[test]
    fn starts_at_new_year() {
        let start = time::OffsetDateTime::from(FakeClock::new().wall());
        assert_eq!(start.to_string(), "2026-01-01 0:00:00.0 +00:00:00");
    }

    #[test]
    fn the_wall_clock_can_be_moved_alone() {
        let clock = FakeClock::new();
        let start = clock.wall();
        clock.jump_wall(10);
        assert_eq!(clock.wall(), start + 10 * SECOND);
        clock.jump_wall(-30);
        assert_eq!(clock.wall(), start - 20 * SECOND);
        clock.set_wall(start);
        clock.suspend(5 * SECOND);
        assert_eq!(clock.wall(), start + 5 * SECOND);
        assert_eq!(clock.monotonic(), Duration::ZERO);
    }

    #[test]
    fn a_sleeper_is_woken_when_due_and_not_before() {
        let clock = FakeClock::new();
        let mut sleep = task::spawn(clock.sleep(2 * SECOND));
        assert_pending!(sleep.poll());
        clock.suspend(10 * SECOND);
        clock.advance(SECOND);
        assert!(!sleep.is_woken());
        assert_pending!(sleep.poll());
        clock.advance(SECOND);
        assert!(sleep.is_woken());
        assert_ready!(sleep.poll());
    }

    #[test]
    fn sleepers_are_woken_in_the_order_they_are_due() {
        struct Note(u8, Arc<Mutex<Vec<u8>>>);
        impl std::task::Wake for Note {
            fn wake(self: Arc<Self>) {
                self.1.lock().unwrap().push(self.0);
            }
        }

        let clock = FakeClock::new();
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut sleeps = Vec::new();
        for (name, seconds) in [(3, 3), (1, 1), (2, 1), (9, 9)] {
            let mut sleep = clock.sleep(seconds * SECOND);
            let waker = Waker::from(Arc::new(Note(name, order.clone())));
            assert!(
                sleep
                    .as_mut()
                    .poll(&mut Context::from_waker(&waker))
                    .is_pending()
            );
            sleeps.push(sleep);
        }
        assert_eq!(clock.sleepers(), 4);
        clock.advance(3 * SECOND);
        assert_eq!(*order.lock().unwrap(), [1, 2, 3]);
        assert_eq!(clock.sleepers(), 1);
    }

    #[test]
    fn a_dropped_sleeper_is_not_counted() {
        let clock = FakeClock::new();
        let mut sleep = task::spawn(clock.sleep(SECOND));
        assert_eq!(clock.sleepers(), 0);
        assert_pending!(sleep.poll());
        assert_eq!(clock.sleepers(), 1);
        drop(sleep);
        assert_eq!(clock.sleepers(), 0);
    }

    #[test]
    fn no_wait_is_ready_at_once() {
        let mut sleep = task::spawn(FakeClock::new().sleep(Duration::ZERO));
        assert_ready!(sleep.poll());
    }

    #[test]
    fn waits_for_sleepers() {
        let clock = FakeClock::new();
        let mut enough = task::spawn(clock.wait_for_sleepers(1));
        assert_pending!(enough.poll());
        let mut sleep = task::spawn(clock.sleep(SECOND));
        assert_pending!(sleep.poll());
        assert!(enough.is_woken());
        assert_ready!(enough.poll());
    }
}
