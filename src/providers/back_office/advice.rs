//! What the server says about a failure, as far as it can be repeated without repeating a secret.

use std::collections::HashSet;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use zeroize::{Zeroize, Zeroizing};

use crate::Token;

/// The longest text that is repeated, in characters.
const LONGEST: usize = 200;

/// No longer text is looked at, in bytes: a server shall not keep us busy.
const LONGEST_READ: usize = 4096;

/// A secret counts as repeated when so many of its bytes are.
const TELLTALE: usize = 8;

/// The longest run of characters that may be a word. Tokens nobody told us about are longer.
const WORD: usize = 24;

/// The secrets of one exchange, which must not show up in its errors.
#[derive(Default)]
pub(super) struct Secrets(Vec<SecretString>);

impl Secrets {
    pub(super) fn add(&mut self, secret: &str) {
        if !secret.is_empty() {
            self.0.push(SecretString::from(secret));
        }
    }

    pub(super) fn add_secret(&mut self, secret: &SecretString) {
        self.add(secret.expose_secret());
    }

    pub(super) fn add_token(&mut self, token: &Token) {
        self.add(token.expose());
        if let Some(refresh) = token.refresh_token() {
            self.add_secret(refresh);
        }
    }

    /// Whether `text` has one of the secrets in it, or a good part of one, however it is escaped;
    /// or might have, because it is too long to tell.
    pub(super) fn are_in(&self, text: &str) -> bool {
        if text.len() > LONGEST_READ {
            return true;
        }
        let text = Zeroizing::new(text.to_lowercase());
        let unescaped = Zeroizing::new(unescape(text.as_bytes()));
        // An escape that stands for any character at all could hide anything.
        if text.contains("\\u") {
            return true;
        }
        self.0.iter().any(|secret| {
            let secret = Zeroizing::new(secret.expose_secret().to_lowercase());
            let bare = Zeroizing::new(unescape(secret.as_bytes()));
            contains_part(text.as_bytes(), secret.as_bytes()) || contains_part(&unescaped, &bare)
        })
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

/// Takes `message`, `error` and `errors` out of the body of a failure. If they might repeat a
/// secret, nothing is.
pub(super) fn from_body(body: &[u8], secrets: &Secrets) -> Option<String> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let mut value: Value = serde_json::from_slice(body).ok()?;
    let mut joined = Zeroizing::new(String::with_capacity(LONGEST_READ));
    for field in ["message", "error", "errors"] {
        if let Some(value) = value.get(field) {
            collect(value, &mut joined);
        }
    }
    wipe(&mut value);
    let in_doubt = secrets.are_in(&joined) || has_long_run(&joined);
    if in_doubt {
        return None;
    }
    let shown: String = joined
        .split_whitespace()
        .flat_map(|word| [" ", word])
        .skip(1)
        .flat_map(str::chars)
        .filter(|c| !is_hidden(*c))
        .take(LONGEST)
        .collect();
    // What was hidden between the parts of a secret is gone now.
    (!shown.is_empty() && !secrets.are_in(&shown) && !has_long_run(&shown)).then_some(shown)
}

/// Whether a character is not seen, or changes how others are.
pub(super) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{AD}' | '\u{61C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}')
        || matches!(c, '\u{2060}'..='\u{206F}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}')
        || matches!(c, '\u{E0000}'..='\u{E0FFF}')
}

/// Appends the texts in `value` to `joined`, each once, as long as there is room. serde_json has
/// bounded how deep they are nested.
fn collect(value: &Value, joined: &mut String) {
    match value {
        Value::String(text) => {
            let separator = if joined.is_empty() { "" } else { "; " };
            let fits = separator.len() + text.len() <= LONGEST_READ - joined.len();
            if fits && joined.split("; ").all(|known| known != text) {
                joined.push_str(separator);
                joined.push_str(text);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, joined)),
        Value::Object(fields) => fields.values().for_each(|field| collect(field, joined)),
        _ => {}
    }
}

/// The body may repeat what was sent, so the copy that parsing made is wiped.
fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(fields) => fields.values_mut().for_each(wipe),
        _ => {}
    }
}

/// Whether `text` contains `secret`, or [`TELLTALE`] bytes of it that stand together.
fn contains_part(text: &[u8], secret: &[u8]) -> bool {
    if secret.is_empty() {
        return false;
    }
    if secret.len() < TELLTALE {
        return text.windows(secret.len()).any(|part| part == secret);
    }
    // Tokens can be long: a set keeps the work at the sum of both lengths, not their product.
    let parts: HashSet<&[u8]> = text.windows(TELLTALE).collect();
    secret.windows(TELLTALE).any(|part| parts.contains(part))
}

/// Takes off percent signs' escapes and every backslash.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'\\', _) => {}
            (b'%', [high, low, tail @ ..]) => {
                let hex = |digit: u8| char::from(digit).to_digit(16);
                match (hex(*high), hex(*low)) {
                    (Some(high), Some(low)) => {
                        bytes.push((high * 16 + low) as u8);
                        rest = tail;
                    }
                    _ => bytes.push(b'%'),
                }
            }
            _ => bytes.push(*first),
        }
    }
    bytes.make_ascii_lowercase();
    bytes
}

fn has_long_run(text: &str) -> bool {
    let is_break = |c: char| !c.is_ascii_alphanumeric() && !"-_.+/=%~".contains(c);
    text.split(is_break).any(|run| run.len() > WORD)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(secrets: &[&str]) -> Secrets {
        let mut all = Secrets::default();
        secrets.iter().for_each(|secret| all.add(secret));
        all
    }

    #[test]
    fn is_taken_from_every_usual_shape() {
        for (body, expected) in [
            (r#"{"message":"Bad credentials"}"#, "Bad credentials"),
            (r#"{"error":"denied","message":"No"}"#, "No; denied"),
            (r#"{"errors":["a","b"]}"#, "a; b"),
            (
                r#"{"errors":{"email":["Not valid."],"password":{"x":"Short."}}}"#,
                "Not valid.; Short.",
            ),
            (r#"{"error":{"code":7,"message":"nested"}}"#, "nested"),
            (r#"{"message":"a\r\n\tb\u0000c\u202e"}"#, "a bc"),
            ("\u{FEFF}{\"message\":\"x\"}", "x"),
            (r#"{"message":"same","error":"same"}"#, "same"),
        ] {
            let advice = from_body(body.as_bytes(), &Secrets::default());
            assert_eq!(advice.as_deref(), Some(expected), "{body}");
        }
        for body in [
            "",
            "{}",
            "[]",
            "<html>",
            r#"{"message":7}"#,
            r#"{"message":""}"#,
        ] {
            assert_eq!(
                from_body(body.as_bytes(), &Secrets::default()),
                None,
                "{body}"
            );
        }
        let long = format!(r#"{{"message":"{}"}}"#, "wörd ".repeat(100));
        let advice = from_body(long.as_bytes(), &Secrets::default()).unwrap();
        assert_eq!(advice.chars().count(), 200);
    }

    #[test]
    fn takes_no_longer_than_the_body_is_worth() {
        let many: Vec<_> = (0..150_000).map(|number| format!("{number:x}")).collect();
        let body = serde_json::to_vec(&serde_json::json!({"errors": many})).unwrap();
        let secrets = secrets(&["s3cr3t ".repeat(100_000).as_str()]);
        let start = std::time::Instant::now();
        assert!(from_body(&body, &secrets).is_some());
        assert!(start.elapsed() < std::time::Duration::from_secs(5));

        let huge = format!(
            r#"{{"message":"{}","error":"brief"}}"#,
            "word ".repeat(100_000)
        );
        assert_eq!(from_body(huge.as_bytes(), &secrets).unwrap(), "brief");
    }

    #[test]
    fn is_dropped_if_it_repeats_a_secret() {
        let secrets = secrets(&["Secret 123/\"x", "foo@bar.com", "4711", "pässwörd9"]);
        for message in [
            r#"no user foo@bar.com"#,
            r#"no user FOO@BAR.COM"#,
            r#"no user foo%40bar.com"#,
            r#"4711 is wrong"#,
            r#"you sent Secret 123/\"x"#,
            r#"you sent {\"password\":\"Secret 123\\\/\\\"x\"}"#,
            r#"you sent Secret%20123%2F%22x"#,
            r#"it begins with Secret 1"#,
            r#"it is pässwörd9"#,
            r#"it is p\\u00e4ssw\\u00f6rd9"#,
            r#"it is 4\u200b7\u200b1\u200b1"#,
            r#"a token: eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.e30.x"#,
        ] {
            let body = format!(r#"{{"message":"{message}"}}"#);
            assert_eq!(from_body(body.as_bytes(), &secrets), None, "{message}");
        }
        // A token of somebody else's, of which only the beginning would be shown.
        let body = format!(
            r#"{{"message":"{}{}"}}"#,
            "word ".repeat(38),
            "aB3".repeat(20)
        );
        assert_eq!(from_body(body.as_bytes(), &secrets), None);
        let innocent = br#"{"message":"Wrong password"}"#;
        assert_eq!(from_body(innocent, &secrets).unwrap(), "Wrong password");
    }
}
