use std::{
    error::Error as StdError,
    fmt, mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::BoxError;

pin_project! {
    /// A response body of which the start may have been read already.
    ///
    /// It yields what the server sent, from the first byte to the trailers. See the
    /// [module docs](super) for the one exception.
    pub struct PeekBody<R> {
        #[pin]
        repr: Repr<R>,
    }
}

pin_project! {
    #[project = ReprProj]
    enum Repr<R> {
        Untouched { #[pin] body: R },
        Peeked { peeked: Peeked<R> },
    }
}

struct Peeked<R> {
    /// What was read and not yet handed on, in one piece.
    prefix: Bytes,
    /// What was read after `prefix`: the trailers, or a frame of a kind not known to us. Boxed, as it
    /// is large and rare.
    tail: Option<Box<Frame<Bytes>>>,
    /// How the body failed, after all of the above.
    error: Option<BoxError>,
    /// What was not read; boxed when the reading began. `None` when it ended, or was dropped.
    rest: Option<Pin<Box<R>>>,
}

/// The body error in place of the rest of a response that was not kept.
///
/// The response was dropped to free its connection while the credential was renewed, and was then
/// needed after all. The body error before which the bytes come is this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    read: usize,
    limit: usize,
}

// === impl PeekBody ===

impl<R> PeekBody<R> {
    /// Creates a body of which nothing has been read.
    #[must_use]
    pub fn new(body: R) -> Self {
        Self {
            repr: Repr::Untouched { body },
        }
    }

    /// Creates a body of these bytes, in place of one that the server might have sent.
    #[cfg_attr(
        not(feature = "my2n"),
        allow(dead_code, reason = "only My2N answers by itself")
    )]
    pub(crate) fn of_bytes(bytes: Bytes) -> Self {
        Self::peeked(bytes, None, None, None)
    }

    pub(super) fn peeked(
        prefix: Bytes,
        tail: Option<Frame<Bytes>>,
        error: Option<BoxError>,
        rest: Option<Pin<Box<R>>>,
    ) -> Self {
        let peeked = Peeked {
            prefix,
            tail: tail.map(Box::new),
            error,
            rest,
        };
        Self {
            repr: Repr::Peeked { peeked },
        }
    }

    /// Returns what was read and not yet handed on.
    pub(crate) fn prefix(&self) -> &Bytes {
        static EMPTY: Bytes = Bytes::new();
        match &self.repr {
            Repr::Untouched { .. } => &EMPTY,
            Repr::Peeked { peeked } => &peeked.prefix,
        }
    }

    /// Whether all data of the body was read, as far as it will ever be known: a body that has
    /// failed counts as well.
    pub(crate) fn is_read(&self) -> bool
    where
        R: Body,
    {
        match &self.repr {
            Repr::Untouched { body } => body.is_end_stream(),
            Repr::Peeked { peeked } => peeked.rest.is_none() || peeked.has_trailers(),
        }
    }

    /// Returns the trailers, if the body was read up to them.
    pub(crate) fn trailers(&self) -> Option<&HeaderMap> {
        match &self.repr {
            Repr::Untouched { .. } => None,
            Repr::Peeked { peeked } => peeked.tail.as_ref()?.trailers_ref(),
        }
    }

    /// Whether the body failed after what was read.
    pub(crate) fn has_failed(&self) -> bool {
        match &self.repr {
            Repr::Untouched { .. } => false,
            Repr::Peeked { peeked } => peeked.error.is_some(),
        }
    }

    /// Drops what has not been read, which frees the connection, and puts [`Cut`] in its place.
    ///
    /// `limit` is what the reader was ready to keep. A body that was read to its end stays whole.
    pub(crate) fn into_cut(self, limit: usize) -> Self
    where
        R: Body,
    {
        let is_read = self.is_read();
        let mut peeked = match self.repr {
            // Nothing to drop, so its own kind of emptiness is kept.
            Repr::Untouched { .. } if is_read => return self,
            Repr::Untouched { .. } => Peeked {
                prefix: Bytes::new(),
                tail: None,
                error: None,
                rest: None,
            },
            Repr::Peeked { peeked } => peeked,
        };
        if !is_read {
            let read = peeked.prefix.len();
            peeked.error = Some(Cut { read, limit }.into());
        }
        peeked.rest = None;
        Self {
            repr: Repr::Peeked { peeked },
        }
    }
}

impl<R> Body for PeekBody<R>
where
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = match self.project().repr.project() {
            ReprProj::Untouched { body } => ready!(body.poll_frame(cx)),
            ReprProj::Peeked { peeked } => {
                if !peeked.prefix.is_empty() {
                    let prefix = mem::take(&mut peeked.prefix);
                    return Poll::Ready(Some(Ok(Frame::data(prefix))));
                }
                if let Some(frame) = peeked.tail.take() {
                    return Poll::Ready(Some(Ok(*frame)));
                }
                if let Some(error) = peeked.error.take() {
                    return Poll::Ready(Some(Err(error)));
                }
                match &mut peeked.rest {
                    Some(rest) => ready!(rest.as_mut().poll_frame(cx)),
                    None => None,
                }
            }
        };
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.repr {
            Repr::Untouched { body } => body.is_end_stream(),
            Repr::Peeked { peeked } => {
                peeked.prefix.is_empty()
                    && peeked.tail.is_none()
                    && peeked.error.is_none()
                    && peeked.rest.as_ref().is_none_or(|rest| rest.is_end_stream())
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        let peeked = match &self.repr {
            Repr::Untouched { body } => return body.size_hint(),
            Repr::Peeked { peeked } => peeked,
        };
        let ahead = peeked.prefix.len() as u64;
        let rest = match &peeked.rest {
            // How much it would have been is not known any more.
            _ if peeked.error.is_some() => SizeHint::new(),
            Some(rest) if !peeked.has_trailers() => rest.size_hint(),
            _ => SizeHint::with_exact(0),
        };
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(ahead));
        if let Some(upper) = rest.upper().and_then(|upper| upper.checked_add(ahead)) {
            hint.set_upper(upper);
        }
        hint
    }
}

impl<R> From<R> for PeekBody<R> {
    fn from(body: R) -> Self {
        Self::new(body)
    }
}

// By hand: answers carry tokens, so only the shape is shown.
impl<R> fmt::Debug for PeekBody<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shape = f.debug_struct("PeekBody");
        if let Repr::Peeked { peeked } = &self.repr {
            shape
                .field("read", &peeked.prefix.len())
                .field("rest", &peeked.rest.is_some());
        }
        shape.finish_non_exhaustive()
    }
}

// === impl Peeked ===

impl<R> Peeked<R> {
    fn has_trailers(&self) -> bool {
        self.tail.as_ref().is_some_and(|frame| frame.is_trailers())
    }
}

// === impl Cut ===

impl Cut {
    /// Returns how many bytes of the body were kept.
    #[must_use]
    pub fn read(&self) -> usize {
        self.read
    }

    /// Returns how many bytes would have been kept if they had come in time.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { read, limit } = self;
        write!(
            f,
            "the rest of the body was dropped before a renewal: {read} bytes were kept, \
             at most {limit} would have been"
        )
    }
}

impl StdError for Cut {}
