//! What can be made to go wrong, whichever the service.

use std::time::Duration;

use bytes::Bytes;

/// What goes wrong with one request to a simulator.
///
/// A fault is queued with the simulator's `inject` and used up by the next request at its endpoint
/// whose head keeps the rules. All but [`Delay`](Self::Delay) and those that say that the request
/// is processed change nothing at the server: no token is issued and none is spent.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// Waits on the simulator's clock, then goes on as usual.
    Delay(Duration),
    /// Answers with this status, and a body in the words of the service. One that is not a status
    /// becomes 500.
    Status(u16),
    /// Answers with this status, these headers and this body. Nothing is added but the length of
    /// the body; so there is no `Date`, as all other answers have one.
    Answer {
        /// The status, 200 to 599.
        status: u16,
        /// Names and values, in order; a name may come twice.
        headers: Vec<(String, String)>,
        /// The body.
        body: Bytes,
    },
    /// Sends the client elsewhere.
    Redirect {
        /// The status: 301, 302, 303, 307 or 308.
        status: u16,
        /// The value of `Location`, as it is.
        location: String,
    },
    /// Answers 401 with this value of `WWW-Authenticate`.
    Challenge(String),
    /// Answers 200 with an HTML page, as a proxy's error page or a login form would be.
    Html,
    /// Answers 200 with JSON that stops in the middle, though the length is right.
    Malformed,
    /// Answers with this status and a body that never ends, as fast as it is read.
    Endless(u16),
    /// Answers with this status and one byte of a body, then nothing more.
    Stalled(u16),
    /// Answers 401 before reading the request's body, then reads it to its end.
    EarlyUnauthorized,
    /// Answers 401 before reading the request's body, and closes without reading it.
    ///
    /// On HTTP/1 the answer may get lost in the reset, as it does with real servers.
    EarlyUnauthorizedAndClose,
    /// Resets the connection without processing the request.
    Reset,
    /// Keeps the connection open and never answers, without processing the request.
    Hang,

    /// Processes the request, then resets the connection: the answer is lost.
    ResetAfterwards,
    /// Processes the request, then never answers.
    HangAfterwards,
    /// Processes the request, sends this many bytes of the answer (head and body), then resets.
    ///
    /// On HTTP/2 the bytes are those of the connection, frames of other streams included.
    CutAt(usize),
    /// Processes the request and sends half of the body under the `Content-Length` of the whole,
    /// then closes.
    Truncated,
}

/// What is queued for a request: a fault, or an answer that only this service can get wrong.
pub(crate) enum Cue<O> {
    Fault(Fault),
    Odd(O),
}

impl<O> From<Fault> for Cue<O> {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}
