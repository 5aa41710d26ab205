use bytes::Bytes;
use http_body::Body;

use crate::{BoxError, replay};

/// Makes reqwest's body of any other. One that is in memory stays known to be: reqwest sends it
/// with its length, and again on a `307`.
pub(crate) fn into_reqwest_body<B>(body: B) -> reqwest::Body
where
    B: Body + Send + Sync + 'static,
    B::Data: Into<Bytes>,
    B::Error: Into<BoxError>,
{
    if body.is_end_stream() {
        return reqwest::Body::default();
    }
    let mut body = Some(body);
    if let Some(bytes) = replay::take_bytes(&mut body) {
        return bytes.into();
    }
    let body = body.expect("taken only by what has returned");
    reqwest::Body::wrap(body)
}
