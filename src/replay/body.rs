use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;

use super::{
    NotReplayed, Released, ResendBody, budget::Limits, memory::take_bytes, stream::Stream,
};
use crate::BoxError;

/// A request body that can be sent twice, as long as it fits into the limits.
///
/// [`ReplayLayer`](super::ReplayLayer) makes them. What is in memory already, [`Bytes`] above all,
/// turns into one by [`From`], whatever `B` is; so one client takes both the requests that pass the
/// layer and those that are built beside it, such as a sign-in.
///
/// See the [module docs](super) for what it promises and what it costs.
pub struct ReplayBody<B = Full<Bytes>> {
    repr: Repr<B>,
}

enum Repr<B> {
    /// The bytes, which are the caller's own memory; `None` once they are sent.
    Bytes(Option<Bytes>),
    Stream(Stream<B>),
}

// === impl ReplayBody ===

impl<B> ReplayBody<B> {
    /// Creates a body that keeps up to 8 MiB.
    #[must_use]
    pub fn new(body: B) -> Self
    where
        B: Body<Data = Bytes> + 'static,
    {
        Self::with_limits(body, &Limits::default())
    }

    pub(crate) fn with_limits(body: B, limits: &Limits) -> Self
    where
        B: Body<Data = Bytes> + 'static,
    {
        if body.is_end_stream() {
            return Self::from_bytes(Bytes::new());
        }
        let mut body = Some(body);
        if let Some(bytes) = take_bytes(&mut body) {
            return Self::from_bytes(bytes);
        }
        let body = body.expect("taken only by what has returned");
        Self {
            repr: Repr::Stream(Stream::new(body, limits.clone())),
        }
    }

    fn from_bytes(bytes: Bytes) -> Self {
        Self {
            repr: Repr::Bytes(Some(bytes)),
        }
    }

    /// Takes the bytes, if they are all in memory and have not been sent.
    pub(super) fn take_bytes(&mut self) -> Option<Bytes> {
        match &mut self.repr {
            Repr::Bytes(bytes) => bytes.take(),
            Repr::Stream(_) => None,
        }
    }

    #[cfg(test)]
    pub(super) fn stream(&self) -> Option<&Stream<B>> {
        match &self.repr {
            Repr::Bytes(_) => None,
            Repr::Stream(stream) => Some(stream),
        }
    }
}

impl<B> ResendBody for ReplayBody<B> {
    fn try_copy(&self) -> Option<Self> {
        Some(Self {
            repr: match &self.repr {
                Repr::Bytes(bytes) => Repr::Bytes(Some(bytes.clone()?)),
                Repr::Stream(stream) => Repr::Stream(stream.try_copy()?),
            },
        })
    }

    fn poll_released(&mut self, cx: &mut Context<'_>) -> Poll<Released> {
        match &mut self.repr {
            Repr::Bytes(Some(_)) => Poll::Ready(Released::Whole),
            Repr::Bytes(None) => Poll::Ready(Released::NotReplayable),
            Repr::Stream(stream) => stream.poll_released(cx),
        }
    }

    fn not_replayed(&self) -> NotReplayed {
        match &self.repr {
            Repr::Bytes(_) => NotReplayed::NotCopyable,
            Repr::Stream(stream) => stream.not_replayed(),
        }
    }
}

impl<B> Body for ReplayBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.get_mut().repr {
            Repr::Bytes(bytes) => {
                let bytes = bytes.take_if(|bytes| !bytes.is_empty());
                Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
            }
            Repr::Stream(stream) => stream.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.repr {
            Repr::Bytes(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Repr::Stream(stream) => stream.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.repr {
            Repr::Bytes(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Repr::Stream(stream) => stream.size_hint(),
        }
    }
}

impl<B> Default for ReplayBody<B> {
    fn default() -> Self {
        Self::from_bytes(Bytes::new())
    }
}

impl<B> From<()> for ReplayBody<B> {
    fn from((): ()) -> Self {
        Self::default()
    }
}

impl<B> From<Bytes> for ReplayBody<B> {
    fn from(bytes: Bytes) -> Self {
        Self::from_bytes(bytes)
    }
}

impl<B> From<Vec<u8>> for ReplayBody<B> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::from_bytes(bytes.into())
    }
}

impl<B> From<String> for ReplayBody<B> {
    fn from(text: String) -> Self {
        Self::from_bytes(text.into())
    }
}

impl<B> From<&'static [u8]> for ReplayBody<B> {
    fn from(bytes: &'static [u8]) -> Self {
        Self::from_bytes(bytes.into())
    }
}

impl<B> From<&'static str> for ReplayBody<B> {
    fn from(text: &'static str) -> Self {
        Self::from_bytes(text.into())
    }
}

// By hand: bodies can be anything, passwords included, so only the shape is shown.
impl<B> fmt::Debug for ReplayBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shape = f.debug_struct("ReplayBody");
        match &self.repr {
            Repr::Bytes(bytes) => shape.field("bytes", &bytes.as_ref().map(Bytes::len)),
            Repr::Stream(stream) => shape.field("stream", stream),
        };
        shape.finish()
    }
}
