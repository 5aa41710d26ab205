//! The bodies of the calls: one buffer, or a stream of unknown length.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame};
use http_body_util::Full;
use tower_reauth::BoxError;

/// A body of the calls, which all clients take.
pub(crate) trait CallBody:
    Body<Data = Bytes, Error: Into<BoxError>> + From<Bytes> + Send + Sync + 'static
{
}

impl<B> CallBody for B where
    B: Body<Data = Bytes, Error: Into<BoxError>> + From<Bytes> + Send + Sync + 'static
{
}

/// A body that is sent as one buffer, under its `Content-Length`.
pub(crate) type Buffer = Full<Bytes>;

/// A body that is sent piece by piece, and does not say how long it is.
#[derive(Debug)]
pub(crate) struct Chunks {
    rest: Bytes,
}

const CHUNK: usize = 16 * 1024;

impl From<Bytes> for Chunks {
    fn from(rest: Bytes) -> Self {
        Self { rest }
    }
}

impl Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let length = CHUNK.min(self.rest.len());
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }
    // No `size_hint`: its default says that the length is unknown.
}
