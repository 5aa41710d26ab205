use std::fmt;

use http::{
    HeaderMap, Request, StatusCode,
    header::{CONTENT_TYPE, HeaderName},
    response,
};

use super::{End, Envelope, Failure, Reader, Verdict};
use crate::{Error, ErrorKind};

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// [`Envelope`] of gRPC: every response is a `200`, and `grpc-status` says how the call went.
///
/// A call that failed gets the HTTP status that belongs to its code ([`GrpcError::http_status`]);
/// so `UNAUTHENTICATED` (16) is a `401`, and [`RefreshLayer`](crate::layers::RefreshLayer) acts.
/// gRPC clients outside see no difference: what they read is `grpc-status`, and that stays.
///
/// # Where the status is found
///
/// - In the head, where there are *trailers only*. That is how servers and proxies refuse a call
///   that they do not begin, for want of a token above all.
/// - In trailers that are there together with the head, before any message. A head that comes
///   alone is handed on at once: the caller of a stream may be waiting for nothing else.
/// - With [`unary`](Self::unary), in the trailers behind a message as well.
///
/// Trailers that come later pass unread. A call that fails after its first message was begun by
/// the server, so it must not be sent again anyhow.
///
/// # Example
///
/// ```
/// use http::{Request, Response, StatusCode};
/// use http_body_util::Empty;
/// use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
/// use tower_reauth::layers::normalize::{GrpcError, GrpcStatus, NormalizeLayer};
/// # type Body = Empty<bytes::Bytes>;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), BoxError> {
/// let server = service_fn(|_: Request<Body>| async {
///     Response::builder()
///         .header("content-type", "application/grpc")
///         .header("grpc-status", "16")
///         .body(Body::new())
///         .map_err(BoxError::from)
/// });
/// let client = ServiceBuilder::new().layer(NormalizeLayer::new(GrpcStatus::new())).service(server);
/// let response = client.oneshot(Request::post("/greeter/hello").body(Body::new())?).await?;
/// assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
/// assert_eq!(response.headers()["grpc-status"], "16");
/// let error = response.extensions().get::<GrpcError>().expect("says what failed");
/// assert_eq!(error.code(), 16);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[must_use]
pub struct GrpcStatus {
    unary: bool,
}

/// A gRPC call that failed, with its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GrpcError {
    code: u32,
}

/// Reads one response of gRPC.
#[derive(Debug)]
pub struct GrpcReader {
    unary: bool,
}

// === impl GrpcStatus ===

impl GrpcStatus {
    /// Creates an envelope that holds no response back.
    pub fn new() -> Self {
        Self::default()
    }

    /// Holds each response back until its trailers have come, if its body fits into
    /// [`max_peek`](super::NormalizeLayer::max_peek).
    ///
    /// It is for stacks with unary calls alone: a stream of messages would come all at once, and one
    /// that waits for the caller's messages never.
    pub fn unary(mut self) -> Self {
        self.unary = true;
        self
    }
}

impl Envelope for GrpcStatus {
    type Reader = GrpcReader;

    fn reader<B>(&self, _: &Request<B>) -> Option<GrpcReader> {
        Some(GrpcReader { unary: self.unary })
    }
}

// === impl GrpcReader ===

impl Reader for GrpcReader {
    type Error = GrpcError;

    fn head(&mut self, response: &response::Parts) -> Verdict<GrpcError> {
        if response.status != StatusCode::OK || !is_grpc(&response.headers) {
            return Verdict::Pass;
        }
        match response.headers.contains_key(GRPC_STATUS) {
            true => failure(&response.headers).map_or(Verdict::Pass, Verdict::Fail),
            false => Verdict::More,
        }
    }

    fn body(&mut self, _: &[u8]) -> Verdict<GrpcError> {
        match self.unary {
            true => Verdict::More,
            false => Verdict::Pass,
        }
    }

    fn end(&mut self, _: &[u8], end: End<'_>) -> Option<Failure<GrpcError>> {
        match end {
            End::Whole { trailers, .. } => failure(trailers?),
            // What became of the call is for the caller to find out.
            End::Broken | End::OverCap | End::NotThere => None,
        }
    }

    fn waits(&self) -> bool {
        self.unary
    }
}

fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(|kind| kind.as_bytes());
    // Not gRPC-Web, which keeps its trailers in the body.
    kind.and_then(|kind| kind.strip_prefix(b"application/grpc"))
        .is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';' | b' ')))
}

fn failure(headers: &HeaderMap) -> Option<Failure<GrpcError>> {
    let text = headers.get(GRPC_STATUS)?.to_str().ok();
    // A status that is no number is UNKNOWN, as gRPC's clients have it.
    let code = text.and_then(|text| text.parse().ok()).unwrap_or(2);
    let error = GrpcError { code };
    (code != 0).then(|| Failure::new(error.http_status(), error))
}

// === impl GrpcError ===

impl GrpcError {
    /// Returns the code, as it was sent.
    #[must_use]
    pub fn code(self) -> u32 {
        self.code
    }

    /// Returns the code's name; `UNKNOWN` for one that gRPC does not know.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.known().0
    }

    /// Returns the HTTP status of the code, as `google/rpc/code.proto` maps them.
    #[must_use]
    pub fn http_status(self) -> StatusCode {
        // 499 has no name here, and is a status all the same.
        StatusCode::from_u16(self.known().1).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn known(self) -> (&'static str, u16) {
        match self.code {
            1 => ("CANCELLED", 499),
            3 => ("INVALID_ARGUMENT", 400),
            4 => ("DEADLINE_EXCEEDED", 504),
            5 => ("NOT_FOUND", 404),
            6 => ("ALREADY_EXISTS", 409),
            7 => ("PERMISSION_DENIED", 403),
            8 => ("RESOURCE_EXHAUSTED", 429),
            9 => ("FAILED_PRECONDITION", 400),
            10 => ("ABORTED", 409),
            11 => ("OUT_OF_RANGE", 400),
            12 => ("UNIMPLEMENTED", 501),
            13 => ("INTERNAL", 500),
            14 => ("UNAVAILABLE", 503),
            15 => ("DATA_LOSS", 500),
            16 => ("UNAUTHENTICATED", 401),
            _ => ("UNKNOWN", 500),
        }
    }
}

impl fmt::Display for GrpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the call failed: {} ({})", self.name(), self.code)
    }
}

impl std::error::Error for GrpcError {}

impl From<GrpcError> for Error {
    fn from(error: GrpcError) -> Self {
        Self::with_message(ErrorKind::Provider, error.to_string()).code(error.code.to_string())
    }
}
