//! What the program is answered here.

use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER},
};

use crate::{BoxError, Error, ErrorKind, inspect::PeekBody};

/// Says that the program is logged in.
pub(super) fn logged_in<R>(handle: &str) -> Response<PeekBody<R>> {
    json(
        StatusCode::OK,
        &serde_json::json!({ "accessToken": handle }),
    )
}

/// Says why the program is not logged in: by a response, or as its client would.
pub(super) fn failed<R>(error: Error) -> Result<Response<PeekBody<R>>, BoxError> {
    let status = match error.kind() {
        ErrorKind::Rejected => StatusCode::UNAUTHORIZED,
        ErrorKind::MfaNotAllowed => StatusCode::FORBIDDEN,
        ErrorKind::Upgrade => StatusCode::CONFLICT,
        ErrorKind::Locked => StatusCode::LOCKED,
        ErrorKind::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::Transport | ErrorKind::Timeout | ErrorKind::Cleared => return Err(error.into()),
        _ => StatusCode::BAD_GATEWAY,
    };
    Ok(explained(status, error))
}

/// Says that a handle is not known: the program should log in.
pub(super) fn unknown_handle<R>() -> Response<PeekBody<R>> {
    let error = Error::with_message(
        ErrorKind::Rejected,
        "this X-Api-Key is of a login that is not known any more: log in again",
    );
    explained(StatusCode::UNAUTHORIZED, error)
}

/// Says that a login is longer than logins are.
pub(super) fn too_long<R>() -> Response<PeekBody<R>> {
    let error = Error::with_message(ErrorKind::Config, "a login is no longer than 64 KiB");
    explained(StatusCode::PAYLOAD_TOO_LARGE, error)
}

fn explained<R>(status: StatusCode, error: Error) -> Response<PeekBody<R>> {
    let mut response = json(status, &serde_json::json!({ "error": error.to_string() }));
    let wait = error.retry_after_hint().filter(|_| status.as_u16() != 401);
    if let Some(wait) = wait {
        // Rounded up, so that whoever waits as told does not come too early.
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        response
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response.extensions_mut().insert(error);
    response
}

fn json<R>(status: StatusCode, value: &serde_json::Value) -> Response<PeekBody<R>> {
    let body = PeekBody::of_bytes(Bytes::from(value.to_string()));
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
