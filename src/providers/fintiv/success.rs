//! The short way to the usual verdict.

use serde::de::Deserialize;
use serde_json::{Deserializer, value::RawValue};

use super::status::SUCCESS;

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
        let value = behind(behind_value::<&str>(rest)?, b':')?;
        // As a raw value, because that must be UTF-8.
        rest = behind(behind_value::<&RawValue>(value)?, b',')?;
    }
}

fn behind_text<'a>(text: &'a [u8], wanted: &str) -> Option<&'a [u8]> {
    let text = behind(text, b'"')?.strip_prefix(wanted.as_bytes())?;
    text.strip_prefix(b"\"")
}

fn behind_value<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Option<&'a [u8]> {
    let mut values = Deserializer::from_slice(text).into_iter::<T>();
    values.next()?.ok()?;
    text.get(values.byte_offset()..)
}

fn behind(text: &[u8], mark: u8) -> Option<&[u8]> {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    let start = text.iter().position(|byte| !is_space(byte))?;
    text[start..].strip_prefix(&[mark])
}
