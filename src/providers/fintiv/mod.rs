//! Sign-on, keys and honest statuses for Fintiv (Cloud Payments, formerly Mozido).
//!
//! [`Fintiv`] is a token service that signs on with a user and a password, and
//! [`Fintiv::session`] begins a session of it. [`Fintiv::layer`] is the whole stack: it attaches the
//! token, the `api-key` and the tenant, and because the API answers `200` to what fails as well, it
//! looks into the answers and gives each failure the status that it deserves. A token that is
//! refused inside a `200` is renewed, and the request sent again; a request that is not valid never
//! signs in again.
//!
//! # Example
//!
//! ```no_run
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode};
//! use http_body_util::Full;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! use tower_reauth::{
//!     BoxError,
//!     providers::fintiv::{Fintiv, FintivError},
//!     replay::ReplayBody,
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! // Any HTTP client that is a tower service, and one for both: hyper-util's `Client`, say.
//! let client = service_fn(|request: Request<ReplayBody<Full<Bytes>>>| async move {
//!     # let _ = request;
//!     Ok::<_, BoxError>(Response::new(Full::new(Bytes::new())))
//! });
//! let fintiv = Fintiv::builder(client.clone(), "https://api-dev.fintiv.co:8080/auth")
//!     .api_key("0a1b2c3d")
//!     .tenant("JANUS")
//!     .credentials("cashier", "Secret123")
//!     .build()?;
//! let session = fintiv.session().build()?;
//! let client = ServiceBuilder::new().layer(fintiv.layer(&session)).service(client);
//!
//! // The first request signs on.
//! let request = Request::post("https://api-dev.fintiv.co:8080/auth/changepassword")
//!     .header("content-type", "application/json")
//!     .body(Full::from(r#"{"currentPassword":"Test1234!","newPassword":"Test2345!"}"#))?;
//! let response = client.oneshot(request).await?;
//! if response.status() == StatusCode::BAD_REQUEST {
//!     let error = response.extensions().get::<FintivError>();
//!     println!("{}", error.map(ToString::to_string).unwrap_or_default());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Envelopes
//!
//! An answer of the API is `{"contextResponse": {"statusCode": "SUCCESS", …}, "responseData": …}`,
//! as the vendor documents, and the `statusCode` says what came of the request. What is made of a
//! `200`:
//!
//! | `statusCode` | status | |
//! | --- | --- | --- |
//! | `SUCCESS` | `200` | untouched |
//! | `SECURITY` | `401` | the token is renewed and the request sent again, once (assumed to be about the token) |
//! | `VALIDATION`, `TRANSACTION_VALIDATION` | `400` | the caller's to mend, and no reason to sign in again |
//! | any other | `422` | a failure; the code is kept as it was sent |
//! | none that can be read: `contextResponse` is null or no object, or says something twice | `502` | a failure, as nobody knows better |
//!
//! Codes are compared as they were sent, upper and lower case being different. The vendor has not
//! published the list of them: `VALIDATION` is in its documentation, the others were seen in an old
//! service of its. A [classifier](FintivBuilder::classifier) can say what yours mean. Other failures
//! are `422` and not `5xx`, because what stands outside may repeat a `5xx`, and a payment that was
//! refused must not be.
//!
//! A `200` without a `contextResponse` is a failure too, of status `502`: a web page from a proxy, an
//! empty body, broken JSON, a compressed body. Where answers have no envelope say so with
//! [`matcher`](FintivBuilder::matcher), or for all with
//! [`on_missing_envelope`](FintivBuilder::on_missing_envelope): then they pass untouched. A layer that
//! decompresses bodies belongs inside this stack.
//!
//! The answer is read only as far as the verdict takes, up to
//! [`max_inspect_body`](FintivBuilder::max_inspect_body), and always handed on byte for byte. With
//! `SUCCESS` nothing behind that word is looked at. Of two `contextResponse`s the first counts.
//! Answers with another status than 2xx are left alone, as their status is honest; see
//! [`normalize`](crate::layers::normalize) for the rest.
//!
//! A response that was found to be a failure has a [`FintivError`] in its extensions, the crate's
//! [`Error`](crate::Error) ([`Provider`](crate::ErrorKind::Provider) with the code, or
//! [`Protocol`](crate::ErrorKind::Protocol) for a `502`), and
//! [`Normalized`](crate::layers::normalize::Normalized).
//!
//! # A 401 of the server's own
//!
//! The server answers `401` if the `api-key` is missing, wrong or outdated, and if there is no valid
//! token, as the vendor documents; nothing tells them apart. So the token is renewed, once: if the
//! sign-on goes through and the next answer is a `401` again, it is the caller's, with a
//! [`FintivError`] and an [`Error`](crate::Error) of kind [`Rejected`](crate::ErrorKind::Rejected)
//! that names the key. If the sign-on is refused for the same key, nothing is tried again until the
//! session is told to [`renew`](crate::Session::renew).
//!
//! # The sign-on
//!
//! `POST` to [`sign_on_url`](FintivBuilder::sign_on_url), with the fields as the vendor's page on the
//! cashier login spells them:
//!
//! ```json
//! {"contextrequest":{"tenantName":"…"},
//!  "login":{"credentialType":"USER","value":"…"},
//!  "Pass":{"securityElementType":"password","value":"…"}}
//! ```
//!
//! An older client of a third party writes `contextRequest`, `EMAIL` and `pass`. Settings change the
//! names, and where in the answer the token is. A token lives 1 h, as that page says, and there is
//! nothing to renew it with but another sign-on. Nor is there a sign-out.
//!
//! | answer to the sign-on | kind |
//! | --- | --- |
//! | `200` with `SECURITY`, or what a classifier takes for a matter of credentials | [`Rejected`](crate::ErrorKind::Rejected) |
//! | `200` with `VALIDATION` or another code | [`Provider`](crate::ErrorKind::Provider), with the code |
//! | `200` without a token, or with a status that cannot be read | [`Protocol`](crate::ErrorKind::Protocol) |
//! | `400`, `401`, `403`, `422` | [`Rejected`](crate::ErrorKind::Rejected) |
//! | `404`, `405` | [`Config`](crate::ErrorKind::Config) |
//! | `423` | [`Locked`](crate::ErrorKind::Locked) |
//! | `429` | [`RateLimited`](crate::ErrorKind::RateLimited) |
//! | `408`, `425`, 5xx | [`Transport`](crate::ErrorKind::Transport) |
//! | 3xx, which is not followed, and others | [`Protocol`](crate::ErrorKind::Protocol) |
//!
//! All but the envelope is assumed.
//!
//! # Where the token goes
//!
//! In `Authorization: Bearer` by default, which is assumed. With [`TokenPlacement::body`] it goes into
//! the JSON body, as `contextRequest.token`, beside the tenant; so an older client of a third party
//! has it. Then a request needs a body that is a JSON object, of at most
//! [`max_request_body`](FintivBuilder::max_request_body), or an empty one, which becomes
//! `{"contextRequest":{…}}`; a `GET`, `HEAD` or `OPTIONS` without a body fails as
//! [`Config`](crate::ErrorKind::Config). Other members stay as they are, values to the letter; a
//! `token` that is there already is replaced. `Content-Length` is set anew, and trailers of the
//! request are dropped. What is kept for a second send never has the token in it.
//!
//! # Other sign-ons
//!
//! If yours differs more than that, write a token service and give it to the session:
//!
//! ```no_run
//! use tower::service_fn;
//! use tower_reauth::{BoxError, Renewal, Session, Token, providers::fintiv::Fintiv};
//!
//! # async fn log_on() -> Result<String, BoxError> { Ok("t".into()) }
//! /// `fintiv` is built with `without_sign_on()`.
//! fn session(fintiv: &Fintiv) -> Result<Session, BoxError> {
//!     let placement = fintiv.placement();
//!     let tokens = service_fn(move |_: Renewal| {
//!         let placement = placement.clone();
//!         async move { Ok::<_, BoxError>(Token::placed(log_on().await?, placement)?) }
//!     });
//!     Ok(Session::builder(tokens).origin(fintiv.origin()).build()?)
//! }
//! # let _ = session;
//! ```
//!
//! # A stack of your own
//!
//! Outermost first: [`ReplayLayer`](crate::replay::ReplayLayer),
//! [`RefreshLayer`](crate::layers::RefreshLayer), [`BearerLayer`](crate::layers::BearerLayer),
//! [`BodyTokenLayer`], [`ApiKeyLayer`], [`NormalizeLayer`](crate::layers::NormalizeLayer), whatever
//! decompresses, the client. `BodyTokenLayer` takes the token from `BearerLayer`, so it stands inside
//! it; `NormalizeLayer` stands inside both, so that the `401` that it makes is one to them.
//!
//! # Secrets
//!
//! The key and the tokens are sensitive header values, go to the session's origins alone, and are
//! wiped. Errors repeat the server's words if they are plain English, and at the sign-on only if they
//! have no four characters in a row of the user, the password or the key.

mod api_key;
pub mod body_token;
mod builder;
mod envelope;
mod error;
mod layer;
mod placement;
mod service;
mod sign_on;
mod status;
mod success;
#[cfg(test)]
mod tests;

pub use self::{
    api_key::{ApiKey, ApiKeyLayer},
    body_token::{BodyToken, BodyTokenLayer},
    builder::FintivBuilder,
    envelope::{FintivEnvelope, FintivReader, OnMissing},
    error::FintivError,
    layer::FintivLayer,
    placement::TokenPlacement,
    service::Fintiv,
    status::{Status, StatusClass, StatusClassifier},
};
