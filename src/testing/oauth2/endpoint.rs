//! The parts of the service, and what each alone can get wrong.

use std::fmt;

use super::{ExpiresIn, RefreshTokens};
use crate::testing::server::Cue;

/// A part of the service that is counted and made to fail on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// `POST /token`
    Token,
    /// `POST /revoke`
    Revoke,
    /// Every other path: the resource server.
    Api,
}

/// An answer of the [token endpoint](Endpoint::Token) that is not the usual one.
///
/// The tokens are issued all the same, and they work; but for [`Error`](Self::Error) and
/// [`ErrorIn200`](Self::ErrorIn200), with which nothing is issued and nothing is spent. A request
/// that is refused in earnest uses a quirk up without effect.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Quirk {
    /// No `access_token`.
    NoAccessToken,
    /// An empty `access_token`.
    EmptyAccessToken,
    /// No `token_type`.
    NoTokenType,
    /// Another `token_type`, or `Bearer` in other letters.
    TokenType(String),
    /// `expires_in` in another form.
    ExpiresIn(ExpiresIn),
    /// Another way with the refresh token.
    RefreshToken(RefreshTokens),
    /// No `scope`.
    NoScope,
    /// Another `scope` than was granted.
    Scope(String),
    /// The answer in a form, whatever the client accepts.
    Form,
    /// This `error`, with the status of RFC 6749, section 5.2.
    Error(String),
    /// This `error`, with 200.
    ErrorIn200(String),
}

// === impl Endpoint ===

impl Endpoint {
    pub(super) fn of(path: &str) -> Self {
        match path {
            "/token" => Self::Token,
            "/revoke" => Self::Revoke,
            _ => Self::Api,
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token => "token request",
            Self::Revoke => "revocation",
            Self::Api => "API call",
        })
    }
}

// === impl Quirk ===

impl From<Quirk> for Cue<Quirk> {
    fn from(quirk: Quirk) -> Self {
        Self::Odd(quirk)
    }
}
