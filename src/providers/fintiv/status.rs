use std::fmt;

use serde_json::value::RawValue;

use crate::providers::common::{fields::Fields, json};

/// What an answer of Fintiv says of itself in its `contextResponse`.
///
/// The codes are kept as they were sent, whether they are known or not. `Debug` shows none of the
/// texts, as they can be about a person.
#[derive(Clone, PartialEq, Eq)]
pub struct Status {
    code: Box<str>,
    message: Option<Box<str>>,
    additional_code: Option<Box<str>>,
    additional_message: Option<Box<str>>,
    tenant: Option<Box<str>>,
}

/// What a [`Status`] means, and so what becomes of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StatusClass {
    /// The call succeeded: the answer passes untouched.
    Success,
    /// The token is not valid, or not any more: `401`, so that it is renewed and the request sent
    /// again.
    AuthExpired,
    /// The account may not do this, with whatever token: `403`.
    AuthDenied,
    /// What was sent is not valid: `400`. It never signs in again.
    Validation,
    /// Any other failure: `422`. Not `5xx`, for what stands outside may repeat those, and this may be
    /// a payment that was refused.
    Other,
}

/// Says what a status means, where the default does not fit.
///
/// Closures are classifiers, and `None` leaves it to [`StatusClass::of`].
///
/// # Example
///
/// One of the vendor's own samples of `VALIDATION` is about a missing permission.
///
/// ```
/// use tower_reauth::providers::fintiv::{FintivBuilder, Status, StatusClass};
///
/// fn adapt(builder: FintivBuilder) -> FintivBuilder {
///     builder.classifier(|status: &Status| {
///         let denied = status.code() == "VALIDATION"
///             && status.additional_message().is_some_and(|text| text.contains("different user"));
///         denied.then_some(StatusClass::AuthDenied)
///     })
/// }
/// # let _ = adapt;
/// ```
pub trait StatusClassifier: Send + Sync + 'static {
    /// Says what `status` means; `None` if the default is right.
    fn classify(&self, status: &Status) -> Option<StatusClass>;
}

impl<F> StatusClassifier for F
where
    F: Fn(&Status) -> Option<StatusClass> + Send + Sync + 'static,
{
    fn classify(&self, status: &Status) -> Option<StatusClass> {
        self(status)
    }
}

// === impl Status ===

const FIELDS: &[&str] = &[
    "tenantName",
    "statusCode",
    "statusMessage",
    "additionalStatusCode",
    "additionalStatusMessage",
];

impl Status {
    /// Reads a `contextResponse`. Nothing if it is no object, has no `statusCode`, or says anything
    /// twice.
    pub(super) fn read(context: &RawValue) -> Option<Self> {
        let fields = Fields::of(context, FIELDS).filter(|fields| !fields.is_repeated)?;
        let text = |name| fields.get(name).and_then(text);
        Some(Self {
            code: text("statusCode").filter(|code| !code.is_empty())?,
            message: text("statusMessage"),
            additional_code: text("additionalStatusCode"),
            additional_message: text("additionalStatusMessage"),
            tenant: text("tenantName"),
        })
    }

    /// Returns `statusCode`, as it was sent.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// Returns `statusMessage`.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// Returns `additionalStatusCode`, as it was sent.
    #[must_use]
    pub fn additional_code(&self) -> Option<&str> {
        self.additional_code.as_deref()
    }

    /// Returns `additionalStatusMessage`.
    #[must_use]
    pub fn additional_message(&self) -> Option<&str> {
        self.additional_message.as_deref()
    }

    /// Returns `tenantName`.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Status")
            .field("code", &shown(&self.code))
            .finish_non_exhaustive()
    }
}

/// Reads a text, or a number as it stands.
fn text(value: &RawValue) -> Option<Box<str>> {
    match value.get().as_bytes() {
        [b'"', ..] => json::text(value).map(|text| text.as_str().into()),
        [b'{' | b'[', ..] => None,
        _ => Some(value.get().into()),
    }
}

/// Returns `code` if it looks like one. Whatever else a server puts there is not shown.
pub(super) fn shown(code: &str) -> Option<&str> {
    let is_code = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    (code.len() <= 64 && code.bytes().all(is_code)).then_some(code)
}

// === impl StatusClass ===

impl StatusClass {
    /// Returns what `status` means by default: by its code, which is compared as it was sent.
    ///
    /// | `statusCode` | class |
    /// | --- | --- |
    /// | `SUCCESS` | [`Success`](Self::Success), as the vendor's documentation has it |
    /// | `SECURITY` | [`AuthExpired`](Self::AuthExpired): assumed |
    /// | `VALIDATION` | [`Validation`](Self::Validation): in the vendor's documentation |
    /// | `TRANSACTION_VALIDATION` | [`Validation`](Self::Validation): seen in an old service of the vendor's |
    /// | all others, `NON_SPECIFIC_MOZIDO_ERROR` among them | [`Other`](Self::Other) |
    #[must_use]
    pub fn of(status: &Status) -> Self {
        match status.code() {
            SUCCESS => Self::Success,
            "SECURITY" => Self::AuthExpired,
            "VALIDATION" | "TRANSACTION_VALIDATION" => Self::Validation,
            _ => Self::Other,
        }
    }
}

pub(super) const SUCCESS: &str = "SUCCESS";
