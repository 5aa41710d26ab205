use std::fmt;

use http::{Request, StatusCode};
use serde_json::value::RawValue;

use super::{
    Envelope, Failure, Verdict,
    json::{JsonReader, Members, Unreadable},
};
use crate::{Error, ErrorKind};

/// [`Envelope`] of OAuth 2.0 token endpoints that answer `200` and `{"error": …}`, as GitHub does.
///
/// RFC 6749 section 5.2 asks for `400` there, or `401` for `invalid_client`; so these are what the
/// answer gets ([`OAuthError::http_status`]). It belongs around the client that asks the token
/// endpoint.
///
/// A member `error` that is not null makes the failure, whatever else stands beside it; the answer
/// is read to its end to know. What is no JSON object passes untouched, and so does what is longer
/// than [`max_peek`](super::NormalizeLayer::max_peek).
///
/// # Example
///
/// ```
/// use bytes::Bytes;
/// use http::{Request, Response, StatusCode};
/// use http_body_util::Full;
/// use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
/// use tower_reauth::layers::normalize::{NormalizeLayer, OAuthError, OAuthErrors};
/// # type Body = Full<Bytes>;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), BoxError> {
/// let server = service_fn(|_: Request<Body>| async {
///     let body = r#"{"error":"bad_verification_code","error_description":"It has expired."}"#;
///     Ok::<_, BoxError>(Response::new(Body::from(body)))
/// });
/// let client = ServiceBuilder::new().layer(NormalizeLayer::new(OAuthErrors::new())).service(server);
/// let response = client.oneshot(Request::post("/token").body(Body::default())?).await?;
/// assert_eq!(response.status(), StatusCode::BAD_REQUEST);
/// let error = response.extensions().get::<OAuthError>().expect("says what failed");
/// assert_eq!(error.code(), Some("bad_verification_code"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[must_use]
#[non_exhaustive]
pub struct OAuthErrors;

/// What a token endpoint says went wrong: RFC 6749 section 5.2.
///
/// `Display` and `Debug` show the code, if it looks like one (lower case letters, `_` and `-`), and
/// never the rest: it may repeat what was sent.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct OAuthError {
    code: Option<Box<str>>,
    description: Option<Box<str>>,
    uri: Option<Box<str>>,
}

/// Reads the members of a token endpoint's answer.
#[derive(Debug, Default)]
pub struct OAuthMembers {
    found: Option<OAuthError>,
    description: Option<Box<str>>,
    uri: Option<Box<str>>,
}

// === impl OAuthErrors ===

impl OAuthErrors {
    /// Creates the envelope.
    pub fn new() -> Self {
        Self
    }
}

impl Envelope for OAuthErrors {
    type Reader = JsonReader<OAuthMembers>;

    fn reader<B>(&self, _: &Request<B>) -> Option<Self::Reader> {
        Some(JsonReader::new(OAuthMembers::default()))
    }
}

// === impl OAuthMembers ===

impl Members for OAuthMembers {
    type Error = OAuthError;

    fn member(&mut self, name: &str, value: &RawValue) -> Verdict<OAuthError> {
        let text = || serde_json::from_str::<Box<str>>(value.get()).ok();
        match name {
            "error" if value.get() != "null" => {
                self.found = Some(OAuthError {
                    code: text().filter(|code| !code.is_empty()),
                    ..OAuthError::default()
                });
            }
            "error_description" => self.description = text(),
            "error_uri" => self.uri = text(),
            _ => {}
        }
        Verdict::More
    }

    fn end(&mut self, _: Result<(), Unreadable<'_>>) -> Option<Failure<OAuthError>> {
        let error = OAuthError {
            description: self.description.take(),
            uri: self.uri.take(),
            ..self.found.take()?
        };
        Some(Failure::new(error.http_status(), error))
    }
}

// === impl OAuthError ===

impl OAuthError {
    /// Returns `error`; nothing if that is not a text, or empty.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// Returns `error_description`. Do not log it.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// Returns `error_uri`. Do not log it.
    #[must_use]
    pub fn uri(&self) -> Option<&str> {
        self.uri.as_deref()
    }

    /// Returns the HTTP status that belongs to the code: `401` for `invalid_client` and GitHub's
    /// `incorrect_client_credentials`, `503` for `temporarily_unavailable`, `500` for
    /// `server_error`, and `400` for all others.
    #[must_use]
    pub fn http_status(&self) -> StatusCode {
        match self.code() {
            Some("invalid_client" | "incorrect_client_credentials") => StatusCode::UNAUTHORIZED,
            Some("temporarily_unavailable") => StatusCode::SERVICE_UNAVAILABLE,
            Some("server_error") => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// The code, if it can be shown.
    fn shown(&self) -> Option<&str> {
        let is_word = |code: &&str| {
            code.len() <= 40
                && code
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'-'))
        };
        self.code().filter(is_word)
    }
}

impl fmt::Display for OAuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the token endpoint reports an error inside a 200: ")?;
        f.write_str(self.shown().unwrap_or("its code is not shown"))
    }
}

impl fmt::Debug for OAuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuthError")
            .field("code", &self.shown())
            .finish_non_exhaustive()
    }
}

impl std::error::Error for OAuthError {}

impl From<OAuthError> for Error {
    fn from(error: OAuthError) -> Self {
        let general = Self::with_message(ErrorKind::Provider, error.to_string());
        match error.shown() {
            Some(code) => general.code(code),
            None => general,
        }
    }
}
