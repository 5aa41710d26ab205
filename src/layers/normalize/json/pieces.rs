//! JSON read piece by piece: each value by the parser, and the marks between them one by one.

use serde::de::Deserialize;
use serde_json::Deserializer;

use super::scan::trim_start;

/// Reads the value that `text` begins with, and returns it with what stands behind it.
#[inline]
pub(crate) fn value<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Option<(T, &'a [u8])> {
    let mut values = Deserializer::from_slice(text).into_iter::<T>();
    let value = values.next()?.ok()?;
    Some((value, text.get(values.byte_offset()..)?))
}

/// Returns what stands behind `mark`, if that comes next in `text`.
#[inline]
pub(crate) fn behind(text: &[u8], mark: u8) -> Option<&[u8]> {
    trim_start(text).strip_prefix(&[mark])
}
