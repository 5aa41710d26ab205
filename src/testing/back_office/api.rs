//! The API behind the sign-in: it answers a question and gives an upload back.

use bytes::Bytes;
use http::{HeaderMap, Method, Response, header, request::Parts};
use serde_json::json;

use super::{
    Endpoint,
    answer::{self, Refusal},
    sessions::Presented,
    state::Shared,
};
use crate::testing::server::{Reply, bearer, path};

/// Answers an API call whose token belongs to `email`.
pub(super) fn call(
    shared: &Shared,
    head: &Parts,
    email: &str,
    body: Bytes,
    trailers: Option<HeaderMap>,
) -> Response<Reply> {
    let asks = matches!(head.method, Method::GET | Method::HEAD | Method::OPTIONS);
    shared.state().counts.succeeded(Endpoint::Api);
    shared.desk.effected(Endpoint::Api, head);
    if !asks || !body.is_empty() {
        shared.desk.upload(head, &[], body.clone(), trailers);
    }
    if asks {
        let method = head.method.as_str();
        let path = path(head);
        return answer::ok(
            &json!({ "ok": true, "account": email, "method": method, "path": path }),
        );
    }
    let mut response = Response::new(Reply::new(body));
    if let Some(kind) = head.headers.get(header::CONTENT_TYPE) {
        let kind = kind.clone();
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    response
}

/// Returns whose access token the request carries.
pub(super) fn authorize(shared: &Shared, headers: &HeaderMap) -> Result<String, Refusal> {
    let token = bearer(headers);
    let now = shared.desk.now();
    let mut state = shared.state();
    match token.map(|token| state.sessions.present_access(token, now)) {
        Some(Presented::Valid(session)) => Ok(session.email),
        Some(Presented::Unknown) => {
            state.counts.unknown_tokens += 1;
            Err(shared.unauthorized(token))
        }
        _ => Err(shared.unauthorized(token)),
    }
}
