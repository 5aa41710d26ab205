//! The stream case of `ReplayBody`: several bodies, of which one at a time reads the source.

use std::{
    fmt, mem,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::{
    NotReplayed, Released,
    budget::Limits,
    state::{KeptFrame, State},
};
use crate::BoxError;

/// One of the bodies that send what one source yields.
pub(super) struct Stream<B> {
    shared: Arc<Shared<B>>,
    id: u64,
    phase: Phase,
    /// Is this one counted in [`State::sending`]?
    sending: bool,
    /// What the source said before anything was read. All sends start with it, so that they are
    /// framed alike.
    total: Total,
}

#[derive(Debug)]
enum Phase {
    /// Not polled yet: will send everything from the start.
    Fresh,
    /// The one that reads, with this much of what is kept still ahead of it.
    Reading {
        frames: usize,
        bytes: u64,
        /// Did the source say that nothing comes after what it last yielded? Noted down so that
        /// clients, who ask after each frame, need no lock.
        ended: bool,
    },
    /// At its end, or failed: takes no part any more.
    Done,
}

/// A `SizeHint`, which is not `Copy` in all versions.
#[derive(Clone, Copy)]
struct Total {
    lower: u64,
    upper: Option<u64>,
}

struct Shared<B> {
    /// Locked only by the body that reads, so it never waits; held while the source runs, so it is
    /// poisoned if the source panics. `None` once the source has ended.
    source: Mutex<Option<Pin<Box<B>>>>,
    /// Never held while foreign code runs.
    state: Mutex<State>,
    /// Is [`State::fresh`] above zero, or was a moment ago? Read without the lock, so that a body
    /// without copies passes freely.
    is_wanted: AtomicBool,
    max_body: usize,
}

// === impl Stream ===

impl<B> Stream<B> {
    pub(super) fn new(source: B, limits: Limits) -> Self
    where
        B: Body,
    {
        let hint = source.size_hint();
        let total = Total {
            lower: hint.lower(),
            upper: hint.upper(),
        };
        let max_body = limits.max_body;
        Self {
            shared: Arc::new(Shared {
                source: Mutex::new(Some(Box::pin(source))),
                state: Mutex::new(State::new(limits)),
                is_wanted: AtomicBool::new(true),
                max_body,
            }),
            id: 0,
            phase: Phase::Fresh,
            sending: true,
            total,
        }
    }

    pub(super) fn try_copy(&self) -> Option<Self> {
        if !matches!(self.phase, Phase::Fresh) || self.is_too_large() {
            return None;
        }
        let mut state = self.shared.state();
        if state.lost.is_some() {
            return None;
        }
        Some(Self {
            shared: Arc::clone(&self.shared),
            id: state.add(),
            phase: Phase::Fresh,
            sending: false,
            total: self.total,
        })
    }

    pub(super) fn poll_released(&mut self, cx: &mut Context<'_>) -> Poll<Released> {
        if !matches!(self.phase, Phase::Fresh) {
            return Poll::Ready(Released::NotReplayable);
        }
        let waker = cx.waker().clone();
        let mut state = self.shared.state();
        if state.lost.is_some() {
            return Poll::Ready(Released::NotReplayable);
        }
        if state.sending > usize::from(self.sending) {
            let replaced = state.wait(self.id, waker);
            drop(state);
            drop(replaced);
            return Poll::Pending;
        }
        // Counted from now on and not from its first poll, because a client may hold a body for a
        // while before it polls it.
        if !mem::replace(&mut self.sending, true) {
            state.sending += 1;
        }
        Poll::Ready(Released::Whole)
    }

    pub(super) fn not_replayed(&self) -> NotReplayed {
        let state = self.shared.state();
        match state.lost {
            Some(why) => why,
            None if self.is_too_large() => NotReplayed::TooLarge,
            None if !matches!(self.phase, Phase::Fresh) => NotReplayed::NotCopyable,
            None if state.sending > usize::from(self.sending) => NotReplayed::StillSending,
            None => NotReplayed::NotCopyable,
        }
    }

    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<BoxError>,
    {
        match self.phase {
            Phase::Done => return Poll::Ready(None),
            Phase::Reading { .. } => {}
            Phase::Fresh => {
                if let Err(why) = self.start() {
                    self.finish();
                    return Poll::Ready(Some(Err(why.into())));
                }
            }
        }
        if let Some(kept) = self.next_kept() {
            return Poll::Ready(Some(Ok(kept.into())));
        }
        let Ok(mut source) = self.shared.source.lock() else {
            self.finish();
            return Poll::Ready(Some(Err(NotReplayed::Failed.into())));
        };
        let polled = match source.as_mut() {
            Some(body) => ready!(body.as_mut().poll_frame(cx)),
            None => None,
        };
        let error = match polled {
            Some(Ok(frame)) => {
                let at_end = source.as_ref().is_none_or(|source| source.is_end_stream());
                drop(source);
                self.note_end(at_end);
                self.keep(&frame);
                return Poll::Ready(Some(Ok(frame)));
            }
            Some(Err(error)) => Some(error),
            None => None,
        };
        let spent = source.take();
        drop(source);
        if error.is_some() {
            let leftovers = self.shared.state().lose(NotReplayed::Failed);
            leftovers.settle();
        }
        // The end counts as letting go: some clients keep a body that has ended for longer.
        self.finish();
        drop(spent);
        Poll::Ready(error.map(|error| Err(error.into())))
    }

    pub(super) fn is_end_stream(&self) -> bool {
        match self.phase {
            Phase::Fresh => false,
            Phase::Reading { frames, ended, .. } => frames == 0 && ended,
            Phase::Done => true,
        }
    }

    pub(super) fn size_hint(&self) -> SizeHint
    where
        B: Body,
    {
        let ahead = match self.phase {
            Phase::Fresh => return self.total.hint(),
            Phase::Reading { bytes, .. } => bytes,
            Phase::Done => return SizeHint::with_exact(0),
        };
        let rest = match &*self.shared.source() {
            Some(source) => source.size_hint(),
            None => SizeHint::with_exact(0),
        };
        let left = Total {
            lower: rest.lower().saturating_add(ahead),
            upper: rest.upper().and_then(|upper| upper.checked_add(ahead)),
        };
        left.hint()
    }

    /// Becomes the one that reads.
    fn start(&mut self) -> Result<(), NotReplayed>
    where
        B: Body,
    {
        let mut state = self.shared.state();
        if let Some(why) = state.lost {
            return Err(why);
        }
        if state.reading {
            return Err(NotReplayed::StillSending);
        }
        state.reading = true;
        state.fresh -= 1;
        if !mem::replace(&mut self.sending, true) {
            state.sending += 1;
        }
        let (frames, bytes) = state.kept_size();
        self.note_wanted(&state);
        drop(state);
        self.phase = Phase::Reading {
            frames,
            bytes,
            ended: false,
        };
        // With nothing ahead, the poll that follows asks the source.
        if frames > 0 {
            let at_end = self
                .shared
                .source()
                .as_ref()
                .is_none_or(|source| source.is_end_stream());
            self.note_end(at_end);
        }
        Ok(())
    }

    fn next_kept(&mut self) -> Option<KeptFrame> {
        let Phase::Reading { frames, bytes, .. } = &mut self.phase else {
            return None;
        };
        *frames = frames.checked_sub(1)?;
        let kept = self.shared.state().next_kept();
        let kept = kept.expect("what is ahead of the body that reads is not freed by others");
        if let KeptFrame::Data(data) = &kept {
            *bytes -= data.len() as u64;
        }
        Some(kept)
    }

    fn note_end(&mut self, at_end: bool) {
        if let Phase::Reading { ended, .. } = &mut self.phase {
            *ended = at_end;
        }
    }

    fn note_wanted(&self, state: &State) {
        if state.fresh == 0 {
            self.shared.is_wanted.store(false, Ordering::Relaxed);
        }
    }

    fn keep(&self, frame: &Frame<Bytes>) {
        // Relaxed: all that depends on it is under the lock. It never turns true again, and who
        // sees it change late only asks the lock once more.
        if !self.shared.is_wanted.load(Ordering::Relaxed) {
            return;
        }
        let leftovers = self.shared.state().keep(frame);
        leftovers.settle();
    }

    /// Takes no part any more. Whoever waits for it is woken.
    fn finish(&mut self) {
        let phase = mem::replace(&mut self.phase, Phase::Done);
        let panicked = matches!(phase, Phase::Reading { .. }) && self.shared.source.is_poisoned();
        let mut state = self.shared.state();
        let left = match phase {
            Phase::Done => return,
            Phase::Fresh => {
                state.fresh -= 1;
                self.note_wanted(&state);
                state
                    .waiting
                    .extract_if(.., |(id, _)| *id == self.id)
                    .next()
            }
            Phase::Reading { .. } => {
                state.reading = false;
                None
            }
        };
        let mut leftovers = if panicked {
            state.lose(NotReplayed::Failed)
        } else {
            state.free_unneeded()
        };
        if mem::take(&mut self.sending) {
            state.sending -= 1;
            leftovers.waiting.append(&mut state.waiting);
        }
        drop(state);
        drop(left);
        leftovers.settle();
    }

    /// Does the source itself say that it is longer than can be kept?
    fn is_too_large(&self) -> bool {
        self.total.lower > self.shared.max_body as u64
    }

    /// What is kept now, as it counts against the limits.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        let state = self.shared.state();
        state.kept.as_ref().map_or(0, |kept| kept.hold.amount())
    }
}

impl<B> Drop for Stream<B> {
    fn drop(&mut self) {
        self.finish();
    }
}

impl<B> fmt::Debug for Stream<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("id", &self.id)
            .field("phase", &self.phase)
            .field("lost", &self.shared.state().lost)
            .finish_non_exhaustive()
    }
}

// === impl Total ===

impl Total {
    fn hint(self) -> SizeHint {
        let mut hint = SizeHint::new();
        hint.set_lower(self.lower);
        if let Some(upper) = self.upper {
            hint.set_upper(upper);
        }
        hint
    }
}

// === impl Shared ===

impl<B> Shared<B> {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn source(&self) -> MutexGuard<'_, Option<Pin<Box<B>>>> {
        self.source.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
