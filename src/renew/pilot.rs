//! The task of one flight: it calls the token service, and stores what it brings.

use std::{
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use tokio::runtime::Handle;

use super::{
    Event, Renewal, Renewed,
    backoff::CoolDown,
    cell::{Credential, Due, Life, Phase},
    flight::{Flight, Outcome},
    renewer::{Renewer, Source},
    state::{Failure, State},
};
use crate::Error;

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
        let result = tokio::select! {
            biased;
            result = fetch(&shared.source, renewal) => result,
            () = shared.clock.sleep(shared.settings.flight_timeout) => Err(C::late(shared.settings.flight_timeout)),
        };
        if let Some(flight) = &self.flight {
            self.renewer.land(flight, result);
        }
        self.flight = None;
    }
}

/// Calls the service. If it panics that is a failure like others.
async fn fetch<C: Credential>(
    source: &Source<C>,
    renewal: Renewal<C>,
) -> Result<Renewed<C>, Error> {
    let made = catch_unwind(AssertUnwindSafe(|| source(renewal)));
    let mut future = made.map_err(|_| C::panicked())?;
    poll_fn(move |cx| {
        catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)))
            .unwrap_or_else(|_| Poll::Ready(Err(C::panicked())))
    })
    .await
}

impl<C: Credential> Drop for Pilot<C> {
    fn drop(&mut self) {
        // Only if it was cut off: by a runtime that ended.
        let Some(flight) = self.flight.take() else {
            return;
        };
        let mut state = self.renewer.lock();
        if state.is_flying(&flight) {
            state.flight = None;
            if let Some(entry) = self.renewer.load().as_ref() {
                entry.take(Phase::REFUSED);
                if matches!(entry.due(), Due::Given) {
                    entry.give_due();
                }
            }
        }
        drop(state);
        // The first outcome stays.
        flight.end(Outcome::Lost);
    }
}

/// Ends a flight when it goes out of scope, also by a panic.
struct Ending<'a, C> {
    flight: &'a Flight<C>,
    outcome: Outcome<C>,
}

impl<C> Drop for Ending<'_, C> {
    fn drop(&mut self) {
        self.flight.end(self.outcome.clone());
    }
}

// === impl Renewer ===

impl<C: Credential> Renewer<C> {
    /// Ends `flight` with what its source answered.
    fn land(&self, flight: &Arc<Flight<C>>, result: Result<Renewed<C>, Error>) {
        let now = self.shared.clock.monotonic();
        let life = result
            .as_ref()
            .ok()
            .and_then(|renewed| self.life_of(&renewed.credential));
        let mut state = self.lock();
        let is_flying = state.is_flying(flight);
        // It was given up, but nothing has been set, cleared or renewed since that it could harm.
        let generation = self.load().as_ref().map(|entry| entry.generation);
        let is_welcome =
            flight.is_given_up() && flight.epoch == state.epoch && flight.replaces == generation;
        let outcome = match result {
            Ok(renewed) if is_flying || is_welcome => {
                self.arrived(&mut state, flight, renewed, life)
            }
            Err(error) if is_flying => self.failed(&mut state, flight, error, now),
            result => {
                // Cleared or replaced meanwhile: its waiters have their answer.
                drop(state);
                flight.give_late(result.ok().map(|renewed| renewed.credential));
                return;
            }
        };
        if is_flying {
            state.flight = None;
        }
        drop(state);
        let _ending = Ending { flight, outcome };
        self.tell();
    }

    /// Ends `flight` in its stead, because the runtime that carries it stands still.
    pub(super) fn give_up(&self, flight: &Arc<Flight<C>>) {
        let now = self.shared.clock.monotonic();
        let mut state = self.lock();
        if !state.is_flying(flight) {
            return;
        }
        flight.give_up();
        state.flight = None;
        let too_late = C::late(self.shared.settings.flight_timeout);
        let outcome = self.failed(&mut state, flight, too_late, now);
        drop(state);
        let _ending = Ending { flight, outcome };
        self.tell();
    }

    fn arrived(
        &self,
        state: &mut State<C>,
        flight: &Flight<C>,
        renewed: Renewed<C>,
        life: Option<Life>,
    ) -> Outcome<C> {
        state.failure = None;
        state.backoff.reset();
        let entry = self.publish(state, renewed.credential, Some(flight.began), life);
        let generation = entry.generation;
        let reason = flight.reason;
        let event = if renewed.adopted {
            Event::Adopted { generation }
        } else if renewed.signed_in.unwrap_or(flight.replaces.is_none()) {
            Event::SignedIn { generation, reason }
        } else {
            Event::Renewed {
                old: flight.replaces,
                new: generation,
                reason,
            }
        };
        state.untold.push_back(event);
        let warning = renewed
            .warning
            .map(|error| Event::Warned { generation, error });
        state.untold.extend(warning);
        Outcome::Renewed(entry)
    }

    fn failed(
        &self,
        state: &mut State<C>,
        flight: &Flight<C>,
        error: Error,
        now: Duration,
    ) -> Outcome<C> {
        let earliest = flight.began.saturating_add(self.shared.settings.spacing);
        let until = match state.backoff.after(&error) {
            CoolDown::For(wait) => Some(now.saturating_add(wait).max(earliest)),
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
        state.untold.push_back(Event::Failed {
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
