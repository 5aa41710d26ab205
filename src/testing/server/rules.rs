//! Rules that every service has, and how requests are read.

use http::{HeaderMap, HeaderName, header, request::Parts};
use serde::de::DeserializeOwned;

/// Headers that carry credentials, none of which belongs into sign-in traffic.
pub(crate) const CREDENTIALS: [HeaderName; 8] = [
    header::AUTHORIZATION,
    header::PROXY_AUTHORIZATION,
    header::COOKIE,
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-access-token"),
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("x-auth-token"),
    HeaderName::from_static("x-session-token"),
];

/// Secrets shorter than this occur in innocent addresses and are not looked for.
const SHORTEST_SECRET: usize = 8;

/// Returns the access token that a request carries.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// Returns the first of `names` that a request has more than once.
pub(crate) fn twice<'a>(headers: &HeaderMap, names: &'a [HeaderName]) -> Option<&'a HeaderName> {
    let mut names = names.iter();
    names.find(|name| headers.get_all(*name).iter().nth(1).is_some())
}

/// Whether one of `secrets` of 8 characters or more is in the address of a request, percent-encoded
/// or not.
pub(crate) fn address_tells<'a>(
    head: &Parts,
    mut secrets: impl Iterator<Item = &'a String>,
) -> bool {
    let address = percent_decoded(&head.uri.to_string());
    secrets.any(|secret| secret.len() >= SHORTEST_SECRET && address.contains(secret.as_str()))
}

/// Reads a JSON object of these fields and no others. The error is a sentence without secrets.
pub(crate) fn read_fields<T: DeserializeOwned>(body: &[u8]) -> Result<T, &'static str> {
    let read = serde_json::from_slice(body);
    // serde's own words may repeat what was sent.
    match read {
        Err(error) if !error.is_data() => Err("the body is not JSON"),
        // What serde derives for a struct reads an array of the values as well.
        _ if !body.trim_ascii_start().starts_with(b"{") => Err("the body is not a JSON object"),
        Ok(fields) => Ok(fields),
        Err(_) => Err("the body has missing, unknown, repeated or wrongly typed fields"),
    }
}

/// Returns the media type of a request without its parameters, in lower case, if there is exactly
/// one.
pub(crate) fn essence(headers: &HeaderMap) -> Option<String> {
    let mut kinds = headers.get_all(header::CONTENT_TYPE).iter();
    let kind = kinds.next().and_then(|kind| kind.to_str().ok());
    kind.filter(|_| kinds.next().is_none())
        .map(without_parameters)
}

pub(crate) fn accepts_json(headers: &HeaderMap) -> bool {
    accepts(headers, &["application/json", "application/*", "*/*"])
}

/// Whether `Accept` has one of these media ranges, with a weight above zero.
pub(crate) fn accepts(headers: &HeaderMap, ranges: &[&str]) -> bool {
    headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|range| ranges.contains(&without_parameters(range).as_str()) && !is_ruled_out(range))
}

/// Returns the path and the query of a request.
pub(crate) fn path(head: &Parts) -> String {
    let path = head.uri.path_and_query();
    path.map(ToString::to_string).unwrap_or_default()
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

fn without_parameters(kind: &str) -> String {
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
