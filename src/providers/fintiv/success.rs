//! The short way to the usual verdict.

use serde_json::value::RawValue;

use super::status::SUCCESS;
use crate::layers::normalize::json::pieces::{behind, value};

/// Whether `text` is the beginning of an answer whose first `contextResponse` has `SUCCESS` for its
/// first `statusCode`. What stands behind that is not looked at, so the answer may have any length.
///
/// It knows them only as they are usually written, without escapes.
pub(super) fn begins(text: &[u8]) -> bool {
    member(text, "contextResponse")
        .and_then(|context| member(context, "statusCode"))
        .and_then(|status| behind_text(status, SUCCESS))
        .is_some()
}

/// Returns what stands behind the colon of the first member of this name. `text` is to begin with
/// the object; each member before that must be there as a whole.
fn member<'a>(text: &'a [u8], wanted: &str) -> Option<&'a [u8]> {
    let mut rest = behind(text, b'{')?;
    loop {
        if let Some(rest) = behind_text(rest, wanted) {
            return behind(rest, b':');
        }
        let (_, rest_of_it) = value::<&str>(rest)?;
        // As a raw value, because that must be UTF-8.
        let (_, behind_it) = value::<&RawValue>(behind(rest_of_it, b':')?)?;
        rest = behind(behind_it, b',')?;
    }
}

fn behind_text<'a>(text: &'a [u8], wanted: &str) -> Option<&'a [u8]> {
    let text = behind(text, b'"')?.strip_prefix(wanted.as_bytes())?;
    text.strip_prefix(b"\"")
}
