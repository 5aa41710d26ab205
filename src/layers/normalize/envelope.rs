use http::{HeaderMap, Request, StatusCode, response};

use crate::Error;

/// What is particular about one API's way of putting errors into responses that look well.
///
/// See the [module docs](self::super) for what the layer does around it, and for an example.
pub trait Envelope {
    /// Reads one response.
    type Reader: Reader;

    /// Returns what reads the response to `request`; `None` if that is none of its business, and
    /// is to pass untouched.
    ///
    /// It is called for every request, and so should be cheap.
    fn reader<B>(&self, request: &Request<B>) -> Option<Self::Reader>;
}

/// Reads one response, until it has its verdict.
pub trait Reader {
    /// The typed error, which the response carries in its extensions beside the crate's [`Error`].
    type Error: Into<Error> + Clone + Send + Sync + 'static;

    /// Looks at the head. With [`Verdict::More`] the body is read.
    fn head(&mut self, response: &response::Parts) -> Verdict<Self::Error>;

    /// Looks at `start`: all that has come of the body, up to the layer's
    /// [`max_peek`](super::NormalizeLayer::max_peek).
    ///
    /// It is called each time that there is more, so it should go on from where it was.
    fn body(&mut self, start: &[u8]) -> Verdict<Self::Error>;

    /// Decides at the end of what can be read. `start` is what [`body`](Self::body) saw last,
    /// empty if there was nothing.
    fn end(&mut self, start: &[u8], end: End<'_>) -> Option<Failure<Self::Error>>;

    /// Whether the response is held back until more of its body has come, which is the default.
    ///
    /// Without it only what is there together with the head is looked at, and then it is
    /// [`End::NotThere`]: for responses that are streams, whose head may come long before.
    fn waits(&self) -> bool {
        true
    }
}

/// What a [`Reader`] says of what it has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict<E> {
    /// It cannot tell yet.
    More,
    /// The response is what it looks like: it passes untouched.
    Pass,
    /// The response is a failure.
    Fail(Failure<E>),
}

/// A failure that a response did not show: the status that it deserves, and the typed error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure<E> {
    pub(super) status: StatusCode,
    pub(super) error: E,
}

/// Why no more of a body can be looked at.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum End<'a> {
    /// The body has ended, with these trailers if any.
    #[non_exhaustive]
    Whole {
        /// The trailers.
        trailers: Option<&'a HeaderMap>,
    },
    /// The body failed after what came. The caller meets the error when reading it.
    Broken,
    /// The body goes on beyond what may be looked at.
    OverCap,
    /// There was no more at the moment, and the reader does not [wait](Reader::waits). Or the body
    /// is nothing but empty frames, 1024 of them.
    NotThere,
}

// === impl Failure ===

impl<E> Failure<E> {
    /// Creates a failure that goes on as `status`.
    ///
    /// A status that is no error, neither 4xx nor 5xx, is taken for `502`: it may come from a body,
    /// and a body that has none to go with would not be handed on.
    #[must_use]
    pub fn new(status: StatusCode, error: E) -> Self {
        let is_error = status.is_client_error() || status.is_server_error();
        let status = match is_error {
            true => status,
            false => StatusCode::BAD_GATEWAY,
        };
        Self { status, error }
    }

    /// Returns the status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the typed error.
    #[must_use]
    pub fn error(&self) -> &E {
        &self.error
    }
}
