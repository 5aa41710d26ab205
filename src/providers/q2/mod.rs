//! Q2 Open (CardSwap, Biller Direct; formerly Unbill): logins of your clients at companies, verified
//! by Q2.
//!
//! [`Q2`] submits a login and waits for what comes of it. Q2 answers at once that it has queued the
//! login, and tells the outcome by webhook: [`Q2::webhook`] is the receiver, a tower service for a
//! server of yours. If the company asks for more (a question, a code), your code service is asked.
//! The result is one: a [`VerifiedAuth`], or an error with an [`AuthFailure`].
//!
//! # Example
//!
//! ```no_run
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! use tower_reauth::{
//!     BoxError, Code, CodeRequest,
//!     providers::q2::{AuthFailure, NewAuth, Q2},
//!     replay::ReplayBody,
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! // Any HTTP client that is a tower service: hyper-util's `Client`, say.
//! let client = service_fn(|request: Request<ReplayBody<Full<Bytes>>>| async move {
//!     # let _ = request;
//!     Ok::<_, BoxError>(Response::new(Full::new(Bytes::new())))
//! });
//! let codes = service_fn(|request: CodeRequest| async move {
//!     # fn ask(_: &str) -> String { "Rex".into() }
//!     let code = match request.question() {
//!         Some(question) => Code::answer(ask(question)),
//!         None => Code::new(ask(request.destination().unwrap_or("Your code"))),
//!     };
//!     Ok::<_, BoxError>(code?)
//! });
//! let q2 = Q2::builder(client.clone(), "https://api.q2open.io/v1")
//!     .api_key(std::env::var("Q2_API_KEY")?)
//!     .code_service(codes)
//!     .build()?;
//! // Run it where the vendor's Nexus portal sends events: see `webhook`.
//! let webhook = q2.webhook().published_keys().build()?;
//! # let _ = webhook;
//!
//! let auth = NewAuth::new("579b695decfa11012711875d", "579b695decea110719b1874d")
//!     .field("username", "test")
//!     .field("password", std::env::var("PASSWORD")?);
//! match q2.create_auth(auth).await {
//!     Ok(auth) => println!("verified: {:?}", auth.auth_id()),
//!     Err(error) => match AuthFailure::of(&error) {
//!         Some(AuthFailure::Hold { text: Some(text), .. }) => println!("{}", text.as_str()),
//!         _ => println!("{error}"),
//!     },
//! }
//!
//! // Plain calls with the API key, through the usual layers.
//! let session = q2.session().build()?;
//! let client = ServiceBuilder::new()
//!     .layer(session.layer())
//!     .layer(q2.signing_layer())
//!     .service(client);
//! let request = Request::get("https://api.q2open.io/v1/company/search?q=x").body(Full::default())?;
//! let response = client.oneshot(request).await?;
//! # let _ = response;
//! # Ok(())
//! # }
//! ```
//!
//! # Where the facts come from
//!
//! That an auth is created and ends by webhook is in the vendor's current documentation, which also
//! says that **the events for this are off until its support enables them**. What the events look
//! like, how a step of MFA is sent and how deliveries are signed is from documentation of 2018 to
//! 2020 that is no longer published, and may have changed: names of events ([`Q2Builder::event`]),
//! paths ([`Q2Builder::path`]) and the body of a step ([`Q2Builder::step_encoder`]) can be replaced.
//! How a one-time code is sent back, and what the method `prompt` looks like, is documented nowhere
//! and assumed. For a prompt the code service is asked as well. One that has nothing to say to it may
//! wait: the event that follows a tap on the phone ends the wait.
//!
//! # What create_auth does
//!
//! 1. It registers as waiting for this client and company, because an event can come before the
//!    answer. If another call waits for the same pair, it fails as
//!    [`AlreadyWaiting`](AuthFailure::AlreadyWaiting), and nothing is sent.
//! 2. It sends `POST /auth`, once. The answer names the auth, which may be one that exists already.
//! 3. It waits for an event: [30 s](Q2Builder::first_event_timeout), and once more after an event
//!    that is no outcome.
//! 4. If the company asks for more, the code service is asked for each question; or it is said where
//!    a code shall be sent ([`Q2Builder::choose`]), and then the code service is asked for that. Each
//!    answer is sent once, to `POST /auth/step`. An outcome has [5 min](Q2Builder::mfa_timeout) from
//!    the question on. An event that comes meanwhile is heeded: an outcome ends the wait for a
//!    person, another question replaces the first.
//! 5. The first outcome counts. Whatever comes later is accepted by the receiver, counted
//!    ([`Q2::counts`]) and told to the [observer](Q2Builder::observer), and changes nothing.
//!
//! **Nothing that holds a user's credentials is ever sent twice**, by a lost answer or a `5xx`
//! either: the company may lock the account. The client that is given to [`Q2::builder`] must not
//! send again by itself.
//!
//! # Which event belongs to which auth
//!
//! Events that name an auth (`auth._id`, or a resource of the type `auth`) go to the call whose answer
//! named that auth, and to no other. The events about MFA, success and failure may name the client and
//! the company alone: they go to the call that waits for that pair. So two auths of one client at one
//! company at the same time cannot be told apart, and the second is refused. For the same reason an
//! event that names no auth and comes very late, after its call has given up, could end a new call for
//! the same pair.
//!
//! The receiver must share the [`Q2`] whose calls wait: it is made by [`Q2::webhook`]. If another
//! process receives, hand its events over with [`Q2::deliver`].
//!
//! # What a failure means
//!
//! | [`AuthFailure`] | kind | why, and what to do |
//! | --- | --- | --- |
//! | `NotQueued` | `Provider` | a 200 with `"success": false`: see what the server says |
//! | `Failed` | `Rejected` | the company refused the credentials: ask the user for others |
//! | `MfaFailed` | `CodeRejected` | the answer or the code was wrong, or asked for too often: begin anew |
//! | `Hold` | `Provider`, with the vendor's code | the user must act at the company, then [`Q2::fix_hold`] |
//! | `Invalid` | `Rejected` | the credentials are not valid any more: begin anew with others |
//! | `Deleted` | `Provider` | somebody deleted the auth |
//! | `AlreadyWaiting` | `RateLimited` | wait for the other call first |
//! | `NoEvent` | `Timeout` | events are not enabled (ask the vendor's support), or the receiver cannot be reached |
//! | `NoOutcome` | `Timeout` | an event came, but no outcome in time |
//! | none | `CodeRequired`, `CodeUnavailable` | there is no code service, or it failed |
//! | none | `Rejected` (401, 403) | the API key or the signature: see below |
//! | none | `Config` (404), `RateLimited` (429), `Provider` (other 4xx), `Transport` (5xx), `Protocol` | the way to the server; a lost answer says that nobody knows what became of the auth |
//!
//! Errors end with the `request-id` of the answer, which the vendor's support asks for. Of bodies,
//! they repeat `message`, `error` and `error.message` if that is plain English and repeats no secret.
//!
//! # The API key
//!
//! It is static: there is no token exchange, no end and no refresh. On a `401` there is nothing to
//! renew, and nothing is sent again. Check the key, whether it is that of the environment (sandbox or
//! production), and whether request signing is on in the Nexus portal: then a request without a
//! [signature](SigningLayer) is answered `401` as well. [`Q2::session`] gives the key to the layers of
//! this crate for plain calls.
//!
//! # Secrets
//!
//! `Debug` and errors show neither the key nor what users typed in. Bodies are wiped from memory after
//! use, in this crate: copies that the HTTP client and the JSON parser make are not.

mod api;
mod auth;
mod builder;
mod calls;
mod delivery;
mod endpoint;
mod event;
mod failure;
mod flow;
mod mfa;
mod seen;
mod service;
mod signing;
mod waiters;
pub mod webhook;

pub use self::{
    auth::{NewAuth, VerifiedAuth},
    builder::Q2Builder,
    calls::{AuthStatus, Status},
    delivery::{Counts, Delivery},
    endpoint::Endpoint,
    event::{Event, EventMeaning},
    failure::{AuthFailure, VendorText},
    mfa::{Answer, Challenge, MfaItem, Step},
    service::Q2,
    signing::{ResponseFuture, Signing, SigningKey, SigningLayer},
    webhook::{Webhook, WebhookBuilder},
};
