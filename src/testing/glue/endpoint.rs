//! The parts of the service, and what only they can get wrong.

use std::fmt;

use http::{Method, request::Parts};

use crate::testing::server::Cue;

/// A part of the service that is counted and made to fail on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// `POST /access-tokens`
    AccessTokens,
    /// `POST /refresh-tokens`
    RefreshTokens,
    /// `DELETE /refresh-tokens/{token or mine}`
    Revoke,
    /// `POST /token`, a form.
    Token,
    /// `POST /company-user-access-tokens`
    CompanyUser,
    /// `GET /multi-factor-auth-types`
    Types,
    /// `POST /multi-factor-auth-trigger`
    Trigger,
    /// `POST /multi-factor-auth-type-activate`
    Activate,
    /// `POST /multi-factor-auth-type-verify`
    Verify,
    /// `POST /multi-factor-auth-type-deactivate`
    Deactivate,
    /// Every other path.
    Api,
}

/// An answer to a login or refresh that only this service can give, in place of the usual one. The
/// tokens are issued all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Quirk {
    /// No access token.
    NoAccessToken,
    /// No refresh token. At a refresh the old one stays valid.
    NoRefreshToken,
    /// Nothing about when the access token ends.
    NoExpiry,
}

impl Endpoint {
    pub(super) fn of(head: &Parts) -> Self {
        match head.uri.path() {
            "/access-tokens" => Self::AccessTokens,
            "/refresh-tokens" if head.method == Method::DELETE => Self::Revoke,
            "/refresh-tokens" => Self::RefreshTokens,
            "/token" => Self::Token,
            "/company-user-access-tokens" => Self::CompanyUser,
            "/multi-factor-auth-types" => Self::Types,
            "/multi-factor-auth-trigger" => Self::Trigger,
            "/multi-factor-auth-type-activate" => Self::Activate,
            "/multi-factor-auth-type-verify" => Self::Verify,
            "/multi-factor-auth-type-deactivate" => Self::Deactivate,
            path if path.starts_with("/refresh-tokens/") => Self::Revoke,
            _ => Self::Api,
        }
    }

    /// Returns the one method that the endpoint takes, if it does not take all.
    pub(super) fn method(self) -> Option<&'static str> {
        match self {
            Self::Revoke => Some("DELETE"),
            Self::Types => Some("GET"),
            Self::Api => None,
            _ => Some("POST"),
        }
    }

    /// Whether the endpoint takes credentials in its body, so that none belong into the head.
    pub(super) fn is_sign_in_traffic(self) -> bool {
        matches!(self, Self::AccessTokens | Self::RefreshTokens | Self::Token)
    }

    /// Returns the resource type that a body sent here says.
    pub(super) fn resource(self) -> &'static str {
        match self {
            Self::AccessTokens => "access-tokens",
            Self::RefreshTokens | Self::Revoke => "refresh-tokens",
            Self::Token => "token",
            Self::CompanyUser => "company-user-access-tokens",
            Self::Types => "multi-factor-auth-types",
            Self::Trigger => "multi-factor-auth-trigger",
            Self::Activate => "multi-factor-auth-type-activate",
            Self::Verify => "multi-factor-auth-type-verify",
            Self::Deactivate => "multi-factor-auth-type-deactivate",
            Self::Api => "",
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Revoke => "revocation",
            Self::Api => "API call",
            _ => self.resource(),
        })
    }
}

impl From<Quirk> for Cue<Quirk> {
    fn from(quirk: Quirk) -> Self {
        Self::Odd(quirk)
    }
}
