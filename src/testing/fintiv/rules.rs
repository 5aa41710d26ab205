//! The rules that the head of a request has to keep.

use http::{HeaderMap, HeaderName, Method, header, request::Parts};

use super::{
    Endpoint,
    envelope::{Context, Refusal},
    state::Shared,
};
use crate::testing::server::{CREDENTIALS, address_tells, essence, twice};

pub(super) const API_KEY: HeaderName = HeaderName::from_static("api-key");
pub(super) const TENANT: HeaderName = HeaderName::from_static("tenantname");

/// Headers that a request has once at most.
const SINGLE: [HeaderName; 4] = [header::AUTHORIZATION, API_KEY, TENANT, header::CONTENT_TYPE];

/// Checks a head. The first breach is the one that counts.
pub(super) fn check(shared: &Shared, endpoint: Endpoint, head: &Parts) -> Result<(), Refusal> {
    let headers = &head.headers;
    let breach = |status, sentence: &str| {
        shared.desk.violate(endpoint, sentence);
        Err(Refusal::status(status, sentence))
    };
    if address_tells(head, shared.state().secrets()) {
        return breach(400, "a secret is in the address");
    }
    if let Some(name) = twice(headers, &SINGLE) {
        return breach(400, &format!("the header `{name}` is there twice"));
    }
    if endpoint == Endpoint::Elsewhere {
        return breach(404, "there is nothing at this path");
    }
    check_key(shared, endpoint, headers)?;
    let asks = matches!(head.method, Method::GET | Method::HEAD | Method::OPTIONS);
    if endpoint == Endpoint::SignOn {
        if head.method != Method::POST {
            return breach(404, "the method is not POST");
        }
        if head.uri.query().is_some() {
            return breach(400, "the address has a query");
        }
    }
    if let Some(name) = out_of_place(shared, endpoint, headers) {
        return breach(400, &format!("`{name}` is sent along"));
    }
    if !asks && essence(headers).as_deref() != Some("application/json") {
        return breach(400, "the Content-Type is not application/json");
    }
    check_tenant(shared, endpoint, headers)
}

/// Checks the `api-key`, which every request has.
fn check_key(shared: &Shared, endpoint: Endpoint, headers: &HeaderMap) -> Result<(), Refusal> {
    let state = &mut *shared.state();
    let key = headers.get(API_KEY).and_then(|key| key.to_str().ok());
    if key == Some(&*state.api_key) {
        return Ok(());
    }
    state.counts.bad_keys += 1;
    if key.is_none() {
        shared.desk.violate(endpoint, "there is no `api-key`");
    }
    let text = "No valid API Key provided";
    Err(match key.filter(|_| shared.settings.echo_secrets) {
        Some(key) => Refusal::Status(401, format!("{text}: {key}")),
        None => Refusal::status(401, text),
    })
}

/// Returns a header that carries a credential where none belongs.
fn out_of_place(shared: &Shared, endpoint: Endpoint, headers: &HeaderMap) -> Option<HeaderName> {
    let token_in = &shared.settings.token_in;
    let carrier = token_in.header().filter(|_| endpoint == Endpoint::Api);
    let belongs = |name: &HeaderName| *name == API_KEY || Some(name) == carrier;
    let carried = |name: &HeaderName| headers.contains_key(name);
    let mut strays = CREDENTIALS.into_iter().chain(token_in.header().cloned());
    strays.find(|name| carried(name) && !belongs(name))
}

/// Checks the tenant, which is this service's where it is told at all.
fn check_tenant(shared: &Shared, endpoint: Endpoint, headers: &HeaderMap) -> Result<(), Refusal> {
    let settings = &shared.settings;
    let sentence = match headers.get(TENANT) {
        Some(tenant) if tenant == &*settings.tenant => return Ok(()),
        Some(_) => "the tenant does not exist",
        None if settings.tenant_needed => "`tenantName` is missing",
        None => return Ok(()),
    };
    shared.desk.violate(endpoint, sentence);
    shared.state().counts.failures_in_200 += 1;
    let context = Context::validation(&settings.tenant, sentence);
    Err(Refusal::failure(context))
}
