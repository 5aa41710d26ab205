use std::{fmt, sync::Arc};

use serde_json::Value;

use super::status::{Status, StatusClass, shown};
use crate::{
    Error, ErrorKind,
    providers::common::advice::{self, Secrets},
};

/// What Fintiv says went wrong, or why its answer cannot be trusted.
///
/// A response that was found to be a failure has it in its extensions, and so has a `401`. It is the
/// source of the crate's [`Error`] beside it.
///
/// `Display` has the code and the server's words if they are plain ones: letters, few digits, simple
/// punctuation, and no word that mixes letters with digits. `Debug` has the code only.
#[derive(Clone, PartialEq, Eq)]
pub struct FintivError {
    cause: Cause,
}

#[derive(Clone, PartialEq, Eq)]
enum Cause {
    Status(Arc<Status>, StatusClass),
    NoStatus,
    Missing(&'static str),
    Unauthorized,
}

// === impl FintivError ===

impl FintivError {
    pub(super) fn new(status: Status, class: StatusClass) -> Self {
        Self {
            cause: Cause::Status(Arc::new(status), class),
        }
    }

    /// There is a `contextResponse`, but nobody can say what it says.
    pub(super) fn no_status() -> Self {
        Self {
            cause: Cause::NoStatus,
        }
    }

    /// There is no `contextResponse`, for this reason.
    pub(super) fn missing(why: &'static str) -> Self {
        Self {
            cause: Cause::Missing(why),
        }
    }

    /// The server answered `401` of itself.
    pub(super) fn unauthorized() -> Self {
        Self {
            cause: Cause::Unauthorized,
        }
    }

    /// Returns what the answer says of itself; nothing if it does not, or if the server answered
    /// with an honest status.
    #[must_use]
    pub fn status(&self) -> Option<&Status> {
        match &self.cause {
            Cause::Status(status, _) => Some(status),
            Cause::NoStatus | Cause::Missing(_) | Cause::Unauthorized => None,
        }
    }

    /// Returns what the status was taken for, if there is one.
    #[must_use]
    pub fn class(&self) -> Option<StatusClass> {
        match self.cause {
            Cause::Status(_, class) => Some(class),
            Cause::NoStatus | Cause::Missing(_) | Cause::Unauthorized => None,
        }
    }

    fn kind(&self) -> ErrorKind {
        match self.cause {
            Cause::Status(..) => ErrorKind::Provider,
            Cause::NoStatus | Cause::Missing(_) => ErrorKind::Protocol,
            Cause::Unauthorized => ErrorKind::Rejected,
        }
    }

    /// Says what to do about it.
    fn advice(&self) -> &'static str {
        match &self.cause {
            Cause::Status(_, StatusClass::AuthExpired) => {
                "Fintiv refuses the token, inside a 200: if a new one does not help either, the \
                 account or the tenant may not use this"
            }
            Cause::Status(_, StatusClass::AuthDenied) => {
                "Fintiv does not let this account do that, inside a 200: signing in again does not \
                 help"
            }
            Cause::Status(_, StatusClass::Validation) => {
                "Fintiv does not take the request for valid, inside a 200: signing in again does not \
                 help"
            }
            Cause::Status(..) => "Fintiv reports a failure inside a 200",
            Cause::NoStatus => {
                "the answer has a contextResponse without a statusCode that can be read, so it counts \
                 as a failure"
            }
            Cause::Missing(_) => {
                "the answer is a 200 without a contextResponse, so nobody can say what came of the \
                 request: is the path right? Where answers have none, say so with `matcher` or \
                 `on_missing_envelope`"
            }
            Cause::Unauthorized => {
                "Fintiv answers 401: no valid api-key, or no valid token. A new token is tried once; \
                 if that does not help, the api-key is missing, wrong or outdated, and signing in \
                 again cannot help"
            }
        }
    }
}

impl fmt::Display for FintivError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Cause::Status(status, _) => {
                f.write_str(shown(status.code()).unwrap_or("a statusCode that is not shown"))?;
                let said = said(status, &Secrets::default());
                said.map_or(Ok(()), |said| write!(f, ": {said}"))
            }
            Cause::NoStatus => f.write_str("no statusCode"),
            Cause::Missing(why) => f.write_str(why),
            Cause::Unauthorized => f.write_str("401"),
        }
    }
}

/// Returns the server's words about a status: all of them, or nothing if any might be secret.
pub(super) fn said(status: &Status, secrets: &Secrets) -> Option<String> {
    let texts = [status.message(), status.additional_message()];
    let texts: Vec<_> = texts.into_iter().flatten().map(Value::from).collect();
    advice::quoted(&texts, secrets)
}

impl fmt::Debug for FintivError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FintivError")
            .field("status", &self.status())
            .field("class", &self.class())
            .finish_non_exhaustive()
    }
}

impl std::error::Error for FintivError {}

impl From<FintivError> for Error {
    fn from(error: FintivError) -> Self {
        let general = Self::with_message(error.kind(), error.advice());
        let code = error.status().map(Status::code).and_then(shown);
        let general = match code {
            Some(code) => general.code(code),
            None => general,
        };
        general.caused_by(error)
    }
}
