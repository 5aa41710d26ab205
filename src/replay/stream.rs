//! The stream case of `ReplayBody`: several bodies, of which one at a time reads the source.

use std::{
    collections::VecDeque,
    fmt, mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

use super::{
    NotReplayed, Released,
    budget::{Hold, Limits},
};
use crate::BoxError;

/// What a kept frame counts besides its bytes: its place in the queue, which may be twice as large
/// as it is full, and the block on the heap that its bytes are counted by.
pub(super) const FRAME_OVERHEAD: usize = 128;

/// One of the bodies that send what one source yields.
pub(super) struct Stream<B> {
    shared: Arc<Shared<B>>,
    id: u64,
    phase: Phase,
    /// Is this one counted in [`State::sending`]?
    sending: bool,
    /// What the source said before anything was read. All sends start with it, so that they are
    /// framed alike.
    total: SizeHint,
}

#[derive(Debug)]
enum Phase {
    /// Not polled yet: will send everything from the start.
    Fresh,
    /// The one that reads, with this much of what is kept still ahead of it.
    Reading { frames: usize, bytes: u64 },
    /// At its end, or failed: takes no part any more.
    Done,
}

struct Shared<B> {
    /// Locked only by the body that reads, so it never waits; held while the source runs, so it is
    /// poisoned if the source panics. `None` once the source has ended.
    source: Mutex<Option<Pin<Box<B>>>>,
    /// Never held while foreign code runs.
    state: Mutex<State>,
    max_body: usize,
}

struct State {
    /// All that was read from the source, as long as a fresh body may need it.
    kept: Option<Kept>,
    /// How many bodies are in [`Phase::Fresh`]. New ones come only from fresh ones, so at zero it
    /// stays zero.
    fresh: usize,
    /// How many bodies are with a client: the original, and copies that were released or polled.
    sending: usize,
    /// Is one of the bodies in [`Phase::Reading`]?
    reading: bool,
    /// Why fresh bodies cannot be sent any more. It never goes away.
    lost: Option<NotReplayed>,
    next_id: u64,
    waiting: Vec<(u64, Waker)>,
}

/// In this order, so that the frames are freed before their memory is given back.
struct Kept {
    frames: VecDeque<KeptFrame>,
    /// How many of `frames` the body that reads has passed.
    read: usize,
    /// The sum of the data in `frames`.
    bytes: u64,
    hold: Hold,
}

#[derive(Clone)]
enum KeptFrame {
    Data(Bytes),
    Trailers(Box<HeaderMap>),
}

/// What a change of the state leaves behind, to be dealt with when the lock is released.
#[derive(Default)]
#[must_use]
struct Leftovers {
    waiting: Vec<(u64, Waker)>,
    kept: Option<Kept>,
}

// === impl Stream ===

impl<B> Stream<B> {
    pub(super) fn new(source: B, limits: Limits) -> Self
    where
        B: Body,
    {
        let total = source.size_hint();
        let max_body = limits.max_body;
        let state = State {
            kept: Some(Kept::new(limits)),
            fresh: 1,
            sending: 1,
            reading: false,
            lost: None,
            next_id: 1,
            waiting: Vec::new(),
        };
        Self {
            shared: Arc::new(Shared {
                source: Mutex::new(Some(Box::pin(source))),
                state: Mutex::new(state),
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
        state.fresh += 1;
        let id = state.next_id;
        state.next_id += 1;
        Some(Self {
            shared: Arc::clone(&self.shared),
            id,
            phase: Phase::Fresh,
            sending: false,
            total: self.total.clone(),
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
                drop(source);
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

    pub(super) fn is_end_stream(&self) -> bool
    where
        B: Body,
    {
        match self.phase {
            Phase::Fresh => false,
            Phase::Reading { frames, .. } => {
                frames == 0
                    && self
                        .shared
                        .source()
                        .as_ref()
                        .is_none_or(|source| source.is_end_stream())
            }
            Phase::Done => true,
        }
    }

    pub(super) fn size_hint(&self) -> SizeHint
    where
        B: Body,
    {
        let ahead = match self.phase {
            Phase::Fresh => return self.total.clone(),
            Phase::Reading { bytes, .. } => bytes,
            Phase::Done => return SizeHint::with_exact(0),
        };
        let rest = match &*self.shared.source() {
            Some(source) => source.size_hint(),
            None => SizeHint::with_exact(0),
        };
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(ahead));
        if let Some(upper) = rest.upper().and_then(|upper| upper.checked_add(ahead)) {
            hint.set_upper(upper);
        }
        hint
    }

    /// Becomes the one that reads.
    fn start(&mut self) -> Result<(), NotReplayed> {
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
        let kept = state.kept.as_ref();
        self.phase = Phase::Reading {
            frames: kept.map_or(0, |kept| kept.frames.len()),
            bytes: kept.map_or(0, |kept| kept.bytes),
        };
        Ok(())
    }

    fn next_kept(&mut self) -> Option<KeptFrame> {
        let Phase::Reading { frames, bytes } = &mut self.phase else {
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

    fn keep(&self, frame: &Frame<Bytes>) {
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
        self.total.lower() > self.shared.max_body as u64
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

// === impl Shared ===

impl<B> Shared<B> {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn source(&self) -> MutexGuard<'_, Option<Pin<Box<B>>>> {
        self.source.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    fn wait(&mut self, id: u64, waker: Waker) -> Option<Waker> {
        match self.waiting.iter_mut().find(|(waiting, _)| *waiting == id) {
            Some((_, old)) => Some(mem::replace(old, waker)),
            None => {
                self.waiting.push((id, waker));
                None
            }
        }
    }

    fn keep(&mut self, frame: &Frame<Bytes>) -> Leftovers {
        let Some(kept) = self.kept.as_mut().filter(|_| self.fresh > 0) else {
            return Leftovers::default();
        };
        let result = match (frame.data_ref(), frame.trailers_ref()) {
            // Sends nothing, so it need not be sent again.
            (Some(data), _) if data.is_empty() => Ok(()),
            (Some(data), _) => kept.push(KeptFrame::Data(data.clone())),
            (_, Some(trailers)) => kept.push(KeptFrame::Trailers(Box::new(trailers.clone()))),
            // A kind of frame that this version does not know passes by, but cannot be kept.
            (None, None) => Err(NotReplayed::NotCopyable),
        };
        match result {
            Ok(()) => Leftovers::default(),
            Err(why) => self.lose(why),
        }
    }

    fn next_kept(&mut self) -> Option<KeptFrame> {
        let kept = self.kept.as_mut()?;
        if self.fresh > 0 {
            let frame = kept.frames.get(kept.read)?.clone();
            kept.read += 1;
            return Some(frame);
        }
        let frame = kept.frames.pop_front()?;
        kept.hold.shrink(frame.cost());
        Some(frame)
    }

    /// Nothing can be sent again from now on. Those who wait for it are woken to be told so.
    fn lose(&mut self, why: NotReplayed) -> Leftovers {
        self.lost.get_or_insert(why);
        Leftovers {
            waiting: mem::take(&mut self.waiting),
            kept: self.kept.take(),
        }
    }

    fn free_unneeded(&mut self) -> Leftovers {
        let kept = match &mut self.kept {
            // The next one starts from the first frame.
            Some(kept) if self.fresh > 0 => {
                if !self.reading {
                    kept.read = 0;
                }
                None
            }
            // The body that reads needs what is ahead of it.
            Some(kept) if self.reading && kept.read < kept.frames.len() => Some(kept.split_read()),
            _ => self.kept.take(),
        };
        Leftovers {
            waiting: Vec::new(),
            kept,
        }
    }
}

// === impl Kept ===

impl Kept {
    fn new(limits: Limits) -> Self {
        Self {
            frames: VecDeque::new(),
            read: 0,
            bytes: 0,
            hold: Hold::new(limits),
        }
    }

    /// Keeps a frame that the body that reads has just got from the source.
    fn push(&mut self, frame: KeptFrame) -> Result<(), NotReplayed> {
        self.hold.grow(frame.cost())?;
        if let KeptFrame::Data(data) = &frame {
            self.bytes += data.len() as u64;
        }
        self.frames.push_back(frame);
        self.read += 1;
        Ok(())
    }

    /// Splits off the frames that the body that reads has passed.
    fn split_read(&mut self) -> Self {
        let ahead = self.frames.split_off(self.read);
        let passed = mem::replace(&mut self.frames, ahead);
        self.read = 0;
        let hold = self
            .hold
            .split(passed.iter().map(KeptFrame::cost).sum::<usize>());
        Self {
            frames: passed,
            read: 0,
            bytes: 0,
            hold,
        }
    }
}

// === impl KeptFrame ===

impl KeptFrame {
    fn cost(&self) -> usize {
        let size = match self {
            Self::Data(data) => data.len(),
            Self::Trailers(trailers) => trailers
                .iter()
                .map(|(name, value)| name.as_str().len() + value.len() + FRAME_OVERHEAD)
                .sum(),
        };
        size.saturating_add(FRAME_OVERHEAD)
    }
}

impl From<KeptFrame> for Frame<Bytes> {
    fn from(kept: KeptFrame) -> Self {
        match kept {
            KeptFrame::Data(data) => Self::data(data),
            KeptFrame::Trailers(trailers) => Self::trailers(*trailers),
        }
    }
}

// === impl Leftovers ===

impl Leftovers {
    fn settle(self) {
        for (_, waker) in self.waiting {
            waker.wake();
        }
        drop(self.kept);
    }
}
