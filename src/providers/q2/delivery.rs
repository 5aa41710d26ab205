//! The way of an event from its delivery to whoever waits for it.

use std::{
    collections::HashMap,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    Event, EventMeaning,
    seen::{Claim, Claimed, Seen},
    waiters::{Routed, Told, Waiters},
};

type Observer = Arc<dyn Fn(&Event, Delivery) + Send + Sync>;

/// What became of an event that was delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Delivery {
    /// A call of [`create_auth`](super::Q2::create_auth) that waits for it has it.
    Delivered,
    /// It names an auth that is not known yet. It is kept until the answers that are on their way
    /// have come, as one of them may name that auth.
    Kept,
    /// The same event was accepted before.
    Duplicate,
    /// Nobody waits for it: it came late, or is about an auth that was not created here.
    Unclaimed,
    /// Its type means nothing here.
    Unknown,
    /// It cannot be taken now: another delivery of it is being dealt with, or whoever waits for it
    /// has more than enough to look at. It is not remembered, and should come again.
    Busy,
}

/// How many events there were, and how many are held: a snapshot from [`Q2::counts`](super::Q2::counts).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Calls of `create_auth` that wait now.
    pub waiting: usize,
    /// Events that are held now for calls that have not looked at them.
    pub held: usize,
    /// Ids of events that are remembered now, so that the same is not accepted twice.
    pub remembered: usize,
    /// Events that ended as [`Delivery::Delivered`].
    pub delivered: u64,
    /// Events that ended as [`Delivery::Kept`].
    pub kept: u64,
    /// Events that ended as [`Delivery::Duplicate`].
    pub duplicate: u64,
    /// Events that ended as [`Delivery::Unclaimed`].
    pub unclaimed: u64,
    /// Events that ended as [`Delivery::Unknown`].
    pub unknown: u64,
    /// Events that ended as [`Delivery::Busy`].
    pub busy: u64,
}

/// What the client and its receivers share.
pub(super) struct Deliveries {
    pub(super) waiters: Waiters,
    seen: Seen,
    meanings: HashMap<Box<str>, EventMeaning>,
    observer: Option<Observer>,
    counters: [AtomicU64; 6],
}

// === impl Deliveries ===

impl Deliveries {
    pub(super) fn new(
        remembered: usize,
        meanings: HashMap<Box<str>, EventMeaning>,
        observer: Option<Observer>,
    ) -> Self {
        Self {
            waiters: Waiters::default(),
            seen: Seen::new(remembered),
            meanings,
            observer,
            counters: Default::default(),
        }
    }

    /// Delivers an event that nobody else is to see.
    pub(super) fn deliver(&self, event: &Event) -> Delivery {
        match self.claim(event) {
            Ok(mut claimed) => {
                let delivery = self.route(event, &mut claimed);
                if delivery != Delivery::Busy {
                    claimed.done();
                }
                delivery
            }
            Err(delivery) => delivery,
        }
    }

    /// Claims an event, or says why it is not to be dealt with.
    pub(super) fn claim<'a>(&'a self, event: &Event) -> Result<Claimed<'a>, Delivery> {
        let delivery = match self.seen.claim(event.id()) {
            Claim::First(claimed) | Claim::HandlerFailed(claimed) => return Ok(claimed),
            Claim::Running => Delivery::Busy,
            Claim::Done => Delivery::Duplicate,
        };
        self.note(event, delivery);
        Err(delivery)
    }

    /// Hands the event to whoever waits for it, and tells of it. Once: not if that was done at a
    /// delivery before, whose handler failed.
    pub(super) fn route(&self, event: &Event, claimed: &mut Claimed<'_>) -> Delivery {
        if claimed.is_routed() {
            return Delivery::Duplicate;
        }
        let own = self.meanings.get(event.kind()).copied();
        let delivery = match own.unwrap_or_else(|| EventMeaning::of(event.kind())) {
            EventMeaning::Nothing => Delivery::Unknown,
            meaning => {
                let event = event.clone();
                match self.waiters.route(Told { meaning, event }) {
                    Routed::Delivered => Delivery::Delivered,
                    Routed::Kept => Delivery::Kept,
                    Routed::Unclaimed => Delivery::Unclaimed,
                    Routed::Full => Delivery::Busy,
                }
            }
        };
        if delivery != Delivery::Busy {
            claimed.routed();
        }
        self.note(event, delivery);
        delivery
    }

    pub(super) fn counts(&self) -> Counts {
        let count = |delivery| self.counter(delivery).load(Ordering::Relaxed);
        Counts {
            waiting: self.waiters.len(),
            held: self.waiters.held(),
            remembered: self.seen.len(),
            delivered: count(Delivery::Delivered),
            kept: count(Delivery::Kept),
            duplicate: count(Delivery::Duplicate),
            unclaimed: count(Delivery::Unclaimed),
            unknown: count(Delivery::Unknown),
            busy: count(Delivery::Busy),
        }
    }

    fn note(&self, event: &Event, delivery: Delivery) {
        self.counter(delivery).fetch_add(1, Ordering::Relaxed);
        #[cfg(feature = "tracing")]
        tracing::debug!(?event, ?delivery, "an event of Q2 came");
        if let Some(observer) = &self.observer {
            // Whoever looks on must not lose an event that was taken.
            drop(catch_unwind(AssertUnwindSafe(|| observer(event, delivery))));
        }
    }

    fn counter(&self, delivery: Delivery) -> &AtomicU64 {
        &self.counters[match delivery {
            Delivery::Delivered => 0,
            Delivery::Kept => 1,
            Delivery::Duplicate => 2,
            Delivery::Unclaimed => 3,
            Delivery::Unknown => 4,
            Delivery::Busy => 5,
        }]
    }
}

impl fmt::Debug for Deliveries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deliveries")
            .field("waiters", &self.waiters)
            .field("seen", &self.seen)
            .finish_non_exhaustive()
    }
}
