//! The layers in a chain of [reqwest-middleware](::reqwest_middleware), and such a chain below the
//! layers.
//!
//! [`LayerMiddleware`] makes a middleware of any layer of this crate, of a stack of them, and of
//! most other tower layers for HTTP clients. Callers keep their `ClientWithMiddleware` and its
//! request builder.
//!
//! # Example
//!
//! ```no_run
//! use reqwest_middleware::ClientBuilder;
//! use tower_reauth::{
//!     BoxError, Renewal, Session, Token,
//!     clients::{reqwest::same_origin, reqwest_middleware::LayerMiddleware},
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! # let tokens = tower::service_fn(|_: Renewal| async { Token::new("mF_9.B5f-4.1JqM") });
//! # let session = Session::builder(tokens).origin("https://api.example.com").build()?;
//! let client = reqwest::Client::builder().redirect(same_origin()).build()?;
//! let client = ClientBuilder::new(client).with(LayerMiddleware::new(session.layer())).build();
//!
//! let users = client.get("https://api.example.com/users").send().await?.text().await?;
//! # let _ = users;
//! # Ok(())
//! # }
//! ```
//!
//! reqwest follows redirects below all middleware: the policy
//! [`same_origin`](super::reqwest::same_origin) keeps credentials from going along. The
//! [module docs](super::reqwest#redirects) of the plain client say more, on timeouts and proxies too.
//!
//! # Order
//!
//! The middleware that was added first is the outermost. One that sends again (retries) belongs
//! outside of this one: it then has the newest token for each attempt. One that looks at what
//! goes over the wire (tracing) belongs inside: it sees each send. Mind what it logs: there the
//! request carries its credential, marked sensitive.
//!
//! # What passes through
//!
//! - The extensions of the chain are extensions of the request for the layers. What the layers add
//!   is seen by the middlewares further in, and what those add is back in the chain's when the
//!   call returns, as if there were no layers.
//! - The extensions of the response, which the layers read and write: a failed renewal's
//!   [`Error`](crate::Error), or [`NotReplayed`](crate::replay::NotReplayed), is in
//!   `response.extensions()`.
//! - Bodies stream in both directions, trailers included. What is in memory stays known to be, so
//!   reqwest can send it again on a redirect within the origin.
//! - The response's address, remote address, upgrades, and a request's own timeout and version.
//!
//! # Bodies that can be sent twice
//!
//! Every request comes to the layers in a [`ReplayBody`](crate::replay::ReplayBody), so that
//! `RefreshLayer` can be used alone. It keeps streams up to 8 MiB a request and 64 MiB for all;
//! for other limits have a [`ReplayLayer`](crate::replay::ReplayLayer) outermost in the stack.
//!
//! # Layers that keep state
//!
//! The layer makes a new service for each request, because what a chain hands to a middleware
//! lives no longer than that. So state has to be in the layer, as it is with all layers of this
//! crate, and with tower's `GlobalConcurrencyLimitLayer`; a `ConcurrencyLimitLayer` would limit
//! nothing. Layers that keep a service for longer (`BufferLayer`) do not compile here.
//!
//! # Errors
//!
//! An error of the chain further in, or of reqwest, comes out as it went in. Any other is the
//! layers': an `Error::Middleware`, of which `downcast_ref::<tower_reauth::Error>()` is the
//! session's [`Error`](crate::Error).
//!
//! ```
//! use tower_reauth::ErrorKind;
//!
//! fn kind(error: &reqwest_middleware::Error) -> Option<ErrorKind> {
//!     match error {
//!         reqwest_middleware::Error::Middleware(error) => {
//!             Some(error.downcast_ref::<tower_reauth::Error>()?.kind())
//!         }
//!         reqwest_middleware::Error::Reqwest(_) => None,
//!     }
//! }
//! # let error = tower_reauth::Error::new(ErrorKind::Locked, "for a while");
//! # assert_eq!(kind(&reqwest_middleware::Error::middleware(error)), Some(ErrorKind::Locked));
//! ```
//!
//! # The other way round
//!
//! [`HttpService`](super::reqwest::HttpService) takes a `ClientWithMiddleware` in place of a
//! `reqwest::Client`: then the chain stands below the layers, and sees each send. The request's
//! extensions are the chain's, and what the chain leaves in them is in the response's.
//!
//! ```no_run
//! use bytes::Bytes;
//! use http_body_util::Full;
//! use reqwest_middleware::ClientBuilder;
//! use tower_reauth::{clients::reqwest::HttpService, replay::ReplayBody};
//!
//! let chain = ClientBuilder::new(reqwest::Client::new()).build();
//! let client = HttpService::<ReplayBody<Full<Bytes>>, _>::new(chain);
//! # let _ = client;
//! ```

mod error;
mod inner;
mod layer;
mod middleware;
mod next;

pub use self::{
    inner::ChainFuture,
    layer::{MiddlewareLayer, RequestBody},
    middleware::LayerMiddleware,
    next::{NextFuture, NextService},
};
