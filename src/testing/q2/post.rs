//! The client that events are delivered with.

use std::{future::pending, io};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// No answer of a webhook is longer than this, or no more of it is read.
const MOST_ANSWER_BYTES: usize = 64 << 10;

/// Checks the address of a webhook: `http`, with a host.
///
/// # Panics
///
/// Panics if it is another.
pub(super) fn webhook_url(url: &str) -> Uri {
    let uri: Uri = url.parse().expect("the address of a webhook is one");
    let is_http = uri.scheme_str() == Some("http") && uri.host().is_some();
    assert!(
        is_http,
        "a webhook of a test starts with http://HOST: {url}"
    );
    uri
}

/// Sends a `POST` on a connection of its own, and reads the answer.
pub(super) async fn post(
    url: &Uri,
    headers: HeaderMap,
    body: String,
) -> io::Result<(StatusCode, Bytes)> {
    let host = url.host().unwrap_or_default();
    // A literal of IPv6 stands in brackets in an address, and without them here.
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((name, url.port_u16().unwrap_or(80))).await?;
    stream.set_nodelay(true)?;
    let io = TokioIo::new(stream);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io)
        .await
        .map_err(io::Error::other)?;

    let path = url.path_and_query().map_or("/", |path| path.as_str());
    let host = url.authority().map_or(host, |authority| authority.as_str());
    let mut request = Request::post(path)
        .header(header::HOST, host)
        .body(Full::new(Bytes::from(body)))
        .map_err(io::Error::other)?;
    request.headers_mut().extend(headers);
    let answer = async {
        let answer = sender
            .send_request(request)
            .await
            .map_err(io::Error::other)?;
        let (head, body) = answer.into_parts();
        match Limited::new(body, MOST_ANSWER_BYTES).collect().await {
            Ok(body) => Ok((head.status, body.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => Ok((head.status, Bytes::new())),
            Err(error) => Err(io::Error::other(error)),
        }
    };
    let drive = async {
        // However it ends, what has come is in the answer.
        let _ = connection.await;
        pending::<()>().await;
    };
    tokio::select! {
        answer = answer => answer,
        () = drive => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}
