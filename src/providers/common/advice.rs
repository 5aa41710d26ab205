//! What others say about a failure, as far as it can be repeated without repeating a secret.

use std::{collections::HashSet, error::Error as StdError, fmt, io};

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use zeroize::{Zeroize, Zeroizing};

use super::json;
use crate::{BoxError, InvalidToken, Token};

/// The longest text that is repeated, in characters.
const LONGEST: usize = 200;

/// The longest word that is repeated. Tokens nobody told us about are longer.
const LONGEST_WORD: usize = 20;

/// How many digits a text may have: a password in the codes of its characters has more.
const MOST_DIGITS: usize = 8;

/// A secret counts as repeated when so many of its characters are, in a row.
const TELLTALE: usize = 4;

/// No longer text is searched for secrets, in bytes: nobody shall keep us busy.
const LONGEST_SEARCHED: usize = 4096;

const HIDDEN: &str = "an error that is not shown, as it may repeat a secret";

/// The secrets of one exchange, which must not show up in its errors.
#[derive(Default)]
pub(crate) struct Secrets(Vec<SecretString>);

/// Whose text it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Author {
    /// The server, which has seen the secrets and may repeat them in any form.
    Server,
    /// The client or the code service, whose texts name things: `UnknownIssuer`, `CODE_COMMAND`.
    Library,
}

/// An error of somebody else's, as far as it can be shown.
struct Shown {
    text: Box<str>,
    source: Option<BoxError>,
}

// === impl Secrets ===

impl Secrets {
    pub(crate) fn add(&mut self, secret: &str) {
        self.0.push(SecretString::from(secret));
    }

    pub(crate) fn add_secret(&mut self, secret: &SecretString) {
        self.add(secret.expose_secret());
    }

    pub(crate) fn add_token(&mut self, token: &Token) {
        self.add(token.expose());
        if let Some(refresh) = token.refresh_token() {
            self.add_secret(refresh);
        }
    }

    /// Whether `text` has a part of one of the secrets in it, whatever stands in between; or might
    /// have, because it is too long to tell.
    pub(crate) fn are_in(&self, text: &str) -> bool {
        // With letters of every alphabet, and with those that no encoding changes.
        let kinds: [fn(char) -> bool; 2] = [char::is_alphanumeric, |c| c.is_ascii_alphanumeric()];
        text.len() > LONGEST_SEARCHED
            || kinds.into_iter().any(|keep| {
                let text = bare(text, keep);
                let mut secrets = self.0.iter().map(|secret| secret.expose_secret());
                secrets.any(|secret| shares(&text, &bare(secret, keep)))
            })
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

/// Takes `message`, `error` and `errors` out of the body of a failure: all of it, or nothing if
/// any of it might repeat a secret.
pub(crate) fn from_body(body: &[u8], secrets: &Secrets) -> Option<String> {
    let mut value: Value = serde_json::from_slice(json::without_mark(body)).ok()?;
    let fields = ["message", "error", "errors"];
    let said = quoted(
        fields.into_iter().filter_map(|field| value.get(field)),
        secrets,
    );
    wipe(&mut value);
    said
}

/// Returns the texts in `values`: all of them, or nothing if any of them might repeat a secret.
pub(crate) fn quoted<'a>(
    values: impl IntoIterator<Item = &'a Value>,
    secrets: &Secrets,
) -> Option<String> {
    let mut texts = Vec::new();
    let is_good = values.into_iter().all(|value| collect(value, &mut texts));
    let joined = texts.join("; ");
    let is_good = is_good && joined.len() <= LONGEST && !secrets.are_in(&joined);
    (is_good && !joined.is_empty()).then_some(joined)
}

/// Returns a text of the server's, if it can be repeated.
pub(crate) fn quote(text: &str, secrets: &Secrets) -> Option<String> {
    let text = text.trim();
    let is_good = !text.is_empty() && is_plain(text, Author::Server) && !secrets.are_in(text);
    is_good.then(|| text.to_owned())
}

/// Returns what can be shown of `error` and those below it, to be the source of one of ours.
///
/// What the operating system says is kept as it is. Of other errors the text is, if it is plain
/// words; never the type, whose `Debug` can show anything.
pub(crate) fn quotable(error: &(dyn StdError + 'static), secrets: &Secrets) -> BoxError {
    let shown = |cause: &(dyn StdError + 'static)| {
        let text = Zeroizing::new(cause.to_string());
        (is_plain(&text, Author::Library) && !secrets.are_in(&text)).then(|| text.to_string())
    };
    let causes: Vec<_> = chain(error).collect();
    let texts: Vec<_> = causes.iter().map(|cause| shown(*cause)).collect();
    // What is no secret in parts may be one together.
    let all = Zeroizing::new(
        texts
            .iter()
            .flatten()
            .map(String::as_str)
            .collect::<String>(),
    );
    if secrets.are_in(&all) {
        return HIDDEN.into();
    }
    let pairs = causes.into_iter().zip(texts).rev();
    let top = pairs.fold(None, |source, (cause, text)| {
        Some(known(cause).unwrap_or_else(|| {
            let text = text.unwrap_or_else(|| HIDDEN.into()).into();
            BoxError::from(Shown { text, source })
        }))
    });
    top.unwrap_or_else(|| HIDDEN.into())
}

/// Returns `error` and those below it, down to a depth that no honest error has.
pub(crate) fn chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source()).take(16)
}

/// Whether a character is not seen, or changes how others are.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{AD}' | '\u{61C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}')
        || matches!(c, '\u{2060}'..='\u{206F}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}')
        || matches!(c, '\u{E0000}'..='\u{E0FFF}')
}

// === impl Shown ===

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl StdError for Shown {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}

/// Makes `error` again if it is of a kind that holds nothing but what it says itself.
fn known(error: &(dyn StdError + 'static)) -> Option<BoxError> {
    if let Some(invalid) = error.downcast_ref::<InvalidToken>() {
        return Some((*invalid).into());
    }
    let error = error.downcast_ref::<io::Error>()?;
    let code = error.raw_os_error()?;
    Some(io::Error::from_raw_os_error(code).into())
}

/// Appends the texts in `value` to `texts`, each once; whether all of them can be repeated.
/// serde_json has bounded how deep they are nested.
fn collect(value: &Value, texts: &mut Vec<String>) -> bool {
    match value {
        Value::String(text) => {
            // The end of the sentence is ours.
            let text = text
                .trim()
                .trim_end_matches(['.', '!', '?', ',', ':', '-', ' ']);
            if text.is_empty() || texts.iter().any(|known| known == text) {
                return true;
            }
            let fits = texts.len() < LONGEST && is_plain(text, Author::Server);
            if fits {
                texts.push(text.into());
            }
            fits
        }
        Value::Array(items) => items.iter().all(|item| collect(item, texts)),
        Value::Object(fields) => fields.values().all(|field| collect(field, texts)),
        _ => true,
    }
}

/// The body may repeat what was sent, so the copy that parsing made is wiped.
pub(crate) fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(fields) => fields.values_mut().for_each(wipe),
        _ => {}
    }
}

/// Whether `text` is nothing but words of a language, as people write them: no encoding of
/// anything looks like that.
fn is_plain(text: &str, author: Author) -> bool {
    let marks = match author {
        Author::Server => " .,:!?'()-",
        Author::Library => " .,:!?'()-;`_",
    };
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || marks.contains(c);
    text.len() <= LONGEST
        && text.chars().all(is_allowed)
        && text.chars().filter(char::is_ascii_digit).count() <= MOST_DIGITS
        && text
            .split(|c: char| !c.is_ascii_alphanumeric())
            .all(|word| is_word(word, author))
}

fn is_word(word: &str, author: Author) -> bool {
    let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
    let is_alphabetic = word.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_lower = |word: &str| word.bytes().all(|byte| byte.is_ascii_lowercase());
    if word.len() > LONGEST_WORD || !(is_number || is_alphabetic) {
        return false;
    }
    if is_number || word.get(1..).is_none_or(is_lower) {
        return true;
    }
    let is_constant = || word.len() <= 8 && word.bytes().all(|byte| byte.is_ascii_uppercase());
    // A capital after three letters at least: what is encoded has them anywhere.
    let is_name = || humps(word).all(|hump| hump.len() >= 3 && is_lower(&hump[1..]));
    author == Author::Library && (is_constant() || is_name())
}

/// Splits `UnknownIssuer` before its capitals.
fn humps(word: &str) -> impl Iterator<Item = &str> {
    let mut rest = word;
    std::iter::from_fn(move || {
        let next = rest.get(1..)?.find(|c: char| c.is_ascii_uppercase());
        let (hump, tail) = rest.split_at(next.map_or(rest.len(), |at| at + 1));
        rest = tail;
        Some(hump)
    })
}

/// Leaves nothing but what `keep` says, in lower case.
fn bare(text: &str, keep: fn(char) -> bool) -> Zeroizing<Vec<char>> {
    // No letter becomes more than three. A buffer that grew would leave copies that are not wiped.
    let mut bare = Zeroizing::new(Vec::with_capacity(text.len() * 3));
    bare.extend(
        text.chars()
            .filter(|c| keep(*c))
            .flat_map(char::to_lowercase),
    );
    bare
}

/// Whether `text` has a secret in it, or [`TELLTALE`] characters of it that stand together.
fn shares(text: &[char], secret: &[char]) -> bool {
    match secret.len() {
        0 => false,
        length if length < TELLTALE => text.windows(length).any(|part| part == secret),
        // Tokens can be long: a set keeps the work at the sum of both lengths, not their product.
        _ => {
            let parts: HashSet<&[char]> = text.windows(TELLTALE).collect();
            secret.windows(TELLTALE).any(|part| parts.contains(part))
        }
    }
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
            (r#"{"error":"denied","message":"No!"}"#, "No; denied"),
            (r#"{"errors":["a","b"]}"#, "a; b"),
            (
                r#"{"errors":{"email":["Not valid."],"password":{"x":"Too short."}}}"#,
                "Not valid; Too short",
            ),
            (r#"{"error":{"code":7,"message":"nested"}}"#, "nested"),
            ("\u{FEFF}{\"message\":\"x\"}", "x"),
            (r#"{"message":"same","error":"same."}"#, "same"),
            (
                r#"{"message":"You can't (yet): wait 10 minutes, please - 2 tries left?"}"#,
                "You can't (yet): wait 10 minutes, please - 2 tries left",
            ),
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
            r#"{"message":" ..."}"#,
        ] {
            let advice = from_body(body.as_bytes(), &Secrets::default());
            assert_eq!(advice, None, "{body}");
        }
    }

    #[test]
    fn is_plain_words_or_nothing() {
        for message in [
            "a\nb",
            "wörd",
            "see https",
            "https://host.name",
            "a@b",
            "a&amp;b",
            "a+b",
            "a%20b",
            "a*b",
            "a/b",
            "a_b",
            "a=b",
            "a\"b",
            "{a}",
            "abc1",
            "1abc",
            "aBc",
            "MFA",
            "abcdefghijklmnopqrstu",
            "536563726574",
            "83 101 99 114 101",
        ]
        .map(str::to_owned)
        .into_iter()
        .chain(["word ".repeat(41)])
        {
            let body = serde_json::json!({"message": "Good", "error": message}).to_string();
            let advice = from_body(body.as_bytes(), &Secrets::default());
            let expected = (message == "see https").then(|| "Good; see https".to_owned());
            assert_eq!(advice, expected, "{message}");
        }
    }

    #[test]
    fn a_body_of_many_texts_says_one_thing_or_nothing() {
        let many: Vec<_> = (0..150_000).map(|number| format!("{number:x}")).collect();
        let many = serde_json::to_vec(&serde_json::json!({"errors": many})).unwrap();
        let same = serde_json::json!({"errors": vec!["word"; 150_000]}).to_string();
        let secrets = secrets(&["s3cr3t ".repeat(100_000).as_str()]);
        assert_eq!(from_body(&many, &secrets), None);
        assert_eq!(from_body(same.as_bytes(), &secrets).unwrap(), "word");
    }

    #[test]
    fn is_dropped_if_it_repeats_a_secret() {
        for (secret, message) in [
            ("foo@bar.com", "no user foo bar com"),
            ("foo@bar.com", "no user Foo (at) bar-com"),
            ("foo@bar.com", "it ends with r, com"),
            ("4711", "4711 is wrong"),
            ("4711", "4.7.1.1 is wrong"),
            ("471", "471 is wrong"),
            ("Secret123", "you sent S e c r e t"),
            ("Secret123", "you sent 'Secr'"),
            ("my pass word", "you sent my pass word"),
            ("pässwörd9", "you sent p?sswrd"),
            ("a!b", "a.b"),
        ] {
            let body = serde_json::json!({"message": message}).to_string();
            assert!(from_body(body.as_bytes(), &secrets(&["other"])).is_some());
            let advice = from_body(body.as_bytes(), &secrets(&["other", secret]));
            assert_eq!(advice, None, "{message}");
            // In two parts.
            let (one, two) = message.split_at(message.len() - 2);
            let body = serde_json::json!({"errors": [one, two]}).to_string();
            let advice = from_body(body.as_bytes(), &secrets(&["other", secret]));
            assert_eq!(advice, None, "{message}");
        }
        let innocent = br#"{"message":"Wrong password"}"#;
        let secrets = secrets(&["Secret123", "foo@bar.com", "пароль", "!", ""]);
        assert_eq!(from_body(innocent, &secrets).unwrap(), "Wrong password");
        assert!(secrets.are_in("это пароль"));
    }

    #[test]
    fn foreign_errors_keep_what_is_plain() {
        fn texts(error: &(dyn StdError + 'static)) -> Vec<String> {
            chain(error).map(ToString::to_string).collect()
        }

        let refused = io::Error::from_raw_os_error(111);
        let refused_text = refused.to_string();
        let connect = Shown {
            text: "tcp connect error".into(),
            source: Some(refused.into()),
        };
        let request = Shown {
            text: "error sending request for url (http://a:b@host.name/)".into(),
            source: Some(connect.into()),
        };
        let shown = quotable(&request, &secrets(&["Secret123"]));
        let expected = [HIDDEN, "tcp connect error", &refused_text];
        assert_eq!(texts(&*shown), expected);
        let below = chain(&*shown).last().unwrap();
        let below = below.downcast_ref::<io::Error>().unwrap();
        assert_eq!(below.raw_os_error(), Some(111));
        assert!(!format!("{shown:?}").contains("host.name"));

        for (text, is_shown) in [
            ("invalid peer certificate: UnknownIssuer", true),
            ("client error (Connect)", true),
            ("DNS error", true),
            ("set `CODE_COMMAND`; there is no terminal", true),
            ("sent KNSWG4TFOQYTEMY", false),
            ("sent ABCDEFGHIJ", false),
            ("sent U2VjcmV0", false),
            ("sent aGVsbG", false),
            ("no mail for the secret", false),
            ("os error 111222333", false),
        ] {
            let error = Shown {
                text: text.into(),
                source: None,
            };
            let shown = quotable(&error, &secrets(&["Secret123"]));
            assert_eq!(shown.to_string() == text, is_shown, "{text}");
        }

        let invalid = quotable(&InvalidToken::Empty, &Secrets::default());
        assert!(invalid.downcast_ref::<InvalidToken>().is_some());
    }
}
