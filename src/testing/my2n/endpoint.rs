//! The parts of the service, and what only they can get wrong.

use std::fmt;

use http::request::Parts;

use crate::testing::server::Cue;

/// The path that the Partner API stands under.
pub(super) const BASE: &str = "/middleware/api/partner/v1";
/// The web pages that errors lead to if nothing says that JSON is wanted.
pub(super) const PAGES: &str = "/ui/";

/// Which of the two hosts a request has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    Api,
    Login,
}

/// A part of the service that is counted and made to fail on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// `POST {base}/auth`: the login of Auth v.1.
    LoginV1,
    /// `GET /self-service/login/api` at the login host: begins a flow.
    Init,
    /// `POST /self-service/login?flow=..` at the login host: ends a flow.
    Submit,
    /// `DELETE /self-service/logout/api` at the login host.
    Logout,
    /// Every other path below the base: a call that needs a credential.
    Api,
    /// Any other path, at either host.
    Elsewhere,
}

/// An answer that only this service can give, in place of the usual one.
///
/// All but [`NoFlowId`](Self::NoFlowId) and [`BrowserNeeded`](Self::BrowserNeeded) shape the answer
/// to a login that succeeds: the session or the token is issued all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Quirk {
    /// At [`Submit`](Endpoint::Submit): no `session_token`, which the schema allows. At
    /// [`LoginV1`](Endpoint::LoginV1): no `accessToken`.
    NoToken,
    /// At [`Submit`](Endpoint::Submit): a `session` without `expires_at`.
    NoExpiry,
    /// At [`Submit`](Endpoint::Submit): an `expires_at` of an hour ago, for a session that lives.
    PastExpiry,
    /// At [`Submit`](Endpoint::Submit): `session_token` and nothing else.
    TokenAlone,
    /// At [`Submit`](Endpoint::Submit): `"session": null`.
    NullSession,
    /// At [`Submit`](Endpoint::Submit): 422 `browser_location_change_required`, and no session.
    BrowserNeeded,
    /// At [`Init`](Endpoint::Init): a flow without `id`.
    NoFlowId,
}

impl Endpoint {
    pub(super) fn of(which: Which, head: &Parts) -> Self {
        let path = head.uri.path();
        match which {
            Which::Api => match path.strip_prefix(BASE) {
                Some("/auth") => Self::LoginV1,
                Some(rest) if rest.starts_with('/') => Self::Api,
                _ => Self::Elsewhere,
            },
            Which::Login => match path {
                "/self-service/login/api" => Self::Init,
                "/self-service/login" => Self::Submit,
                "/self-service/logout/api" => Self::Logout,
                _ => Self::Elsewhere,
            },
        }
    }

    /// Returns the one method that the endpoint takes, if it does not take all.
    pub(super) fn method(self) -> Option<&'static str> {
        match self {
            Self::LoginV1 | Self::Submit => Some("POST"),
            Self::Init => Some("GET"),
            Self::Logout => Some("DELETE"),
            Self::Api | Self::Elsewhere => None,
        }
    }

    /// Whether this is a step of the flow at the login host.
    pub(super) fn is_flow(self) -> bool {
        matches!(self, Self::Init | Self::Submit)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LoginV1 => "v1 login",
            Self::Init => "init",
            Self::Submit => "submit",
            Self::Logout => "logout",
            Self::Api => "API call",
            Self::Elsewhere => "elsewhere",
        })
    }
}

impl From<Quirk> for Cue<Quirk> {
    fn from(quirk: Quirk) -> Self {
        Self::Odd(quirk)
    }
}
