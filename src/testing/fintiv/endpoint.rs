//! The parts of the service, and what only they can get wrong.

use std::fmt;

use http::request::Parts;

use crate::testing::server::Cue;

/// The path that the authentication service stands under.
pub(super) const BASE: &str = "/auth";
/// Where the vendor's page of the cashier's login has the sign-on.
const CASHIER: &str = "/payment/api/v1/services/signon";

/// A part of the service that is counted and made to fail on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// `POST {base}/signon`, or `POST /payment/api/v1/services/signon`.
    SignOn,
    /// Every other path below the base.
    Api,
    /// Any other path.
    Elsewhere,
}

/// An answer that only this service can give, in place of the usual one.
///
/// All but [`Failure`](Self::Failure) and [`NullContext`](Self::NullContext) leave the request what
/// it is: a sign-on issues its token, and a call takes effect.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Quirk {
    /// 200, with a failure in the envelope.
    Failure {
        /// `statusCode`, such as `VALIDATION`.
        code: String,
        /// `statusMessage`
        message: Option<String>,
        /// `additionalStatusCode`
        additional_code: Option<String>,
        /// `additionalStatusMessage`
        additional_message: Option<String>,
    },
    /// 200, with `"contextResponse": null`, and nothing done.
    NullContext,
    /// A context without `statusCode`.
    NoStatusCode,
    /// The bare data, without an envelope.
    NoEnvelope,
    /// 200, and no body at all.
    Empty,
    /// `responseData` before `contextResponse`.
    ContextLast,
    /// This many bytes more of `responseData`.
    Padding(usize),
    /// At [`SignOn`](Endpoint::SignOn): success, but no token.
    NoToken,
}

impl Quirk {
    /// Returns a failure with a code and nothing else.
    #[must_use]
    pub fn failure(code: impl Into<String>) -> Self {
        Self::Failure {
            code: code.into(),
            message: None,
            additional_code: None,
            additional_message: None,
        }
    }

    /// Returns the documented sample of a failure that is about rights: a code of `VALIDATION`, and
    /// the reason in the additional message.
    #[must_use]
    pub fn different_user() -> Self {
        Self::Failure {
            code: "VALIDATION".to_owned(),
            message: Some("The provided data in request body is not valid!".to_owned()),
            additional_code: None,
            additional_message: Some(
                "You can't access different user's security information.".to_owned(),
            ),
        }
    }
}

impl Endpoint {
    pub(super) fn of(head: &Parts) -> Self {
        match head.uri.path() {
            CASHIER => Self::SignOn,
            path => match path.strip_prefix(BASE) {
                Some("/signon") => Self::SignOn,
                Some(rest) if rest.starts_with('/') => Self::Api,
                _ => Self::Elsewhere,
            },
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SignOn => "sign-on",
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
