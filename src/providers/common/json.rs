//! Reading an answer that should be a JSON object.

use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::{Error, ErrorKind};

/// Takes off the byte order mark that some servers send.
pub(crate) fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body)
}

/// Returns what stands in `raw`, if it is a text.
pub(crate) fn text(raw: &RawValue) -> Option<Zeroizing<String>> {
    let text: String = serde_json::from_str(raw.get()).ok()?;
    Some(Zeroizing::new(text))
}

/// Says why `body`, the answer to what `name` calls, could not be read.
pub(crate) fn unreadable(body: &[u8], name: &str, error: &serde_json::Error) -> Error {
    // serde_json's own text can quote the body.
    let (line, column) = (error.line(), error.column());
    let why = match body.trim_ascii_start() {
        [] => "it is empty".into(),
        [b'<', ..] => "it is a web page; is the base URL that of the API?".into(),
        [b'[', ..] => "it is a list and not an object".into(),
        _ if error.is_data() => {
            format!("it is not what was asked for, from line {line} column {column} on")
        }
        _ if error.is_eof() => format!("it breaks off at line {line} column {column}"),
        _ => format!("it is not JSON, from line {line} column {column} on"),
    };
    let message = format!("the answer to the {name} could not be understood: {why}");
    Error::with_message(ErrorKind::Protocol, message)
}
