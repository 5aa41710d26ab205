//! Why an auth came to nothing.

use std::{error::Error as StdError, fmt};

use crate::{
    Error, ErrorKind,
    providers::common::advice::{Secrets, quote},
};

/// Why an auth came to nothing, as far as it is particular to Q2.
///
/// It is the source of the [`Error`] of [`Q2::create_auth`](super::Q2::create_auth), and
/// [`of`](Self::of) finds it there. Errors without one are about the way to the server: see
/// [what a failure means](super#what-a-failure-means).
///
/// # Example
///
/// ```
/// use tower_reauth::{Error, providers::q2::AuthFailure};
///
/// fn tell(error: &Error) -> String {
///     match AuthFailure::of(error) {
///         Some(AuthFailure::Hold { text: Some(text), .. }) => text.as_str().into(),
///         Some(AuthFailure::Failed { .. } | AuthFailure::Invalid) => "Please try again.".into(),
///         _ => "Something went wrong.".into(),
///     }
/// }
/// # let _ = tell;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthFailure {
    /// The server answered 2xx with `"success": false`, so nothing was begun.
    NotQueued,
    /// The company refused the credentials (`auth.failed`).
    #[non_exhaustive]
    Failed {
        /// What the vendor says about it (`reason.message`).
        message: Option<VendorText>,
    },
    /// The answer to a question of MFA, or the code, was refused.
    #[non_exhaustive]
    MfaFailed {
        /// What the vendor says about it.
        message: Option<VendorText>,
    },
    /// The auth is on hold: the user must do something at the company first, and then
    /// [`fix_hold`](super::Q2::fix_hold) resumes it.
    #[non_exhaustive]
    Hold {
        /// The vendor's code: `account_issue_account_locked`.
        code: Option<Box<str>>,
        /// What to show to the user (`hold.text`, or `reason.userMessage`).
        text: Option<VendorText>,
    },
    /// The credentials are not valid any more (`auth.invalid`, or the status `authenticate`).
    Invalid,
    /// The auth was deleted meanwhile (`auth.deleted`).
    Deleted,
    /// Another call waits for an auth of the same client and company. Events do not tell the two
    /// apart, so nothing was sent.
    AlreadyWaiting,
    /// Not one event came in time, nor did polling find an outcome.
    NoEvent,
    /// Events came, but no outcome in time.
    NoOutcome,
}

/// A text of the vendor's, for people.
///
/// Show it to the user whose login it is about. `Debug` and `Display` of errors leave it out if it
/// repeats a part of what the user typed in.
#[derive(Clone, PartialEq, Eq)]
pub struct VendorText {
    text: Box<str>,
    /// What errors may say.
    quoted: Option<Box<str>>,
}

// === impl AuthFailure ===

impl AuthFailure {
    /// Finds the failure in `error`.
    #[must_use]
    pub fn of(error: &Error) -> Option<&Self> {
        error.source()?.downcast_ref()
    }

    /// Returns the kind of error that this is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Failed { .. } | Self::Invalid => ErrorKind::Rejected,
            Self::MfaFailed { .. } => ErrorKind::CodeRejected,
            Self::NotQueued | Self::Hold { .. } | Self::Deleted => ErrorKind::Provider,
            Self::AlreadyWaiting => ErrorKind::RateLimited,
            Self::NoEvent | Self::NoOutcome => ErrorKind::Timeout,
        }
    }

    /// Makes the error whose text says `what` happened and what to do.
    pub(super) fn into_error(self, what: &str) -> Error {
        let mut message = what.to_owned();
        let said = match &self {
            Self::Failed { message } | Self::MfaFailed { message } => message.as_ref(),
            Self::Hold { text, .. } => text.as_ref(),
            _ => None,
        };
        if let Some(said) = said.and_then(|text| text.quoted.as_ref()) {
            message.push_str("; Q2 says: ");
            message.push_str(said);
        }
        let error = Error::with_message(self.kind(), message);
        let error = match &self {
            Self::Hold {
                code: Some(code), ..
            } => error.code(&**code),
            _ => error,
        };
        error.caused_by(self)
    }
}

impl fmt::Display for AuthFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotQueued => "not queued",
            Self::Failed { .. } => "failed",
            Self::MfaFailed { .. } => "MFA failed",
            Self::Hold { .. } => "on hold",
            Self::Invalid => "invalid",
            Self::Deleted => "deleted",
            Self::AlreadyWaiting => "already waited for",
            Self::NoEvent => "no event",
            Self::NoOutcome => "no outcome",
        })
    }
}

impl StdError for AuthFailure {}

// === impl VendorText ===

impl VendorText {
    pub(super) fn new(text: &str, secrets: &Secrets) -> Self {
        Self {
            text: text.into(),
            quoted: quote(text, secrets).map(Into::into),
        }
    }

    /// Returns the text, as it was sent, of up to 1000 characters. It may repeat what the user
    /// typed in, so do not log it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for VendorText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("VendorText").field(&self.quoted).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_repeats_a_secret_is_data_and_never_in_errors() {
        let mut secrets = Secrets::default();
        secrets.add("hunter22");
        let texts = ["Log in and accept the terms.", "You typed hunter22."];
        for (text, is_shown) in texts.into_iter().zip([true, false]) {
            let failure = AuthFailure::Hold {
                code: Some("account_issue_accept_toc".into()),
                text: Some(VendorText::new(text, &secrets)),
            };
            let error = failure.into_error("the auth is on hold");
            assert_eq!(error.provider_code(), Some("account_issue_accept_toc"));
            assert_eq!(error.kind(), ErrorKind::Provider);
            let shown = format!("{error} {error:?}");
            assert_eq!(shown.contains(text), is_shown, "{shown}");
            assert!(!shown.contains("hunter22"));
            let Some(AuthFailure::Hold { text: found, .. }) = AuthFailure::of(&error) else {
                panic!("it is found again");
            };
            assert_eq!(found.as_ref().unwrap().as_str(), text);
        }
    }

    #[test]
    fn errors_from_elsewhere_have_none() {
        assert!(AuthFailure::of(&Error::new(ErrorKind::Transport, "x")).is_none());
        assert!(AuthFailure::of(&Error::with_message(ErrorKind::Config, "x")).is_none());
    }
}
