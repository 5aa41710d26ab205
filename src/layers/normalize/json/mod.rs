//! Envelopes in JSON: an object whose members say how it went.
//!
//! [`JsonReader`] hands the members of the object to your [`Members`], each as soon as it is there,
//! until you have your verdict; in one pass over the bytes, however they come. What stands behind is
//! not looked at.
//!
//! - Only answers with a status of 2xx are looked into, and not `206`, which is a piece.
//! - `Content-Type` must be one of JSON (`application/json`, `…+json`) or `text/…`, as many servers
//!   are careless with it, but not `text/event-stream`. Without it the body is looked into as well.
//! - A byte order mark before the object is skipped.
//! - Everything up to the verdict must be JSON, by the rules of serde_json. How deep it is nested does
//!   not matter.
//! - A name that is given twice comes twice. The object is not searched for it beyond the verdict.
//!
//! # Example
//!
//! An API that answers `200` and `{"ok": false, "code": "E17"}`.
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode};
//! use http_body_util::Full;
//! use serde_json::value::RawValue;
//! use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
//! use tower_reauth::{
//!     Error, ErrorKind,
//!     layers::normalize::{
//!         Envelope, Failure, NormalizeLayer, Verdict,
//!         json::{JsonReader, Members, Unreadable},
//!     },
//! };
//! # type Body = Full<Bytes>;
//!
//! #[derive(Clone, Copy)]
//! struct Acme;
//!
//! #[derive(Clone, Debug)]
//! struct AcmeError {
//!     code: String,
//! }
//!
//! impl From<AcmeError> for Error {
//!     fn from(error: AcmeError) -> Self {
//!         Error::new(ErrorKind::Provider, "Acme refused").code(error.code)
//!     }
//! }
//!
//! impl Envelope for Acme {
//!     type Reader = JsonReader<Answer>;
//!
//!     fn reader<B>(&self, _: &Request<B>) -> Option<Self::Reader> {
//!         Some(JsonReader::new(Answer { failed: false }))
//!     }
//! }
//!
//! struct Answer {
//!     failed: bool,
//! }
//!
//! impl Members for Answer {
//!     type Error = AcmeError;
//!
//!     fn member(&mut self, name: &str, value: &RawValue) -> Verdict<AcmeError> {
//!         match name {
//!             "ok" if value.get() == "true" => Verdict::Pass,
//!             "ok" => {
//!                 self.failed = true;
//!                 Verdict::More
//!             }
//!             "code" if self.failed => {
//!                 let code = serde_json::from_str(value.get()).unwrap_or_default();
//!                 let error = AcmeError { code };
//!                 Verdict::Fail(Failure::new(StatusCode::UNPROCESSABLE_ENTITY, error))
//!             }
//!             _ => Verdict::More,
//!         }
//!     }
//!
//!     fn end(&mut self, _: Result<(), Unreadable<'_>>) -> Option<Failure<AcmeError>> {
//!         // Without a verdict so far: a failure that says no more, or not Acme's words.
//!         let code = String::new();
//!         let error = AcmeError { code };
//!         self.failed.then(|| Failure::new(StatusCode::UNPROCESSABLE_ENTITY, error))
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let server = service_fn(|_: Request<Body>| async {
//!     Ok::<_, BoxError>(Response::new(Body::from(r#"{"ok":false,"code":"E17"}"#)))
//! });
//! let client = ServiceBuilder::new().layer(NormalizeLayer::new(Acme)).service(server);
//! let response = client.oneshot(Request::get("/accounts").body(Body::default())?).await?;
//! assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
//! assert_eq!(response.extensions().get::<AcmeError>().expect("it failed").code, "E17");
//! # Ok(())
//! # }
//! ```

mod members;
pub(crate) mod pieces;
mod reader;
mod scan;
#[cfg(test)]
mod tests;

pub use self::{
    members::{Members, Unreadable},
    reader::JsonReader,
};
