//! What an API says about a token in `WWW-Authenticate`: RFC 6750 section 3.

mod parse;

use http::{HeaderMap, HeaderValue, StatusCode, header::WWW_AUTHENTICATE};

use self::parse::{Challenge, Parsed};
use crate::{Error, ErrorKind};

/// What the challenges of a refusal say about a bearer token.
enum Said<'a> {
    /// This is wrong, by its name, in this challenge.
    Wrong(&'a str, &'a Challenge<'a>),
    /// The token is wanted, or not good any more.
    Token,
    /// Nothing: all challenges are of other schemes.
    Others,
    /// Nothing that could be understood, or nothing at all.
    Nothing,
}

/// The longest names that are repeated in an error, and the longest word in one.
const LONGEST_SCOPE: usize = 200;
const LONGEST_WORD: usize = 20;

/// Whether a `401` with these headers can be cured by a new token.
///
/// It can if the server gives no reason, or `invalid_token`. Other errors (`insufficient_scope`,
/// `invalid_request`, `insufficient_user_authentication`) are about something else, and so are
/// challenges of other schemes only, if ours is `Bearer`. What cannot be parsed is taken for no
/// reason.
pub(super) fn calls_for_a_new_token(headers: &HeaderMap, ours_is_bearer: bool) -> bool {
    let parsed = parsed(headers);
    match said(&parsed) {
        Said::Wrong(..) => false,
        Said::Token | Said::Nothing => true,
        Said::Others => !ours_is_bearer,
    }
}

/// The values of `WWW-Authenticate`, joined by commas.
pub(super) fn text(headers: &HeaderMap) -> Option<Box<str>> {
    let values: Vec<_> = headers
        .get_all(WWW_AUTHENTICATE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    (!values.is_empty()).then(|| {
        String::from_utf8_lossy(&values.join(&b", "[..]))
            .into_owned()
            .into_boxed_str()
    })
}

/// Returns what else than the token is wrong, if a response with this status says so.
pub(super) fn reason(status: StatusCode, headers: &HeaderMap) -> Option<Error> {
    // The statuses that RFC 6750 has for its errors.
    if !matches!(status.as_u16(), 400 | 401 | 403) || !headers.contains_key(WWW_AUTHENTICATE) {
        return None;
    }
    let parsed = parsed(headers);
    let Said::Wrong(code, challenge) = said(&parsed) else {
        return None;
    };
    let advice = match code {
        "insufficient_scope" => {
            "the token may not do this: ask for more scope where it comes from, and sign in again"
        }
        "insufficient_user_authentication" => {
            "the user has not signed in strongly or recently enough for this (RFC 9470): have the \
             user sign in again"
        }
        "invalid_request" => {
            "the request is malformed: is the token sent twice, or is a parameter missing?"
        }
        _ => "the API's own documentation says what this means",
    };
    let mut message = format!("the API refused the request ({}", status.as_u16());
    let code = is_words(code, &['_']).then_some(code);
    if let Some(code) = code {
        message.push_str(", ");
        message.push_str(code);
    }
    message.push_str("): ");
    message.push_str(advice);
    if let Some(scope) = scope(challenge) {
        message.push_str("; it wants the scope: ");
        message.push_str(scope);
    }
    let error = Error::with_message(ErrorKind::Provider, message);
    Some(match code {
        Some(code) => error.code(code),
        None => error,
    })
}

fn parsed(headers: &HeaderMap) -> Vec<Parsed<'_>> {
    let values = headers.get_all(WWW_AUTHENTICATE).iter();
    values.map(|value| Parsed::of(value.as_bytes())).collect()
}

fn said<'a>(parsed: &'a [Parsed<'a>]) -> Said<'a> {
    let all = || parsed.iter().flat_map(|parsed| &parsed.challenges);
    let mut said = match all().next() {
        Some(_) if parsed.iter().all(|parsed| parsed.is_whole) => Said::Others,
        _ => Said::Nothing,
    };
    for challenge in all().filter(|challenge| challenge.scheme.eq_ignore_ascii_case("Bearer")) {
        match (param(challenge, "error"), &said) {
            // Of several, the one that a new token may mend.
            (Some("invalid_token"), _) => return Said::Token,
            (Some(error), Said::Others | Said::Nothing | Said::Token) => {
                said = Said::Wrong(error, challenge);
            }
            (None, Said::Others | Said::Nothing) => said = Said::Token,
            _ => {}
        }
    }
    said
}

/// Returns the value of a parameter, if it has one that is a text.
fn param<'a>(challenge: &'a Challenge<'_>, name: &str) -> Option<&'a str> {
    let mut params = challenge.params.iter();
    let (_, value) = params.find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    std::str::from_utf8(value).ok()
}

/// Returns the scope that a challenge asks for, if it can be repeated: names made of words, which
/// no token is.
fn scope<'a>(challenge: &'a Challenge<'_>) -> Option<&'a str> {
    param(challenge, "scope").filter(|scope| {
        scope.len() <= LONGEST_SCOPE && is_words(scope, &[' ', ':', '.', '/', '_', '-'])
    })
}

/// Whether `text` is words in small letters with these `marks` between them.
fn is_words(text: &str, marks: &[char]) -> bool {
    let is_word = |word: &str| {
        word.len() <= LONGEST_WORD && word.bytes().all(|byte| byte.is_ascii_lowercase())
    };
    !text.is_empty() && text.split(marks).all(is_word)
}

#[cfg(test)]
mod tests;
