//! One renewal on its way: it belongs to the renewer, and callers only wait for its outcome.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::{oneshot, watch};

use super::{Reason, cell::Entry};
use crate::Error;

/// How a flight ended for those who wait.
pub(super) enum Outcome<C> {
    Renewed(Arc<Entry<C>>),
    Failed(Error),
    /// The session was cleared meanwhile.
    Cleared,
    /// The runtime that carried it ended. Whether the server renewed is not known.
    Lost,
}

pub(super) struct Flight<C> {
    pub(super) reason: Reason,
    /// The generation that is being replaced.
    pub(super) replaces: Option<u64>,
    /// What the server said when it refused that one.
    pub(super) challenge: Option<Box<str>>,
    /// When it began, on the monotonic clock.
    pub(super) began: Duration,
    /// When those who wait give it up, on the monotonic clock: later than its own deadline, which
    /// needs the runtime that carries it.
    pub(super) give_up_at: Duration,
    /// How often a credential had been set or cleared by hand when it began.
    pub(super) epoch: u64,
    /// Those who waited have given it up.
    given_up: AtomicBool,
    /// Until when a refused credential is held back for this flight, on the monotonic clock.
    pub(super) held_until: Mutex<Option<Duration>>,
    outcome: watch::Sender<Option<Outcome<C>>>,
    /// Who wants the credential if it comes too late to be stored.
    late: Mutex<Option<oneshot::Sender<C>>>,
}

// === impl Flight ===

impl<C> Flight<C> {
    pub(super) fn new(
        reason: Reason,
        replaces: Option<u64>,
        challenge: Option<Box<str>>,
        began: Duration,
        patience: Duration,
        epoch: u64,
    ) -> Self {
        Self {
            reason,
            replaces,
            challenge,
            began,
            give_up_at: began.saturating_add(patience),
            epoch,
            given_up: AtomicBool::new(false),
            held_until: Mutex::new(None),
            outcome: watch::Sender::new(None),
            late: Mutex::new(None),
        }
    }

    /// Starts holding the refused credential back, unless that has begun already.
    pub(super) fn hold(&self, until: Duration) {
        let mut held_until = self
            .held_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        held_until.get_or_insert(until);
    }

    pub(super) fn held_until(&self) -> Option<Duration> {
        *self
            .held_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn give_up(&self) {
        self.given_up.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Relaxed)
    }

    /// Tells those who wait. The first outcome stays.
    pub(super) fn end(&self, outcome: Outcome<C>) {
        self.outcome.send_if_modified(|ended| {
            let is_first = ended.is_none();
            if is_first {
                *ended = Some(outcome);
            }
            is_first
        });
    }

    pub(super) fn has_ended(&self) -> bool {
        self.outcome.borrow().is_some()
    }

    /// Waits for the outcome.
    pub(super) async fn ended(&self) -> Outcome<C> {
        let mut outcome = self.outcome.subscribe();
        match outcome.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(outcome)) => outcome.clone(),
            // The sender is in `self`, so it is there.
            Ok(None) | Err(_) => Outcome::Lost,
        }
    }

    /// Returns a receiver of the credential, in case it comes too late to be stored.
    pub(super) fn want_late(&self) -> oneshot::Receiver<C> {
        let (sender, receiver) = oneshot::channel();
        *self.late.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        receiver
    }

    /// Hands over a credential that came too late. It is dropped if nobody wants it.
    pub(super) fn give_late(&self, credential: Option<C>) {
        let sender = self
            .late
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let (Some(sender), Some(credential)) = (sender, credential) {
            drop(sender.send(credential));
        }
    }
}

// === impl Outcome ===

impl<C> Clone for Outcome<C> {
    fn clone(&self) -> Self {
        match self {
            Self::Renewed(entry) => Self::Renewed(Arc::clone(entry)),
            Self::Failed(error) => Self::Failed(error.clone()),
            Self::Cleared => Self::Cleared,
            Self::Lost => Self::Lost,
        }
    }
}
