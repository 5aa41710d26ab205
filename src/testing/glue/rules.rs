//! The rules that the head of a request has to keep.

use http::{HeaderName, header, request::Parts};

use super::{Endpoint, errors::Refusal, state::Shared};
use crate::testing::server::{CREDENTIALS, address_tells, essence, twice};

pub(super) const MFA_CODE: HeaderName = HeaderName::from_static("x-mfa-code");
const ANONYMOUS: HeaderName = HeaderName::from_static("x-anonymous-customer-unique-id");

/// Headers that a request has once at most.
const SINGLE: [HeaderName; 4] = [
    header::AUTHORIZATION,
    MFA_CODE,
    ANONYMOUS,
    header::CONTENT_TYPE,
];

/// Checks a head. The first breach is the one that counts.
pub(super) fn check(shared: &Shared, endpoint: Endpoint, head: &Parts) -> Result<(), Refusal> {
    let headers = &head.headers;
    let breach = |refusal: Refusal| {
        shared.desk.violate(endpoint, &refusal.text);
        Err(refusal)
    };
    let state = shared.state();
    let passwords = state.accounts.values().map(|account| &account.password);
    // A revocation names its token in the path.
    let tokens = state.tokens.all().filter(|_| endpoint != Endpoint::Revoke);
    if address_tells(head, tokens.chain(passwords)) {
        return breach(Refusal::plain(400, "a secret is in the address"));
    }
    drop(state);
    if let Some(name) = twice(headers, &SINGLE) {
        let text = format!("the header `{name}` is there twice");
        return breach(Refusal::plain(400, &text));
    }
    if headers.contains_key(header::AUTHORIZATION) && headers.contains_key(ANONYMOUS) {
        let text = format!("`authorization` is sent along with `{ANONYMOUS}`");
        return breach(Refusal::new(400, "005", &text));
    }
    if let Some(method) = endpoint.method().filter(|method| head.method != **method) {
        let refusal = Refusal::plain(405, "the method is not the endpoint's");
        return breach(refusal.header(header::ALLOW, method));
    }
    if endpoint != Endpoint::Api && head.uri.query().is_some() {
        return breach(Refusal::plain(400, "the address has a query"));
    }
    if endpoint.is_sign_in_traffic() {
        let carried = |name: &HeaderName| headers.contains_key(name);
        let credential = CREDENTIALS.into_iter().find(carried);
        if let Some(name) = credential.or(Some(MFA_CODE).filter(carried)) {
            let text = format!("`{name}` is sent along");
            return breach(Refusal::plain(400, &text));
        }
    }
    let kinds: &[&str] = match endpoint {
        Endpoint::Token => &["application/x-www-form-urlencoded"],
        Endpoint::Api | Endpoint::Types | Endpoint::Revoke => return Ok(()),
        _ => &["application/vnd.api+json", "application/json"],
    };
    if !essence(headers).is_some_and(|kind| kinds.contains(&kind.as_str())) {
        let text = format!("the Content-Type is not {}", kinds.join(" or "));
        return breach(Refusal::plain(415, &text));
    }
    Ok(())
}
