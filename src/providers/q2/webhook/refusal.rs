//! Why a delivery was not accepted.

use std::{error::Error as StdError, fmt};

use http::StatusCode;

/// Why a delivery was not accepted, and so what was answered.
///
/// The sender learns the status and nothing else. [`WebhookBuilder::on_refusal`] and the log lines
/// have the reason.
///
/// [`WebhookBuilder::on_refusal`]: super::WebhookBuilder::on_refusal
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// It is no `POST`: `405`.
    Method,
    /// It has no `Authorization: Bearer`, or more than one: `401`.
    NoBearer,
    /// The verifier does not know the bearer token: `401`.
    Bearer,
    /// The verifier of bearer tokens failed: `503`.
    BearerUnknown,
    /// It has no signature, or more than one: `401`.
    NoSignature,
    /// The signature is no good, for this reason: `401`.
    Signature(SignatureError),
    /// The public keys could not be had, so nobody knows whether the signature is good: `503`.
    NoKeys,
    /// The body is longer than the cap: `413`.
    TooLarge,
    /// The body did not come in time: `408`.
    TooSlow,
    /// The connection broke in the body: `400`.
    Broken,
    /// So many deliveries are being read that this one was not: `503`.
    Busy,
    /// The body is not encrypted, and must be: `400`.
    NotEncrypted,
    /// The body is encrypted, and there is no key: `415`.
    NoDecryptionKey,
    /// The body is encrypted in a way that is not configured: `400`.
    UnsupportedEncryption,
    /// The body cannot be decrypted: `400`. It is one reason for all that can be wrong with it, so
    /// that nobody can find out which.
    Undecryptable,
    /// The body is no event: `400`.
    Malformed,
    /// Whoever waits for the event has more than enough to look at, or the same event is being dealt
    /// with: `503`.
    NotNow,
    /// The handler failed: `500`.
    Handler,
}

/// What is wrong with the signature of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignatureError {
    /// It is no JWT.
    Malformed,
    /// It names another algorithm than the one that is configured.
    Algorithm,
    /// It asks for something that is not understood (`crit`).
    Critical,
    /// It names a key that is not among the published ones.
    UnknownKey,
    /// The signature does not fit.
    Wrong,
    /// What it says about itself is not readable.
    Claims,
    /// It has expired (`exp`), or is older than allowed (`iat`).
    Expired,
    /// It is not valid yet (`nbf`, `iat`).
    Early,
    /// It is not from the configured issuer (`iss`).
    Issuer,
    /// It is not for the configured audience (`aud`).
    Audience,
}

// === impl Refusal ===

impl Refusal {
    /// Returns the status that was answered.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::NoBearer | Self::Bearer | Self::NoSignature | Self::Signature(_) => {
                StatusCode::UNAUTHORIZED
            }
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::NoDecryptionKey => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Broken
            | Self::NotEncrypted
            | Self::UnsupportedEncryption
            | Self::Undecryptable
            | Self::Malformed => StatusCode::BAD_REQUEST,
            Self::BearerUnknown | Self::NoKeys | Self::Busy | Self::NotNow => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Handler => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Method => "it is no POST",
            Self::NoBearer => "it has no bearer token",
            Self::Bearer => "its bearer token is not known",
            Self::BearerUnknown => "its bearer token could not be checked",
            Self::NoSignature => "it has no signature, or more than one",
            Self::Signature(error) => return error.fmt(f),
            Self::NoKeys => "the public keys could not be had",
            Self::TooLarge => "it is too long",
            Self::TooSlow => "it did not come in time",
            Self::Broken => "it broke off",
            Self::Busy => "too many deliveries are being read",
            Self::NotEncrypted => "it is not encrypted",
            Self::NoDecryptionKey => "it is encrypted: set decryption_key()",
            Self::UnsupportedEncryption => "it is encrypted in a way that is not configured",
            Self::Undecryptable => "it cannot be decrypted",
            Self::Malformed => "it is no event",
            Self::NotNow => "it cannot be taken now",
            Self::Handler => "the handler failed",
        })
    }
}

impl StdError for Refusal {}

impl From<SignatureError> for Refusal {
    fn from(error: SignatureError) -> Self {
        Self::Signature(error)
    }
}

// === impl SignatureError ===

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "its signature is no JWT",
            Self::Algorithm => "its signature is of another algorithm than configured",
            Self::Critical => "its signature asks for something that is not understood",
            Self::UnknownKey => "its signature names a key that is not published",
            Self::Wrong => "its signature does not fit",
            Self::Claims => "the claims of its signature are not readable",
            Self::Expired => "its signature has expired",
            Self::Early => "its signature is not valid yet",
            Self::Issuer => "its signature is from another issuer",
            Self::Audience => "its signature is for another audience",
        })
    }
}

impl StdError for SignatureError {}
