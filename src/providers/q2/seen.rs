//! Which events have been dealt with: each is delivered at least once, and counts once.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The ids of the last events, up to a number.
pub(super) struct Seen {
    capacity: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    stages: HashMap<Arc<str>, Stage>,
    /// Those that are not `Running`, the oldest first.
    order: VecDeque<Arc<str>>,
}

/// How far an event has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// A delivery of it is being dealt with.
    Running,
    /// Whoever waited has it, but the handler failed: that is still to be called.
    Routed,
    /// It was accepted.
    Done,
}

/// Whether a delivery is the first of its event.
#[derive(Debug)]
pub(super) enum Claim<'a> {
    /// It is. The event counts as not seen if this is dropped.
    First(Claimed<'a>),
    /// It is not, but the handler failed the time before.
    HandlerFailed(Claimed<'a>),
    /// Another one is being dealt with at this moment.
    Running,
    /// It is not.
    Done,
}

/// The right to deal with an event.
#[derive(Debug)]
pub(super) struct Claimed<'a> {
    seen: &'a Seen,
    /// Nothing, if the event has no id to tell it by.
    id: Option<Arc<str>>,
    is_routed: bool,
}

// === impl Seen ===

impl Seen {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            state: Mutex::default(),
        }
    }

    pub(super) fn claim(&self, id: Option<&str>) -> Claim<'_> {
        let claimed = |id, is_routed| Claimed {
            seen: self,
            id,
            is_routed,
        };
        let Some(id) = id else {
            return Claim::First(claimed(None, false));
        };
        let mut state = self.lock();
        match state.stages.get(id) {
            Some(Stage::Running) => return Claim::Running,
            Some(Stage::Done) => return Claim::Done,
            Some(Stage::Routed) | None => {}
        }
        let id: Arc<str> = id.into();
        let before = state.stages.insert(Arc::clone(&id), Stage::Running);
        if before.is_none() {
            return Claim::First(claimed(Some(id), false));
        }
        state.order.retain(|known| *known != id);
        Claim::HandlerFailed(claimed(Some(id), true))
    }

    pub(super) fn len(&self) -> usize {
        self.lock().stages.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn release(&self, id: Arc<str>, stage: Option<Stage>) {
        let mut state = self.lock();
        let Some(stage) = stage else {
            state.stages.remove(&id);
            return;
        };
        state.stages.insert(Arc::clone(&id), stage);
        state.order.push_back(id);
        while state.order.len() > self.capacity {
            if let Some(oldest) = state.order.pop_front() {
                state.stages.remove(&oldest);
            }
        }
    }
}

impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seen")
            .field("events", &self.len())
            .finish_non_exhaustive()
    }
}

// === impl Claimed ===

impl Claimed<'_> {
    /// Whether whoever waited has the event already.
    pub(super) fn is_routed(&self) -> bool {
        self.is_routed
    }

    /// Notes that whoever waited has the event now.
    pub(super) fn routed(&mut self) {
        self.is_routed = true;
    }

    /// Notes that the event was accepted: others of its kind are duplicates from now on.
    pub(super) fn done(mut self) {
        if let Some(id) = self.id.take() {
            self.seen.release(id, Some(Stage::Done));
        }
    }
}

impl Drop for Claimed<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id.take() {
            self.seen
                .release(id, self.is_routed.then_some(Stage::Routed));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first<'a>(seen: &'a Seen, id: &'a str) -> Claimed<'a> {
        match seen.claim(Some(id)) {
            Claim::First(claimed) => claimed,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_event_is_accepted_once() {
        let seen = Seen::new(8);
        let claimed = first(&seen, "e1");
        assert!(matches!(seen.claim(Some("e1")), Claim::Running));
        // It was not accepted, so it may come again.
        drop(claimed);
        assert_eq!(seen.len(), 0);
        let mut claimed = first(&seen, "e1");
        claimed.routed();
        drop(claimed);
        let Claim::HandlerFailed(claimed) = seen.claim(Some("e1")) else {
            panic!("the handler is still to be called");
        };
        assert!(claimed.is_routed());
        claimed.done();
        assert!(matches!(seen.claim(Some("e1")), Claim::Done));
        assert!(matches!(seen.claim(None), Claim::First(_)));
    }

    #[test]
    fn memory_is_bounded_and_the_newest_stay() {
        let seen = Seen::new(8);
        for number in 0..100_000 {
            first(&seen, &format!("e{number}")).done();
        }
        assert_eq!((seen.len(), seen.lock().order.len()), (8, 8));
        assert!(matches!(seen.claim(Some("e99999")), Claim::Done));
        assert!(matches!(seen.claim(Some("e99992")), Claim::Done));
        assert!(matches!(seen.claim(Some("e99991")), Claim::First(_)));
    }
}
