//! Receiver of the events that Q2 sends.
//!
//! [`Webhook`] is a tower service that takes HTTP requests, for whatever server you have: run it on
//! hyper, or mount it in an axum router with `route_service("/events", webhook)`. It hands events to
//! the calls of [`Q2::create_auth`](super::Q2::create_auth) that wait for them, and to a
//! [handler](WebhookBuilder::handler) if you have one. It needs a tokio runtime with timers.
//!
//! # Example
//!
//! ```
//! use http_body_util::Full;
//! use hyper_util::{rt::{TokioExecutor, TokioIo}, server::conn::auto, service::TowerToHyperService};
//! use tokio::net::TcpListener;
//! use tower_reauth::{BoxError, providers::q2::Q2};
//!
//! async fn receive(q2: Q2, listener: TcpListener) -> Result<(), BoxError> {
//!     let webhook = q2.webhook().published_keys().audience("https://host.name/events").build()?;
//!     loop {
//!         let (stream, _) = listener.accept().await?;
//!         let service = TowerToHyperService::new(webhook.clone());
//!         tokio::spawn(async move {
//!             let server = auto::Builder::new(TokioExecutor::new());
//!             server.serve_connection(TokioIo::new(stream), service).await.ok();
//!         });
//!     }
//! }
//! # let _ = receive;
//! # let _ = Full::<bytes::Bytes>::default();
//! ```
//!
//! # Who sends
//!
//! Nobody may end a login by posting a lie, so a receiver is not built before it is said how it tells
//! Q2 from others. What the vendor offers is set in its Nexus portal (documentation of 2020):
//!
//! - **A signature**: a JWT in the header `signature`, signed by RS256 with one of two published
//!   keys. [`published_keys`](WebhookBuilder::published_keys) requires it. The algorithm is the one
//!   that is configured here; what the token says about it is only compared, and keys that come with
//!   the token (`jwk`, `jku`, `x5u`, `x5c`) are not looked at. Keys are fetched when they are first
//!   needed, kept for 24 h, and fetched again when a signature names a key that is not there: once a
//!   minute at most, however many such signatures come.
//! - **A bearer token**, which Q2 fetches from a token endpoint of yours:
//!   [`bearer`](WebhookBuilder::bearer), and [`TokenEndpoint`] if you have none.
//! - **Encryption**: a JWE of RSA-OAEP and A256GCM: [`decryption_key`](WebhookBuilder::decryption_key).
//!   It hides the event, and says nothing about who sent it.
//!
//! **The signature does not cover the body.** The vendor's JWT has no hash of what is sent beside it:
//! it proves that the sender has a token of Q2's, and not that the event is Q2's. Whoever sees one
//! delivery can send another body with the same token until it expires. So use TLS, and set
//! [`audience`](WebhookBuilder::audience) and [`max_age`](WebhookBuilder::max_age) if the portal lets
//! you; the bearer token besides does no harm.
//!
//! # What is answered
//!
//! | answer | when |
//! | --- | --- |
//! | 200 | the event was accepted; also if it came before, came late or means nothing here |
//! | 400 | the body is no event, or cannot be decrypted |
//! | 401 | there is no signature or bearer token, or it is not good; the body was not read |
//! | 405 | it is no `POST` |
//! | 408 | the body did not come within [`read_timeout`](WebhookBuilder::read_timeout) |
//! | 413 | the body is longer than [`max_body`](WebhookBuilder::max_body) |
//! | 415 | the body is encrypted, and there is no key |
//! | 500 | the handler failed |
//! | 503 | not now: too many deliveries, the same event is being handled, the keys cannot be had |
//!
//! Bodies of answers are empty: the sender is not told what was wrong.
//! [`on_refusal`](WebhookBuilder::on_refusal) is, and the log. There is one reason for all that can
//! be wrong with an encrypted body.
//!
//! # At least once, in any order
//!
//! The vendor documents neither order nor retries, so events are assumed to come at least once, early,
//! late and in any order. The same event (by its `_id`) is accepted once; that is noted after it was
//! verified and accepted, for the last
//! [10,000](super::Q2Builder::remembered_events), in this process.
//!
//! # Memory
//!
//! At most [`max_deliveries`](WebhookBuilder::max_deliveries) bodies of
//! [`max_body`](WebhookBuilder::max_body) bytes are held at the same time (64 MiB), besides the ids
//! that are remembered, 32 events for each call that waits, and 256 events or 1 MiB for answers that
//! are on their way. How many connections there are is your server's to bound.

mod body;
mod builder;
mod jwe;
mod jwt;
mod keys;
mod refusal;
mod service;
mod token_endpoint;

pub use self::{
    builder::WebhookBuilder,
    jwe::{DecryptionKey, KeyEncryption},
    jwt::SignatureAlgorithm,
    refusal::{Refusal, SignatureError},
    service::Webhook,
    token_endpoint::TokenEndpoint,
};

#[cfg(test)]
mod tests;
