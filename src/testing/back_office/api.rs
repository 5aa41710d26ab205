//! The API behind the sign-in: it answers a question and gives an upload back.

use http::{HeaderMap, Method, Response, header, request::Parts};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use serde_json::json;

use super::{
    Upload,
    answer::{self, Refusal},
    body::Reply,
    sessions::Presented,
    state::Shared,
    strict,
};

const MOST_BYTES: usize = 64 << 20;

/// Answers an API call. Whether the token is good is settled when the head arrives, and a body is
/// read to its end in any case.
pub(super) async fn call(
    shared: &Shared,
    head: &Parts,
    body: Incoming,
) -> Result<Response<Reply>, Refusal> {
    let verdict = authorize(shared, &head.headers);
    let body = match Limited::new(body, MOST_BYTES).collect().await {
        Ok(body) => body,
        Err(error) if error.is::<LengthLimitError>() => {
            verdict?;
            return Err(Refusal::new(413, "The body is larger than 64 MiB."));
        }
        // The client is gone, and nobody will read this.
        Err(_) => return Err(Refusal::new(400, "The body broke off.")),
    };
    let email = verdict?;
    let trailers = body.trailers().cloned();
    let body = body.to_bytes();
    let asks = matches!(head.method, Method::GET | Method::HEAD | Method::OPTIONS);

    let mut state = shared.state();
    state.counts.succeeded(super::Endpoint::Api);
    if !asks || !body.is_empty() {
        let mut headers = head.headers.clone();
        headers.remove(header::AUTHORIZATION);
        state.uploads.push(Upload {
            method: head.method.clone(),
            path: path(head),
            headers,
            body: body.clone(),
            trailers,
        });
    }
    drop(state);

    if asks {
        let method = head.method.as_str();
        let path = path(head);
        let told = json!({ "ok": true, "account": email, "method": method, "path": path });
        return Ok(answer::ok(&told));
    }
    let mut response = Response::new(Reply::new(body));
    if let Some(kind) = head.headers.get(header::CONTENT_TYPE) {
        let kind = kind.clone();
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    Ok(response)
}

/// Returns whose access token the request carries.
fn authorize(shared: &Shared, headers: &HeaderMap) -> Result<String, Refusal> {
    let token = strict::bearer(headers);
    let now = shared.now();
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

fn path(head: &Parts) -> String {
    let path = head.uri.path_and_query();
    path.map(ToString::to_string).unwrap_or_default()
}
