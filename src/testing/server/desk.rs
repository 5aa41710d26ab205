//! The books that every simulator keeps.

use std::{
    collections::{HashSet, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use http::{HeaderMap, HeaderName, request::Parts};

use super::{
    Cue, Upload,
    rules::{self, CREDENTIALS},
    uploads::Uploads,
};
use crate::Clock;

/// How many violations are kept; all are counted.
const MOST_VIOLATIONS: usize = 1000;

/// Names a call, so that the same call can be told when it comes again.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The clock and the books of a simulator with endpoints `E` and odd answers `O`.
pub(crate) struct Desk<E, O> {
    clock: Arc<dyn Clock>,
    book: Mutex<Book<E, O>>,
}

struct Book<E, O> {
    cues: VecDeque<(E, Cue<O>)>,
    violated: u64,
    violations: Vec<String>,
    uploads: Uploads,
    /// The idempotency keys of calls that took effect.
    effected: HashSet<Vec<u8>>,
    connections: Connections,
}

/// How many connections there were, and how many are open.
#[derive(Clone, Copy, Default)]
pub(crate) struct Connections {
    pub(crate) accepted: u64,
    pub(crate) open: u64,
}

/// Both clocks, read once for a request.
#[derive(Clone, Copy)]
pub(crate) struct Now {
    pub(crate) monotonic: Duration,
    pub(crate) wall: SystemTime,
}

// === impl Desk ===

impl<E: Copy + PartialEq + fmt::Display, O> Desk<E, O> {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            book: Mutex::new(Book {
                cues: VecDeque::new(),
                violated: 0,
                violations: Vec::new(),
                uploads: Uploads::default(),
                effected: HashSet::new(),
                connections: Connections::default(),
            }),
        }
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    pub(crate) fn now(&self) -> Now {
        Now {
            monotonic: self.clock.monotonic(),
            wall: self.clock.wall(),
        }
    }

    /// Queues `cue` for the next request at `endpoint` that has none yet.
    pub(crate) fn push(&self, endpoint: E, cue: Cue<O>) {
        self.book().cues.push_back((endpoint, cue));
    }

    /// Returns what was queued first for `endpoint`.
    pub(crate) fn pop(&self, endpoint: E) -> Option<Cue<O>> {
        let mut book = self.book();
        let first = book.cues.iter().position(|(at, _)| *at == endpoint)?;
        book.cues.remove(first).map(|(_, cue)| cue)
    }

    pub(crate) fn left(&self, endpoint: E) -> usize {
        let book = self.book();
        book.cues.iter().filter(|(at, _)| *at == endpoint).count()
    }

    /// Counts a violation and keeps `sentence`, which has no secret in it.
    pub(crate) fn violate(&self, place: impl fmt::Display, sentence: &str) {
        let mut book = self.book();
        book.violated += 1;
        if book.violations.len() < MOST_VIOLATIONS {
            book.violations.push(format!("{place}: {sentence}"));
        }
    }

    pub(crate) fn violated(&self) -> u64 {
        self.book().violated
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        self.book().violations.clone()
    }

    /// Notes a call that takes effect. If its `Idempotency-Key` has been seen on one before, it was
    /// sent again although it was accepted: a violation.
    pub(crate) fn effected(&self, endpoint: E, head: &Parts) {
        let Some(key) = head.headers.get(&IDEMPOTENCY_KEY) else {
            return;
        };
        let fresh = self.book().effected.insert(key.as_bytes().to_vec());
        if !fresh {
            self.violate(endpoint, "a call that took effect is sent again");
        }
    }

    /// Keeps the body of an accepted call, and its head but for the headers that `Site`s sign in
    /// with, and those in `secret`.
    pub(crate) fn upload(
        &self,
        head: &Parts,
        secret: &[HeaderName],
        body: bytes::Bytes,
        trailers: Option<HeaderMap>,
    ) {
        let mut headers = head.headers.clone();
        for name in CREDENTIALS.iter().chain(secret) {
            headers.remove(name);
        }
        self.book().uploads.push(Upload {
            method: head.method.clone(),
            path: rules::path(head),
            headers,
            body,
            trailers,
        });
    }

    pub(crate) fn uploads(&self) -> Vec<Upload> {
        self.book().uploads.to_vec()
    }

    pub(crate) fn connections(&self) -> Connections {
        self.book().connections
    }

    pub(super) fn opened(&self) {
        let mut book = self.book();
        book.connections.accepted += 1;
        book.connections.open += 1;
    }

    pub(super) fn closed(&self) {
        self.book().connections.open -= 1;
    }

    fn book(&self) -> MutexGuard<'_, Book<E, O>> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Now ===

impl Now {
    /// Returns the date `life` from now, or one far away if that is too far to be written.
    pub(crate) fn later(self, life: Duration) -> SystemTime {
        const THOUSAND_YEARS: Duration = Duration::from_secs(1000 * 365 * 24 * 3600);
        self.wall + life.min(THOUSAND_YEARS)
    }
}
