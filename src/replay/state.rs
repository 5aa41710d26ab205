//! What the bodies of one source share: who may read, and what is kept.

use std::{collections::VecDeque, mem, task::Waker};

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;

use super::{
    NotReplayed,
    budget::{Hold, Limits},
};

/// What a kept frame counts besides its bytes: its place in the queue, which may be twice as large
/// as it is full, and the block on the heap that its bytes are counted by.
pub(super) const FRAME_OVERHEAD: usize = 128;

/// Changed under a lock that is never held while foreign code runs: what there is to wake and to
/// drop comes out as [`Leftovers`].
pub(super) struct State {
    /// All that was read from the source, as long as a fresh body may need it.
    pub(super) kept: Option<Kept>,
    /// How many bodies are in [`Phase::Fresh`]. New ones come only from fresh ones, so at zero it
    /// stays zero.
    pub(super) fresh: usize,
    /// How many bodies are with a client: the original, and copies that were released or polled.
    pub(super) sending: usize,
    /// Is one of the bodies in [`Phase::Reading`]?
    pub(super) reading: bool,
    /// Why fresh bodies cannot be sent any more. It never goes away.
    pub(super) lost: Option<NotReplayed>,
    next_id: u64,
    pub(super) waiting: Vec<(u64, Waker)>,
}

/// In this order, so that the frames are freed before their memory is given back.
pub(super) struct Kept {
    frames: VecDeque<KeptFrame>,
    /// How many of `frames` the body that reads has passed.
    read: usize,
    /// The sum of the data in `frames`.
    bytes: u64,
    pub(super) hold: Hold,
}

#[derive(Clone)]
pub(super) enum KeptFrame {
    Data(Bytes),
    Trailers(Box<HeaderMap>),
}

/// What a change of the state leaves behind, to be dealt with when the lock is released.
#[derive(Default)]
#[must_use]
pub(super) struct Leftovers {
    pub(super) waiting: Vec<(u64, Waker)>,
    pub(super) kept: Option<Kept>,
}

// === impl State ===

impl State {
    /// The state with one body, which is about to be given to a client.
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            kept: Some(Kept::new(limits)),
            fresh: 1,
            sending: 1,
            reading: false,
            lost: None,
            next_id: 1,
            waiting: Vec::new(),
        }
    }

    /// Adds a body and returns its number.
    pub(super) fn add(&mut self) -> u64 {
        self.fresh += 1;
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    /// How many frames are kept, and how many bytes of data.
    pub(super) fn kept_size(&self) -> (usize, u64) {
        let kept = self.kept.as_ref();
        kept.map_or((0, 0), |kept| (kept.frames.len(), kept.bytes))
    }

    pub(super) fn wait(&mut self, id: u64, waker: Waker) -> Option<Waker> {
        match self.waiting.iter_mut().find(|(waiting, _)| *waiting == id) {
            Some((_, old)) => Some(mem::replace(old, waker)),
            None => {
                self.waiting.push((id, waker));
                None
            }
        }
    }

    pub(super) fn keep(&mut self, frame: &Frame<Bytes>) -> Leftovers {
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

    pub(super) fn next_kept(&mut self) -> Option<KeptFrame> {
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
    pub(super) fn lose(&mut self, why: NotReplayed) -> Leftovers {
        self.lost.get_or_insert(why);
        Leftovers {
            waiting: mem::take(&mut self.waiting),
            kept: self.kept.take(),
        }
    }

    /// Frees what nobody can ask for any more.
    pub(super) fn free_unneeded(&mut self) -> Leftovers {
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
    pub(super) fn settle(self) {
        for (_, waker) in self.waiting {
            waker.wake();
        }
        drop(self.kept);
    }
}
