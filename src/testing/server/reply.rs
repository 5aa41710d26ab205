//! The bodies of answers, broken ones included.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// The body of an answer.
#[derive(Debug)]
pub(crate) struct Reply {
    data: Bytes,
    then: Then,
}

/// What comes after the data.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Then {
    End,
    /// The same data again and again.
    Repeat,
    /// Nothing, forever.
    Stall,
    /// An error, after one round in which the data is flushed.
    Flush,
    Fail,
}

impl Reply {
    pub(crate) fn new(data: impl Into<Bytes>) -> Self {
        Self {
            data: data.into(),
            then: Then::End,
        }
    }

    pub(crate) fn endless() -> Self {
        Self {
            data: Bytes::from_static(&[b'x'; 16 * 1024]),
            then: Then::Repeat,
        }
    }

    pub(crate) fn stalled() -> Self {
        Self {
            data: Bytes::from_static(b"x"),
            then: Then::Stall,
        }
    }

    /// Sends the first half, then breaks off.
    pub(crate) fn truncated(mut self) -> Self {
        self.data.truncate(self.data.len() / 2);
        self.then = Then::Flush;
        self
    }

    pub(crate) fn len(&self) -> usize {
        self.data.len()
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.then == Then::Repeat {
            return Poll::Ready(Some(Ok(Frame::data(self.data.clone()))));
        }
        if !self.data.is_empty() {
            let data = std::mem::take(&mut self.data);
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        match self.then {
            Then::End | Then::Repeat => Poll::Ready(None),
            Then::Stall => Poll::Pending,
            Then::Flush => {
                // hyper writes out what it has whenever a body is not ready, and drops it on error.
                self.then = Then::Fail;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Then::Fail => Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into()))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.then == Then::End && self.data.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        match self.then {
            Then::End => SizeHint::with_exact(self.data.len() as u64),
            _ => SizeHint::default(),
        }
    }
}
