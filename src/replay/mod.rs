//! Request bodies that can be sent twice.
//!
//! A request that is refused because its token has just died is sent again with a new one. That
//! takes a second body with the same bytes, but most bodies are streams that can be read only
//! once. [`ReplayLayer`] wraps each request body in a [`ReplayBody`], which keeps the frames that
//! pass so that a copy of it can send them again; the layers inside ask for that copy through the
//! trait [`ResendBody`].
//!
//! # What it promises
//!
//! - The body in hand is never refused, delayed, emptied or changed: whatever becomes of the copy,
//!   the first send is what it would be without this layer.
//! - A copy sends exactly the bytes and the trailers of the first send, under the same length, or
//!   it is not sent at all. If the first send stopped early (servers answer an upload with `401`
//!   before they have read it), the copy sends the frames kept and goes on with the rest.
//! - Nothing is kept that nobody can ask for: not before a copy is taken, not once the last copy is
//!   dropped, not beyond the limits. Frames are kept as they are, so no byte is copied.
//! - Empty bodies, `Full<Bytes>`, `String` and such bodies of reqwest as are made of bytes are the
//!   caller's own memory already: copies of them cost no allocation, know no limit and count
//!   against none.
//!
//! A body that cannot be sent again (it is over a limit, it failed, or the client would not let go
//! of it) is sent once. The response to that one send then goes to the caller as it is, and
//! [`NotReplayed`] in its extensions says why.
//!
//! # Limits
//!
//! [`max_body`](ReplayLayer::max_body) is the memory kept for one request (8 MiB if not set), and
//! [`max_total`](ReplayLayer::max_total) that for all of them (64 MiB). Each frame counts its
//! length and 128 bytes for its bookkeeping, so that many small frames cannot take more than the
//! limit. A frame that is a small part of a large buffer counts only that part, though it keeps the
//! buffer alive: this layer cannot see it.
//!
//! Once a limit is passed the frames kept for that request are freed at once and nothing more is
//! kept for it. A stream that says beforehand that it is longer than the limit is not kept at all.
//!
//! # Example
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body::Frame;
//! use http_body_util::{BodyExt, StreamBody};
//! use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
//! use tower_reauth::replay::{ReplayBody, ReplayLayer, ResendBody};
//! # use tower_reauth::BoxError;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! // Stands for a layer that sends again, around an HTTP client.
//! let sends_twice = service_fn(|request: Request<ReplayBody<_>>| async move {
//!     let body = request.into_body();
//!     let copy = body.try_copy().expect("a short stream can be kept");
//!     let first = body.collect().await?.to_bytes();
//!     let second = copy.collect().await?.to_bytes();
//!     assert_eq!(first, second);
//!     Ok::<_, BoxError>(Response::new(second))
//! });
//! let mut service = ServiceBuilder::new()
//!     .layer(ReplayLayer::new().max_body(64 * 1024))
//!     .service(sends_twice);
//!
//! let frames = ["one ", "two"].map(|part| Ok::<_, BoxError>(Frame::data(Bytes::from(part))));
//! let request = Request::new(StreamBody::new(tokio_stream::iter(frames)));
//! let response = service.ready().await?.call(request).await?;
//! assert_eq!(response.into_body(), "one two");
//! # Ok(())
//! # }
//! ```

mod body;
mod budget;
mod layer;
mod memory;
mod resend;
mod service;
mod state;
mod stream;
#[cfg(test)]
mod tests;

#[cfg(feature = "reqwest")]
pub(crate) use self::memory::take_bytes;
pub use self::{
    body::ReplayBody,
    layer::ReplayLayer,
    resend::{NotReplayed, Released, ResendBody},
    service::Replay,
};
