//! Sign-in for the Back Office API (B2Core by B2Broker).
//!
//! [`BackOffice`] is a token service, and [`BackOffice::session`] begins a session of it. It signs
//! in with an e-mail address and a password, asks your code service for the code that the server
//! sends by e-mail if two-factor authentication is on, and trades the refresh token for new tokens
//! from then on.
//!
//! # Example
//!
//! ```no_run
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! use tower_reauth::{
//!     BoxError, Code, CodeRequest, providers::back_office::BackOffice, replay::ReplayBody,
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! // Any HTTP client that is a tower service, and one for both: hyper-util's `Client`, say.
//! let client = service_fn(|request: Request<ReplayBody<Full<Bytes>>>| async move {
//!     # let _ = request;
//!     Ok::<_, BoxError>(Response::new(Full::new(Bytes::new())))
//! });
//! let codes = service_fn(|request: CodeRequest| async move {
//!     let prompt = format!("The code sent by {}: ", request.method());
//!     # fn ask_on_the_terminal(_: String) -> String { "123456".into() }
//!     Ok::<_, BoxError>(Code::new(ask_on_the_terminal(prompt))?)
//! });
//! let back_office = BackOffice::builder(client.clone(), "https://host.name")
//!     .credentials("foo@bar.com", "Secret123")
//!     .code_service(codes)
//!     .build()?;
//! let session = back_office.session().build()?;
//! let client = ServiceBuilder::new().layer(session.layer()).service(client);
//!
//! // The first request signs in.
//! let request = Request::get("https://host.name/api/v2/accounts").body(Full::default())?;
//! let response = client.oneshot(request).await?;
//! # let _ = response;
//! session.sign_out().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What a renewal does
//!
//! 1. If the session has a refresh token, it is presented, once. The server answers with a new pair
//!    of tokens. If only the access token is new (none beside it, or an empty one), the refresh
//!    token is kept. If there is a new
//!    refresh token that cannot be read, there is none from then on: the old one is spent.
//! 2. If the refresh token is refused, or if there is none, the password is presented. After a
//!    refusal that is done once in the same renewal, unless
//!    [`allow_relogin`](BackOfficeBuilder::allow_relogin) is off.
//! 3. If the server asks for a code, the code service is asked: up to
//!    [`max_2fa_attempts`](BackOfficeBuilder::max_2fa_attempts) times, while what the server gave
//!    for it lives. A code that was refused is never sent again; typed again it counts as an
//!    attempt. If the time is over when the code comes, the password is presented once more: the
//!    server sends a new code, and the code service is asked for that. It is not cut short before:
//!    a person has until [`code_timeout`](BackOfficeBuilder::code_timeout), when the future of the
//!    code service is dropped.
//!
//! After [`CodeRejected`](crate::ErrorKind::CodeRejected),
//! [`CodeUnavailable`](crate::ErrorKind::CodeUnavailable) and
//! [`FlowExpired`](crate::ErrorKind::FlowExpired) a session asks nobody for 5 minutes.
//! [`renew`](crate::Session::renew) or [`clear`](crate::Session::clear) ends that.
//!
//! # Sessions
//!
//! [`BackOffice::session`] returns a builder with origin, sign-out, clock and deadline set. A plain
//! `Session::builder(back_office)` has a deadline of 30 s, which is too short for a person: set
//! `.flight_timeout(back_office.worst_case())` there.
//!
//! A code service must not use a session of the same `BackOffice`, to read a mailbox say: that
//! session may have to sign in, and would wait for the very prompt that waits for it.
//!
//! Signing out gives the refresh token up before anything can fail: no renewal presents it again.
//! If the access token has expired by then (`401`), the refresh token may still live at the server,
//! so it is traded once, within the limit, and the new access token is signed out.
//!
//! Refreshes of one `BackOffice` and its clones run one after the other. So do sign-ins, as one
//! person is asked one thing at a time: several sessions of one `BackOffice` queue for the prompt,
//! and the deadline of each counts the wait. A prompt holds up no refresh.
//!
//! A renewal that nobody wants any more (the session was cleared, signed out or given another
//! token) stops: while it waits for its turn, while a person is asked, and before the password is
//! presented. An exchange that has begun is finished, so that no new token is lost.
//!
//! # Refresh tokens are not lost
//!
//! A new refresh token is noted before anything else in the answer is looked at. If the access
//! token beside it is missing or unusable, or a date is refused by
//! [`strict_dates`](BackOfficeBuilder::strict_dates), the renewal fails as
//! [`Protocol`](crate::ErrorKind::Protocol), and the next renewal presents the new refresh token
//! instead of the one that the session still has. One that was traded for another or refused is
//! not presented again. All this is remembered for the last 16, in memory.
//!
//! If the answer is lost (connection, timeout, 5xx), nobody knows whether the refresh token was
//! spent. The password is not used then: the next renewal presents the same refresh token again.
//!
//! # What an answer means
//!
//! The vendor documents only the good answers. The rest is assumed, and a
//! [classifier](BackOfficeBuilder::classifier) can say otherwise.
//!
//! | status | `signin` | `2fa/confirm` | `refresh` | `signout` |
//! | --- | --- | --- | --- | --- |
//! | 400, 422 | `Rejected` | ask for another code | sign in | `Protocol` |
//! | 401 | `Rejected` | ask for another code | sign in | see [sessions](#sessions) |
//! | 403 | `Protocol` | ask for another code | sign in | `Protocol` |
//! | 404 | `Config` | sign in once more, then `Config` | `Config` | `Config` |
//! | 405 | `Config` | `Config` | `Config` | `Config` |
//! | 410 | `Protocol` | sign in once more | `Protocol` | `Protocol` |
//! | 423 | `Locked` | `Locked` | `Locked` | `Locked` |
//! | 429 | `RateLimited` | `RateLimited` | `RateLimited` | `RateLimited` |
//! | 408, 425, 5xx | `Transport` | `Transport` | `Transport` | `Transport` |
//! | 3xx and others | `Protocol` | `Protocol` | `Protocol` | `Protocol` |
//!
//! Redirects are not followed. A 2xx that is not the JSON that was asked for is `Protocol`. Tokens
//! are taken whatever stands beside them: text behind the JSON, a field that is given twice (the
//! last counts), or a `2faRequired` that is neither true nor false make a warning. Where there are
//! tokens and a good `2faRequired`, the latter decides.
//!
//! # Limits
//!
//! The vendor allows 5 sign-ins, 3 codes and 5 refreshes a minute, and then blocks the account. So
//! no more than that is sent in any 60 s: a renewal that would need one more fails at once as
//! [`RateLimited`](crate::ErrorKind::RateLimited) and says how long to wait. An attempt that had no
//! answer in time may arrive later, so it counts for
//! [`request_timeout`](BackOfficeBuilder::request_timeout) longer. While no code may be sent, no
//! password is presented either, if there is a code service: the server would mail a code in vain.
//!
//! After `429` and `423` nothing is sent to these three endpoints until `Retry-After` is over (up
//! to 1 h, or 24 h for `423`; seconds, or a date by the server's own `Date`), or for
//! [`lockout`](BackOfficeBuilder::lockout) if there is none, it cannot be read, or it has passed
//! already.
//!
//! # Lifetimes
//!
//! A lifetime comes from the server's own clock: `expiresAt` minus `createdAt` or minus the header
//! `Date`, whichever is less. Only without either it is measured by the local clock, less
//! [`clock_skew`](BackOfficeBuilder::clock_skew). If that is not more than nothing, as in the
//! vendor's samples, or if there is no `expiresAt`, the token is used until the server refuses it,
//! and the renewal has a warning.
//! The tokens themselves are never looked into.
//!
//! # Secrets
//!
//! Errors repeat what the server says (`message`, `error`, `errors`) if it is plain English: up to
//! 200 letters, few digits, spaces and simple punctuation, no word that mixes letters with digits
//! or has capitals inside, and nowhere four characters in a row of the e-mail address, the
//! password, a token or a code. Anything else is left out. The errors of the client and of the code
//! service are treated alike: what the operating system says stays, other texts stay if they are
//! plain, and their types do not, as their `Debug` could show anything. Our own `Debug` shows no
//! secret. Bodies are wiped from memory after use, in this
//! crate: copies that the HTTP client and the JSON parser make of a text with escapes are not.

mod answer;
mod api;
mod builder;
mod flow;
mod service;
mod sign_out;
mod verdict;

pub use self::{
    builder::BackOfficeBuilder,
    service::BackOffice,
    verdict::{Answer, Endpoint},
};

#[cfg(test)]
mod tests;
