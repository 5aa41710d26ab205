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
use crate::{Error, ErrorKind, clock::has_timer};

/// How long a refused credential is held back while it is being renewed.
const HOLD: Duration = Duration::from_secs(5);
/// How much longer than a flight may take those who wait give it, before they end it themselves.
const GRACE: Duration = Duration::from_secs(1);

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
        let now = self.shared.clock.monotonic();
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
                return Ticket::Done(Err(C::cleared()));
            }
            _ => {}
        }
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
                let error = self.shared.settings.refused_again.clone();
                let error = error.unwrap_or_else(refused_again_and_again);
                return Ticket::Done(Err(error.retry_after(pause)));
            }
        }
        let runtime = match Handle::try_current() {
            Ok(runtime) if has_timer() => runtime,
            _ => {
                if let (Reason::Expiring, Some(entry)) = (reason, &current) {
                    entry.give_due();
                }
                return Ticket::Done(Err(no_runtime()));
            }
        };
        let patience = self.shared.settings.flight_timeout.saturating_add(GRACE);
        let flight = Arc::new(Flight::new(
            reason,
            replaces,
            challenge.clone(),
            now,
            patience,
            state.epoch,
        ));
        if reason == Reason::Rejected {
            hold_back(&flight, current.as_deref(), now);
        }
        state.flight = Some(Arc::clone(&flight));
        drop(state);

        let renewal = Renewal {
            reason,
            accepted: current
                .as_ref()
                .is_some_and(|entry| self.is_accepted(entry.generation)),
            generation: current.as_ref().map(|entry| entry.generation),
            previous: current.map(|entry| entry.credential.clone()),
            challenge,
            flight: Some(Arc::clone(&flight)),
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
            match flying.ended().await {
                Outcome::Renewed(entry) => return Ok(entry),
                Outcome::Failed(error) => return Err(error),
                Outcome::Cleared => return Err(C::cleared()),
                Outcome::Lost => {
                    let flight = &flying.flight;
                    let challenge = flight.challenge.clone();
                    ticket = flying
                        .renewer
                        .ask(flight.reason, flight.replaces, challenge);
                }
            }
        }
        Err(lost())
    }
}

// === impl Flying ===

impl<C: Credential> Flying<C> {
    /// Waits for the outcome, and no longer than a flight can take.
    ///
    /// A flight has its own deadline, but that needs its own runtime. If that one stands still
    /// (somebody blocks it, or has left it), whoever waits ends the flight.
    pub(super) async fn ended(&self) -> Outcome<C> {
        if !has_timer() {
            return self.flight.ended().await;
        }
        let clock = &self.renewer.shared.clock;
        let left = self.flight.give_up_at.saturating_sub(clock.monotonic());
        tokio::select! {
            biased;
            outcome = self.flight.ended() => outcome,
            () = clock.sleep(left) => {
                self.renewer.give_up(&self.flight);
                self.flight.ended().await
            }
        }
    }

    /// Fails if the current task is this very flight: it would wait for itself.
    pub(super) fn check(&self) -> Result<(), Error> {
        if !is_flying(self.renewer.id()) {
            return Ok(());
        }
        Err(C::waits_for_itself())
    }
}

/// Holds the refused credential back until `flight` ends, for a while.
fn hold_back<C>(flight: &Flight<C>, refused: Option<&Entry<C>>, now: Duration) {
    if let Some(entry) = refused {
        entry.set(Phase::REFUSED);
        flight.hold(now.saturating_add(HOLD));
    }
}

fn refused_again_and_again() -> Error {
    Error::with_message(
        ErrorKind::Rejected,
        "the server refuses one fresh token after the other: check that the account may use this \
         API, and that MFA is not enforced on it",
    )
}

pub(crate) fn no_runtime() -> Error {
    Error::with_message(
        ErrorKind::Config,
        "there is no tokio runtime with timers here: call from within one, built with \
         enable_all()",
    )
}

pub(super) fn lost() -> Error {
    Error::with_message(
        ErrorKind::Transport,
        "the runtime that carried the renewal ended: try again",
    )
}
