//! What can be made to go wrong.

use std::{fmt, time::Duration};

use super::DateFormat;
use crate::testing::{Fault as Shared, server::Cue};

/// A part of the API that is counted, limited and made to fail on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// `POST /api/v2/signin`
    SignIn,
    /// `POST /api/v2/2fa/confirm`
    Confirm,
    /// `POST /api/v2/refresh`
    Refresh,
    /// `POST /api/v2/signout`
    SignOut,
    /// Every other path: a call that needs an access token.
    Api,
}

/// What goes wrong with one request.
///
/// A fault is queued with [`inject`](super::Simulator::inject) and used up by the next request at
/// its endpoint that is within the limits and whose head keeps the rules. All but
/// [`Delay`](Self::Delay), the shapes of answers, and those that say that the request is processed
/// change nothing at the server: no token is issued and none is spent.
///
/// The shapes of answers ([`OnlyAccess`](Self::OnlyAccess) and those after it) mean something at
/// [`SignIn`](Endpoint::SignIn), [`Confirm`](Endpoint::Confirm) and [`Refresh`](Endpoint::Refresh)
/// only, and only if the request succeeds; elsewhere they are used up without effect.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// Waits on the simulator's clock, then goes on as usual.
    Delay(Duration),
    /// Answers with this status and an error body. One that is not a status becomes 500.
    Status(u16),
    /// Answers with this status, these headers and this body. Nothing is added but the length of
    /// the body; so there is no `Date`, as all other answers have one.
    Answer {
        /// The status, 200 to 599.
        status: u16,
        /// Names and values, in order; a name may come twice.
        headers: Vec<(String, String)>,
        /// The body.
        body: String,
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

    /// Answers with an access token alone. At a refresh the old refresh token stays valid.
    OnlyAccess,
    /// Answers with a refresh token alone.
    OnlyRefresh,
    /// Leaves out every `expiresAt`.
    NoExpiry,
    /// Says `2022-01-01T00:00:00+00:00` for every date, as the vendor's samples do.
    PlaceholderDates,
    /// Writes the dates of this answer in another format.
    Dates(DateFormat),
    /// At a sign-in: `"2faRequired": true` with `"2faDetails": null`.
    TwoFactorWithoutDetails,
    /// At a sign-in: `"2faRequired": false` without any token.
    NoTokens,
    /// At a sign-in: tokens and 2FA details in one answer, with this value of `2faRequired`.
    ///
    /// The tokens work, and a code is mailed.
    TokensAndDetails(bool),
}

// === impl Endpoint ===

impl Endpoint {
    pub(super) fn of(path: &str) -> Self {
        match path {
            "/api/v2/signin" => Self::SignIn,
            "/api/v2/2fa/confirm" => Self::Confirm,
            "/api/v2/refresh" => Self::Refresh,
            "/api/v2/signout" => Self::SignOut,
            _ => Self::Api,
        }
    }

    /// Whether the endpoint takes credentials in its body, so that none belong into the head.
    pub(super) fn is_sign_in_traffic(self) -> bool {
        matches!(self, Self::SignIn | Self::Confirm | Self::Refresh)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SignIn => "sign-in",
            Self::Confirm => "confirmation",
            Self::Refresh => "refresh",
            Self::SignOut => "sign-out",
            Self::Api => "API call",
        })
    }
}

// === impl Fault ===

/// What is queued: what every service can get wrong, or what only this one can.
impl From<Fault> for Cue<Fault> {
    fn from(fault: Fault) -> Self {
        Self::Fault(match fault {
            Fault::Delay(wait) => Shared::Delay(wait),
            Fault::Status(status) => Shared::Status(status),
            Fault::Answer {
                status,
                headers,
                body,
            } => Shared::Answer {
                status,
                headers,
                body: body.into(),
            },
            Fault::Redirect { status, location } => Shared::Redirect { status, location },
            Fault::Challenge(challenge) => Shared::Challenge(challenge),
            Fault::Html => Shared::Html,
            Fault::Malformed => Shared::Malformed,
            Fault::Endless(status) => Shared::Endless(status),
            Fault::Stalled(status) => Shared::Stalled(status),
            Fault::EarlyUnauthorized => Shared::EarlyUnauthorized,
            Fault::EarlyUnauthorizedAndClose => Shared::EarlyUnauthorizedAndClose,
            Fault::Reset => Shared::Reset,
            Fault::Hang => Shared::Hang,
            Fault::ResetAfterwards => Shared::ResetAfterwards,
            Fault::HangAfterwards => Shared::HangAfterwards,
            Fault::CutAt(bytes) => Shared::CutAt(bytes),
            Fault::Truncated => Shared::Truncated,
            odd @ (Fault::OnlyAccess
            | Fault::OnlyRefresh
            | Fault::NoExpiry
            | Fault::PlaceholderDates
            | Fault::Dates(_)
            | Fault::TwoFactorWithoutDetails
            | Fault::NoTokens
            | Fault::TokensAndDetails(_)) => return Self::Odd(odd),
        })
    }
}
