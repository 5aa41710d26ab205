//! Middleware that renews the token when the server answers `401`, and sends the request again.
//!
//! It stands around [`bearer`](super::bearer), which notes in a `401` which token it refuses.
//! However many requests are refused with one token, it is renewed once; a `401` for an older
//! token renews nothing, and the request is sent again at once with the newer one. The request is
//! sent again once: a second `401` is the caller's, with the error in its extensions that the
//! session has [for that](crate::SessionBuilder::refused_again).
//!
//! A `401` is taken for "the token is no good" if its `WWW-Authenticate` gives no reason, or
//! `error="invalid_token"` (RFC 6750 section 3.1). `insufficient_scope` and other errors are not
//! cured by a new token, nor are challenges of other schemes only: those responses pass untouched, and
//! [`bearer`](super::bearer#what-the-api-says) tells the reason. Of several challenges for `Bearer` the
//! one that a new token may mend counts.
//!
//! If the renewal fails the caller gets the original `401`, with the [`Error`](crate::Error) in
//! its extensions. If the body cannot be sent twice the caller gets the original `401` with
//! [`NotReplayed`](crate::replay::NotReplayed) in its extensions, and the renewal happens all the
//! same. [`recover`](super::recover) has the details, which are common to all recoveries.
//!
//! # Bodies
//!
//! The body must be a [`ResendBody`](crate::replay::ResendBody): `Full`, `Empty`, or anything
//! behind a [`ReplayLayer`](crate::replay::ReplayLayer). [`Session::layer`](crate::Session::layer)
//! has all three layers.
//!
//! # Example
//!
//! ```
//! use http::{Request, Response, StatusCode};
//! use http_body_util::Full;
//! use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
//! use tower_reauth::{Renewal, Session, Token, layers::{BearerLayer, RefreshLayer}};
//! # type Body = Full<bytes::Bytes>;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! // The first token is refused, the second is good.
//! let tokens = service_fn(|renewal: Renewal| async move {
//!     Token::new(if renewal.previous().is_none() { "first" } else { "second" })
//! });
//! let session = Session::builder(tokens).origin("https://api.example.com").build()?;
//! let server = service_fn(|request: Request<Body>| async move {
//!     let good = request.headers()["authorization"] == "Bearer second";
//!     let status = if good { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
//!     Response::builder().status(status).body(Body::default()).map_err(BoxError::from)
//! });
//! let client = ServiceBuilder::new()
//!     .layer(RefreshLayer::new(session.clone()))
//!     .layer(BearerLayer::new(session))
//!     .service(server);
//!
//! let request = Request::post("https://api.example.com/users").body(Body::from("{}"))?;
//! assert_eq!(client.oneshot(request).await?.status(), StatusCode::OK);
//! # Ok(())
//! # }
//! ```

mod layer;
mod recovery;

pub use self::{
    layer::RefreshLayer,
    recovery::{RefreshAttempt, RefreshRecovery},
};
use super::recover::Recover;

/// Middleware that renews the token when the server answers `401`, and sends the request again.
///
/// See the [module docs](self) for more details.
pub type Refresh<S> = Recover<S, RefreshRecovery>;
