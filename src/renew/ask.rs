//! Asking for a newer credential: whether to fly, and waiting for how it ends.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::runtime::Handle;

use super::{
    Reason, Renewal,
    cell::{Credential, Due, Entry, Phase},
    flight::{Flight, Outcome},
    pilot::{Pilot, is_flying},
    renewer::Renewer,
};
use crate::{Error, ErrorKind};

/// How long a refused credential is held back while it is being renewed.
const HOLD: Duration = Duration::from_secs(5);

/// What became of a wish for a newer credential.
pub(crate) enum Ticket<C> {
    /// It is decided already.
    Done(Result<Arc<Entry<C>>, Error>),
    /// A flight is on its way.
    Flying(Flying<C>),
}

/// A flight to wait for.
pub(crate) struct Flying<C> {
    pub(super) renewer: Renewer<C>,
    pub(super) flight: Arc<Flight<C>>,
}

// === impl Renewer ===

impl<C: Credential> Renewer<C> {
    /// Asks for a credential newer than `replaces`. The flight, if one is needed, has begun when
    /// this returns.
    pub(crate) fn ask(
        &self,
        reason: Reason,
        replaces: Option<u64>,
        challenge: Option<Box<str>>,
    ) -> Ticket<C> {
        let mut state = self.lock();
        let current = self.shared.current.load_full();
        match &current {
            Some(entry) if Some(entry.generation) > replaces => {
                return Ticket::Done(Ok(Arc::clone(entry)));
            }
            // Its session is over: a late refusal must not sign in again.
            None if reason != Reason::Missing
                && replaces.is_some_and(|generation| generation <= state.floor) =>
            {
                return Ticket::Done(Err(cleared()));
            }
            _ => {}
        }
        let now = self.shared.clock.monotonic();
        if let Some(flight) = &state.flight {
            let flight = Arc::clone(flight);
            if reason == Reason::Rejected {
                hold_back(&flight, current.as_deref(), now);
            }
            return self.flying(flight);
        }
        if let Some(error) = state.pause(reason, now) {
            if let (Reason::Expiring, Some(entry)) = (reason, &current)
                && let Some(until) = state.paused_until()
            {
                entry.set_due(Due::At(until));
            }
            return Ticket::Done(Err(error));
        }
        if let (Reason::Rejected, Some(generation)) = (reason, replaces) {
            let proven = self.shared.proven.load(Ordering::Relaxed);
            if let Some(pause) = state.breaker.refused(generation, proven, now) {
                let error = Error::with_message(
                    ErrorKind::Rejected,
                    "the server refuses one fresh token after the other: check that the account \
                     may use this API, and that MFA is not enforced on it",
                );
                return Ticket::Done(Err(error.retry_after(pause)));
            }
        }
        let Ok(runtime) = Handle::try_current() else {
            return Ticket::Done(Err(Error::with_message(
                ErrorKind::Config,
                "there is no tokio runtime here to renew on: call from within one",
            )));
        };
        let flight = Arc::new(Flight::new(reason, replaces));
        if reason == Reason::Rejected {
            hold_back(&flight, current.as_deref(), now);
        }
        state.flight = Some(Arc::clone(&flight));
        drop(state);

        let renewal = Renewal {
            reason,
            generation: current.as_ref().map(|entry| entry.generation),
            previous: current.map(|entry| entry.credential.clone()),
            challenge,
        };
        // Not under the lock: a runtime that is shutting down drops the task here and now.
        Pilot::start(self, &flight, renewal, &runtime);
        self.flying(flight)
    }

    fn flying(&self, flight: Arc<Flight<C>>) -> Ticket<C> {
        Ticket::Flying(Flying {
            renewer: self.clone(),
            flight,
        })
    }
}

// === impl Ticket ===

impl<C: Credential> Ticket<C> {
    /// Waits for the outcome.
    ///
    /// Cancel safe: the flight goes on without the caller.
    pub(crate) async fn outcome(self) -> Result<Arc<Entry<C>>, Error> {
        let mut ticket = self;
        for _ in 0..3 {
            let flying = match ticket {
                Self::Done(result) => return result,
                Self::Flying(flying) => flying,
            };
            flying.check()?;
            match flying.flight.ended().await {
                Outcome::Renewed(entry) => return Ok(entry),
                Outcome::Failed(error) => return Err(error),
                Outcome::Cleared => return Err(cleared()),
                Outcome::Lost => {
                    ticket = flying
                        .renewer
                        .ask(flying.flight.reason, flying.flight.replaces, None);
                }
            }
        }
        Err(lost())
    }
}

// === impl Flying ===

impl<C: Credential> Flying<C> {
    /// Fails if the current task is this very flight: it would wait for itself.
    pub(super) fn check(&self) -> Result<(), Error> {
        if !is_flying(self.renewer.id()) {
            return Ok(());
        }
        Err(Error::with_message(
            ErrorKind::Config,
            "the token service called through the session that it serves: give it an HTTP \
             service of its own, below the layers",
        ))
    }
}

/// Holds the refused credential back until `flight` ends, for a while.
fn hold_back<C>(flight: &Flight<C>, refused: Option<&Entry<C>>, now: Duration) {
    if let Some(entry) = refused {
        entry.set(Phase::REFUSED);
        flight.hold(now.saturating_add(HOLD));
    }
}

pub(super) fn cleared() -> Error {
    Error::with_message(
        ErrorKind::Cleared,
        "the session was cleared or signed out while this call was on its way",
    )
}

pub(super) fn lost() -> Error {
    Error::with_message(
        ErrorKind::Transport,
        "the runtime that carried the renewal ended: try again",
    )
}
