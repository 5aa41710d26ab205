//! Sign-in at any OAuth 2.0 token endpoint: for every API that has no provider of its own here.
//!
//! [`OAuth2`] is a token service, and [`OAuth2::session`] begins a session of it. It gets access
//! tokens with the `client_credentials` grant, for a program that calls an API as itself, and with
//! the `refresh_token` grant, for one that acts for a user who has signed in elsewhere. What
//! follows is RFC 6749 where no other source is named.
//!
//! # Example
//!
//! A program that calls an API as itself:
//!
//! ```no_run
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! use tower_reauth::{BoxError, providers::oauth2::OAuth2, replay::ReplayBody};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! // Any HTTP client that is a tower service, and one for both: hyper-util's `Client`, say.
//! let client = service_fn(|request: Request<ReplayBody<Full<Bytes>>>| async move {
//!     # let _ = request;
//!     Ok::<_, BoxError>(Response::new(Full::new(Bytes::new())))
//! });
//! let oauth2 = OAuth2::builder(client.clone(), "https://auth.example.com/oauth2/token")
//!     .client_id("s6BhdRkqt3")
//!     .client_secret("7Fjfp0ZBr1KtDRbnfVdmIw")
//!     .client_credentials()
//!     .scope("accounts:read payments:write")
//!     .build()?;
//! let session = oauth2.session().origin("https://api.example.com").build()?;
//! let client = ServiceBuilder::new().layer(session.layer()).service(client);
//!
//! // The first request signs in.
//! let request = Request::get("https://api.example.com/accounts").body(Full::default())?;
//! let response = client.oneshot(request).await?;
//! # let _ = response;
//! # Ok(())
//! # }
//! ```
//!
//! One that acts for a user, whose refresh token it was given:
//!
//! ```
//! use tower_reauth::{BoxError, Session, providers::oauth2::{ClientAuth, OAuth2}};
//! # use {bytes::Bytes, http::{Request, Response}, http_body_util::Full, tower::service_fn};
//! # fn main() -> Result<(), BoxError> {
//! # let client = service_fn(|_: Request<Full<Bytes>>| async {
//! #     Ok::<_, BoxError>(Response::new(Full::<Bytes>::default()))
//! # });
//! # let refresh_token = "tGzv3JOkF0XG5Qx2TlKWIA";
//!
//! let oauth2 = OAuth2::builder(client, "https://auth.example.com/oauth2/token")
//!     .client_id("s6BhdRkqt3")
//!     .client_secret("7Fjfp0ZBr1KtDRbnfVdmIw")
//!     .client_auth(ClientAuth::Form)
//!     .refresh_token(refresh_token)
//!     .revocation_url("https://auth.example.com/oauth2/revoke")
//!     .build()?;
//! let session: Session = oauth2.session().origin("https://api.example.com").build()?;
//! # let _ = session;
//! # Ok(())
//! # }
//! ```
//!
//! # What a renewal does
//!
//! 1. If there is a refresh token it is presented, once: that of the session, or else the one that
//!    [`refresh_token`](OAuth2Builder::refresh_token) began with and what came after it. A new
//!    refresh token in the answer replaces it; if there is none, or an empty one, or the same, it
//!    stays. If there is one that cannot be read there is none from then on: the old one may be
//!    spent.
//! 2. If it is refused (`invalid_grant`), or if there is none, the client signs in as itself, where
//!    [`client_credentials`](OAuth2Builder::client_credentials) allows that. Otherwise the renewal
//!    fails as [`Rejected`](crate::ErrorKind::Rejected), and nothing is sent until somebody
//!    [sets](crate::Session::set) a token.
//!
//! Refreshes of one `OAuth2` and its clones run one after the other, so that no refresh token is
//! presented twice at once. A renewal that nobody wants any more (the session was cleared, signed
//! out or given another token) stops while it waits for its turn, and before it signs in. An
//! exchange that has begun is finished, so that no new token is lost.
//!
//! # Refresh tokens are not lost
//!
//! A new refresh token is noted before anything else in the answer is looked at. If the access
//! token beside it is missing or cannot be used, the renewal fails, and the next one presents the
//! new refresh token instead of the one that the session still has. One that was traded for another
//! or refused is not presented again. All this is remembered for the last 16, in memory.
//!
//! If the answer is lost (connection, timeout, 5xx), nobody knows whether the refresh token was
//! spent. The access token in hand is used as long as it lives, and the next renewal presents the
//! same refresh token again; a server that takes that for theft says `invalid_grant`.
//!
//! # What an answer means
//!
//! | `error`, or the status without one | kind | what to do |
//! | --- | --- | --- |
//! | `invalid_grant`, `bad_refresh_token` (GitHub) | `Rejected`, or a sign-in | have the user sign in again |
//! | `invalid_client`, `incorrect_client_credentials` (GitHub), 401 | `Rejected` | check client id, secret and [`client_auth`](OAuth2Builder::client_auth) |
//! | `access_denied`, `login_required`, `interaction_required`, `consent_required` | `Rejected` | permit it at the server |
//! | `invalid_request`, `invalid_scope`, `invalid_target` (RFC 8707), `unauthorized_client`, `unsupported_grant_type` | `Config` | check the settings, here and at the server |
//! | 404, 405, 410 | `Config` | check the URL |
//! | 429, `slow_down` (RFC 8628) | `RateLimited` | nothing: it is tried again |
//! | 408, 425, 5xx, `server_error`, `temporarily_unavailable` | `Transport` | nothing: it is tried again |
//! | 3xx | `Protocol` | check the URL: redirects are not followed, as secrets would go along |
//! | any other `error` | `Provider` | see the server's documentation |
//! | any other status | `Protocol` | check the URL |
//!
//! An `error` counts in a 200 as well, as GitHub sends it, unless there is an `access_token` beside
//! it. It is the error's [`provider_code`](crate::Error::provider_code). A 2xx that is no JSON
//! object with an `access_token` is `Protocol`.
//!
//! After a 429 or 5xx with `Retry-After` nothing is sent to the token endpoint until that is over (up
//! to 1 h), by no session of this `OAuth2`.
//!
//! # Tokens
//!
//! The `token_type` must be `Bearer`, in upper or lower case, or one of those that
//! [`token_type`](OAuth2Builder::token_type) adds. If it is missing the token is taken for one, and
//! the renewal has a warning. `expires_in` is read as a number or a text; if it is missing the token
//! lives for [`default_lifetime`](OAuth2Builder::default_lifetime). If it is 0 or less, or no number,
//! the token is used until the server refuses it, and there is a warning. More than 100 years is no
//! end at all.
//!
//! # Signing out
//!
//! [`Session::sign_out`](crate::Session::sign_out) gives the refresh token up before anything can
//! fail: no renewal presents it again. Then it is revoked, and after it the access token (RFC 7009),
//! where a [`revocation_url`](OAuth2Builder::revocation_url) is set.
//!
//! # At the API
//!
//! [`RefreshLayer`](crate::layers::RefreshLayer) acts on what the API says in `WWW-Authenticate` (RFC
//! 6750): a token that is `invalid_token` is renewed. What a new token does not mend, such as
//! `insufficient_scope`, is told in the extensions of the response: see
//! [`bearer`](crate::layers::bearer#what-the-api-says).
//!
//! # Secrets
//!
//! Errors repeat the `error` if it is words in small letters, and the `error_description` if it is
//! plain English, and neither if it has four characters in a row of the client's id or secret, of a
//! token or of a parameter in it. Bodies and headers with secrets are wiped from memory after use, in
//! this crate: copies that the HTTP client and the JSON parser make are not.

mod answer;
mod builder;
mod client_auth;
mod flow;
mod refusal;
mod service;
mod sign_out;

pub use self::{builder::OAuth2Builder, client_auth::ClientAuth, service::OAuth2};

#[cfg(test)]
mod tests;
