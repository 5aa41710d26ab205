use std::{fmt, future::Future, pin::Pin};

use bytes::Bytes;
use http::{request, response};

use crate::Error;

/// A boxed future, as recoveries return it.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What is particular about one kind of challenge.
///
/// See the [module docs](self::super) for what the engine does around it, and for an example.
pub trait Recovery {
    /// What one send carried: a token's generation, the number of a code.
    type Attempt: Clone + Send;

    /// Prepares the head of a request before it is sent, each time it is sent.
    ///
    /// It gets the head as it came to the engine. What is inserted here is not kept for the next
    /// send, so a code or a proof that is good for one send belongs here.
    fn prepare(&self, request: &mut request::Parts) -> Prepared<Self::Attempt>;

    /// Prepares the head of a request that is sent again because this recovery said so; by default
    /// as [`prepare`](Self::prepare) does.
    ///
    /// A pair of recoveries may send a request a third time; then it is called again.
    fn prepare_again(&self, request: &mut request::Parts) -> Prepared<Self::Attempt> {
        self.prepare(request)
    }

    /// Whether this response is a challenge that may be recovered from.
    ///
    /// It is called for every response, the last one as well, and so should be cheap.
    fn is_challenge(&self, attempt: &Self::Attempt, response: &response::Parts) -> bool;

    /// Whether it takes a response's body to tell a challenge from others. By default no.
    ///
    /// If so, [`recover`](Self::recover) sees the start of the body of each response that
    /// [`is_challenge`](Self::is_challenge) lets through, of those as well that the request is not
    /// sent again for: because its body cannot be sent twice, or because this recovery has had it
    /// sent again already. The caller gets such a response whole.
    fn reads_body(&self) -> bool {
        false
    }

    /// Looks at a challenge that is the caller's, because this recovery has had the request sent
    /// again already. It may put into the response's extensions why. By default it does nothing.
    ///
    /// Not called where [`reads_body`](Self::reads_body) says that
    /// [`recover`](Self::recover) sees such challenges as well.
    fn refused_again(&self, attempt: &Self::Attempt, response: &mut response::Parts) {
        let _ = (attempt, response);
    }

    /// Recovers from a challenge.
    ///
    /// Where the request is not sent again nobody waits for the future: it is polled once, so that
    /// an error that is known at once reaches the caller, and then run in the background. Callers
    /// may go at any time, so what must be finished belongs into a task of its own.
    fn recover(&self, challenge: Challenge<Self::Attempt>) -> BoxFuture<Outcome>;
}

/// What [`Recovery::prepare`] says.
#[non_exhaustive]
pub enum Prepared<A> {
    /// The request can be sent.
    Ready(A),
    /// The request has to wait for this; then it is prepared again. While it waits it does not
    /// hold the inner service's readiness. If the future fails, so does the call.
    Wait(BoxFuture<Result<(), Error>>),
}

/// What came of a recovery.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// The request is to be sent again.
    Resend,
    /// On a closer look it was no challenge of this kind: the response goes to the caller.
    NotMine,
    /// The challenge goes to the caller, with this error in its extensions.
    GiveUp(Error),
}

/// A challenge, as the engine met it.
pub struct Challenge<A> {
    pub(super) request: request::Parts,
    pub(super) attempt: A,
    pub(super) response: response::Parts,
    pub(super) body: Bytes,
    pub(super) whole: bool,
}

// === impl Challenge ===

impl<A> Challenge<A> {
    /// Returns the head of the request, as it came to the engine.
    pub fn request(&self) -> &request::Parts {
        &self.request
    }

    /// Returns what the send carried.
    pub fn attempt(&self) -> &A {
        &self.attempt
    }

    /// Returns the head of the response.
    pub fn response(&self) -> &response::Parts {
        &self.response
    }

    /// Returns the start of the response's body: the frames of the first 64 KiB, the last of them
    /// whole, or what came within 100 ms.
    ///
    /// It is empty if the request cannot be sent twice, because then the body is the caller's;
    /// unless a recovery [reads it](Recovery::reads_body).
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Whether [`body`](Self::body) is all that the server will send: it ended, or failed there.
    pub fn is_body_whole(&self) -> bool {
        self.whole
    }

    pub(super) fn map<B>(self, part: impl FnOnce(A) -> B) -> Challenge<B> {
        Challenge {
            request: self.request,
            attempt: part(self.attempt),
            response: self.response,
            body: self.body,
            whole: self.whole,
        }
    }
}

impl<A> fmt::Debug for Challenge<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // No headers and no body: both may hold what is not ours to show.
        f.debug_struct("Challenge")
            .field("method", &self.request.method)
            .field("status", &self.response.status)
            .field("body", &self.body.len())
            .field("whole", &self.whole)
            .finish_non_exhaustive()
    }
}

// === impl Prepared ===

impl<A: fmt::Debug> fmt::Debug for Prepared<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(attempt) => f.debug_tuple("Ready").field(attempt).finish(),
            Self::Wait(_) => f.debug_tuple("Wait").finish_non_exhaustive(),
        }
    }
}
