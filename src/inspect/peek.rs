use std::{
    fmt, mem,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use http_body::Body;
use pin_project_lite::pin_project;

use super::PeekBody;
use crate::BoxError;

pin_project! {
    /// Reads the start of a body: until it ends, until more than `limit` bytes are read, or until
    /// `deadline` is ready.
    ///
    /// # Cancel safety
    ///
    /// What was read is lost with the future, and the rest of the body with it.
    pub(crate) struct Peek<R, D> {
        body: Source<R>,
        start: Start,
        limit: usize,
        // How many frames without data may still come. They cost no memory, but a body of nothing
        // else must not keep the reader busy for ever.
        empty_frames_left: usize,
        #[pin]
        deadline: D,
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

impl<R, D> Peek<R, D>
where
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
    D: Future<Output = ()>,
{
    pub(crate) fn new(body: R, limit: usize, deadline: D) -> Self {
        let body = if body.is_end_stream() {
            Source::Empty(body)
        } else {
            Source::Reading(Box::pin(body))
        };
        Self {
            body,
            start: Start::One(Bytes::new()),
            limit,
            empty_frames_left: MAX_EMPTY_FRAMES,
            deadline,
        }
    }
}

impl<R, D> Future for Peek<R, D>
where
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
    D: Future<Output = ()>,
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
            match body.as_mut().poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => {
                        if data.is_empty() {
                            *this.empty_frames_left = this.empty_frames_left.saturating_sub(1);
                        }
                        this.start.push(data);
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
                // Asked only here: what is there already is read whatever the time.
                Poll::Pending if this.deadline.as_mut().poll(cx).is_ready() => break false,
                Poll::Pending => {
                    *this.body = Source::Reading(body);
                    return Poll::Pending;
                }
            }
            if body.is_end_stream() {
                break true;
            }
            if this.start.len() > *this.limit || *this.empty_frames_left == 0 {
                break false;
            }
        };
        // What has ended is dropped now, for it may still hold on to its connection.
        let rest = (!ended).then_some(body);
        Poll::Ready(PeekBody::peeked(this.start.take(), tail, error, rest))
    }
}

impl<R, D> fmt::Debug for Peek<R, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peek")
            .field("read", &self.start.len())
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

// === impl Start ===

impl Start {
    fn len(&self) -> usize {
        match self {
            Self::One(bytes) => bytes.len(),
            Self::Joined(bytes) => bytes.len(),
        }
    }

    fn push(&mut self, data: Bytes) {
        match self {
            _ if data.is_empty() => {}
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
