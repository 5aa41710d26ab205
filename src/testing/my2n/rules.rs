//! The rules that the head of a request has to keep.

use http::{HeaderMap, HeaderName, header, request::Parts};

use super::{
    Endpoint,
    endpoint::PAGES,
    errors::Refusal,
    state::{Shared, State},
};
use crate::testing::server::{CREDENTIALS, Now, accepts, address_tells, bearer, twice};

pub(super) const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const SESSION_TOKEN: HeaderName = HeaderName::from_static("x-session-token");

/// Headers that a request has once at most.
const SINGLE: [HeaderName; 5] = [
    header::AUTHORIZATION,
    API_KEY,
    SESSION_TOKEN,
    header::CONTENT_TYPE,
    header::ORIGIN,
];

/// Checks a head and counts what is wrong with it. What the real service lets pass is counted
/// alone; the rest is refused as well.
pub(super) fn check(shared: &Shared, endpoint: Endpoint, head: &Parts) -> Result<(), Refusal> {
    let headers = &head.headers;
    let breach = |status, sentence: &str| {
        shared.desk.violate(endpoint, sentence);
        Err(Refusal::error(status, None, sentence))
    };
    let mut state = shared.state();
    if address_tells(head, state.secrets()) {
        return breach(400, "a secret is in the address");
    }
    if let Some(name) = twice(headers, &SINGLE) {
        return breach(400, &format!("the header `{name}` is there twice"));
    }
    match endpoint {
        Endpoint::Api => return check_call(shared, &mut state, headers),
        Endpoint::Elsewhere if head.uri.path().starts_with(PAGES) => {
            shared.desk.violate(endpoint, "a web page is asked for");
            return Ok(());
        }
        Endpoint::Elsewhere => return breach(404, "there is nothing at this path"),
        _ => {}
    }
    if endpoint
        .method()
        .is_some_and(|method| head.method != *method)
    {
        return breach(405, "the method is not the endpoint's");
    }
    if endpoint != Endpoint::Submit && head.uri.query().is_some() {
        return breach(400, "the address has a query");
    }
    let carried = |name: &HeaderName| headers.contains_key(name);
    let credential = CREDENTIALS.into_iter().find(carried);
    if let Some(name) = credential.or(Some(header::ORIGIN).filter(carried)) {
        state.counts.credentials_on_login += 1;
        let sentence = format!("`{name}` is sent along");
        if endpoint == Endpoint::LoginV1 {
            return breach(400, &sentence);
        }
        shared.desk.violate(endpoint, &sentence);
    }
    if endpoint.is_flow() && !wants_json(headers) {
        let sentence = "neither Accept nor Content-Type says that JSON is wanted";
        shared.desk.violate(endpoint, sentence);
    }
    Ok(())
}

fn check_call(shared: &Shared, state: &mut State, headers: &HeaderMap) -> Result<(), Refusal> {
    if !headers.contains_key(API_KEY) {
        return Ok(());
    }
    state.counts.late_api_keys += u64::from(state.counts.sessions_issued > 0);
    if !headers.contains_key(header::AUTHORIZATION) {
        return Ok(());
    }
    state.counts.mixed_credentials += 1;
    let sentence = "`x-api-key` is sent along with `authorization`";
    shared.desk.violate(Endpoint::Api, sentence);
    Err(Refusal::no_session())
}

/// Whether an error may be told in JSON: `Accept` names it, or the `Content-Type` is exactly that.
/// `*/*` does not name it (assumed).
pub(super) fn wants_json(headers: &HeaderMap) -> bool {
    let json = "application/json";
    let kind = headers.get(header::CONTENT_TYPE);
    accepts(headers, &[json]) || kind.is_some_and(|kind| kind == json)
}

/// Whether a request to the login host carries a session that lives. The first credential that it
/// has is the one that counts.
pub(super) fn has_session(state: &State, headers: &HeaderMap, now: Now) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let cookie = cookies(headers).find_map(|(name, value)| {
        let is_session = name == "ory_kratos_session";
        is_session.then_some(value)
    });
    let token = text(SESSION_TOKEN).or(cookie).or(bearer(headers));
    token
        .and_then(|token| state.sessions.get(token))
        .is_some_and(|held| held.is_valid(now))
}

/// Whether a request looks as if a browser had sent it: with cookies, but for Cloudflare's, or with
/// an origin.
pub(super) fn is_from_browser(headers: &HeaderMap) -> bool {
    let cloudflare = |name: &str| name.starts_with("__cf") || name.starts_with("cf_");
    headers.contains_key(header::ORIGIN) || cookies(headers).any(|(name, _)| !cloudflare(name))
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    headers
        .get_all(header::COOKIE)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .map(|cookie| cookie.split_once('=').unwrap_or((cookie, "")))
        .map(|(name, value)| (name.trim(), value.trim()))
}
