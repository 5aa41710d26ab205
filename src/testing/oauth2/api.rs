//! The resource server: it answers a question and gives an upload back.

use std::sync::Arc;

use http::{Method, Response, header, request::Parts};

use super::{
    Endpoint,
    challenge::Denial,
    grants,
    state::Shared,
    tokens::{Access, Grant, Presented},
};
use crate::testing::server::{Reply, bearer, json_text, path};

/// Whose token a call carries, and what it opens.
pub(super) type Caller = (Arc<Grant>, Access);

/// Lets a call in whose head keeps the rules.
pub(super) fn check(shared: &Shared, head: &Parts) -> Result<(), Denial> {
    let breach = |sentence: &str| {
        shared.desk.violate(Endpoint::Api, sentence);
        Denial::invalid_request(sentence)
    };
    let query = head.uri.query().unwrap_or_default();
    let mut query = form_urlencoded::parse(query.as_bytes());
    if query.any(|(name, _)| name == "access_token") || shared.is_told(head) {
        return Err(breach("a token or a secret is in the address"));
    }
    let values = head.headers.get_all(header::AUTHORIZATION);
    if values.iter().count() > 1 {
        return Err(breach("there are two Authorization headers"));
    }
    let value = values.iter().next().map(|value| value.as_bytes());
    let is_bearer = |value: &[u8]| {
        let scheme = value.split(|byte| *byte == b' ').next();
        scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer"))
    };
    if value.is_some_and(is_bearer) && !bearer(&head.headers).is_some_and(is_token) {
        return Err(breach("what follows Bearer is not a token"));
    }
    Ok(())
}

/// Returns whose token a call carries, if it opens what is asked for.
pub(super) fn authorize(shared: &Shared, head: &Parts) -> Result<Caller, Denial> {
    let Some(token) = bearer(&head.headers) else {
        return Err(Denial::nothing());
    };
    let now = shared.desk.now().monotonic;
    let mut state = shared.state();
    let (grant, access) = match state.tokens.present_access(token, now) {
        Presented::Valid(grant, access) => (grant, access),
        Presented::Unknown => {
            state.counts.unknown_tokens += 1;
            return Err(Denial::invalid_token(
                "There is no such token.",
                Some(token),
            ));
        }
        _ => {
            let why = "The token has expired or was revoked.";
            return Err(Denial::invalid_token(why, Some(token)));
        }
    };
    let path = head.uri.path();
    let below = |prefix: &str| path.starts_with(prefix);
    let mut resources = shared.settings.resources.iter();
    let resource = resources.find(|(_, prefix)| below(prefix));
    if resource.is_some_and(|(uri, _)| !access.resources.contains(uri)) {
        let why = "The token is for another resource.";
        return Err(Denial::invalid_token(why, Some(token)));
    }
    let mut needs = shared.settings.needs.iter();
    let needed = needs.find(|(prefix, scope)| below(prefix) && !access.scopes.contains(scope));
    if let Some((_, scope)) = needed {
        return Err(Denial::insufficient_scope(scope));
    }
    Ok((grant, access))
}

/// Answers a call that is let through.
pub(super) fn call(
    shared: &Shared,
    head: &Parts,
    (grant, access): &Caller,
    body: bytes::Bytes,
    trailers: Option<http::HeaderMap>,
) -> Response<Reply> {
    shared.state().counts.api_ok += 1;
    let asks = matches!(head.method, Method::GET | Method::HEAD | Method::OPTIONS);
    if !asks || !body.is_empty() {
        shared.desk.effected(Endpoint::Api, head);
        shared.desk.upload(head, &[], body.clone(), trailers);
    }
    if asks {
        let mut told = grants::caller(grant, access);
        told["ok"] = true.into();
        told["method"] = head.method.as_str().into();
        told["path"] = path(head).into();
        return json_text(200, told.to_string());
    }
    let mut response = Response::new(Reply::new(body));
    if let Some(kind) = head.headers.get(header::CONTENT_TYPE) {
        let kind = kind.clone();
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    response
}

/// Whether a text is a token as RFC 6750, section 2.1 has it.
fn is_token(text: &str) -> bool {
    let end = text.trim_end_matches('=');
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    !end.is_empty() && end.bytes().all(good)
}
