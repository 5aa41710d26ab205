//! Middleware that moves a sign-in to its next version when the server says that the old one is
//! gone, and sends the request again.
//!
//! It joins two services of the same kind: v1, which it wraps, and v2, which it was made with. All
//! goes to v1 until an answer carries the [signal](UpgradeSignal): by default the status `409`. From
//! then on all goes to v2, for good, through this service, its clones and whatever else shares its
//! [`UpgradeLatch`]. The request that met the signal is sent again through v2 at once, and so are
//! those that meet it at the same time: each once, and none of their callers sees the `409`. What v2
//! answers is the caller's, a `409` as well.
//!
//! # For the sign-in only
//!
//! A `409` means what its API says. At a login that was replaced it can mean that the account has
//! moved (My2N's v1 does that). At an API it usually means that the request is at odds with the
//! data: an order exists already, a version is outdated. Under this layer one such answer would
//! switch the whole program to another service for good, and send an order twice. So this layer
//! never stands around the API client: give it the sign-in's own two services, and nothing else
//! goes through it.
//!
//! # Over HTTP services and over token services
//!
//! Over HTTP services the request has to be copied, so its body must be a
//! [`ResendBody`](crate::replay::ResendBody): `Full`, `Empty`, or anything behind a
//! [`ReplayLayer`](crate::replay::ReplayLayer). The refused response is read up to 64 KiB and for
//! up to 100 ms, so that its connection is free, and then dropped.
//!
//! - If the body cannot be sent twice: the latch is set all the same, and the caller gets v1's
//!   answer, body unread, with [`NotReplayed`](crate::replay::NotReplayed) in its extensions.
//! - The same if the client does not let go of the first body within
//!   [`body_release`](VersionUpgradeLayer::body_release).
//! - Without a tokio runtime with timers: v1's answer, with an error of kind
//!   [`Config`](crate::ErrorKind::Config) in its extensions. The latch is set all the same.
//!
//! Over [token services](crate::Renewal) the answer is a [`Renewed`](crate::Renewed) or an
//! [`Error`](crate::Error), and the signal is by default an error of kind
//! [`Upgrade`](crate::ErrorKind::Upgrade). No timer is needed.
//!
//! # Across restarts
//!
//! The latch lives as long as the program. So that the next run does not have to meet the `409`
//! again, store what [`UpgradeLatch::is_set`] says once [`UpgradeLatch::wait`] has returned, and
//! [`set`](UpgradeLatch::set) the latch of the next run.
//!
//! # Cancel safety
//!
//! Dropping the response future drops the request wherever it is. Once the signal is seen the latch
//! is set.
//!
//! # Example
//!
//! Over HTTP services:
//!
//! ```
//! use http::{Request, Response, StatusCode};
//! use http_body_util::Full;
//! use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
//! use tower_reauth::layers::version_upgrade::{UpgradeLatch, VersionUpgradeLayer};
//! # type Body = Full<bytes::Bytes>;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! // The account has moved: v1 says 409.
//! let v1 = service_fn(|_: Request<Body>| async {
//!     Response::builder().status(StatusCode::CONFLICT).body(Body::default()).map_err(BoxError::from)
//! });
//! let v2 = service_fn(|request: Request<Body>| async {
//!     Ok::<_, BoxError>(Response::new(request.into_body()))
//! });
//! let latch = UpgradeLatch::new();
//! let sign_in = ServiceBuilder::new()
//!     .layer(VersionUpgradeLayer::new(v2).latch(latch.clone()))
//!     .service(v1);
//!
//! let request = Request::post("https://login.example.com/auth").body(Body::from("{}"))?;
//! assert_eq!(sign_in.oneshot(request).await?.status(), StatusCode::OK);
//! assert!(latch.is_set());
//! # Ok(())
//! # }
//! ```
//!
//! Over token services:
//!
//! ```
//! use tower::{BoxError, ServiceBuilder, service_fn};
//! use tower_reauth::{
//!     Error, ErrorKind, Renewal, Session, Token, layers::version_upgrade::VersionUpgradeLayer,
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let v1 = service_fn(|_: Renewal| async {
//!     Err::<Token, _>(Error::new(ErrorKind::Upgrade, "409: use version 2"))
//! });
//! let v2 = service_fn(|_: Renewal| async { Token::new("mF_9.B5f-4.1JqM") });
//! let tokens = ServiceBuilder::new().layer(VersionUpgradeLayer::new(v2)).service(v1);
//!
//! let session = Session::builder(tokens).origin("https://api.example.com").build()?;
//! assert_eq!(session.token().await?.token().expose(), "mF_9.B5f-4.1JqM");
//! # Ok(())
//! # }
//! ```

mod future;
mod latch;
mod layer;
mod renewal;
mod service;
mod signal;

pub use self::{
    future::ResponseFuture,
    latch::UpgradeLatch,
    layer::VersionUpgradeLayer,
    renewal::RenewalFuture,
    service::VersionUpgrade,
    signal::{UpgradeSignal, VersionGone},
};
