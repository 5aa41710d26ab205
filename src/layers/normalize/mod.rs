//! Middleware that gives a response with an error inside, behind a `200`, an honest status.
//!
//! Some APIs answer `200` whatever happened, and say in the body what did. Then no layer outside
//! sees a failure: nothing renews the token, nothing counts errors, and callers must look into
//! every answer. An [`Envelope`] says where such an API puts its errors, and this layer does the
//! rest:
//!
//! 1. It looks at the head, and then at no more of the body than the verdict takes. Once there is
//!    one, what was read goes on together with what was not: a success whose envelope comes first
//!    streams through, however long it is.
//! 2. A failure gets the status that it deserves. The typed error is in the response's extensions,
//!    and so are the crate's [`Error`](crate::Error) and [`Normalized`], which keeps the status that
//!    the server sent. With [`as_err`](NormalizeLayer::as_err) the failure is an `Err` instead.
//! 3. The body is handed on byte for byte, trailers included, and so are the other headers:
//!    `Content-Length` stays right.
//!
//! Responses without a body are never looked at: to `HEAD` and `CONNECT`, and with status 1xx
//! (`101` as well), `204`, `205` and `304`. A response that is none of the envelope's business costs
//! nothing.
//!
//! # Where it stands
//!
//! Inside [`bearer`](super::bearer) and [`refresh`](super::refresh), next to the client: a `401` made
//! here is a `401` to them, and the token is renewed. A layer that decompresses bodies belongs inside
//! this one, because nobody can look into a body with a `Content-Encoding`; what becomes of one is
//! the envelope's to say.
//!
//! # How much is read
//!
//! Up to [`max_peek`](NormalizeLayer::max_peek), 1 MiB by default. The response is held back as long
//! as the verdict needs more of the body. There is no deadline of its own: callers have theirs. The
//! one allocation is made where a body is looked at that is not empty.
//!
//! # Envelopes
//!
//! | envelope | of |
//! | --- | --- |
//! | `json::JsonReader` | APIs of your own, in JSON (feature `json`) |
//! | [`GrpcStatus`] | gRPC: `grpc-status` in the head or in trailers |
//! | `OAuthErrors` | token endpoints that answer `200` with `{"error": …}` (feature `json`) |
//!
//! Others are for you to write, with [`Reader`].
//!
//! # Cancel safety
//!
//! Dropping the response future drops the request wherever it is, and the response with what was
//! read of it.
//!
//! # Example
//!
//! An API whose bodies begin with a line that says how it went. For JSON see `json`.
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode, response};
//! use http_body_util::{BodyExt, Full};
//! use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
//! use tower_reauth::{
//!     Error, ErrorKind,
//!     layers::normalize::{End, Envelope, Failure, NormalizeLayer, Reader, Verdict},
//! };
//! # type Body = Full<Bytes>;
//!
//! #[derive(Clone, Copy)]
//! struct FirstLine;
//!
//! #[derive(Clone, Debug)]
//! struct Refused(String);
//!
//! impl From<Refused> for Error {
//!     fn from(refused: Refused) -> Self {
//!         Error::with_message(ErrorKind::Provider, format!("refused: {}", refused.0))
//!     }
//! }
//!
//! impl Envelope for FirstLine {
//!     type Reader = Self;
//!
//!     fn reader<B>(&self, request: &Request<B>) -> Option<Self> {
//!         request.uri().path().starts_with("/v1/").then_some(*self)
//!     }
//! }
//!
//! impl Reader for FirstLine {
//!     type Error = Refused;
//!
//!     fn head(&mut self, response: &response::Parts) -> Verdict<Refused> {
//!         if response.status == StatusCode::OK { Verdict::More } else { Verdict::Pass }
//!     }
//!
//!     fn body(&mut self, start: &[u8]) -> Verdict<Refused> {
//!         let Some(end) = start.iter().position(|&byte| byte == b'\n') else {
//!             return Verdict::More;
//!         };
//!         match start[..end].strip_prefix(b"ERROR ") {
//!             None => Verdict::Pass,
//!             Some(why) => Verdict::Fail(Failure::new(
//!                 StatusCode::UNPROCESSABLE_ENTITY,
//!                 Refused(String::from_utf8_lossy(why).into_owned()),
//!             )),
//!         }
//!     }
//!
//!     fn end(&mut self, _: &[u8], _: End<'_>) -> Option<Failure<Refused>> {
//!         // No line: none of ours.
//!         None
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let server = service_fn(|_: Request<Body>| async {
//!     Ok::<_, BoxError>(Response::new(Body::from("ERROR E17\nNo such account.")))
//! });
//! let client = ServiceBuilder::new().layer(NormalizeLayer::new(FirstLine)).service(server);
//!
//! let response = client.oneshot(Request::get("/v1/accounts").body(Body::default())?).await?;
//! assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
//! assert_eq!(response.extensions().get::<Refused>().expect("it was refused").0, "E17");
//! assert_eq!(response.into_body().collect().await?.to_bytes(), "ERROR E17\nNo such account.");
//! # Ok(())
//! # }
//! ```

mod envelope;
mod future;
mod grpc;
#[cfg(feature = "json")]
#[cfg_attr(docsrs, doc(cfg(feature = "json")))]
pub mod json;
mod judge;
mod layer;
#[cfg(feature = "json")]
mod oauth;
mod service;

use http::StatusCode;

#[cfg(feature = "json")]
#[cfg_attr(docsrs, doc(cfg(feature = "json")))]
pub use self::oauth::{OAuthError, OAuthErrors, OAuthMembers};
pub use self::{
    envelope::{End, Envelope, Failure, Reader, Verdict},
    future::ResponseFuture,
    grpc::{GrpcError, GrpcReader, GrpcStatus},
    layer::NormalizeLayer,
    service::Normalize,
};

/// In a response's extensions: its status is not the one that the server sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Normalized {
    original: StatusCode,
}

impl Normalized {
    /// Returns the status that the server sent.
    #[must_use]
    pub fn original_status(self) -> StatusCode {
        self.original
    }
}
