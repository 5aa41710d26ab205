//! A machine whose wall clock is set now and then.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime},
};

use tokio::time::Instant;
use tower_reauth::Clock;

#[derive(Clone, Debug)]
pub(crate) struct JumpyClock {
    started: Instant,
    /// By how many seconds the wall clock is off.
    off: Arc<AtomicI64>,
}

impl JumpyClock {
    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
            off: Arc::default(),
        }
    }

    pub(crate) fn jump(&self, seconds: i64) {
        self.off.store(seconds, Ordering::Relaxed);
    }
}

impl Clock for JumpyClock {
    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }

    fn wall(&self) -> SystemTime {
        // 2026-01-01, and what has passed.
        let since = 1_767_225_600 + self.off.load(Ordering::Relaxed);
        SystemTime::UNIX_EPOCH
            + Duration::from_secs(u64::try_from(since).unwrap_or_default())
            + self.started.elapsed()
    }

    fn sleep(&self, wait: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(wait))
    }
}
