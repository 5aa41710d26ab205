//! How the layers stand around the HTTP clients that people have.
//!
//! | client | how |
//! | --- | --- |
//! | hyper-util's `Client`, or any other `Service<http::Request<_>>` | as it is |
//! | `reqwest::Client` | in `clients::reqwest::HttpService` (feature `reqwest`) |
//! | a chain of `reqwest-middleware` | the layers as one of its middlewares: `clients::reqwest_middleware::LayerMiddleware` (feature `reqwest-middleware`) |
//! | its `ClientWithMiddleware`, as the inner service | in `clients::reqwest::HttpService` (feature `reqwest-middleware`) |
//! | a client generated for [tonic](https://docs.rs/tonic) | around its `Channel`: see below |
//!
//! # hyper-util
//!
//! One client with one pool serves the calls and the sign-in. Its body type is what the layers
//! make of yours: [`ReplayBody`](crate::replay::ReplayBody) of it.
//!
//! ```no_run
//! use bytes::Bytes;
//! use http_body_util::Full;
//! use hyper_rustls::HttpsConnectorBuilder;
//! use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//! use tower_reauth::replay::ReplayBody;
//!
//! # fn main() -> std::io::Result<()> {
//! let https = HttpsConnectorBuilder::new()
//!     .with_native_roots()?
//!     .https_only()
//!     .enable_all_versions()
//!     .build();
//! let client = Client::builder(TokioExecutor::new()).build::<_, ReplayBody<Full<Bytes>>>(https);
//! # let _ = client;
//! # Ok(())
//! # }
//! ```
//!
//! It follows no redirects, sends no request again once it has begun to, and gives its connections
//! back to the pool when a response's body was read to its end. A refused response of up to 64 KiB
//! is read by the layers, so a renewal costs no connection.
//!
//! # tonic
//!
//! The layers stand around the `Channel`, and the generated client gets the result. A refusal is
//! `UNAUTHENTICATED` in a `200`, so [`NormalizeLayer`](crate::layers::NormalizeLayer) belongs inside.
//! The whole of it is in `examples/grpc`:
//!
//! ```
//! use http::{Request, Uri};
//! use tonic::{Status, body::Body, transport::Channel};
//! use tower::ServiceBuilder;
//! use tower_reauth::{
//!     Session,
//!     layers::{NormalizeLayer, normalize::GrpcStatus},
//!     replay::ReplayBody,
//! };
//! # struct GreeterClient;
//! # impl GreeterClient { fn with_origin<T>(_: T, _: Uri) -> Self { Self } }
//!
//! fn greeter(session: &Session, channel: Channel) -> GreeterClient {
//!     let channel = ServiceBuilder::new()
//!         // One concrete type of errors, without which calls cannot be spawned.
//!         .map_err(Status::from_error)
//!         .layer(session.layer())
//!         .layer(NormalizeLayer::new(GrpcStatus::new()))
//!         .map_request(|request: Request<ReplayBody<Body>>| request.map(Body::new))
//!         .service(channel);
//!     // With an origin, so that the layers know where a call goes.
//!     GreeterClient::with_origin(channel, Uri::from_static("https://greeter.example.com"))
//! }
//! # let _ = greeter;
//! ```
//!
//! # A finished client in a struct
//!
//! The type of a stack is long, and of some closures it cannot be written at all. [`BoxClient`] is
//! one short type for all of them, to be cloned for each call; [`boxed`] makes it.
//!
//! # Where it does not compile
//!
//! If the parts of a stack do not fit together (a body that cannot be sent twice, a client that is
//! made for another body) the compiler says that there is no `oneshot`, `ready` or `call`, and not
//! why. Ask it with [`check`], or by making a `BoxClient`: then it says what to do.

mod erased;
mod http_client;

#[cfg(feature = "reqwest")]
#[cfg_attr(docsrs, doc(cfg(feature = "reqwest")))]
pub mod reqwest;
#[cfg(feature = "reqwest-middleware")]
#[cfg_attr(docsrs, doc(cfg(feature = "reqwest-middleware")))]
pub mod reqwest_middleware;

pub use self::{
    erased::{BoxClient, BoxResponseBody, boxed},
    http_client::{HttpClient, check},
};
