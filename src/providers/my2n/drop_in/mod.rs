//! Middleware that lets a program which speaks version 1 go on as it is, before, during and after
//! the migration of its account.
//!
//! Such a program logs in at `POST {base URL}/auth`, gets an `accessToken`, and sends that as
//! `X-Api-Key` with each call. This layer goes around its HTTP client, and the program need not be
//! changed:
//!
//! - Its login is answered here. The layer signs the account in as [`My2n`](super::My2n) does, with
//!   version 1 or 2 as [`api_version`](super::My2nBuilder::api_version) says, and so moves to
//!   version 2 when the server wants that.
//! - What it gets as `accessToken` is a *handle*: a random text that is no credential anywhere, and
//!   means nothing to anybody but this layer.
//! - A call whose `X-Api-Key` is such a handle is sent with the account's token in its place: as
//!   `X-Api-Key` while that is of version 1, and as `Authorization: Bearer` once it is of version
//!   2, with no `X-Api-Key` any more. The token is renewed ahead of its end and after a `401`, and
//!   the call sent again, as [`Session::layer`](crate::Session::layer) does it.
//!
//! The program never holds a token of the API, so it cannot send one to where it must not go.
//! Requests to other origins pass untouched, except that handles are taken out of them.
//!
//! # Example
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode};
//! use http_body_util::{BodyExt, Full};
//! use tower::{Layer, ServiceExt, service_fn};
//! use tower_reauth::{BoxError, providers::my2n::My2n, replay::ReplayBody};
//! # type Body = Full<Bytes>;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! // In place of an HTTP client: the account has been migrated, so v1 says 409.
//! let client = service_fn(|request: Request<ReplayBody<Body>>| async move {
//!     let (status, body) = match request.uri().path() {
//!         "/v1/auth" => (409, ""),
//!         "/self-service/login/api" => (200, r#"{"id":"f1"}"#),
//!         "/self-service/login" => (200, r#"{"session_token":"s1"}"#),
//!         _ if request.headers().contains_key("x-api-key") => (401, ""),
//!         _ if request.headers()["authorization"] == "Bearer s1" => (200, "hello"),
//!         _ => (401, ""),
//!     };
//!     let answer = Response::builder().status(status);
//!     answer.body(Body::from(body)).map_err(BoxError::from)
//! });
//! let drop_in = My2n::builder(client.clone(), "https://api.example.com/v1")
//!     .login_base_url("https://auth.example.com")
//!     .drop_in()?;
//! let client = drop_in.layer(client);
//!
//! // The program as it has always been:
//! let login = r#"{"username":"me","password":"Secret123"}"#;
//! let login = Request::post("https://api.example.com/v1/auth").body(Body::from(login))?;
//! let answer = client.clone().oneshot(login).await?.into_body().collect().await?.to_bytes();
//! let answer: serde_json::Value = serde_json::from_slice(&answer)?;
//! let key = answer["accessToken"].as_str().expect("a login that worked");
//! let call = Request::get("https://api.example.com/v1/users").header("X-Api-Key", key);
//! let answer = client.oneshot(call.body(Body::default())?).await?;
//! assert_eq!(answer.status(), StatusCode::OK);
//! # Ok(())
//! # }
//! ```
//!
//! # When the program logs in again
//!
//! Programs do so every now and then, and after a `401`. While there is a token that the server has
//! not refused, the answer is the same handle, at once, and nothing is sent. So the program may log
//! in as often as it likes: the session renews its token by itself, whether or not the program logs
//! in.
//!
//! If the server refuses even a new token, as it does for an account with MFA, the program gets the
//! `401`. Its login after that is not answered by a login at the server over and over: it fails for
//! 5 minutes, with what is the matter in the extensions of the response.
//!
//! A login with credentials that were refused is tried at the server each time that the program
//! asks, as it was without this layer: the password may have been set in the meantime.
//!
//! | what came of signing in | the program's login gets |
//! | --- | --- |
//! | a token | `200` with the handle |
//! | [`Rejected`](crate::ErrorKind::Rejected) | `401` |
//! | [`MfaNotAllowed`](crate::ErrorKind::MfaNotAllowed) | `403` |
//! | [`Upgrade`](crate::ErrorKind::Upgrade), with [`ApiVersion::V1`](super::ApiVersion::V1) | `409` |
//! | [`Locked`](crate::ErrorKind::Locked) | `423` with `Retry-After` |
//! | [`RateLimited`](crate::ErrorKind::RateLimited) | `429` with `Retry-After` |
//! | [`Transport`](crate::ErrorKind::Transport), [`Timeout`](crate::ErrorKind::Timeout) | that error, as its client's own |
//! | anything else | `502` |
//!
//! The body of a failure is `{"error": …}` with the error's text, and the
//! [`Error`](crate::Error) itself is in the extensions.
//!
//! # Accounts and keys
//!
//! Each user name and password that logs in has a session and a handle of its own, so one program
//! may use several accounts, and a changed password is another account. Up to
//! [`max_accounts`](DropInLayer::max_accounts) are remembered, in memory; then the one is forgotten
//! that was not used for longest. A handle that is not known, because it was forgotten or is of an
//! earlier run, gets a `401` from here, and is not sent: the program will log in.
//!
//! An `X-Api-Key` that is no handle is passed on as it is: it may be a key from before this layer
//! was there. So is a login that is not JSON with `username` and `password`; one that is longer
//! than 64 KiB gets `413`.
//!
//! # Cancel safety
//!
//! Dropping a response future drops the request. A sign-in that it waited for goes on, and the next
//! login finds its result.

mod account;
mod accounts;
mod answer;
mod future;
mod layer;
mod service;

pub use self::{future::ResponseFuture, layer::DropInLayer, service::DropIn};
