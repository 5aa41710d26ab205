//! What an answer means.

use std::fmt;

use http::{HeaderMap, StatusCode};

use super::said::{Said, What};
use crate::ErrorKind;

/// An endpoint of the sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// `POST {base URL}/auth`, the login of version 1.
    LoginV1,
    /// `GET {login URL}/self-service/login/api`, which begins a login of version 2.
    InitFlow,
    /// `POST {login URL}/self-service/login?flow=…`, which finishes it.
    SubmitFlow,
    /// `DELETE {login URL}/self-service/logout/api`.
    Logout,
}

/// An answer of the sign-in, for a [classifier](super::My2nBuilder::classifier) to judge.
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
            Self::LoginV1 => "login (v1)",
            Self::InitFlow => "start of the login flow (v2)",
            Self::SubmitFlow => "login (v2)",
            Self::Logout => "logout",
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

    /// Says what is wrong, if anything, by the status and by what the body `said`.
    pub(super) fn default_verdict(&self, said: &Said) -> Option<ErrorKind> {
        use Endpoint::{InitFlow, LoginV1, Logout, SubmitFlow};

        match (self.endpoint, self.status.as_u16()) {
            (_, 200..=299) => None,
            // The session that was to be ended is not known: it is over.
            (Logout, 403) => None,
            (_, 423) => Some(ErrorKind::Locked),
            (_, 429) => Some(ErrorKind::RateLimited),
            (_, 408 | 425 | 500..=599) => Some(ErrorKind::Transport),
            (LoginV1, 409) => Some(ErrorKind::Upgrade),
            (LoginV1, 400 | 401) => Some(ErrorKind::Rejected),
            (InitFlow | SubmitFlow, 400) if said.what == What::ActiveSession => {
                Some(ErrorKind::SessionActive)
            }
            (InitFlow | SubmitFlow, 400) if said.what == What::Browser => Some(ErrorKind::Config),
            (SubmitFlow, 400) if said.what == What::BadFlow => Some(ErrorKind::Protocol),
            (SubmitFlow, 400 | 401) => Some(ErrorKind::Rejected),
            (SubmitFlow, 403) if said.what == What::SecondFactor => Some(ErrorKind::MfaNotAllowed),
            (SubmitFlow, 404 | 410) => Some(ErrorKind::FlowExpired),
            (_, 404 | 405) => Some(ErrorKind::Config),
            _ => Some(ErrorKind::Protocol),
        }
    }

    /// Says what to do about it, in the vendor's own words where there are any.
    pub(super) fn advice(&self, kind: ErrorKind, said: &Said) -> &'static str {
        use Endpoint::{InitFlow, LoginV1, SubmitFlow};

        match (self.endpoint, kind) {
            (_, ErrorKind::RateLimited) => "rate-limited",
            (_, ErrorKind::Locked) => "the account is locked",
            (_, ErrorKind::Upgrade) => {
                "the account has been migrated and must use Auth v.2: set \
                 api_version(ApiVersion::Auto) or ApiVersion::V2, and login_base_url()"
            }
            (_, ErrorKind::SessionActive) => {
                "there is already an active session. A login says so when it carries a credential \
                 or a cookie of its own: give the provider a plain client, without a cookie store, \
                 without default headers and without layers that sign in"
            }
            (_, ErrorKind::MfaNotAllowed) => {
                "MFA is active on this account. Credentials for the API must not have it: disable \
                 it, or create a separate account without MFA for API communication"
            }
            (LoginV1, ErrorKind::Rejected) => {
                "check the user name and the password. An account that was created after \
                 2025-08-01 has only Auth v.2: set api_version(ApiVersion::V2) for it"
            }
            (SubmitFlow, ErrorKind::Rejected) => match said.what {
                What::NotVerified => {
                    "the account's address is not verified yet: follow the link in the mail to it"
                }
                What::NoAccount => "there is no such account, check the user name",
                What::MissingField => {
                    "the login service misses a field: are the credentials whole?"
                }
                _ => "check the user name and the password",
            },
            (_, ErrorKind::FlowExpired) => {
                "the login flow does not exist (404) or has expired (410)"
            }
            (_, ErrorKind::Config) if said.what == What::Browser => {
                "the login service takes the request for a browser's, because it carried a Cookie \
                 or an Origin header: give the provider a plain client, without a cookie store and \
                 without default headers"
            }
            (InitFlow, ErrorKind::Transport) => {
                "the server could not answer, it is tried again; if it goes on, check the \
                 endpoint: the login of Auth v.2 is on a different domain than the API"
            }
            (_, ErrorKind::Transport) => "the server could not answer, it is tried again",
            (LoginV1, ErrorKind::Config) => {
                "there is no such endpoint, is the base URL right? It is like \
                 https://my2n.com/middleware/api/partner/v1"
            }
            (_, ErrorKind::Config) => {
                "there is no such endpoint: the login of Auth v.2 is on a different domain than the \
                 API, is login_base_url() right? The vendor's is https://auth.my2n.com"
            }
            (SubmitFlow, ErrorKind::Protocol) if said.what == What::BadFlow => {
                "the flow parameter is missing or malformed for the login service, though it is \
                 sent as that has given it: does something in between drop the query?"
            }
            (_, ErrorKind::Protocol) if said.what == What::BrowserRedirect => {
                "the account signs in with a browser (single sign-on): use one with a password"
            }
            (_, ErrorKind::Protocol) if self.status.is_redirection() => {
                "redirects are not followed, are the addresses right?"
            }
            (_, ErrorKind::Protocol) if self.status.as_u16() == 403 => {
                "access is forbidden; is the account blocked, or this network address?"
            }
            (_, ErrorKind::Protocol) => {
                "this status was not expected: a classifier can say what it means"
            }
            _ => "the classifier says so",
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
