//! What an answer means.

use std::fmt;

use http::{HeaderMap, StatusCode};

use crate::ErrorKind;

/// An endpoint of the Back Office API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// `POST /api/v2/signin`.
    SignIn,
    /// `POST /api/v2/2fa/confirm`.
    Confirm,
    /// `POST /api/v2/refresh`.
    Refresh,
    /// `POST /api/v2/signout`.
    SignOut,
}

/// An answer of the API, for a [classifier](super::BackOfficeBuilder::classifier) to judge.
///
/// `Debug` shows neither headers nor body, as both can hold secrets.
#[derive(Clone, Copy)]
pub struct Answer<'a> {
    pub(super) endpoint: Endpoint,
    pub(super) status: StatusCode,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
}

// === impl Endpoint ===

impl Endpoint {
    /// Returns what an error's text calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::SignIn => "sign-in",
            Self::Confirm => "confirmation of the code",
            Self::Refresh => "refresh",
            Self::SignOut => "sign-out",
        }
    }

    /// Returns what a limit counts.
    pub(super) fn plural(self) -> &'static str {
        match self {
            Self::SignIn => "sign-ins",
            Self::Confirm => "confirmations of a code",
            Self::Refresh => "refreshes",
            Self::SignOut => "sign-outs",
        }
    }
}

// === impl Answer ===

impl<'a> Answer<'a> {
    /// Returns the endpoint that answered.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    /// Returns the status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the headers.
    #[must_use]
    pub fn headers(&self) -> &'a HeaderMap {
        self.headers
    }

    /// Returns the body, as far as it was read: all of it for a 2xx, nothing for a 3xx, and for
    /// others what came within the limits of size and time. Do not log it.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// Says what is wrong, if anything, where the vendor's documentation is silent: by the status.
    pub(super) fn default_verdict(&self) -> Option<ErrorKind> {
        use Endpoint::{Confirm, Refresh, SignIn, SignOut};

        match (self.endpoint, self.status.as_u16()) {
            (_, 200..=299) => None,
            (SignOut, 401) => None,
            (_, 423) => Some(ErrorKind::Locked),
            (_, 429) => Some(ErrorKind::RateLimited),
            (_, 408 | 425 | 500..=599) => Some(ErrorKind::Transport),
            (SignIn, 400 | 401 | 422) => Some(ErrorKind::Rejected),
            (Refresh, 400 | 401 | 403 | 422) => Some(ErrorKind::Rejected),
            (Confirm, 400 | 401 | 403 | 422) => Some(ErrorKind::CodeRejected),
            (Confirm, 404 | 410) => Some(ErrorKind::FlowExpired),
            (_, 404 | 405) => Some(ErrorKind::Config),
            _ => Some(ErrorKind::Protocol),
        }
    }
}

impl fmt::Debug for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("endpoint", &self.endpoint)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}
