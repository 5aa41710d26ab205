//! The coordinator: a lock-free cell, one flight at a time, and the rules about when to fly.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::{ArcSwapOption, Guard};
use tokio::{
    runtime::Handle,
    sync::{broadcast, oneshot},
};

use super::{
    Event, Reason, Renewal, Renewed,
    backoff::{Backoff, Breaker, CoolDown},
    cell::{Credential, Due, Entry, Instant, Life, Phase},
    flight::{Flight, Outcome},
    schedule,
};
use crate::{Error, ErrorKind, clock::Clock};

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Makes the future that fetches a new credential. It is called inside the flight's own task.
pub(crate) type Source<C> =
    Box<dyn Fn(Renewal<C>) -> BoxFuture<Result<Renewed<C>, Error>> + Send + Sync>;

/// How long a refused credential is held back while it is being renewed.
const HOLD: Duration = Duration::from_secs(5);
const EVENTS_KEPT: usize = 64;

tokio::task_local! {
    /// The renewer whose flight the current task is.
    static FLYING: u64;
}

/// Settings of a [`Renewer`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// How long before its end a credential is renewed. By default fitted to its lifetime.
    pub(crate) renew_ahead: Option<Duration>,
    /// The deadline of one flight.
    pub(crate) flight_timeout: Duration,
}

/// The coordinator of renewals of one credential. Clones share everything.
pub(crate) struct Renewer<C> {
    shared: Arc<Shared<C>>,
}

/// What became of a wish for a newer credential.
pub(crate) enum Ticket<C> {
    /// It is decided already.
    Done(Result<Arc<Entry<C>>, Error>),
    /// A flight is on its way.
    Flying(Flying<C>),
}

/// A flight to wait for.
pub(crate) struct Flying<C> {
    renewer: Renewer<C>,
    flight: Arc<Flight<C>>,
}

/// What a request that needs a credential has to do.
pub(crate) enum Usable<C> {
    Now(Arc<Entry<C>>),
    Wait(Waiting<C>),
    Failed(Error),
}

/// A flight that a request has to wait for, and for how long.
pub(crate) struct Waiting<C> {
    flying: Flying<C>,
    /// With a credential in hand that was refused, one waits only so long.
    held: Option<(Arc<Entry<C>>, Duration)>,
}

/// What was taken away by [`Renewer::clear`].
pub(crate) struct Cleared<C> {
    pub(crate) credential: Option<C>,
    /// Resolves to the credential of a flight that was on its way, if it brings one.
    pub(crate) late: Option<oneshot::Receiver<C>>,
}

struct Shared<C> {
    /// Tells renewers apart.
    id: u64,
    current: ArcSwapOption<Entry<C>>,
    /// The newest generation in the cell, or an older one for a moment.
    newest: AtomicU64,
    /// The newest generation that the server is known to have accepted.
    proven: AtomicU64,
    /// For everything but the plain use of a good credential.
    state: Mutex<State<C>>,
    source: Source<C>,
    clock: Arc<dyn Clock>,
    settings: Settings,
    events: broadcast::Sender<Event>,
}

struct State<C> {
    /// The generation that was given out last.
    last: u64,
    /// Generations up to this one were cleared.
    floor: u64,
    flight: Option<Arc<Flight<C>>>,
    failure: Option<Failure>,
    backoff: Backoff,
    breaker: Breaker,
}

/// The last failure, while its cool-down lasts.
struct Failure {
    error: Error,
    /// On the monotonic clock; `None`: until it is reset.
    until: Option<Duration>,
}

/// Carries a flight through its task, and ends it whatever becomes of the task.
struct Pilot<C: Credential> {
    renewer: Renewer<C>,
    flight: Option<Arc<Flight<C>>>,
}

// === impl Renewer ===

impl<C: Credential> Renewer<C> {
    pub(crate) fn new(source: Source<C>, clock: Arc<dyn Clock>, settings: Settings) -> Self {
        static NEXT_ID: AtomicU64 = AtomicU64::new(1);
        let state = State {
            last: 0,
            floor: 0,
            flight: None,
            failure: None,
            backoff: Backoff::default(),
            breaker: Breaker::default(),
        };
        Self {
            shared: Arc::new(Shared {
                id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
                current: ArcSwapOption::empty(),
                newest: AtomicU64::new(0),
                proven: AtomicU64::new(0),
                state: Mutex::new(state),
                source,
                clock,
                settings,
                events: broadcast::Sender::new(EVENTS_KEPT),
            }),
        }
    }

    pub(crate) fn id(&self) -> u64 {
        self.shared.id
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.shared.events.subscribe()
    }

    /// Loads what is in the cell: no lock, no allocation, no clock.
    pub(crate) fn load(&self) -> Guard<Option<Arc<Entry<C>>>> {
        self.shared.current.load()
    }

    /// Returns the newest generation: whoever loads the cell afterwards finds this one or a newer.
    pub(crate) fn newest(&self) -> u64 {
        // Pairs with the store in `publish`, which comes after that of the cell.
        self.shared.newest.load(Ordering::Acquire)
    }

    /// Notes that the server accepted `generation`.
    pub(crate) fn accepted(&self, generation: u64) {
        // Read first: once it is noted, the line stays shared between cores.
        if self.shared.proven.load(Ordering::Relaxed) < generation {
            self.shared.proven.fetch_max(generation, Ordering::Relaxed);
        }
    }

    /// Says what a request that found no plain credential has to do. With `exact` the clocks are
    /// read, instead of trusting the flags that the schedule sets.
    pub(crate) fn usable(&self, exact: bool) -> Usable<C> {
        let current = self.shared.current.load_full();
        let generation = current.as_ref().map(|entry| entry.generation);
        if let Some(entry) = current {
            schedule::start(&entry, &self.shared.clock);
            let dead = if exact {
                entry.is_dead(|| self.now())
            } else {
                entry.phase().has(Phase::DEAD)
            };
            if !dead {
                if exact {
                    self.look_whether_due(&entry);
                }
                if entry.take(Phase::DUE) {
                    // Whatever comes of it, the credential in hand is good.
                    drop(self.ask(Reason::Expiring, generation, None));
                }
                return self.unless_held(entry);
            }
        }
        match self.ask(Reason::Missing, generation, None) {
            Ticket::Done(Ok(entry)) => Usable::Now(entry),
            Ticket::Done(Err(error)) => Usable::Failed(error),
            Ticket::Flying(flying) => Usable::Wait(Waiting { flying, held: None }),
        }
    }

    /// Waits for a credential that can be used.
    ///
    /// Cancel safe: a renewal that was begun goes on without the caller.
    pub(crate) async fn wait(self, mut usable: Usable<C>) -> Result<Arc<Entry<C>>, Error> {
        // A flight whose runtime ended is started afresh, but not for ever.
        for _ in 0..3 {
            let Waiting { flying, held } = match usable {
                Usable::Now(entry) => return Ok(entry),
                Usable::Failed(error) => return Err(error),
                Usable::Wait(waiting) => waiting,
            };
            if FLYING.try_with(|id| *id == self.shared.id).unwrap_or(false) {
                return Err(Error::with_message(
                    ErrorKind::Config,
                    "the token service called through the session that it serves: give it an \
                     HTTP service of its own, below the layers",
                ));
            }
            let outcome = match held {
                None => flying.flight.ended().await,
                Some((entry, left)) => tokio::select! {
                    biased;
                    outcome = flying.flight.ended() => outcome,
                    () = self.shared.clock.sleep(left) => return Ok(entry),
                },
            };
            match outcome {
                Outcome::Renewed(entry) => return Ok(entry),
                Outcome::Cleared => return Err(cleared()),
                // With a good credential in hand a failure is none.
                Outcome::Failed(error) => match self.load().as_ref() {
                    Some(entry) if !entry.is_dead(|| self.now()) => return Ok(Arc::clone(entry)),
                    _ => return Err(error),
                },
                Outcome::Lost => usable = self.usable(true),
            }
        }
        Err(lost())
    }

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
        let pilot = Pilot {
            renewer: self.clone(),
            flight: Some(Arc::clone(&flight)),
        };
        // Not under the lock: a runtime that is shutting down drops the task here and now.
        drop(runtime.spawn(FLYING.scope(self.shared.id, pilot.fly(renewal))));
        self.flying(flight)
    }

    /// Stores `credential` as the newest; the result of a flight begun before is dropped.
    pub(crate) fn set(&self, credential: C) -> u64 {
        let mut state = self.lock();
        state.reset();
        let entry = self.publish(&mut state, credential);
        let generation = entry.generation;
        let flight = state.flight.take();
        drop(self.shared.events.send(Event::Set { generation }));
        drop(state);
        if let Some(flight) = flight {
            flight.end(Outcome::Renewed(entry));
        }
        generation
    }

    /// Forgets the credential; the result of a flight begun before is dropped.
    pub(crate) fn clear(&self) -> Cleared<C> {
        let mut state = self.lock();
        state.reset();
        state.floor = state.last;
        let entry = self.shared.current.swap(None);
        let flight = state.flight.take();
        let late = flight.as_ref().map(|flight| flight.want_late());
        drop(self.shared.events.send(Event::Cleared));
        drop(state);
        if let Some(flight) = flight {
            flight.end(Outcome::Cleared);
        }
        Cleared {
            credential: entry.map(|entry| entry.credential.clone()),
            late,
        }
    }

    /// Lets `entry` be used, unless it was refused and its renewal is under way.
    fn unless_held(&self, entry: Arc<Entry<C>>) -> Usable<C> {
        if !entry.phase().has(Phase::REFUSED) {
            return Usable::Now(entry);
        }
        let state = self.lock();
        let Some(flight) = &state.flight else {
            // The flight has just ended: if it went well there is a newer one.
            return Usable::Now(self.load().clone().unwrap_or(entry));
        };
        let now = self.shared.clock.monotonic();
        match flight.held_until().and_then(|until| until.checked_sub(now)) {
            None => Usable::Now(entry),
            Some(left) => Usable::Wait(Waiting {
                flying: Flying {
                    renewer: self.clone(),
                    flight: Arc::clone(flight),
                },
                held: Some((entry, left)),
            }),
        }
    }

    fn look_whether_due(&self, entry: &Entry<C>) {
        let at_refresh_after = matches!(entry.due(), Due::AtRefreshAfter);
        if at_refresh_after
            && entry
                .life
                .is_some_and(|life| life.refresh_after.has_passed(self.now()))
        {
            entry.give_due();
        }
    }

    fn publish(&self, state: &mut State<C>, credential: C) -> Arc<Entry<C>> {
        state.last += 1;
        let shared = &self.shared;
        let life = Life::new(
            credential.lifetime(),
            shared.settings.renew_ahead,
            &*shared.clock,
        );
        let replaced = self.load().as_ref().map(|entry| entry.credential.clone());
        let entry = Arc::new(Entry::new(credential, replaced, state.last, life));
        schedule::start(&entry, &shared.clock);
        shared.current.store(Some(Arc::clone(&entry)));
        shared.newest.store(state.last, Ordering::Release);
        entry
    }

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
            if let Some(until) = until {
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

    /// Sends an event. It is done under the lock, so that events come in the order in which they
    /// happened.
    fn tell(&self, event: Event) {
        #[cfg(feature = "tracing")]
        trace(&event);
        drop(self.shared.events.send(event));
    }

    fn flying(&self, flight: Arc<Flight<C>>) -> Ticket<C> {
        Ticket::Flying(Flying {
            renewer: self.clone(),
            flight,
        })
    }

    fn now(&self) -> Instant {
        Instant::now(&*self.shared.clock)
    }

    fn lock(&self) -> MutexGuard<'_, State<C>> {
        // Nothing that can panic runs under this lock; and if it did, each field is valid by
        // itself.
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C> Clone for Renewer<C> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<C> fmt::Debug for Renewer<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let current = self.shared.current.load();
        f.debug_struct("Renewer")
            .field("id", &self.shared.id)
            .field(
                "generation",
                &current.as_ref().map(|entry| entry.generation),
            )
            .finish_non_exhaustive()
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

// === impl State ===

impl<C> State<C> {
    /// The stored error, if `reason` has to respect its cool-down.
    fn pause(&mut self, reason: Reason, now: Duration) -> Option<Error> {
        let failure = self.failure.as_ref()?;
        let left = match failure.until {
            Some(until) => Some(until.checked_sub(now).filter(|left| !left.is_zero())?),
            None => None,
        };
        // Whoever asks explicitly has changed something, or wants to see; but a limit stays one.
        let limited = matches!(
            failure.error.kind(),
            ErrorKind::Locked | ErrorKind::RateLimited
        );
        if reason == Reason::Explicit && !limited {
            return None;
        }
        Some(match left {
            Some(left) => failure.error.clone().retry_after(left),
            None => failure.error.clone(),
        })
    }

    fn reset(&mut self) {
        self.failure = None;
        self.backoff.reset();
        self.breaker.reset();
    }
}

// === impl Pilot ===

impl<C: Credential> Pilot<C> {
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

/// Holds the refused credential back until `flight` ends, for a while.
fn hold_back<C>(flight: &Flight<C>, refused: Option<&Entry<C>>, now: Duration) {
    if let Some(entry) = refused {
        entry.set(Phase::REFUSED);
        flight.hold(now.saturating_add(HOLD));
    }
}

fn cleared() -> Error {
    Error::with_message(
        ErrorKind::Cleared,
        "the session was cleared or signed out while this call was on its way",
    )
}

fn lost() -> Error {
    Error::with_message(
        ErrorKind::Transport,
        "the runtime that carried the renewal ended: try again",
    )
}

#[cfg(feature = "tracing")]
fn trace(event: &Event) {
    match event {
        Event::SignedIn { generation, reason } => {
            tracing::info!(generation, reason = reason.as_str(), "signed in");
        }
        Event::Renewed { old, new, reason } => {
            tracing::info!(old, new, reason = reason.as_str(), "renewed");
        }
        Event::Warned { generation, error } => {
            tracing::warn!(generation, %error, "the token is in use, but something is amiss");
        }
        Event::Failed { error, reason } => {
            let kind = error.kind().as_str();
            tracing::warn!(kind, %error, reason = reason.as_str(), "no new token could be had");
        }
        Event::Set { .. } | Event::Cleared | Event::Missed { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread};

    use http::{Request, Response};
    use tower::{Layer, ServiceExt, service_fn};

    use super::*;
    use crate::{BoxError, Session, Token, layers::BearerLayer};

    #[test]
    fn the_request_path_takes_no_lock_while_the_token_is_good() {
        let tokens = tower::service_fn(|_: Renewal| async { Token::new("t") });
        let session = Session::builder(tokens)
            .origin("https://api.example.com")
            .token(Token::new("t").expect("a token"))
            .build()
            .expect("a session");
        let client = BearerLayer::new(session.clone()).layer(service_fn(
            |request: Request<()>| async move {
                assert_eq!(request.headers()["authorization"], "Bearer t");
                Ok::<_, BoxError>(Response::new(()))
            },
        ));
        let (done, finished) = mpsc::channel();
        let held = session.renewer().lock();
        let caller = thread::spawn(move || {
            let request = Request::get("https://api.example.com/")
                .body(())
                .expect("a request");
            let answer = tokio_test::block_on(client.oneshot(request)).is_ok();
            done.send(answer).expect("the test waits");
        });
        let answer = finished.recv_timeout(Duration::from_secs(30));
        drop(held);
        assert_eq!(answer, Ok(true), "a call waited for the lock");
        caller.join().expect("no panic");
    }
}
