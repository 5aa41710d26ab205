//! Composable tower layers that keep outbound HTTP calls signed in.
//!
//! Wrap any HTTP client that is a tower `Service`. The layers sign in, attach the token, renew it
//! before it runs out or when the server answers `401`, and send the refused request again. However
//! many callers need a new token it is fetched once; none of them sees a `401` that a new token
//! mends.
//!
//! # One stack
//!
//! A token service says how to get a token: any tower `Service<Renewal>`, so a closure will do. A
//! [`Session`] around it holds the token and renews it. [`Session::layer`] keeps a client's
//! requests signed in:
//!
//! ```no_run
//! use bytes::Bytes;
//! use http::Request;
//! use http_body_util::Full;
//! use hyper_rustls::HttpsConnectorBuilder;
//! use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! use tower_reauth::{BoxError, Renewal, Session, Token, replay::ReplayBody};
//!
//! # async fn ask_the_token_endpoint(_: Renewal) -> Result<String, BoxError> { Ok("t".into()) }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let tokens = service_fn(|renewal: Renewal| async move {
//!     let access_token = ask_the_token_endpoint(renewal).await?;
//!     Ok::<_, BoxError>(Token::new(access_token)?)
//! });
//! let session = Session::builder(tokens).origin("https://api.example.com").build()?;
//!
//! let https = HttpsConnectorBuilder::new().with_native_roots()?.https_only().enable_http1().build();
//! let client = Client::builder(TokioExecutor::new()).build::<_, ReplayBody<Full<Bytes>>>(https);
//! let client = ServiceBuilder::new().layer(session.layer()).service(client);
//!
//! let request = Request::get("https://api.example.com/users").body(Full::default())?;
//! let response = client.oneshot(request).await?;
//! # let _ = response;
//! # Ok(())
//! # }
//! ```
//!
//! For the APIs of particular vendors the token services are ready made: see [`providers`]. For
//! clients other than hyper's, and for a finished client as a field of a struct, see [`clients`].
//!
//! # The layers
//!
//! | layer | does |
//! | --- | --- |
//! | [`BearerLayer`](layers::BearerLayer) | attaches the current token; waits for the first one; never sends without one |
//! | [`RefreshLayer`](layers::RefreshLayer) | on a `401`: renews the very token that was refused, once for all, and sends again |
//! | [`MfaLayer`](layers::MfaLayer) | attaches the current code; on a challenge gets a new one, once for all, and sends again |
//! | [`RecoverLayer`](layers::RecoverLayer) | the engine of both, for challenges of your own kind |
//! | [`VersionUpgradeLayer`](layers::VersionUpgradeLayer) | on a `409` to a sign-in: switches to its next version for good, and sends again |
//! | [`NormalizeLayer`](layers::NormalizeLayer) | gives a failure inside a `200` an honest status |
//! | [`ReplayLayer`](replay::ReplayLayer) | makes a streaming request body sendable twice, up to a cap |
//!
//! They stack in any order and with other layers in between; [`layers`] says which order is best.
//!
//! # What always holds
//!
//! - The renewal belongs to the session. Callers may be dropped at any point; what was received is
//!   kept, and the next caller finds it.
//! - A `401` for an older token renews nothing and discards nothing.
//! - A failed renewal takes no working token away. It is tried once for all callers, and then not
//!   before a cool-down: see [`ErrorKind`].
//! - The token goes to the session's origins and nowhere else, and never over plain http beyond
//!   loopback unless you say so. A request is never sent without it.
//! - A request body is sent again with the same bytes or not at all, and only after the server has
//!   refused the first. Connection errors are the caller's.
//! - No secret is in any `Debug`, error, event or log line of this crate. Secrets are wiped from
//!   memory when dropped; copies that other crates make are not.
//!
//! # Features
//!
//! None is on by default: the core has no HTTP client and no parser.
//!
//! | feature | adds |
//! | --- | --- |
//! | `back-office` | sign-in for the Back Office API (B2Core): `providers::back_office` |
//! | `q2` | Q2 Open: auths that end by webhook, and the receiver of their events: `providers::q2` |
//! | `oauth2` | sign-in at any OAuth 2.0 token endpoint: `providers::oauth2` |
//! | `glue` | sign-in and multi-factor authentication for Spryker's Glue API: `providers::glue` |
//! | `file-store` | tokens in a file that processes share: `stores::FileStore` |
//! | `redis-store` | tokens in Redis or Valkey, for the processes of many machines: `stores::RedisStore` |
//! | `fintiv` | Fintiv's sign-on, keys and envelopes: `providers::fintiv` |
//! | `json` | envelopes in JSON for `NormalizeLayer`: `layers::normalize::json` |
//! | `reqwest` | `reqwest::Client` as an HTTP service: `clients::reqwest` |
//! | `reqwest-middleware` | the layers in a chain of that crate: `clients::reqwest_middleware` |
//! | `my2n` | sign-in for the My2N Partner API (2N): `providers::my2n` |
//! | `tracing` | log lines for sign-ins, renewals and failures, with the `tracing` crate |
//! | `testing` | simulators on loopback ports and a clock that obeys: `testing` |
//! | `full` | all of the above but `testing` |
//!
//! A [tokio](https://docs.rs/tokio) runtime with timers is needed wherever a token has to be fetched
//! or a `401` to be mended.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    not(test),
    warn(
        clippy::dbg_macro,
        clippy::print_stderr,
        clippy::print_stdout,
        clippy::unwrap_used
    )
)]
#![doc(test(attr(deny(warnings), allow(dead_code))))]

pub mod clients;
mod clock;
pub mod docs;
mod error;
pub mod inspect;
pub mod layers;
mod origin;
pub mod providers;
mod renew;
pub mod replay;
mod session;
pub mod stores;
#[cfg(feature = "testing")]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub mod testing;
mod token;
#[cfg(test)]
#[path = "../tests/common/vectors.rs"]
mod vectors;

pub use self::{
    clock::{Clock, SystemClock},
    error::{BoxError, Error, ErrorKind},
    renew::{Event, Reason, Renewal, Renewed},
    session::{ConfigError, Current, Events, Session, SessionBuilder, SignOut, store},
    token::{Code, CodeRequest, ExposeSecret, InvalidToken, Placement, SecretString, Token},
};

#[cfg(all(doctest, feature = "full", feature = "testing"))]
#[doc = include_str!("../README.md")]
struct Readme;
