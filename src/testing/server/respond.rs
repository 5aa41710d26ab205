//! How answers are made.

use http::{Response, StatusCode, header};

use super::Reply;

/// Makes an answer. A status or header that cannot be sent becomes a 500 that says so.
pub(crate) fn respond<N, V>(
    status: u16,
    headers: impl IntoIterator<Item = (N, V)>,
    body: Reply,
) -> Response<Reply>
where
    N: AsRef<[u8]>,
    V: AsRef<[u8]>,
{
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name.as_ref(), value.as_ref());
    }
    response.body(body).unwrap_or_else(|_| {
        let mut response = Response::new(Reply::new("the status or a header is not valid in HTTP"));
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}

/// Makes an answer of `text`, which is JSON or meant to look so; without text, one without type.
pub(crate) fn json_text(status: u16, text: String) -> Response<Reply> {
    let kind = (!text.is_empty()).then_some((header::CONTENT_TYPE, "application/json"));
    respond(status, kind, Reply::new(text))
}
