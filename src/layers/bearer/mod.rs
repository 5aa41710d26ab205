//! Middleware that attaches the session's token to each request.
//!
//! A request to one of the session's origins gets the token in its header; a value that was there
//! is replaced. A request to another origin passes unchanged, except that this session's token is
//! taken out should it be there: the one in use, or the one before. So does one with an
//! [anonymous header](crate::SessionBuilder::anonymous_header). A request whose URI has no scheme and host fails, unless the
//! session [allows it](crate::SessionBuilder::allow_relative).
//!
//! With a good token in hand the request goes on at once: one lock-free load, no lock, no clock,
//! no allocation. Without one it waits for the sign-in, and does not hold the inner service's
//! readiness (a permit, a place in a buffer) meanwhile. It is never sent without a token: if none
//! can be had it fails with the session's [`Error`](crate::Error).
//!
//! This layer does nothing about a `401`: see [`refresh`](super::refresh), which stands around it.
//!
//! HTTP/2 does not index the value, because it is marked sensitive. Its bytes travel with every
//! request.
//!
//! # What the API says
//!
//! If the API refuses a request (`400`, `401` or `403`) and its `WWW-Authenticate` says that
//! something else than the token is wrong (RFC 6750 section 3.1), an [`Error`](crate::Error) in the
//! response's extensions says what, and what to do; unless there is one from a layer inside already.
//! Its kind is [`Provider`](crate::ErrorKind::Provider), and its
//! [`provider_code`](crate::Error::provider_code) the `error` of the challenge:
//!
//! | `error` | means |
//! | --- | --- |
//! | `insufficient_scope` | the token may not do this: ask for more scope at the sign-in |
//! | `insufficient_user_authentication` | the user has to sign in again, more strongly (RFC 9470) |
//! | `invalid_request` | the request is malformed |
//!
//! The response itself is untouched. `invalid_token` is what [`refresh`](super::refresh) is for.
//!
//! # Example
//!
//! ```
//! use http::{Request, Response};
//! use http_body_util::Empty;
//! use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
//! use tower_reauth::{Renewal, Session, Token, layers::BearerLayer};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let tokens = service_fn(|_: Renewal| async { Token::new("mF_9.B5f-4.1JqM") });
//! let session = Session::builder(tokens).origin("https://api.example.com").build()?;
//!
//! let client = service_fn(|request: Request<Empty<bytes::Bytes>>| async move {
//!     assert_eq!(request.headers()["authorization"], "Bearer mF_9.B5f-4.1JqM");
//!     Ok::<_, BoxError>(Response::new(Empty::<bytes::Bytes>::new()))
//! });
//! let client = ServiceBuilder::new().layer(BearerLayer::new(session)).service(client);
//! client.oneshot(Request::get("https://api.example.com/users").body(Empty::new())?).await?;
//! # Ok(())
//! # }
//! ```

mod future;
mod layer;
mod service;
#[cfg(test)]
mod tests;

pub use self::{future::ResponseFuture, layer::BearerLayer, service::Bearer};

/// In a `401`'s extensions: which tokens the request carried. Several sessions may stand in one
/// stack, each with a header of its own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signatures(Vec<Signature>);

/// A token that a request carried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signature {
    /// The session's number.
    pub(crate) session: u64,
    pub(crate) generation: u64,
}

impl Signatures {
    /// Returns the generation that the request carried of `session`'s.
    pub(crate) fn generation(&self, session: u64) -> Option<u64> {
        let ours = self.0.iter().find(|signature| signature.session == session);
        ours.map(|signature| signature.generation)
    }
}

/// In a request's extensions: it cannot be sent a second time, so a `401` would be final.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OneShot;
