//! The coordinator: a lock-free cell, and the state behind a lock that decides when to fly.

use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::{ArcSwapOption, Guard};
use tokio::sync::{broadcast, oneshot};

use super::{
    Event, Reason, Renewal, Renewed,
    ask::Flying,
    cell::{Credential, Entry, Life, Phase},
    flight::Outcome,
    schedule,
    state::{Failure, State},
};
use crate::{
    Error,
    clock::{Clock, Instant},
};

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Makes the future that fetches a new credential. It is called inside the flight's own task.
pub(crate) type Source<C> =
    Box<dyn Fn(Renewal<C>) -> BoxFuture<Result<Renewed<C>, Error>> + Send + Sync>;

const EVENTS_KEPT: usize = 64;

/// Settings of a [`Renewer`].
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// How long before its end a credential is renewed. By default fitted to its lifetime.
    pub(crate) renew_ahead: Option<Duration>,
    /// The deadline of one flight.
    pub(crate) flight_timeout: Duration,
    /// After a failure, how long from the beginning of one flight to that of the next at least.
    pub(crate) spacing: Duration,
    /// What explains that the server refuses what was fetched just now.
    pub(crate) refused_again: Option<Error>,
}

/// The coordinator of renewals of one credential. Clones share everything.
pub(crate) struct Renewer<C> {
    pub(super) shared: Arc<Shared<C>>,
}

/// A renewer that may be gone. Its methods return whether it was still there.
pub(crate) struct WeakRenewer<C> {
    shared: Weak<Shared<C>>,
}

/// What was taken away by [`Renewer::clear`].
pub(crate) struct Cleared<C> {
    pub(crate) credential: Option<C>,
    /// Resolves to the credential of a flight that was on its way, if it brings one.
    pub(crate) late: Option<oneshot::Receiver<C>>,
}

pub(super) struct Shared<C> {
    /// Tells renewers apart.
    pub(super) id: u64,
    pub(super) current: ArcSwapOption<Entry<C>>,
    /// The newest generation in the cell, or an older one for a moment. While there is none: the
    /// one that comes next.
    newest: AtomicU64,
    /// The newest generation that the server is known to have accepted.
    pub(super) proven: AtomicU64,
    /// For everything but the plain use of a good credential. Nothing of the user's runs under it:
    /// no clock, no token service, no waker, no subscriber.
    state: Mutex<State<C>>,
    /// Held by who is telling events, so that they come in the order in which they happened.
    telling: Mutex<()>,
    pub(super) source: Source<C>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) settings: Settings,
    events: broadcast::Sender<Event>,
}

// === impl Renewer ===

impl<C: Credential> Renewer<C> {
    pub(crate) fn new(source: Source<C>, clock: Arc<dyn Clock>, settings: Settings) -> Self {
        static NEXT_ID: AtomicU64 = AtomicU64::new(1);
        Self {
            shared: Arc::new(Shared {
                id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
                current: ArcSwapOption::empty(),
                newest: AtomicU64::new(1),
                proven: AtomicU64::new(0),
                state: Mutex::new(State::new()),
                telling: Mutex::new(()),
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
    #[inline]
    pub(crate) fn load(&self) -> Guard<Option<Arc<Entry<C>>>> {
        self.shared.current.load()
    }

    /// Returns what is in the cell, if it is not past its end by the clocks.
    pub(crate) fn current(&self) -> Option<Arc<Entry<C>>> {
        self.shared
            .current
            .load_full()
            .filter(|entry| !entry.is_dead(|| self.now()))
    }

    /// Returns the newest generation: whoever loads the cell afterwards finds this one, a newer,
    /// or none.
    pub(crate) fn newest(&self) -> u64 {
        self.shared.newest.load(Ordering::Acquire)
    }

    /// Notes that the server accepted `generation`.
    pub(crate) fn accepted(&self, generation: u64) {
        // Read first: once it is noted, the line stays shared between cores.
        if self.shared.proven.load(Ordering::Relaxed) < generation {
            self.shared.proven.fetch_max(generation, Ordering::Relaxed);
        }
    }

    /// Whether the server is known to have accepted `generation`, or a newer one.
    pub(crate) fn is_accepted(&self, generation: u64) -> bool {
        generation <= self.shared.proven.load(Ordering::Relaxed)
    }

    /// What explains that the server refuses what was fetched just now.
    pub(crate) fn refused_again(&self) -> Option<&Error> {
        self.shared.settings.refused_again.as_ref()
    }

    /// Stores `credential` as the newest; the result of a flight begun before is dropped.
    pub(crate) fn set(&self, credential: C) -> u64 {
        let life = self.life_of(&credential);
        let mut state = self.lock();
        state.reset();
        state.epoch += 1;
        let entry = self.publish(&mut state, credential, None, life);
        let generation = entry.generation;
        let flight = state.flight.take();
        state.untold.push_back(Event::Set { generation });
        drop(state);
        if let Some(flight) = flight {
            flight.end(Outcome::Renewed(entry));
        }
        self.tell();
        generation
    }

    /// Stores `credential`, which others have fetched, as the newest, unless the one in the cell
    /// `is_same`. A flight that is on its way is overtaken.
    fn adopt(&self, credential: C, is_same: impl Fn(&C) -> bool) {
        let life = self.life_of(&credential);
        let mut state = self.lock();
        if self
            .load()
            .as_ref()
            .is_some_and(|entry| is_same(&entry.credential))
        {
            return;
        }
        state.failure = None;
        state.backoff.reset();
        state.epoch += 1;
        let entry = self.publish(&mut state, credential, None, life);
        let generation = entry.generation;
        let flight = state.flight.take();
        state.untold.push_back(Event::Adopted { generation });
        drop(state);
        if let Some(flight) = flight {
            flight.end(Outcome::Renewed(entry));
        }
        self.tell();
    }

    /// Tells that something is amiss beside the credential in use.
    fn warn(&self, error: Error) {
        let mut state = self.lock();
        let generation = state.last;
        state.untold.push_back(Event::Warned { generation, error });
        drop(state);
        self.tell();
    }

    /// Returns a handle that does not keep the renewer alive.
    pub(crate) fn downgrade(&self) -> WeakRenewer<C> {
        WeakRenewer {
            shared: Arc::downgrade(&self.shared),
        }
    }

    /// Forgets the credential; the result of a flight begun before is dropped.
    pub(crate) fn clear(&self) -> Cleared<C> {
        let mut state = self.lock();
        state.reset();
        state.epoch += 1;
        state.floor = state.last;
        let entry = self.take_out(&state);
        let flight = state.flight.take();
        let late = flight.as_ref().map(|flight| flight.want_late());
        state.untold.push_back(Event::Cleared);
        drop(state);
        if let Some(flight) = flight {
            flight.end(Outcome::Cleared);
        }
        self.tell();
        Cleared {
            credential: entry.map(|entry| entry.credential.clone()),
            late,
        }
    }

    /// Forgets the credential of `generation`, which the server refused, unless there is a newer
    /// one. It is not offered again.
    ///
    /// `pause` gets it, and the newest generation that is known to have worked. It may say why and
    /// until when no other is asked for.
    pub(crate) fn discard(
        &self,
        generation: u64,
        pause: impl FnOnce(&Entry<C>, u64) -> Option<(Error, Duration)>,
    ) {
        let mut state = self.lock();
        let current = self.shared.current.load_full();
        let Some(refused) = current.filter(|entry| entry.generation == generation) else {
            return;
        };
        drop(self.take_out(&state));
        let proven = self.shared.proven.load(Ordering::Relaxed);
        if let Some((error, until)) = pause(&refused, proven) {
            state.untold.push_back(Event::Failed {
                error: error.clone(),
                reason: Reason::Rejected,
            });
            let until = Some(until);
            state.failure = Some(Failure { error, until });
        }
        drop(state);
        self.tell();
    }

    /// Waits as long as a flight may take.
    pub(crate) async fn deadline(&self) {
        self.shared
            .clock
            .sleep(self.shared.settings.flight_timeout)
            .await;
    }

    /// Waits until no flight is on its way, and all events are told.
    pub(crate) async fn settled(&self) {
        loop {
            let Some(flight) = self.lock().flight.clone() else {
                break;
            };
            let renewer = self.clone();
            drop(Flying { renewer, flight }.ended().await);
        }
        // On another thread, which has just ended a flight, they may be about to be.
        while !self.is_told() {
            self.tell();
            tokio::task::yield_now().await;
        }
    }

    fn is_told(&self) -> bool {
        let is_telling = matches!(
            self.shared.telling.try_lock(),
            Err(TryLockError::WouldBlock)
        );
        !is_telling && self.lock().untold.is_empty()
    }

    /// Returns the instants in the life of `credential`, if it is received now.
    pub(super) fn life_of(&self, credential: &C) -> Option<Life> {
        let shared = &self.shared;
        Life::new(
            credential.lifetime(),
            shared.settings.renew_ahead,
            &*shared.clock,
        )
    }

    pub(super) fn publish(
        &self,
        state: &mut State<C>,
        credential: C,
        asked_at: Option<Duration>,
        life: Option<Life>,
    ) -> Arc<Entry<C>> {
        state.last += 1;
        let shared = &self.shared;
        let replaced = self.shared.current.load_full();
        let before = replaced.as_ref().map(|entry| entry.credential.clone());
        let entry = Entry::new(credential, before, state.last, asked_at, life);
        let entry = Arc::new(entry);
        schedule::start(&entry, &shared.clock);
        shared.current.store(Some(Arc::clone(&entry)));
        if let Some(replaced) = replaced {
            replaced.set(Phase::REPLACED);
        }
        // After the cell, so that what is read here is there.
        shared.newest.store(state.last, Ordering::Release);
        entry
    }

    /// Empties the cell.
    fn take_out(&self, state: &State<C>) -> Option<Arc<Entry<C>>> {
        let entry = self.shared.current.swap(None);
        if let Some(entry) = &entry {
            entry.set(Phase::REPLACED);
        }
        self.shared.newest.store(state.last + 1, Ordering::Release);
        entry
    }

    /// Tells the events that happened.
    pub(super) fn tell(&self) {
        loop {
            {
                // Whoever is telling tells these as well; also if that is this very thread, whose
                // waker or subscriber came back to us.
                let _telling = match self.shared.telling.try_lock() {
                    Ok(telling) => telling,
                    Err(TryLockError::Poisoned(telling)) => telling.into_inner(),
                    Err(TryLockError::WouldBlock) => return,
                };
                while let Some(event) = self.next_untold() {
                    #[cfg(feature = "tracing")]
                    event.trace(C::NAME);
                    drop(self.shared.events.send(event));
                }
            }
            // Others may have left theirs to us just before we let go.
            if self.lock().untold.is_empty() {
                return;
            }
        }
    }

    fn next_untold(&self) -> Option<Event> {
        self.lock().untold.pop_front()
    }

    pub(super) fn now(&self) -> Instant {
        Instant::now(&*self.shared.clock)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State<C>> {
        // If something panics under this lock all the same, each field is valid by itself.
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C> Drop for Shared<C> {
    fn drop(&mut self) {
        // Somebody may still hold it, but copies of it are not used any more.
        if let Some(entry) = self.current.load().as_ref() {
            entry.set(Phase::REPLACED);
        }
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

// === impl WeakRenewer ===

impl<C: Credential> WeakRenewer<C> {
    /// See [`Renewer::adopt`].
    pub(crate) fn adopt(&self, credential: C, is_same: impl Fn(&C) -> bool) -> bool {
        self.with(|renewer| renewer.adopt(credential, is_same))
    }

    /// See [`Renewer::clear`].
    pub(crate) fn clear(&self) -> bool {
        self.with(|renewer| drop(renewer.clear()))
    }

    /// See [`Renewer::warn`].
    pub(crate) fn warn(&self, error: Error) -> bool {
        self.with(|renewer| renewer.warn(error))
    }

    fn with(&self, act: impl FnOnce(&Renewer<C>)) -> bool {
        let shared = self.shared.upgrade();
        let is_there = shared.is_some();
        if let Some(shared) = shared {
            act(&Renewer { shared });
        }
        is_there
    }
}

impl<C> Clone for WeakRenewer<C> {
    fn clone(&self) -> Self {
        Self {
            shared: Weak::clone(&self.shared),
        }
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
    fn what_is_discarded_is_gone_unless_there_is_a_newer_one() {
        let tokens = service_fn(|_: Renewal| async { Token::new("t") });
        let session = Session::builder(tokens)
            .origin("https://api.example.com")
            .token(Token::new("t1").expect("a token"))
            .build()
            .expect("a session");
        let renewer = session.renewer();
        session.set(Token::new("t2").expect("a token"));
        renewer.discard(1, |_, _| panic!("it is not there"));
        assert!(renewer.load().is_some());
        renewer.accepted(2);
        renewer.discard(2, |entry, proven| {
            assert_eq!((entry.credential.expose(), proven), ("t2", 2));
            None
        });
        assert!(renewer.load().is_none());
        // Copies of it are dropped with the next send.
        assert_eq!(renewer.newest(), 3);
        assert!(renewer.lock().failure.is_none());
    }

    #[test]
    fn the_request_path_takes_no_lock_while_the_token_is_good() {
        let tokens = service_fn(|_: Renewal| async { Token::new("t") });
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
