use std::fmt;

use crate::Error;

/// An error code of multi-factor authentication, with the meaning that it has in the vendor's
/// source.
///
/// The vendor's documentation has 5908 and 5909 the other way round, and lacks 5910. Do not decide
/// by these two: show what the server says.
///
/// # Example
///
/// ```
/// use tower_reauth::{Error, ErrorKind, providers::glue::MfaErrorCode};
///
/// let error = Error::new(ErrorKind::CodeRejected, "").code("5901");
/// assert_eq!(MfaErrorCode::of(&error), Some(MfaErrorCode::CodeInvalid));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[repr(u16)]
pub enum MfaErrorCode {
    /// `X-MFA-Code` is missing, or empty, on a protected resource.
    CodeMissing = 5900,
    /// The code is unknown, expired, blocked, invalidated, or superseded by a newer trigger; or its
    /// type is not active.
    CodeInvalid = 5901,
    /// `attributes.type` is missing.
    TypeMissing = 5902,
    /// The type could not be deactivated. The vendor's source defines it and does not use it.
    DeactivationFailed = 5903,
    /// The type is active already: from activating and verifying.
    TypeAlreadyActive = 5904,
    /// There is no customer identifier: the types were asked for without a user.
    NoCustomerIdentifier = 5905,
    /// The type is not known to the shop, not active for this user, or not waiting to be verified.
    TypeNotFound = 5906,
    /// There is no such customer: the call was made without a valid login.
    CustomerNotFound = 5907,
    /// There is no user identifier.
    NoUserIdentifier = 5908,
    /// There is no such user.
    UserNotFound = 5909,
    /// The code could not be sent. A trigger may be tried again later.
    CodeNotSent = 5910,
}

impl MfaErrorCode {
    const ALL: [Self; 11] = [
        Self::CodeMissing,
        Self::CodeInvalid,
        Self::TypeMissing,
        Self::DeactivationFailed,
        Self::TypeAlreadyActive,
        Self::NoCustomerIdentifier,
        Self::TypeNotFound,
        Self::CustomerNotFound,
        Self::NoUserIdentifier,
        Self::UserNotFound,
        Self::CodeNotSent,
    ];

    /// Returns the code that is spelled `code`, if it is one of these.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        let number: u16 = code.parse().ok()?;
        Self::ALL.into_iter().find(|code| code.number() == number)
    }

    /// Returns the code that `error` came with, if it is one of these.
    #[must_use]
    pub fn of(error: &Error) -> Option<Self> {
        Self::from_code(error.provider_code()?)
    }

    /// Returns the number: 5900.
    #[must_use]
    pub fn number(self) -> u16 {
        self as u16
    }

    fn meaning(self) -> &'static str {
        match self {
            Self::CodeMissing => "a code is required",
            Self::CodeInvalid => "the code is wrong, expired, blocked, or replaced by a newer one",
            Self::TypeMissing => "the type is missing",
            Self::DeactivationFailed => "the type could not be deactivated",
            Self::TypeAlreadyActive => "the type is active already",
            Self::NoCustomerIdentifier => "there is no customer identifier",
            Self::TypeNotFound => "the type is not known to the shop, or not active for this user",
            Self::CustomerNotFound => "there is no such customer: is the login valid?",
            Self::NoUserIdentifier => "there is no user identifier",
            Self::UserNotFound => "there is no such user",
            Self::CodeNotSent => "the code could not be sent",
        }
    }
}

impl fmt::Display for MfaErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.meaning())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_known_by_number_and_have_the_meaning_of_the_source() {
        let numbers: Vec<_> = MfaErrorCode::ALL.map(MfaErrorCode::number).into();
        assert_eq!(numbers, (5900..=5910).collect::<Vec<_>>());
        for code in MfaErrorCode::ALL {
            let text = code.number().to_string();
            assert_eq!(MfaErrorCode::from_code(&text), Some(code));
            assert!(!code.to_string().is_empty());
        }
        let code = |text| MfaErrorCode::from_code(text);
        assert_eq!(code("5908"), Some(MfaErrorCode::NoUserIdentifier));
        assert_eq!(code("5909"), Some(MfaErrorCode::UserNotFound));
        for other in ["002", "5911", "59000", "", "-5900", "5900 "] {
            assert_eq!(code(other), None);
        }
    }
}
