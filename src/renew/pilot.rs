//! The task of one flight: it calls the token service, and stores what it brings.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::{
    Event, Renewal, Renewed,
    backoff::CoolDown,
    cell::{Credential, Due, Phase},
    flight::{Flight, Outcome},
    renewer::Renewer,
    state::{Failure, State},
};
use crate::{Error, ErrorKind};

tokio::task_local! {
    /// The renewer whose flight the current task is.
    static FLYING: u64;
}

/// Carries a flight through its task, and ends it whatever becomes of the task.
pub(super) struct Pilot<C: Credential> {
    renewer: Renewer<C>,
    flight: Option<Arc<Flight<C>>>,
}

// === impl Pilot ===

impl<C: Credential> Pilot<C> {
    /// Starts the task of `flight` on `runtime`.
    pub(super) fn start(
        renewer: &Renewer<C>,
        flight: &Arc<Flight<C>>,
        renewal: Renewal<C>,
        runtime: &Handle,
    ) {
        let pilot = Self {
            renewer: renewer.clone(),
            flight: Some(Arc::clone(flight)),
        };
        drop(runtime.spawn(FLYING.scope(renewer.id(), pilot.fly(renewal))));
    }

    async fn fly(mut self, renewal: Renewal<C>) {
        let shared = Arc::clone(&self.renewer.shared);
        let deadline = shared.settings.flight_timeout;
        let result = tokio::select! {
            biased;
            result = (shared.source)(renewal) => result,
            () = shared.clock.sleep(deadline) => Err(Error::with_message(
                ErrorKind::Timeout,
                format!("no token came within {} s", deadline.as_secs_f32()),
            )),
        };
        if let Some(flight) = self.flight.take() {
            self.renewer.land(&flight, result);
        }
    }
}

impl<C: Credential> Drop for Pilot<C> {
    fn drop(&mut self) {
        let Some(flight) = self.flight.take() else {
            return;
        };
        if std::thread::panicking() {
            let error = Error::from_boxed("the token service panicked".into());
            self.renewer.land(&flight, Err(error));
            return;
        }
        let mut state = self.renewer.lock();
        if state
            .flight
            .as_ref()
            .is_some_and(|current| Arc::ptr_eq(current, &flight))
        {
            state.flight = None;
            if let Some(entry) = self.renewer.load().as_ref() {
                entry.take(Phase::REFUSED);
                if matches!(entry.due(), Due::Given) {
                    entry.give_due();
                }
            }
            drop(state);
            flight.end(Outcome::Lost);
        }
    }
}

// === impl Renewer ===

impl<C: Credential> Renewer<C> {
    /// Ends `flight` with what its source answered.
    fn land(&self, flight: &Arc<Flight<C>>, result: Result<Renewed<C>, Error>) {
        let mut state = self.lock();
        if !state
            .flight
            .as_ref()
            .is_some_and(|current| Arc::ptr_eq(current, flight))
        {
            // Cleared or replaced meanwhile: its waiters have their answer.
            drop(state);
            flight.give_late(result.ok().map(|renewed| renewed.credential));
            return;
        }
        state.flight = None;
        let outcome = match result {
            Ok(renewed) => self.arrived(&mut state, flight, renewed),
            Err(error) => self.failed(&mut state, flight, error),
        };
        drop(state);
        flight.end(outcome);
    }

    fn arrived(&self, state: &mut State<C>, flight: &Flight<C>, renewed: Renewed<C>) -> Outcome<C> {
        state.failure = None;
        state.backoff.reset();
        let entry = self.publish(state, renewed.credential);
        let generation = entry.generation;
        let reason = flight.reason;
        let event = if renewed.signed_in.unwrap_or(flight.replaces.is_none()) {
            Event::SignedIn { generation, reason }
        } else {
            Event::Renewed {
                old: flight.replaces,
                new: generation,
                reason,
            }
        };
        self.tell(event);
        if let Some(error) = renewed.warning {
            self.tell(Event::Warned { generation, error });
        }
        Outcome::Renewed(entry)
    }

    fn failed(&self, state: &mut State<C>, flight: &Flight<C>, error: Error) -> Outcome<C> {
        let now = self.shared.clock.monotonic();
        let cool_down = state.backoff.after(&error);
        let until = match cool_down {
            CoolDown::For(wait) => Some(now.saturating_add(wait)),
            CoolDown::UntilReset => None,
        };
        if let Some(entry) = self.load().as_ref() {
            entry.take(Phase::REFUSED);
            // An early renewal is tried again after the cool-down. One that was not due is not.
            if let (Some(until), Due::Given) = (until, entry.due()) {
                entry.set_due(Due::At(until));
            }
        }
        state.failure = Some(Failure {
            error: error.clone(),
            until,
        });
        self.tell(Event::Failed {
            error: error.clone(),
            reason: flight.reason,
        });
        Outcome::Failed(error)
    }
}

/// Whether the current task is a flight of the renewer `id`.
pub(super) fn is_flying(id: u64) -> bool {
    FLYING.try_with(|flying| *flying == id).unwrap_or(false)
}
