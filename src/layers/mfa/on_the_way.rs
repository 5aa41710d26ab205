//! Requests that carry a code and have not been answered.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering, fence},
    },
};

use tokio::sync::Notify;

/// How many there are.
#[derive(Default)]
pub(super) struct OnTheWay {
    count: AtomicUsize,
    /// Told when there are none any more.
    none: Notify,
}

/// Counts one request in until it is answered or dropped.
pub(super) struct Sent {
    all: Arc<OnTheWay>,
    is_answered: AtomicBool,
}

impl OnTheWay {
    pub(super) fn send(all: &Arc<Self>) -> Sent {
        all.count.fetch_add(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        Sent {
            all: Arc::clone(all),
            is_answered: AtomicBool::new(false),
        }
    }

    /// Waits until there are none.
    pub(super) async fn none(&self) {
        // With the one in `send`: what the cell held before is counted, or its sender sees that it
        // holds it no more.
        fence(Ordering::SeqCst);
        loop {
            let mut none = std::pin::pin!(self.none.notified());
            // Listen before looking, so that the last answer is not missed.
            none.as_mut().enable();
            if self.count.load(Ordering::SeqCst) == 0 {
                return;
            }
            none.await;
        }
    }
}

impl Sent {
    /// Notes that it is answered.
    pub(super) fn answered(&self) {
        if self.is_answered.swap(true, Ordering::SeqCst) {
            return;
        }
        if self.all.count.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.all.none.notify_waiters();
        }
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        self.answered();
    }
}

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sent").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tokio_test::{assert_pending, assert_ready, task};

    use super::*;

    #[test]
    fn each_counts_once_and_the_last_one_wakes() {
        let all = Arc::new(OnTheWay::default());
        let (one, two) = (OnTheWay::send(&all), OnTheWay::send(&all));
        let mut none = task::spawn(all.none());
        assert_pending!(none.poll());
        one.answered();
        one.answered();
        drop(one);
        assert_pending!(none.poll());
        drop(two);
        assert!(none.is_woken());
        assert_ready!(none.poll());
        assert_ready!(task::spawn(all.none()).poll());
    }
}
