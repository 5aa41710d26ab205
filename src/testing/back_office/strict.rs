//! The rules a request has to keep.

use http::{HeaderMap, HeaderName, Method, header, request::Parts};
use serde::{Deserialize, de::DeserializeOwned};

use super::{Endpoint, sessions::Sessions};

/// Headers that carry credentials, none of which belongs into sign-in traffic.
const CREDENTIALS: [HeaderName; 8] = [
    header::AUTHORIZATION,
    header::PROXY_AUTHORIZATION,
    header::COOKIE,
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-access-token"),
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("x-auth-token"),
    HeaderName::from_static("x-session-token"),
];

/// Passwords shorter than this occur in innocent addresses and are not looked for.
const SHORTEST_PASSWORD: usize = 8;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    pub(super) email: String,
    pub(super) password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Confirm {
    pub(super) token: String,
    pub(super) code: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Refresh {
    #[serde(rename = "refreshToken")]
    pub(super) token: String,
}

/// A broken rule: the status it is refused with, and a sentence without secrets.
pub(super) type Breach = (u16, String);

/// Checks everything but the body. The first breach is the one that counts.
pub(super) fn check_head<'a>(
    endpoint: Endpoint,
    head: &Parts,
    sessions: &Sessions,
    passwords: impl Iterator<Item = &'a String>,
) -> Result<(), Breach> {
    check_address(head, sessions, passwords)?;
    if head.headers.get_all(header::AUTHORIZATION).iter().count() > 1 {
        return breach(400, "there are two Authorization headers");
    }
    if endpoint == Endpoint::Api {
        return Ok(());
    }
    if head.uri.query().is_some() {
        return breach(400, "the address has a query");
    }
    if head.method != Method::POST {
        return breach(405, "the method is not POST");
    }
    if !endpoint.is_sign_in_traffic() {
        return Ok(());
    }
    if let Some(name) = CREDENTIALS
        .iter()
        .find(|name| head.headers.contains_key(*name))
    {
        return breach(400, &format!("a credential is sent along, in `{name}`"));
    }
    if !is_json(&head.headers) {
        return breach(415, "the Content-Type is not application/json");
    }
    if !accepts_json(&head.headers) {
        return breach(406, "the Accept header does not admit application/json");
    }
    Ok(())
}

/// Reads the body of a request: an object of these fields, all strings, and no others.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Breach> {
    let read = serde_json::from_slice(body);
    // serde's own words may repeat what was sent.
    let sentence = match read {
        Err(error) if !error.is_data() => "the body is not JSON",
        // What serde derives for a struct reads an array of the values as well.
        _ if !body.trim_ascii_start().starts_with(b"{") => "the body is not a JSON object",
        Ok(fields) => return Ok(fields),
        Err(_) => "the body has missing, unknown, repeated or wrongly typed fields",
    };
    breach(400, sentence)
}

pub(super) fn breach<T>(status: u16, sentence: &str) -> Result<T, Breach> {
    Err((status, sentence.to_owned()))
}

/// Returns the access token that a request carries.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

fn check_address<'a>(
    head: &Parts,
    sessions: &Sessions,
    mut passwords: impl Iterator<Item = &'a String>,
) -> Result<(), Breach> {
    let address = percent_decoded(&head.uri.to_string());
    if sessions.is_told_in(&address) {
        return breach(400, "a token is in the address");
    }
    let told = |password: &String| {
        password.len() >= SHORTEST_PASSWORD && address.contains(password.as_str())
    };
    if passwords.any(told) {
        return breach(400, "a password is in the address");
    }
    Ok(())
}

/// Whether there is exactly one content type, and it is JSON. Its parameters are not looked at.
fn is_json(headers: &HeaderMap) -> bool {
    let mut kinds = headers.get_all(header::CONTENT_TYPE).iter();
    let kind = kinds.next().and_then(|kind| kind.to_str().ok());
    kinds.next().is_none() && kind.is_some_and(|kind| essence(kind) == "application/json")
}

fn accepts_json(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|range| {
            let admits = ["application/json", "application/*", "*/*"];
            admits.contains(&essence(range).as_str()) && !is_ruled_out(range)
        })
}

/// Whether a media range has the weight zero.
fn is_ruled_out(range: &str) -> bool {
    range
        .split(';')
        .skip(1)
        .filter_map(|parameter| parameter.split_once('='))
        .any(|(name, value)| {
            name.trim().eq_ignore_ascii_case("q") && value.trim().parse() == Ok(0.0)
        })
}

/// Returns a media type without its parameters.
fn essence(kind: &str) -> String {
    let essence = kind.split_once(';').map_or(kind, |(essence, _)| essence);
    essence.trim().to_ascii_lowercase()
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = after
            .get(..2)
            .filter(|_| first == b'%')
            .and_then(|pair| std::str::from_utf8(pair).ok())
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        bytes.push(hex.unwrap_or(first));
        rest = if hex.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(value: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, http::HeaderValue::from_static(value));
        accepts_json(&headers)
    }

    #[test]
    fn accept_is_read_as_a_list_with_weights() {
        assert!(!accepts_json(&HeaderMap::new()));
        assert!(accept("application/json"));
        assert!(accept("text/html, Application/*;q=0.1"));
        assert!(accept("*/*"));
        assert!(!accept("text/html"));
        assert!(!accept("application/json;q=0"));
        assert!(!accept("application/json; q=0.000, text/*"));
    }

    #[test]
    fn addresses_are_decoded() {
        assert_eq!(percent_decoded("/a%20b%2F%zz%4"), "/a b/%zz%4");
    }
}
