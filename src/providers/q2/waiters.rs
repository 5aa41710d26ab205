//! Who waits for which event.
//!
//! Most events name a client and a company and no auth, so a waiter stands under that pair from
//! before its request is sent; from the answer on it stands under its auth as well. An event that
//! names an auth goes to that auth's waiter and to no other. While an answer is still on its way,
//! such an event is kept for the waiter whose answer may name it.

use std::{
    collections::{HashMap, VecDeque},
    fmt, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::{Event, EventMeaning};

/// How many events one waiter holds that it has not looked at.
const INBOX: usize = 32;

/// How many events are kept for answers that are on their way, and of how many bytes in all.
const EARLY: usize = 256;
const EARLY_BYTES: usize = 1024 * 1024;

/// All that wait, shared with the receivers.
#[derive(Clone, Default)]
pub(super) struct Waiters(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    next: u64,
    waiting: HashMap<u64, Entry>,
    by_pair: HashMap<Pair, u64>,
    by_auth: HashMap<Box<str>, u64>,
    early: VecDeque<Told>,
    early_bytes: usize,
}

struct Entry {
    answer: Answered,
    inbox: VecDeque<Told>,
    arrived: Arc<Notify>,
}

/// What the server has said to the waiter's request.
enum Answered {
    NotYet,
    /// With the id of the auth, which the documentation promises.
    Auth(Option<Box<str>>),
}

/// A client and a company.
type Pair = (Box<str>, Box<str>);

/// An event and what it means.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) meaning: EventMeaning,
    pub(super) event: Event,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Routed {
    /// Somebody waits for it.
    Delivered,
    /// It is kept, because an answer on its way may name its auth.
    Kept,
    /// Nobody waits for it.
    Unclaimed,
    /// Whoever waits for it has more than enough to look at.
    Full,
}

/// One that waits, until it is dropped.
pub(super) struct Waiter {
    waiters: Waiters,
    id: u64,
    pair: Pair,
    arrived: Arc<Notify>,
}

// === impl Waiters ===

impl Waiters {
    /// Begins to wait for the auth of this client and company. Nothing, if somebody does already:
    /// events do not tell the two apart.
    pub(super) fn register(&self, client_id: &str, company_id: &str) -> Option<Waiter> {
        let pair = (client_id.into(), company_id.into());
        let arrived = Arc::new(Notify::new());
        let mut state = self.lock();
        if state.by_pair.contains_key(&pair) {
            return None;
        }
        let id = state.next;
        state.next += 1;
        state.by_pair.insert(Pair::clone(&pair), id);
        state.waiting.insert(
            id,
            Entry {
                answer: Answered::NotYet,
                inbox: VecDeque::new(),
                arrived: Arc::clone(&arrived),
            },
        );
        Some(Waiter {
            waiters: self.clone(),
            id,
            pair,
            arrived,
        })
    }

    /// Hands an event to whoever waits for it.
    pub(super) fn route(&self, told: Told) -> Routed {
        self.lock().route(told)
    }

    pub(super) fn len(&self) -> usize {
        self.lock().waiting.len()
    }

    /// How many events are kept: unread ones, and early ones.
    pub(super) fn held(&self) -> usize {
        let state = self.lock();
        let unread: usize = state.waiting.values().map(|entry| entry.inbox.len()).sum();
        unread + state.early.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Waiters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiters")
            .field("waiting", &self.len())
            .finish_non_exhaustive()
    }
}

// === impl State ===

impl State {
    fn route(&mut self, told: Told) -> Routed {
        let event = &told.event;
        let pair = event.client_id().zip(event.company_id());
        let by_pair = pair.and_then(|(client, company)| {
            self.by_pair.get(&(client.into(), company.into())).copied()
        });
        let Some(auth) = event.auth_id() else {
            return match by_pair {
                Some(id) => self.push(id, told),
                None => Routed::Unclaimed,
            };
        };
        if let Some(&id) = self.by_auth.get(auth) {
            return self.push(id, told);
        }
        match by_pair.and_then(|id| Some((id, &self.waiting.get(&id)?.answer))) {
            // Whether it is this waiter's auth, the answer will tell.
            Some((id, Answered::NotYet | Answered::Auth(None))) => self.push(id, told),
            Some((_, Answered::Auth(Some(_)))) => Routed::Unclaimed,
            None if pair.is_none() && self.is_answer_due() => self.keep(told),
            None => Routed::Unclaimed,
        }
    }

    fn push(&mut self, id: u64, told: Told) -> Routed {
        let Some(entry) = self.waiting.get_mut(&id) else {
            return Routed::Unclaimed;
        };
        if entry.inbox.len() >= INBOX {
            let lesser = entry
                .inbox
                .iter()
                .position(|told| !told.meaning.is_outcome());
            match lesser.filter(|_| told.meaning.is_outcome()) {
                Some(lesser) => drop(entry.inbox.remove(lesser)),
                None => return Routed::Full,
            }
        }
        entry.inbox.push_back(told);
        entry.arrived.notify_one();
        Routed::Delivered
    }

    fn is_answer_due(&self) -> bool {
        let mut entries = self.waiting.values();
        entries.any(|entry| matches!(entry.answer, Answered::NotYet))
    }

    fn keep(&mut self, told: Told) -> Routed {
        self.early_bytes += told.event.size();
        self.early.push_back(told);
        while self.early.len() > EARLY || self.early_bytes > EARLY_BYTES {
            let Some(oldest) = self.early.pop_front() else {
                break;
            };
            self.early_bytes -= oldest.event.size();
        }
        Routed::Kept
    }

    /// Notes the answer to a waiter's request, and gives it what came before that.
    fn answered(&mut self, id: u64, auth: Option<&str>) {
        let Some(entry) = self.waiting.get_mut(&id) else {
            return;
        };
        entry.answer = Answered::Auth(auth.map(Into::into));
        if let Some(auth) = auth {
            // What names another auth is about an earlier one of the same client and company.
            entry
                .inbox
                .retain(|told| told.event.auth_id().is_none_or(|named| named == auth));
            self.by_auth.entry(auth.into()).or_insert(id);
            let early = mem::take(&mut self.early);
            self.early_bytes = 0;
            for told in early {
                if told.event.auth_id() == Some(auth) {
                    self.push(id, told);
                } else {
                    self.keep(told);
                }
            }
        }
        self.forget_early();
    }

    fn remove(&mut self, id: u64, pair: &Pair) {
        self.by_pair.remove(pair);
        if let Some(Entry {
            answer: Answered::Auth(Some(auth)),
            ..
        }) = self.waiting.remove(&id)
            && self.by_auth.get(&auth) == Some(&id)
        {
            self.by_auth.remove(&auth);
        }
        self.forget_early();
    }

    /// Drops the early events where no answer is to come.
    fn forget_early(&mut self) {
        if !self.is_answer_due() {
            self.early = VecDeque::new();
            self.early_bytes = 0;
        }
    }
}

// === impl Waiter ===

impl Waiter {
    /// Notes that the server has answered, and which auth it named.
    pub(super) fn answered(&self, auth: Option<&str>) {
        self.waiters.lock().answered(self.id, auth);
    }

    /// Takes the next event: an outcome if there is one, and else the oldest.
    pub(super) fn take(&self) -> Option<Told> {
        let mut state = self.waiters.lock();
        let inbox = &mut state.waiting.get_mut(&self.id)?.inbox;
        let outcome = inbox.iter().position(|told| told.meaning.is_outcome());
        inbox.remove(outcome.unwrap_or(0))
    }

    /// Takes an outcome, if there is one.
    pub(super) fn take_outcome(&self) -> Option<Told> {
        let mut state = self.waiters.lock();
        let inbox = &mut state.waiting.get_mut(&self.id)?.inbox;
        let outcome = inbox.iter().position(|told| told.meaning.is_outcome())?;
        inbox.remove(outcome)
    }

    /// Waits for the next event and takes it.
    ///
    /// Cancel safe: it takes nothing before it returns.
    pub(super) async fn next(&self) -> Told {
        loop {
            let arrived = self.arrived.notified();
            if let Some(told) = self.take() {
                return told;
            }
            arrived.await;
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.waiters.lock().remove(self.id, &self.pair);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(kind: &str, auth: Option<&str>, pair: Option<(&str, &str)>) -> Told {
        let mut event = serde_json::json!({"type": kind, "payload": {"data": {}}});
        if let Some((client, company)) = pair {
            event["clientId"] = client.into();
            event["payload"]["data"]["company"] = company.into();
        }
        if let Some(auth) = auth {
            event["payload"]["data"]["auth"] = auth.into();
        }
        Told {
            meaning: EventMeaning::of(kind),
            event: Event::from_json(event.to_string()).unwrap(),
        }
    }

    fn kinds(waiter: &Waiter) -> Vec<String> {
        std::iter::from_fn(|| waiter.take())
            .map(|told| told.event.kind().to_owned())
            .collect()
    }

    const PAIR: Option<(&str, &str)> = Some(("c1", "co1"));

    #[test]
    fn an_event_goes_to_the_pair_or_to_the_auth_it_names() {
        let waiters = Waiters::default();
        let one = waiters.register("c1", "co1").unwrap();
        let two = waiters.register("c1", "co2").unwrap();
        assert!(waiters.register("c1", "co1").is_none());
        one.answered(Some("a1"));
        two.answered(Some("a2"));
        for (auth, pair, routed) in [
            (None, PAIR, Routed::Delivered),
            (Some("a1"), None, Routed::Delivered),
            (Some("a1"), PAIR, Routed::Delivered),
            // The auth counts, and not the pair beside it.
            (Some("a2"), PAIR, Routed::Delivered),
            (Some("a3"), PAIR, Routed::Unclaimed),
            (Some("a3"), None, Routed::Unclaimed),
            (None, Some(("c1", "co3")), Routed::Unclaimed),
            (None, None, Routed::Unclaimed),
        ] {
            let event = told("auth.failed", auth, pair);
            assert_eq!(waiters.route(event), routed, "{auth:?} {pair:?}");
        }
        assert_eq!((kinds(&one).len(), kinds(&two).len()), (3, 1));
        drop((one, two));
        assert_eq!((waiters.len(), waiters.held()), (0, 0));
        assert!(waiters.register("c1", "co1").is_some());
    }

    #[test]
    fn what_comes_before_the_answer_is_kept_for_it() {
        let waiters = Waiters::default();
        let waiter = waiters.register("c1", "co1").unwrap();
        for (auth, pair, routed) in [
            (Some("a1"), None, Routed::Kept),
            (Some("a0"), None, Routed::Kept),
            (Some("a1"), PAIR, Routed::Delivered),
            (Some("a0"), PAIR, Routed::Delivered),
            (None, PAIR, Routed::Delivered),
        ] {
            assert_eq!(waiters.route(told("auth.created", auth, pair)), routed);
        }
        waiter.answered(Some("a1"));
        assert_eq!(kinds(&waiter).len(), 3);
        assert_eq!(waiters.held(), 0);
    }

    #[test]
    fn an_outcome_comes_before_a_question() {
        let waiters = Waiters::default();
        let waiter = waiters.register("c1", "co1").unwrap();
        for kind in ["auth.created", "auth.mfa-required", "auth.success"] {
            waiters.route(told(kind, None, PAIR));
        }
        let expected = ["auth.success", "auth.created", "auth.mfa-required"];
        assert_eq!(kinds(&waiter), expected);
    }

    #[test]
    fn memory_is_bounded() {
        let waiters = Waiters::default();
        let waiter = waiters.register("c1", "co1").unwrap();
        for number in 0..100_000 {
            let auth = format!("a{number}");
            waiters.route(told("auth.created", Some(&auth), None));
            waiters.route(told("auth.created", None, PAIR));
        }
        let created = told("auth.created", None, PAIR);
        assert_eq!(waiters.route(created), Routed::Full);
        let outcome = told("auth.success", None, PAIR);
        assert_eq!(waiters.route(outcome), Routed::Delivered);
        assert_eq!(waiters.held(), EARLY + INBOX);
        drop(waiter);
        assert_eq!(waiters.held(), 0);
    }
}
