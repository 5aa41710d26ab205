//! What an answer means.

use std::fmt;

use http::{HeaderMap, StatusCode};

use super::{MfaErrorCode, errors::Errors};
use crate::ErrorKind;

/// An endpoint of the Glue API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// `POST /access-tokens`; or `POST /token` with
    /// [`token_form`](super::GlueBuilder::token_form).
    SignIn,
    /// `POST /refresh-tokens`; or `POST /token` with
    /// [`token_form`](super::GlueBuilder::token_form).
    Refresh,
    /// `POST /company-user-access-tokens`.
    CompanyUser,
    /// `DELETE /refresh-tokens/mine`.
    SignOut,
    /// `GET /multi-factor-auth-types`.
    Types,
    /// `POST /multi-factor-auth-trigger`.
    Trigger,
    /// `POST /multi-factor-auth-type-activate`.
    Activate,
    /// `POST /multi-factor-auth-type-verify`.
    Verify,
    /// `POST /multi-factor-auth-type-deactivate`.
    Deactivate,
}

/// An answer of the API, for a [classifier](super::GlueBuilder::classifier) to judge.
///
/// `Debug` shows neither headers nor body, as both can hold secrets.
#[derive(Clone, Copy)]
pub struct Answer<'a> {
    pub(super) endpoint: Endpoint,
    pub(super) status: StatusCode,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
    pub(super) errors: &'a Errors,
}

// === impl Endpoint ===

impl Endpoint {
    pub(super) const ALL: [Self; 9] = [
        Self::SignIn,
        Self::Refresh,
        Self::CompanyUser,
        Self::SignOut,
        Self::Types,
        Self::Trigger,
        Self::Activate,
        Self::Verify,
        Self::Deactivate,
    ];

    /// Returns what an error's text calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::SignIn => "sign-in",
            Self::Refresh => "refresh",
            Self::CompanyUser => "sign-in as a company user",
            Self::SignOut => "sign-out",
            Self::Types => "list of MFA types",
            Self::Trigger => "MFA trigger",
            Self::Activate => "activation of the MFA type",
            Self::Verify => "verification of the MFA type",
            Self::Deactivate => "deactivation of the MFA type",
        }
    }

    /// Returns its path, where the vendor has it.
    pub(super) fn path(self, is_form: bool) -> &'static str {
        match self {
            Self::SignIn | Self::Refresh if is_form => "/token",
            Self::SignIn => "/access-tokens",
            Self::Refresh => "/refresh-tokens",
            Self::CompanyUser => "/company-user-access-tokens",
            Self::SignOut => "/refresh-tokens/mine",
            Self::Types => "/multi-factor-auth-types",
            Self::Trigger => "/multi-factor-auth-trigger",
            Self::Activate => "/multi-factor-auth-type-activate",
            Self::Verify => "/multi-factor-auth-type-verify",
            Self::Deactivate => "/multi-factor-auth-type-deactivate",
        }
    }

    /// Whether tokens are issued here.
    pub(super) fn issues_tokens(self) -> bool {
        matches!(self, Self::SignIn | Self::Refresh | Self::CompanyUser)
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

    /// Whether one of the errors in the body has this code: `003`, or `invalid_grant`.
    #[must_use]
    pub fn has_code(&self, code: &str) -> bool {
        self.errors.has(code)
    }

    /// Says what is wrong, if anything: as the vendor's source and documentation have it, and where
    /// they are silent by the status.
    pub(super) fn default_verdict(&self) -> Option<ErrorKind> {
        use Endpoint::{CompanyUser, Refresh, SignIn, SignOut};

        let mfa = || {
            let mut codes = self.errors.codes();
            codes.find_map(|code| MfaErrorCode::from_code(&code))
        };
        let is_wrong_call = || {
            [
                "invalid_request",
                "invalid_client",
                "unauthorized_client",
                "unsupported_grant_type",
                "invalid_scope",
            ]
            .into_iter()
            .any(|code| self.has_code(code))
        };
        match (self.endpoint, self.status.as_u16()) {
            (_, 200..=299) => None,
            // The token is dead already.
            (SignOut, 401) => None,
            (_, 429) if self.has_code("4401") => Some(ErrorKind::Locked),
            (_, 429) => Some(ErrorKind::RateLimited),
            (_, 423) => Some(ErrorKind::Locked),
            (_, 408 | 425 | 500..=599) => Some(ErrorKind::Transport),
            (SignIn | Refresh, 400 | 401) if is_wrong_call() => Some(ErrorKind::Config),
            (SignIn | Refresh, 400 | 401 | 403 | 422) => Some(ErrorKind::Rejected),
            (CompanyUser, 400 | 401 | 403 | 404 | 422) => Some(ErrorKind::Provider),
            (SignIn | Refresh | CompanyUser | SignOut, 404 | 405) => Some(ErrorKind::Config),
            (SignIn | Refresh | CompanyUser | SignOut, _) => Some(ErrorKind::Protocol),
            (_, status) => Some(match (mfa(), status) {
                (Some(MfaErrorCode::CodeMissing), _) => ErrorKind::CodeRequired,
                (Some(MfaErrorCode::CodeInvalid), _) => ErrorKind::CodeRejected,
                // It may be tried again later.
                (Some(MfaErrorCode::CodeNotSent), _) => ErrorKind::Transport,
                (Some(_), _) | (None, 400 | 401 | 403 | 422) => ErrorKind::Provider,
                (None, 404 | 405) => ErrorKind::Config,
                (None, _) => ErrorKind::Protocol,
            }),
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
