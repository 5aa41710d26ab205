//! Middleware that attaches the current one-time code, and gets a new one when the server asks.
//!
//! An [`Mfa`] holds the code. A [`CodeChallenge`] says which responses ask for one. Then the code
//! service is asked (any tower `Service<CodeRequest, Response = Code>`: a prompt, a mailbox, a
//! generator; a closure will do), and the request is sent again with the code. However many
//! requests are challenged at once the service is asked once, and all are sent again with its one
//! code; those that come later are sent with it in the first place, until it has expired or the
//! server refuses it. Which requests get a code before they are challenged is the
//! [policy](MfaPolicy).
//!
//! # What it never does
//!
//! - A code that was refused, replaced or cleared, or has expired, is not sent again; not even if
//!   the code service gives it once more. (The last 8 are remembered.)
//! - A request is not sent again twice for a code: what is answered to the second send goes to the
//!   caller.
//! - No other code is asked for while requests are on their way that carry the last one: some servers
//!   count those against the new code, and block it. That is awaited for up to 2 s.
//! - No request that needs no code waits for a person. While the service is asked, requests are
//!   sent without a code, unless the policy says that they need one.
//! - The code goes to the origins that were named, and nowhere else. Where a request goes to another
//!   origin nothing is added, and a code of ours is taken out. At our origins a value that the caller
//!   has set is replaced.
//! - No code is in the copy of a request that is kept for sending it again. (With two layers of
//!   two engines, `mfa.layer()` around `session.layer()`, the inner one keeps what it gets, the code
//!   included, for as long as the request is under way:
//!   [`SessionLayer::mfa`](super::SessionLayer::mfa) has one engine for both.)
//!
//! # When another code is asked for
//!
//! - A code that has worked and is refused later (a new one was sent for elsewhere, or it died early)
//!   is progress: another is asked for at once. That it worked is known from requests that were
//!   challenged before, or that the policy says need it.
//! - A code that was refused and had never worked is none: another is asked for
//!   [`min_trigger_interval`](MfaBuilder::min_trigger_interval) after the last asking at the
//!   earliest; twice as long after the second in a row, and so on, up to 5 min.
//! - A code service that fails is asked again after a cool-down by the
//!   [kind](crate::ErrorKind) of its error, and not before that interval either.
//!
//! Until then requests are sent without a code, and what they are answered goes to the caller.
//!
//! # What the caller gets when it does not work out
//!
//! The challenge itself, with an [`Error`](crate::Error) in its extensions that has the server's own
//! [code](crate::Error::provider_code) for it:
//!
//! | kind | |
//! | --- | --- |
//! | [`CodeRequired`](crate::ErrorKind::CodeRequired) | there is no code service, or the code was taken away meanwhile |
//! | [`CodeRejected`](crate::ErrorKind::CodeRejected) | the server refused the code, or the code service gave one that was refused before |
//! | [`CodeUnavailable`](crate::ErrorKind::CodeUnavailable) | the code service failed, panicked, or took longer than [`code_timeout`](MfaBuilder::code_timeout) |
//! | others | what the code service says itself |
//!
//! A request that the policy says needs a code is not sent without one: the call fails with that
//! error. If the body cannot be sent twice the caller gets the challenge with
//! [`NotReplayed`](crate::replay::NotReplayed) in its extensions, and a code is asked for all the same.
//! The rest is common to all [recoveries](super::recover).
//!
//! # Cancel safety
//!
//! Dropping a response future drops the request wherever it is. The code service goes on being asked
//! without it, and the next request finds the code.
//!
//! # Example
//!
//! ```
//! use http::{HeaderName, Request, Response, StatusCode, response};
//! use http_body_util::Full;
//! use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
//! use tower_reauth::{Code, CodeRequest, Error, ErrorKind, layers::Mfa};
//! # type Body = Full<bytes::Bytes>;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let codes = service_fn(|_: CodeRequest| async {
//!     # fn ask_on_the_terminal() -> String { "123456".into() }
//!     Ok::<_, BoxError>(Code::new(ask_on_the_terminal())?)
//! });
//! let challenge = |_: &response::Parts, body: &[u8]| {
//!     (body == b"otp").then(|| Error::new(ErrorKind::CodeRequired, "a one-time password is needed"))
//! };
//! let mfa = Mfa::builder(HeaderName::from_static("x-otp"), challenge)
//!     .origin("https://api.example.com")
//!     .code_service(codes)
//!     .build()?;
//!
//! // In place of an HTTP client:
//! let server = service_fn(|request: Request<Body>| async move {
//!     let (status, body) = match request.headers().get("x-otp") {
//!         Some(code) if code == "123456" => (StatusCode::OK, "done"),
//!         _ => (StatusCode::UNAUTHORIZED, "otp"),
//!     };
//!     Response::builder().status(status).body(Body::from(body)).map_err(BoxError::from)
//! });
//! let client = ServiceBuilder::new().layer(mfa.layer()).service(server);
//! let request = Request::put("https://api.example.com/password").body(Body::from("{}"))?;
//! assert_eq!(client.oneshot(request).await?.status(), StatusCode::OK);
//! # Ok(())
//! # }
//! ```

mod builder;
mod challenge;
mod handle;
mod history;
mod layer;
mod on_the_way;
mod policy;
mod recovery;
mod source;

pub use self::{
    builder::MfaBuilder,
    challenge::CodeChallenge,
    handle::Mfa,
    layer::MfaLayer,
    policy::MfaPolicy,
    recovery::{MfaAttempt, MfaRecovery},
};
