//! Middleware that answers a challenge and sends the request again: the engine of
//! [`refresh`](super::refresh), and of recoveries of your own.
//!
//! A [`Recovery`] says what a challenge is and how to recover from it; the engine does the rest:
//!
//! 1. It keeps a copy of the request: the head, and the body if it can be
//!    [copied](crate::replay::ResendBody).
//! 2. It sends the request. If the answer is no challenge the copy is freed and the answer handed
//!    on untouched.
//! 3. A challenge's body is read into memory, up to 64 KiB and for up to 100 ms, so that its
//!    connection is free. What is longer is dropped, unless the recovery has its verdict at once.
//! 4. It recovers, waits until the client has let go of the first body (up to
//!    [`body_release`](RecoverLayer::body_release)), waits until the inner service is ready again,
//!    and sends the copy. Once: whatever is answered then goes to the caller.
//!
//! # Several recoveries
//!
//! `RecoverLayer::new((a, b))` has two recoveries in one engine, and so one copy of the request
//! where two layers would keep one each. Each of them may have the request sent again once: a
//! `401` that a new token mends and then a `403` that a code mends are one call and three sends.
//! The copy is kept until both have had their turn, or an answer is no challenge. What the first
//! takes for a challenge is its own to deal with, unless it [declines](Outcome::NotMine). Pairs can
//! be nested.
//!
//! # What the caller gets when it does not work out
//!
//! - If the body cannot be sent twice: the challenge itself, whole, with [`NotReplayed`] in its
//!   extensions. The recovery is begun all the same, for those who come next. The body is not read
//!   here, unless the recovery [judges by it](Recovery::reads_body).
//! - If the recovery fails: the challenge itself, with the [`Error`](crate::Error) in its
//!   extensions. Its body is what was read; if it was longer, a body error follows the bytes.
//! - If the connection fails: that error. The engine never retries one.
//!
//! A challenge needs a tokio runtime with timers. Without one it goes to the caller unread, with an
//! error of kind [`Config`](crate::ErrorKind::Config) in its extensions.
//!
//! # Cancel safety
//!
//! Dropping the response future drops the request wherever it is. A renewal that it waited for
//! goes on.
//!
//! # Example
//!
//! A recovery of one's own: a header that the server wants when it says `428`.
//!
//! ```
//! use http::{HeaderValue, Request, Response, StatusCode, request, response};
//! use http_body_util::Full;
//! use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
//! use tower_reauth::layers::recover::{
//!     BoxFuture, Challenge, Outcome, Prepared, RecoverLayer, Recovery,
//! };
//! # type Body = Full<bytes::Bytes>;
//!
//! #[derive(Clone)]
//! struct Precondition {
//!     answered: std::sync::Arc<std::sync::atomic::AtomicBool>,
//! }
//!
//! impl Recovery for Precondition {
//!     type Attempt = ();
//!
//!     fn prepare(&self, request: &mut request::Parts) -> Prepared<()> {
//!         if self.answered.load(std::sync::atomic::Ordering::Relaxed) {
//!             request.headers.insert("if-match", HeaderValue::from_static("*"));
//!         }
//!         Prepared::Ready(())
//!     }
//!
//!     fn is_challenge(&self, _: &(), response: &response::Parts) -> bool {
//!         response.status == StatusCode::PRECONDITION_REQUIRED
//!     }
//!
//!     fn recover(&self, _: Challenge<()>) -> BoxFuture<Outcome> {
//!         self.answered.store(true, std::sync::atomic::Ordering::Relaxed);
//!         Box::pin(async { Outcome::Resend })
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let server = service_fn(|request: Request<Body>| async move {
//!     let status = match request.headers().get("if-match") {
//!         Some(_) => StatusCode::OK,
//!         None => StatusCode::PRECONDITION_REQUIRED,
//!     };
//!     Response::builder().status(status).body(Body::default()).map_err(BoxError::from)
//! });
//! let recovery = Precondition { answered: Default::default() };
//! let client = ServiceBuilder::new().layer(RecoverLayer::new(recovery)).service(server);
//! let response = client.oneshot(Request::put("/a").body(Body::default())?).await?;
//! assert_eq!(response.status(), StatusCode::OK);
//! # Ok(())
//! # }
//! ```

mod future;
pub(super) mod kept;
mod layer;
mod recoveries;
mod recovery;
mod service;

pub use self::{
    future::ResponseFuture,
    layer::RecoverLayer,
    recoveries::Recoveries,
    recovery::{BoxFuture, Challenge, Outcome, Prepared, Recovery},
    service::Recover,
};
pub use crate::replay::NotReplayed;
