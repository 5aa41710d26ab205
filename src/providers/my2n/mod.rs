//! Sign-in for the My2N Partner API (2N), versions 1 and 2, and the upgrade between them.
//!
//! [`My2n`] is a token service, and [`My2n::session`] begins a session of it. It signs in with the
//! user name and the password of an account for machines. Begun on Auth v.1, it goes on with Auth
//! v.2 as soon as the vendor has migrated the account: no call fails for it, and nothing has to be
//! restarted.
//!
//! # Example
//!
//! ```no_run
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! use tower_reauth::{BoxError, providers::my2n::My2n, replay::ReplayBody};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! // Any HTTP client that is a tower service, and one for both: hyper-util's `Client`, say.
//! let client = service_fn(|request: Request<ReplayBody<Full<Bytes>>>| async move {
//!     # let _ = request;
//!     Ok::<_, BoxError>(Response::new(Full::new(Bytes::new())))
//! });
//! let my2n = My2n::builder(client.clone(), "https://my2n.com/middleware/api/partner/v1")
//!     .credentials("api@example.com", "Secret123")
//!     .build()?;
//! let session = my2n.session().build()?;
//! let client = ServiceBuilder::new().layer(session.layer()).service(client);
//!
//! // The first request signs in.
//! let uri = "https://my2n.com/middleware/api/partner/v1/users/current";
//! let response = client.oneshot(Request::get(uri).body(Full::default())?).await?;
//! # let _ = response;
//! # Ok(())
//! # }
//! ```
//!
//! # What a renewal does
//!
//! There is nothing like a refresh token, so each renewal is a login, which counts as a sign-in.
//! The vendor's own example logs in anew every 50 minutes and does not log out before. What is
//! sent is what that example sends.
//!
//! - Version 1: `POST {base URL}/auth` with user name and password. The token goes into `X-Api-Key`.
//! - Version 2: `GET {login URL}/self-service/login/api` begins a login flow,
//!   `POST {login URL}/self-service/login?flow=…` submits the credentials to it. The token goes
//!   into `Authorization: Bearer`. The login is on a domain of its own: see
//!   [`login_base_url`](My2nBuilder::login_base_url). If the flow is unknown (`404`) or has expired
//!   (`410`) when the credentials are submitted, one more is begun; another flow that the answer
//!   may name is not used.
//!
//! These requests carry the headers that are needed and nothing else: no credential, no cookie, no
//! `Origin`. The login service answers a request that carries the credential of a live session
//! with "there is already an active session". Redirects are not followed.
//!
//! # The upgrade
//!
//! With [`ApiVersion::Auto`] version 1 is used until it answers `409`, which is how the vendor says
//! that the account has been migrated. The login is then repeated with version 2 at once, and
//! version 2 is used from then on, for as long as the [`My2n`] and its clones live: see
//! [`version_upgrade`](crate::layers::version_upgrade). A `409` of the API is none of its business.
//!
//! The next run begins with version 1 again, and meets one more `409`. To spare it that, keep what
//! [`My2n::upgrade_latch`] says and give it to [`upgrade_latch`](My2nBuilder::upgrade_latch). With a
//! [store](crate::store) a token of version 2 that is found there does the same.
//!
//! Once there is a token of version 2, `X-Api-Key` never travels again: the API refuses requests
//! that still carry it. A session of [`My2n::session`] takes it out of each request to the API,
//! whoever has put it there; for a session of your own say
//! [`retired_header`](crate::SessionBuilder::retired_header).
//!
//! # What an answer means
//!
//! | status | login (v1) | start of the flow (v2) | login (v2) |
//! | --- | --- | --- | --- |
//! | 400 | `Rejected` | see below | see below |
//! | 401 | `Rejected` | `Protocol` | `Rejected` |
//! | 403 | `Protocol` | `Protocol` | `MfaNotAllowed` if a second factor is enforced, else `Protocol` |
//! | 404 | `Config` | `Config` | one more flow, then `FlowExpired` |
//! | 405 | `Config` | `Config` | `Config` |
//! | 409 | the upgrade; `Upgrade` with [`ApiVersion::V1`] | `Protocol` | `Protocol` |
//! | 410 | `Protocol` | `Protocol` | one more flow, then `FlowExpired` |
//! | 423 | `Locked` | `Locked` | `Locked` |
//! | 429 | `RateLimited` | `RateLimited` | `RateLimited` |
//! | 408, 425, 5xx | `Transport` | `Transport` | `Transport` |
//! | 3xx and others | `Protocol` | `Protocol` | `Protocol` |
//!
//! The `400`, `401`, `404`, `409`, `410` and `500` are the vendor's. What stands in their bodies is
//! taken from the source of Ory Kratos, on which the login of version 2 runs by all appearances.
//! The rest is assumed. A [classifier](My2nBuilder::classifier) can say otherwise.
//!
//! A `400` of version 2 says in its body what it means, either in an error object or in the
//! messages of the flow:
//!
//! - "There is already an active session" (`session_already_available`, or message 4000001 with
//!   that reason) is `SessionActive`: something adds a credential or a cookie to the login. A
//!   `Cookie` or `Origin` header is `Config`.
//! - "The flow query parameter is missing or malformed" is `Protocol`.
//! - Anything else to the login is `Rejected`, above all message 4000006, "the provided credentials
//!   are invalid". To the start of a flow it is `Protocol`.
//!
//! The message's or error's id is the error's
//! [`provider_code`](crate::Error::provider_code). A 2xx without the token is `Protocol`.
//!
//! # What a `401` means
//!
//! A `401` of the API usually means that the token has expired, and a new one mends it. Not so if
//! the token was just got. Version 2 lets an account with MFA log in, and the API then refuses its
//! token; so the vendor says that accounts for the API must not have MFA. A further login would be
//! answered alike, so there is none. The call fails, or gets the `401` with the error in its
//! extensions, as [`MfaNotAllowed`](crate::ErrorKind::MfaNotAllowed) with the vendor's advice:
//!
//! - if the API refuses a token of version 2 within [`fresh_for`](My2nBuilder::fresh_for) (5 s)
//!   after it was issued, and has accepted it for no other request;
//! - if it refuses a token that was got because the one before was refused, and has accepted it for
//!   no other request.
//!
//! One login is tried again after 5 minutes at the earliest, or with [`renew`](crate::Session::renew).
//!
//! # Limits
//!
//! The vendor documents none. After `429` and `423` no login is sent until `Retry-After` is over
//! (up to 1 h, or 24 h for `423`; seconds, or a date by the server's own `Date`), or for
//! [`lockout`](My2nBuilder::lockout) if there is none, it cannot be read, or it has passed already.
//! Refused credentials are never tried again by themselves.
//!
//! # Lifetimes
//!
//! The lifetime of a token of version 2 is `session.expires_at` minus `session.issued_at` or minus
//! the header `Date`, whichever is less, so by the server's own clock. Only without either it is
//! measured by the local clock, less [`clock_skew`](My2nBuilder::clock_skew). Without a date, or
//! with dates that give no time to live (which makes a warning), it is
//! [`fallback_ttl`](My2nBuilder::fallback_ttl); for version 1 it is
//! [`v1_ttl`](My2nBuilder::v1_ttl). A session renews ahead of that:
//! [`renew_ahead`](crate::SessionBuilder::renew_ahead).
//!
//! # Secrets
//!
//! Errors repeat what the server says if it is plain English and has no part of the user name or
//! the password in it. Anything else is left out. Our own `Debug` shows no secret. Bodies are wiped
//! from memory after use, in this crate: copies that the HTTP client and the JSON parser make are
//! not.

mod answer;
mod builder;
pub mod drop_in;
mod issued;
mod login;
mod said;
mod service;
mod verdict;

pub use self::{
    builder::{ApiVersion, My2nBuilder},
    service::My2n,
    verdict::{Answer, Endpoint},
};
