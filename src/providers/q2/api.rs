//! One call: the API key and the signature on it, and what its answer means.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Request, StatusCode, Uri,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};
use serde_json::Value;
use zeroize::Zeroizing;

use super::{Endpoint, service::Inner};
use crate::{
    Error, ErrorKind,
    providers::common::{
        advice::{self, Secrets},
        dates,
        exchange::{Exchange, Reply},
        retry_after::retry_after,
    },
    token::wiped_bytes,
};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The longest id that is put into a path.
const LONGEST_ID: usize = 128;

/// A good answer.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) request_id: Option<Box<str>>,
    pub(super) body: Value,
}

/// Why a call brought nothing.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server said so.
    Answered(Error),
    /// It was not sent, or it is unknown what the server did.
    Unanswered(Error),
}

impl Failure {
    /// Whether the server may have done what it was asked to.
    pub(super) fn is_unknown(&self) -> bool {
        match self {
            Self::Answered(error) => error.kind() == ErrorKind::Transport,
            Self::Unanswered(_) => true,
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Answered(error) | Failure::Unanswered(error) => error,
        }
    }
}

// === impl Inner ===

impl Inner {
    /// Sends one call, once, and reads its answer if that is not a failure.
    pub(super) async fn send(
        &self,
        endpoint: Endpoint,
        id: Option<&str>,
        body: Option<Zeroizing<Vec<u8>>>,
        secrets: &Secrets,
    ) -> Result<Answer, Failure> {
        let uri = self
            .settings
            .uri(endpoint, id)
            .map_err(Failure::Unanswered)?;
        let reply = self.exchange(endpoint, uri, true, body, secrets).await?;
        let request_id = request_id(&reply.headers, secrets);
        let body = read(&reply.body, endpoint, request_id.as_deref()).map_err(Failure::Answered)?;
        Ok(Answer {
            status: reply.status,
            request_id,
            body,
        })
    }

    /// Sends one call, once, and returns the answer if that is not a failure.
    pub(super) async fn exchange(
        &self,
        endpoint: Endpoint,
        uri: Uri,
        with_key: bool,
        body: Option<Zeroizing<Vec<u8>>>,
        secrets: &Secrets,
    ) -> Result<Reply, Failure> {
        let settings = &self.settings;
        let exchange = Exchange {
            name: endpoint.name(),
            clock: &*self.clock,
            timeout: settings.request_timeout,
            max_answer: settings.max_answer,
            secrets,
        };
        let mut request = Request::new(Bytes::new());
        *request.method_mut() = endpoint.method();
        *request.uri_mut() = uri;
        request.headers_mut().insert(ACCEPT, JSON);
        if let Some(body) = body {
            request.headers_mut().insert(CONTENT_TYPE, JSON);
            *request.body_mut() = wiped_bytes(body);
        }
        if with_key {
            let (_, value) = settings.api_key.header();
            request.headers_mut().insert(AUTHORIZATION, value.clone());
            if let Some(signer) = &self.signer {
                signer.sign(&mut request).map_err(Failure::Unanswered)?;
            }
        }
        let reply = exchange
            .send(self.client.clone(), request)
            .await
            .map_err(|error| Failure::Unanswered(unanswered(endpoint, error)))?;
        match verdict(reply.status) {
            None => Ok(reply),
            Some(kind) => {
                let error = self.failure(endpoint, &reply, kind, secrets);
                Err(Failure::Answered(error))
            }
        }
    }

    pub(super) fn secrets(&self) -> Secrets {
        let mut secrets = Secrets::default();
        secrets.add(self.settings.api_key.expose());
        secrets
    }

    fn failure(
        &self,
        endpoint: Endpoint,
        reply: &Reply,
        kind: ErrorKind,
        secrets: &Secrets,
    ) -> Error {
        let status = reply.status.as_u16();
        let advice = self.advice_for(endpoint, reply.status, kind);
        let mut message = format!("the {} failed ({status}): {advice}", endpoint.name());
        // The documentation shows no body of a failure: what is usual is looked for.
        if let Some(said) = advice::from_body(&reply.body, secrets) {
            message.push_str("; the server says: ");
            message.push_str(&said);
        }
        let id = request_id(&reply.headers, secrets);
        let error = Error::with_message(kind, with_id(message, id.as_deref()));
        let wait = match kind {
            ErrorKind::RateLimited | ErrorKind::Transport => {
                retry_after(&reply.headers, dates::wall(self.clock.wall()), kind)
            }
            _ => None,
        };
        match wait {
            Some(wait) => error.retry_after(wait),
            None => error,
        }
    }

    fn advice_for(&self, endpoint: Endpoint, status: StatusCode, kind: ErrorKind) -> &'static str {
        match kind {
            ErrorKind::Rejected if self.signer.is_some() => {
                "the API key or the signature was refused: check both, whether they are those of \
                 this environment (sandbox or production), and this machine's clock; the key is \
                 static, so there is nothing to renew"
            }
            ErrorKind::Rejected => KEY_REFUSED,
            ErrorKind::Config => "there is no such endpoint or id, is the base URL right (…/v1)?",
            ErrorKind::RateLimited => "too many calls",
            ErrorKind::Transport if endpoint.submits_credentials() => {
                "the server could not answer, and it is not sent again, as it holds the user's \
                 credentials"
            }
            ErrorKind::Transport => "the server could not answer",
            ErrorKind::Protocol if status.is_redirection() => {
                "redirects are not followed, is the base URL right?"
            }
            ErrorKind::Protocol => "this status was not expected",
            _ => "the server refuses what was sent, is every id and field right?",
        }
    }
}

/// What to do about a `401`.
pub(super) const KEY_REFUSED: &str = "the API key was refused: it is static, so there is nothing to renew; check the key and whether it \
     is one of this environment (sandbox or production), and if request signing is on in the Nexus \
     portal, set signing_key()";

/// Says what is wrong by the status: the documentation says no more than "2xx, 4xx, 5xx".
fn verdict(status: StatusCode) -> Option<ErrorKind> {
    match status.as_u16() {
        200..=299 => None,
        401 | 403 => Some(ErrorKind::Rejected),
        404 | 405 => Some(ErrorKind::Config),
        408 | 425 | 500..=599 => Some(ErrorKind::Transport),
        429 => Some(ErrorKind::RateLimited),
        400..=499 => Some(ErrorKind::Provider),
        _ => Some(ErrorKind::Protocol),
    }
}

fn unanswered(endpoint: Endpoint, error: Error) -> Error {
    let is_lost = matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Transport);
    if !is_lost || !endpoint.submits_credentials() {
        return error;
    }
    let message = format!(
        "nobody knows what became of the {}: it is not sent again, as it holds the user's \
         credentials and the company may lock the account; list the client's auths to see",
        endpoint.name()
    );
    Error::with_message(error.kind(), message).caused_by(error)
}

/// Reads the JSON of an answer.
fn read(body: &[u8], endpoint: Endpoint, id: Option<&str>) -> Result<Value, Error> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(body).map_err(|error| {
        // serde_json's own text can quote the body.
        let why = match body.trim_ascii_start() {
            [b'<', ..] => "it is a web page; is the base URL that of the API?".into(),
            _ => format!("it is not JSON, from line {} on", error.line()),
        };
        let message = format!(
            "the answer to the {} makes no sense: {why}",
            endpoint.name()
        );
        Error::with_message(ErrorKind::Protocol, with_id(message, id))
    })
}

/// Returns the header that names the call to the vendor's support.
pub(super) fn request_id(headers: &HeaderMap, secrets: &Secrets) -> Option<Box<str>> {
    let id = headers.get("request-id")?.to_str().ok()?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    let is_good = !id.is_empty() && id.len() <= 64 && id.chars().all(is_plain);
    (is_good && !secrets.are_in(id)).then(|| id.into())
}

/// Adds the id of the call to an error's text.
pub(super) fn with_id(mut message: String, id: Option<&str>) -> String {
    if let Some(id) = id {
        message.push_str(" (request-id ");
        message.push_str(id);
        message.push(')');
    }
    message
}

/// Checks an id before it becomes a part of a path or names a waiter.
pub(super) fn checked_id<'a>(name: &str, id: &'a str) -> Result<&'a str, Error> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if !id.is_empty() && id.len() <= LONGEST_ID && id.chars().all(is_plain) {
        return Ok(id);
    }
    Err(config(format!(
        "the {name} is none: Q2's ids have letters, digits, `-` and `_` only, up to {LONGEST_ID}"
    )))
}

pub(super) fn config(message: impl Into<String>) -> Error {
    Error::with_message(ErrorKind::Config, message)
}
