use std::{
    fmt, mem,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use http_body::Body;
use pin_project_lite::pin_project;

use super::{Limit, PeekBody, Until};
use crate::BoxError;

pin_project! {
    /// Reads the start of a body, until it ends or `until` has enough.
    ///
    /// # Cancel safety
    ///
    /// What was read is lost with the future, and the rest of the body with it.
    pub(crate) struct Peek<R, U> {
        body: Source<R>,
        start: Start,
        // How many frames without data may still come. They cost no memory, but a body of nothing
        // else must not keep the reader busy for ever.
        empty_frames_left: usize,
        #[pin]
        until: U,
    }
}

enum Source<R> {
    /// Known to be empty before anything was read, so never boxed.
    Empty(R),
    Reading(Pin<Box<R>>),
    Finished,
}

/// The bytes read, in one piece because verdicts are made on slices. One frame, which is the usual
/// number, is not copied; joining more of them bounds the memory, however small they are.
enum Start {
    One(Bytes),
    Joined(BytesMut),
}

const MAX_EMPTY_FRAMES: usize = 1024;

// === impl Peek ===

impl<R: Body, D> Peek<R, Limit<D>> {
    /// Reads until more than `limit` bytes are read, or until `deadline` is ready.
    pub(crate) fn new(body: R, limit: usize, deadline: D) -> Self {
        Self::until(body, Limit::new(limit, deadline))
    }
}

impl<R: Body, U> Peek<R, U> {
    pub(crate) fn until(body: R, until: U) -> Self {
        let body = if body.is_end_stream() {
            Source::Empty(body)
        } else {
            Source::Reading(Box::pin(body))
        };
        Self {
            body,
            start: Start::One(Bytes::new()),
            empty_frames_left: MAX_EMPTY_FRAMES,
            until,
        }
    }

    /// Returns what says when enough was read, with what it has found out.
    pub(crate) fn until_mut(&mut self) -> &mut U {
        &mut self.until
    }
}

impl<R, U> Future for Peek<R, U>
where
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
    U: Until,
{
    type Output = PeekBody<R>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<PeekBody<R>> {
        let mut this = self.project();
        let mut body = match mem::replace(this.body, Source::Finished) {
            Source::Empty(body) => return Poll::Ready(PeekBody::new(body)),
            Source::Reading(body) => body,
            Source::Finished => panic!("`Peek` polled after completion"),
        };
        let mut tail = None;
        let mut error = None;
        let ended = loop {
            let enough = match body.as_mut().poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) if data.is_empty() => {
                        *this.empty_frames_left = this.empty_frames_left.saturating_sub(1);
                        *this.empty_frames_left == 0
                    }
                    Ok(data) => {
                        this.start.push(data);
                        this.until.as_mut().is_enough(this.start.as_slice())
                    }
                    // Nothing comes after trailers. Should it, it stays in the body, in its place.
                    Err(frame) => {
                        tail = Some(frame);
                        break body.is_end_stream();
                    }
                },
                Poll::Ready(Some(Err(failed))) => {
                    error = Some(failed.into());
                    break true;
                }
                Poll::Ready(None) => break true,
                Poll::Pending if this.until.as_mut().poll_late(cx).is_ready() => break false,
                Poll::Pending => {
                    *this.body = Source::Reading(body);
                    return Poll::Pending;
                }
            };
            if body.is_end_stream() {
                break true;
            }
            if enough {
                break false;
            }
        };
        // What has ended is dropped now, for it may still hold on to its connection.
        let rest = (!ended).then_some(body);
        Poll::Ready(PeekBody::peeked(this.start.take(), tail, error, rest))
    }
}

impl<R, U> fmt::Debug for Peek<R, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peek")
            .field("read", &self.start.as_slice().len())
            .finish_non_exhaustive()
    }
}

// === impl Start ===

impl Start {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::One(bytes) => bytes,
            Self::Joined(bytes) => bytes,
        }
    }

    fn push(&mut self, data: Bytes) {
        match self {
            Self::One(first) if first.is_empty() => *first = data,
            Self::One(first) => {
                let mut joined = BytesMut::with_capacity(first.len() + data.len());
                joined.extend_from_slice(first);
                joined.extend_from_slice(&data);
                *self = Self::Joined(joined);
            }
            Self::Joined(joined) => joined.extend_from_slice(&data),
        }
    }

    fn take(&mut self) -> Bytes {
        match mem::replace(self, Self::One(Bytes::new())) {
            Self::One(bytes) => bytes,
            Self::Joined(bytes) => bytes.freeze(),
        }
    }
}
