//! How events go out, and what became of them.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use super::{Event, Forgery};

/// How an event is delivered, if not as usual: once, in order, as soon as the answer to the request
/// that caused it is on its way.
///
/// Queued with [`Simulator::script`](super::Simulator::script), and used up by the next event of
/// that type.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Delivery {
    /// Before the request that caused it is answered: the answer waits until the webhook has
    /// answered.
    BeforeAnswer,
    /// Twice, with the same `_id`, whatever the webhook says to the first.
    Twice,
    /// After the next event that is delivered as usual, whoever that is for: out of order.
    AfterNext,
    /// After this time, on the simulator's clock.
    Late(Duration),
    /// Not before the test does it: see [`next_held`](super::Simulator::next_held).
    Held,
    /// Not at all.
    Never,
    /// After an event of a type that nobody has heard of, for the same client.
    AfterUnknown,
    /// After the same event under a forged signature. That is sent once, whatever comes back, and a
    /// webhook that accepts it (with a status of 2xx) is a violation.
    Forged(Forgery),
}

/// An attempt to deliver an event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivered {
    /// The `_id` of the event.
    pub id: String,
    /// The type of the event.
    pub kind: String,
    /// The status that the webhook answered with, if it answered.
    pub status: Option<u16>,
    /// How the signature was forged, if it was.
    pub forgery: Option<Forgery>,
}

/// The scripts and events that wait, and the newest attempts.
#[derive(Default)]
pub(super) struct Outbox {
    scripts: HashMap<String, VecDeque<Delivery>>,
    /// Waiting for the test.
    held: VecDeque<Event>,
    /// Waiting for another event to go first.
    behind: Vec<Event>,
    delivered: VecDeque<Delivered>,
    /// Of all, those no longer kept included.
    attempts: usize,
}

// === impl Outbox ===

impl Outbox {
    const MOST_DELIVERED: usize = 1024;

    pub(super) fn script(&mut self, kind: &str, delivery: Delivery) {
        self.scripts
            .entry(kind.to_owned())
            .or_default()
            .push_back(delivery);
    }

    /// Returns how `event` is to be delivered, `None` being as usual.
    pub(super) fn next_script(&mut self, event: &Event) -> Option<Delivery> {
        self.scripts.get_mut(event.kind())?.pop_front()
    }

    pub(super) fn scripts_left(&self, kind: &str) -> usize {
        self.scripts.get(kind).map_or(0, VecDeque::len)
    }

    pub(super) fn hold(&mut self, event: Event) {
        self.held.push_back(event);
    }

    pub(super) fn take_held(&mut self) -> Option<Event> {
        self.held.pop_front()
    }

    pub(super) fn put_behind(&mut self, event: Event) {
        self.behind.push(event);
    }

    pub(super) fn take_behind(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.behind)
    }

    pub(super) fn note(&mut self, delivered: Delivered) {
        self.attempts += 1;
        self.delivered.push_back(delivered);
        if self.delivered.len() > Self::MOST_DELIVERED {
            self.delivered.pop_front();
        }
    }

    pub(super) fn attempts(&self) -> usize {
        self.attempts
    }

    pub(super) fn delivered(&self) -> Vec<Delivered> {
        self.delivered.iter().cloned().collect()
    }
}
