//! Identifiers, tokens and codes that cannot be guessed.

use crate::testing::server::Secrets;

/// Returns an id as most things have one: 24 hexadecimal digits.
pub(super) fn object_id() -> String {
    hex(24)
}

/// Returns the name of a question or of a way to send a code.
pub(super) fn short_id() -> String {
    hex(9)
}

/// Returns a code of six digits.
pub(super) fn code() -> String {
    Secrets::default().digits(6)
}

/// Returns the id of a call: a UUID.
pub(super) fn request_id() -> String {
    Secrets::default().uuid()
}

fn hex(digits: usize) -> String {
    let mut text = Secrets::default().token("");
    text.truncate(digits);
    text
}
