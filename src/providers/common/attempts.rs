//! A limit on attempts that holds in every sliding minute.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::Clock;

/// The time in which a limit holds.
pub(crate) const WINDOW: Duration = Duration::from_secs(60);

/// How much longer than the window an attempt is remembered, so that the limit also holds at a
/// server that counts both ends of its minute.
const BOTH_ENDS: Duration = Duration::from_millis(1);

/// "Never more than N in any 60 s", shared by all clones.
///
/// It keeps the end of each of the last attempts. Neither a token bucket nor a fixed window would
/// do: both let nearly twice as many into some minute. The server sees an attempt at some time
/// between its start and its end, so an attempt counts from its start until 60 s after its end. One
/// that was never answered may still be on its way: it counts as much longer as it is told to.
#[derive(Clone)]
pub(crate) struct Attempts {
    shared: Arc<Shared>,
}

struct Shared {
    limit: usize,
    clock: Arc<dyn Clock>,
    log: Mutex<Log>,
}

#[derive(Default)]
struct Log {
    in_flight: usize,
    /// When the attempts ended that still count, in order. Those without an answer end later.
    ended: VecDeque<Duration>,
}

/// The right to one attempt. The attempt ends when this is dropped, however that comes about.
#[must_use]
pub(crate) struct Permit {
    shared: Arc<Shared>,
    /// How much longer than this the attempt may last, as far as anybody knows.
    late: Duration,
}

// === impl Attempts ===

impl Attempts {
    pub(crate) fn new(limit: u32, clock: Arc<dyn Clock>) -> Self {
        Self {
            shared: Arc::new(Shared {
                limit: usize::try_from(limit).unwrap_or(usize::MAX),
                clock,
                log: Mutex::default(),
            }),
        }
    }

    pub(crate) fn limit(&self) -> usize {
        self.shared.limit
    }

    /// Begins an attempt, or says how long to wait for the next one. Without an answer, the attempt
    /// may reach the server until `late` after its end.
    pub(crate) fn acquire(&self, late: Duration) -> Result<Permit, Duration> {
        let mut log = self.shared.log();
        self.shared.room(&mut log)?;
        log.in_flight += 1;
        Ok(Permit {
            shared: Arc::clone(&self.shared),
            late,
        })
    }

    /// Says how long to wait for the next attempt, without beginning one.
    pub(crate) fn check(&self) -> Result<(), Duration> {
        self.shared.room(&mut self.shared.log())
    }
}

impl fmt::Debug for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempts")
            .field("limit", &self.shared.limit)
            .finish_non_exhaustive()
    }
}

// === impl Shared ===

impl Shared {
    fn log(&self) -> MutexGuard<'_, Log> {
        // A clock that panics leaves the log as it was.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn room(&self, log: &mut Log) -> Result<(), Duration> {
        let now = self.clock.monotonic();
        let counts_until = |end: Duration| end.saturating_add(WINDOW + BOTH_ENDS);
        while log
            .ended
            .front()
            .is_some_and(|&end| counts_until(end) <= now)
        {
            log.ended.pop_front();
        }
        let counted = log.in_flight + log.ended.len();
        if counted < self.limit {
            return Ok(());
        }
        // So many have to stop counting before there is room. Those in flight end at an unknown
        // time: a whole window is the best guess for them.
        let too_many = counted - self.limit;
        Err(log.ended.get(too_many).map_or(WINDOW + BOTH_ENDS, |&end| {
            counts_until(end).saturating_sub(now)
        }))
    }
}

// === impl Permit ===

impl Permit {
    /// Ends the attempt: the server has seen it, or never will.
    pub(crate) fn answered(mut self) {
        self.late = Duration::ZERO;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut log = self.shared.log();
        let end = self.shared.clock.monotonic().saturating_add(self.late);
        log.in_flight -= 1;
        let place = log.ended.partition_point(|&other| other <= end);
        log.ended.insert(place, end);
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::Future,
        pin::Pin,
        sync::atomic::{AtomicU64, Ordering},
        time::SystemTime,
    };

    use proptest::prelude::*;

    use super::*;

    /// A clock that is moved by hand.
    #[derive(Debug, Default)]
    struct ByHand(AtomicU64);

    impl Clock for ByHand {
        fn monotonic(&self) -> Duration {
            Duration::from_millis(self.0.load(Ordering::Relaxed))
        }

        fn wall(&self) -> SystemTime {
            SystemTime::UNIX_EPOCH
        }

        fn sleep(&self, _: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
            Box::pin(std::future::pending())
        }
    }

    fn attempts(limit: u32) -> (Attempts, Arc<ByHand>) {
        let clock = Arc::new(ByHand::default());
        (Attempts::new(limit, clock.clone()), clock)
    }

    #[test]
    fn says_when_the_next_attempt_is_allowed() {
        let (attempts, clock) = attempts(2);
        drop(attempts.acquire(Duration::ZERO).unwrap());
        clock.0.store(10_000, Ordering::Relaxed);
        drop(attempts.clone().acquire(Duration::ZERO).unwrap());
        let wait = attempts.acquire(Duration::ZERO).unwrap_err();
        assert_eq!(wait, Duration::from_millis(50_001));
        assert_eq!(attempts.check().unwrap_err(), wait);
        clock.0.store(60_000, Ordering::Relaxed);
        assert!(attempts.acquire(Duration::ZERO).is_err());
        clock.0.store(60_001, Ordering::Relaxed);
        drop(attempts.acquire(Duration::ZERO).unwrap());
        assert_eq!(attempts.check(), Err(Duration::from_millis(10_000)));
    }

    #[test]
    fn an_attempt_in_flight_counts_until_a_minute_after_its_end() {
        let (attempts, clock) = attempts(1);
        let permit = attempts.acquire(Duration::ZERO).unwrap();
        clock.0.store(500_000, Ordering::Relaxed);
        assert_eq!(attempts.check(), Err(Duration::from_millis(60_001)));
        drop(permit);
        clock.0.store(560_000, Ordering::Relaxed);
        assert_eq!(attempts.check(), Err(Duration::from_millis(1)));
        clock.0.store(560_001, Ordering::Relaxed);
        assert_eq!(attempts.check(), Ok(()));
    }

    #[test]
    fn an_attempt_without_an_answer_counts_longer() {
        let (attempts, clock) = attempts(2);
        let late = Duration::from_secs(30);
        drop(attempts.acquire(late).unwrap());
        attempts.acquire(late).unwrap().answered();
        assert_eq!(attempts.check(), Err(Duration::from_millis(60_001)));
        clock.0.store(60_001, Ordering::Relaxed);
        attempts.acquire(late).unwrap().answered();
        assert_eq!(attempts.check(), Err(Duration::from_millis(30_000)));
    }

    /// What happens next in a random history.
    #[derive(Clone, Debug)]
    enum Step {
        Begin,
        /// Ends the attempt in flight with this index, and says when the server saw it: this share
        /// of the time between start and end.
        End(usize, f64),
        /// Gives the attempt up, which reaches the server when this share of the time after has
        /// passed that it has for that.
        Abandon(usize, f64),
        Pass(u64),
        /// Waits exactly as long as it is told to.
        Wait,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => Just(Step::Begin),
            4 => (0..8usize, prop_oneof![Just(0.0), Just(1.0), 0.0..=1.0])
                .prop_map(|(index, share)| Step::End(index, share)),
            2 => (0..8usize, prop_oneof![Just(0.0), Just(1.0), 0.0..=1.0])
                .prop_map(|(index, share)| Step::Abandon(index, share)),
            3 => prop_oneof![Just(60_000), 0..30_000u64, 0..200u64].prop_map(Step::Pass),
            2 => Just(Step::Wait),
        ]
    }

    const LATE: Duration = Duration::from_secs(20);

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn no_minute_ever_sees_more_than_the_limit(
            limit in 1..6u32,
            steps in proptest::collection::vec(step(), 0..80),
        ) {
            let (attempts, clock) = attempts(limit);
            let mut in_flight = Vec::new();
            let mut seen = Vec::new();
            let now = || clock.0.load(Ordering::Relaxed);
            for step in steps {
                match step {
                    Step::Begin => if let Ok(permit) = attempts.acquire(LATE) {
                        in_flight.push((now(), permit));
                    },
                    Step::End(index, share) if index < in_flight.len() => {
                        let (start, permit) = in_flight.remove(index);
                        permit.answered();
                        seen.push(start + ((now() - start) as f64 * share) as u64);
                    }
                    Step::Abandon(index, share) if index < in_flight.len() => {
                        drop(in_flight.remove(index));
                        seen.push(now() + (LATE.as_millis() as f64 * share) as u64);
                    }
                    Step::End(..) | Step::Abandon(..) => {}
                    Step::Pass(millis) => { clock.0.fetch_add(millis, Ordering::Relaxed); }
                    Step::Wait => if let Err(wait) = attempts.check() {
                        clock.0.fetch_add(wait.as_millis() as u64, Ordering::Relaxed);
                        if in_flight.is_empty() {
                            prop_assert!(attempts.check().is_ok(), "the wait was too short");
                        }
                    },
                }
            }
            seen.extend(in_flight.iter().map(|(start, _)| *start));
            seen.sort_unstable();
            for window in seen.windows(limit as usize + 1) {
                let span = window[limit as usize] - window[0];
                prop_assert!(span > 60_000, "{} in {span} ms", window.len());
            }
        }
    }
}
