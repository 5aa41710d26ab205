//! Sign-in for Spryker's Glue API, and its multi-factor authentication.
//!
//! [`Glue`] is a token service, and [`Glue::session`] begins a session of it. It signs in with a
//! username and a password, and trades the refresh token for new tokens from then on. [`Glue::mfa`]
//! makes the codes: when a protected resource wants one, the API is told to send it, your code
//! service is asked for it, and the request is sent again.
//!
//! # Example
//!
//! ```no_run
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! use tower_reauth::{BoxError, Code, CodeRequest, providers::glue::Glue, replay::ReplayBody};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! // Any HTTP client that is a tower service, and one for all: hyper-util's `Client`, say.
//! let client = service_fn(|request: Request<ReplayBody<Full<Bytes>>>| async move {
//!     # let _ = request;
//!     Ok::<_, BoxError>(Response::new(Full::new(Bytes::new())))
//! });
//! let codes = service_fn(|request: CodeRequest| async move {
//!     let prompt = format!("The code sent by {}: ", request.method());
//!     # fn ask_on_the_terminal(_: String) -> String { "123456".into() }
//!     Ok::<_, BoxError>(Code::new(ask_on_the_terminal(prompt))?)
//! });
//! let glue = Glue::builder(client.clone(), "https://glue.mysprykershop.com")
//!     .credentials("spencor.hopkin@spryker.com", "change123")
//!     .code_service(codes)
//!     .build()?;
//! let session = glue.session().build()?;
//! let mfa = glue.mfa(&session).build()?;
//! let client = ServiceBuilder::new().layer(session.layer().mfa(&mfa)).service(client);
//!
//! // The first request signs in, and the first that needs a code has one sent.
//! let request = Request::patch("https://glue.mysprykershop.com/customers/DE--42")
//!     .header("content-type", "application/vnd.api+json")
//!     .body(Full::from(r#"{"data":{"type":"customers","attributes":{"firstName":"Spencor"}}}"#))?;
//! let response = client.oneshot(request).await?;
//! # let _ = response;
//! session.sign_out().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What a renewal does
//!
//! 1. If the session has a refresh token, it is presented, once. The server answers with a new pair,
//!    and the old refresh token is never presented again: a shop may revoke it, and does if it has
//!    the plugins for that. If there is a new refresh token that cannot be read, there is none from
//!    then on.
//! 2. If the refresh token is refused (`401` with code 004, `invalid_grant`), or if there is none, the
//!    password is presented. After a refusal that is done once in the same renewal, unless
//!    [`allow_relogin`](GlueBuilder::allow_relogin) is off.
//! 3. With a [`company_user`](GlueBuilder::company_user), the customer's token is traded for that of
//!    the company user.
//!
//! Refreshes of one `Glue` and its clones run one after the other, and so do sign-ins. A renewal that
//! nobody wants any more (the session was cleared, signed out or given another token) stops before
//! the password is presented; an exchange that has begun is finished, so that no new token is lost.
//! A new refresh token is noted before anything else in the answer is looked at. If the answer is
//! lost (connection, timeout, 5xx), nobody knows whether the refresh token was spent: the password is
//! not used then, and the next renewal presents the same refresh token again.
//!
//! Tokens are read in every shape that the API has for them: `data.attributes`, a bare object or a
//! list of one, in camel case or snake case; `expiresIn` as a number or as a text.
//!
//! # Codes
//!
//! The shop decides which resources want a code, and no client can know. So requests are sent as they
//! are, and a `403` with the code 5900 or 5901 is the challenge: see [`layers::mfa`] for what happens
//! then, and for the [policy](crate::layers::mfa::MfaPolicy) by which requests get a code beforehand.
//!
//! A code is had like this: `POST /multi-factor-auth-trigger` with the session's token (which is
//! renewed if it is refused), and after its `204` the code service is asked. A code is good for
//! [`code_ttl`](GlueBuilder::code_ttl) from that `204` on, less
//! [`code_skew`](GlueBuilder::code_skew), for any number of requests; but a new trigger makes it
//! worthless at once, wherever it comes from. So a code that worked and is refused later is replaced
//! by another at once, and none is ever sent again after the next trigger. If the code service gives
//! an older one it is asked again, up to 3 times for one trigger.
//!
//! A trigger that fails is not tried again at once: after a `5xx` and code 5910 ("the code could not
//! be sent") not before
//! [`min_trigger_interval`](crate::layers::mfa::MfaBuilder::min_trigger_interval), after other
//! failures not for about 5 min. [`Mfa::clear`](crate::layers::Mfa::clear) ends that.
//!
//! [`layers::mfa`]: crate::layers::mfa
//!
//! # Error bodies
//!
//! | API | body |
//! | --- | --- |
//! | Glue REST, API Platform | `{"errors":[{"code":"5900","status":403,"detail":"…"}]}` |
//! | Storefront, Backend (JSON:API) | `{"errors":[{"status":403,"code":"5900","message":"…"}]}` |
//! | Storefront, Backend (plain JSON) | `[{"status":403,"code":"5900","message":"…"}]` |
//! | `/token` | `{"error":"invalid_grant","error_description":"…"}` |
//!
//! All are read, with codes as texts or numbers, and any of several errors counts.
//! [`Error::provider_code`](crate::Error::provider_code) has the code, and [`MfaErrorCode`] says what
//! those of multi-factor authentication mean.
//!
//! # What an answer means
//!
//! As the vendor's source and documentation have it; what they do not say is assumed from the status.
//! A [classifier](GlueBuilder::classifier) can say otherwise.
//!
//! | answer | sign-in | refresh | multi-factor authentication |
//! | --- | --- | --- | --- |
//! | 400 `invalid_grant`, 401, 403, 422 | `Rejected` | sign in | `Provider` |
//! | 400 `invalid_request`, `unsupported_grant_type`, … | `Config` | `Config` | |
//! | code 5900, 5901 | | | `CodeRequired`, `CodeRejected` |
//! | code 5902 to 5909 | | | `Provider` |
//! | code 5910 | | | `Transport` |
//! | 404, 405 | `Config` | `Config` | `Config` |
//! | 429 with code 4401, 423 | `Locked` | `Locked` | `Locked` |
//! | 429 | `RateLimited` | `RateLimited` | `RateLimited` |
//! | 408, 425, 5xx | `Transport` | `Transport` | `Transport` |
//! | 3xx and others | `Protocol` | `Protocol` | `Protocol` |
//!
//! After `429` and `423` nothing is sent to the token endpoints until `Retry-After` is over, or for
//! [`lockout`](GlueBuilder::lockout) if there is none. Redirects are not followed.
//!
//! # Guests
//!
//! A request with `X-Anonymous-Customer-Unique-Id` is a guest's, and the API refuses it with `400`
//! (code 005) if it has a token as well. Sessions made by [`Glue::session`] leave it without one:
//! see [`guest_header`](GlueBuilder::guest_header).
//!
//! # Secrets
//!
//! Errors repeat what the server says if it is plain words that have nothing of the username, the
//! password, a token or a code in them; the errors of the client and of the code service are treated
//! alike. Our own `Debug` shows no secret. Bodies are wiped from memory after use, in this crate.

use http::HeaderName;

mod answer;
mod api;
mod builder;
mod challenge;
mod codes;
mod errors;
mod flow;
mod service;
mod sign_out;
mod signed;
mod trigger;
mod types;
mod verdict;

pub use self::{
    builder::GlueBuilder,
    challenge::GlueChallenge,
    codes::MfaErrorCode,
    service::Glue,
    types::{MfaStatus, MfaType, MfaTypes},
    verdict::{Answer, Endpoint},
};

/// The header that codes travel in.
const CODE_HEADER: HeaderName = HeaderName::from_static("x-mfa-code");

/// The header by which guests are known.
const GUEST_HEADER: HeaderName = HeaderName::from_static("x-anonymous-customer-unique-id");

#[cfg(test)]
mod tests;
