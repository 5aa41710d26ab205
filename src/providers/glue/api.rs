//! One exchange with the API: lock-outs before it, the verdict after it.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};
use zeroize::Zeroizing;

use super::{
    MfaErrorCode,
    errors::Errors,
    service::Inner,
    verdict::{Answer, Endpoint},
};
use crate::{
    Code, Error, ErrorKind, Token,
    providers::common::{
        advice::Secrets,
        dates,
        exchange::{Client, Exchange, Reply, form, json},
        retry_after::retry_after,
    },
    token::wiped_bytes,
};

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Why a request brought nothing.
pub(super) enum Failure {
    /// The server said so.
    Answered(Error),
    /// It was not sent, or it is unknown what the server did.
    Unanswered(Error),
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
    /// Sends a request of a sign-in, through the plain client.
    pub(super) async fn send(
        &self,
        endpoint: Endpoint,
        request: Request<Bytes>,
        secrets: &Secrets,
    ) -> Result<Reply, Failure> {
        if endpoint.issues_tokens() {
            self.lockout
                .check(&*self.clock, endpoint.name())
                .map_err(Failure::Unanswered)?;
        }
        let exchange = self.exchange(endpoint, secrets);
        let reply = exchange.send(self.client.clone(), request).await;
        self.judged(endpoint, reply.map_err(Failure::Unanswered)?, secrets)
    }

    /// Sends a request through a client that signs it.
    pub(super) async fn call(
        &self,
        client: &Client,
        endpoint: Endpoint,
        request: Request<Bytes>,
        secrets: &Secrets,
    ) -> Result<Reply, Error> {
        let exchange = self.exchange(endpoint, secrets);
        let reply = exchange.call(client.clone(), request).await?;
        // A layer of ours on the way knows better what came of it.
        let said = reply.said.clone();
        self.judged(endpoint, reply, secrets)
            .map_err(|failure| said.unwrap_or_else(|| failure.into()))
    }

    /// Makes a request with the attributes that a JSON:API resource is made of.
    pub(super) fn resource(
        &self,
        endpoint: Endpoint,
        attributes: &[(&str, &str)],
    ) -> Request<Bytes> {
        let place = self.settings.place(endpoint);
        let body = json_api(&place.resource, attributes);
        let mut request = self.request(Method::POST, endpoint);
        let content_type = self.settings.content_type.clone();
        request.headers_mut().insert(CONTENT_TYPE, content_type);
        *request.body_mut() = wiped_bytes(body);
        request
    }

    /// Makes a request of the form at `/token`.
    pub(super) fn grant(&self, endpoint: Endpoint, fields: &[(&str, &str)]) -> Request<Bytes> {
        let mut request = self.request(Method::POST, endpoint);
        request.headers_mut().insert(ACCEPT, JSON);
        request.headers_mut().insert(CONTENT_TYPE, FORM);
        *request.body_mut() = wiped_bytes(form(fields));
        request
    }

    /// Makes a request without a body.
    pub(super) fn request(&self, method: Method, endpoint: Endpoint) -> Request<Bytes> {
        let mut request = Request::new(Bytes::new());
        *request.method_mut() = method;
        *request.uri_mut() = self.settings.place(endpoint).uri.clone();
        let content_type = self.settings.content_type.clone();
        request.headers_mut().insert(ACCEPT, content_type);
        request
    }

    pub(super) fn secrets(&self) -> Secrets {
        let mut secrets = Secrets::default();
        secrets.add_secret(&self.settings.username);
        secrets.add_secret(&self.settings.password);
        secrets
    }

    fn exchange<'a>(&'a self, endpoint: Endpoint, secrets: &'a Secrets) -> Exchange<'a> {
        Exchange {
            name: endpoint.name(),
            clock: &*self.clock,
            timeout: self.settings.request_timeout,
            max_answer: self.settings.max_answer,
            secrets,
        }
    }

    /// Returns the answer if it is not a failure.
    fn judged(
        &self,
        endpoint: Endpoint,
        reply: Reply,
        secrets: &Secrets,
    ) -> Result<Reply, Failure> {
        let errors = if reply.status.is_success() {
            Errors::read(&[])
        } else {
            Errors::read(&reply.body)
        };
        let answer = Answer {
            endpoint,
            status: reply.status,
            headers: &reply.headers,
            body: &reply.body,
            errors: &errors,
        };
        let classifier = self.settings.classifier.as_ref();
        let overridden = classifier.and_then(|judge| judge(&answer));
        match overridden.or_else(|| answer.default_verdict()) {
            None => Ok(reply),
            Some(kind) => Err(Failure::Answered(self.failure(&answer, kind, secrets))),
        }
    }

    /// Makes the error for an answer that is a failure, and begins a lock-out if it says so.
    fn failure(&self, answer: &Answer<'_>, kind: ErrorKind, secrets: &Secrets) -> Error {
        let wait = retry_after(answer.headers, dates::wall(self.clock.wall()), kind);
        let wait = match kind {
            ErrorKind::RateLimited | ErrorKind::Locked => {
                let wait = wait.unwrap_or(self.settings.lockout);
                if answer.endpoint.issues_tokens() {
                    self.lockout.begin(&*self.clock, kind, wait);
                }
                Some(wait)
            }
            ErrorKind::Transport => wait,
            _ => None,
        };
        let code = telling_code(answer, secrets);
        let with_code = code.as_ref().map(|code| format!(", code {code}"));
        let mut message = format!(
            "the {} failed ({}{}): {}",
            answer.endpoint.name(),
            answer.status.as_u16(),
            with_code.unwrap_or_default(),
            advice_for(answer, kind, code.as_deref()),
        );
        if let Some(said) = answer.errors.said(secrets) {
            message.push_str("; the server says: ");
            message.push_str(&said);
        }
        let mut error = Error::with_message(kind, message);
        if let Some(code) = code {
            error = error.code(code);
        }
        match wait {
            Some(wait) => error.retry_after(wait),
            None => error,
        }
    }
}

/// Puts the token into a request.
pub(super) fn sign(headers: &mut HeaderMap, token: &Token) {
    let (_, value) = token.header();
    headers.insert(AUTHORIZATION, value.clone());
}

/// Puts a code into a request.
pub(super) fn with_code(headers: &mut HeaderMap, code: &Code) {
    headers.insert(super::CODE_HEADER, code.header_value().clone());
}

/// Makes `{"data":{"type":…,"attributes":{…}}}`, to be wiped after use.
fn json_api(resource: &str, attributes: &[(&str, &str)]) -> Zeroizing<Vec<u8>> {
    let kind = json(&[("type", resource)]);
    // Without the bracket that ends it: the attributes follow.
    let kind = &kind[..kind.len() - 1];
    let attributes = json(attributes);
    let parts = [b"{\"data\":", kind, b",\"attributes\":", &attributes, b"}}"];
    // Sized once: a buffer that grows would leave a copy behind that is not wiped.
    let mut body = Zeroizing::new(Vec::with_capacity(
        parts.iter().map(|part| part.len()).sum(),
    ));
    parts.iter().for_each(|part| body.extend_from_slice(part));
    body
}

/// The code that says most: one of MFA, or else the first.
fn telling_code(answer: &Answer<'_>, secrets: &Secrets) -> Option<String> {
    let codes: Vec<_> = answer.errors.codes().collect();
    let is_mfa = |code: &&String| MfaErrorCode::from_code(code).is_some();
    if let Some(code) = codes.iter().find(is_mfa) {
        return Some(code.clone());
    }
    // Any other is somebody else's text. The vendor's are of up to 4 digits.
    let code = codes.into_iter().next()?;
    let is_number = code.len() <= 4 && code.bytes().all(|byte| byte.is_ascii_digit());
    let is_name = code.len() <= 32 && code.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    (is_number || is_name && !secrets.are_in(&code)).then_some(code)
}

fn advice_for(answer: &Answer<'_>, kind: ErrorKind, code: Option<&str>) -> String {
    let mfa = code.and_then(MfaErrorCode::from_code);
    let text = match (answer.endpoint, kind) {
        (Endpoint::Trigger, ErrorKind::Transport)
            if answer.status == StatusCode::INTERNAL_SERVER_ERROR =>
        {
            "the server could not answer, it is tried again when a code is needed; the Backend API \
             of spryker/multi-factor-auth 2.4.0 always fails here, as its source has it"
        }
        (_, _) if mfa.is_some() => return mfa.expect("just looked at").to_string(),
        (_, ErrorKind::RateLimited) => "rate-limited",
        (_, ErrorKind::Locked) => "there were too many attempts, so the account is locked",
        (_, ErrorKind::Transport) => "the server could not answer, it is tried again",
        (Endpoint::SignIn, ErrorKind::Rejected) => {
            "check the username and the password, and whether the e-mail address is confirmed"
        }
        (Endpoint::Refresh, ErrorKind::Rejected) => {
            "the refresh token is not good any more, so sign in again"
        }
        (Endpoint::CompanyUser, ErrorKind::Provider) => "is this customer that company user?",
        (Endpoint::SignIn | Endpoint::Refresh, ErrorKind::Config)
            if answer.status == StatusCode::NOT_FOUND =>
        {
            "there is no such endpoint: is the base URL right, and does this API sign in this way? \
             See token_form()"
        }
        (_, ErrorKind::Config) if matches!(answer.status.as_u16(), 404 | 405) => {
            "there is no such endpoint: is the base URL right, and the module installed?"
        }
        (_, ErrorKind::Config) => "this endpoint does not sign in this way: see token_form()",
        (_, ErrorKind::Provider) if answer.status == StatusCode::UNAUTHORIZED => {
            "the token was refused"
        }
        (_, ErrorKind::Provider) => "the server does not allow it",
        (_, ErrorKind::Protocol) if answer.status.is_redirection() => {
            "redirects are not followed, is the base URL right?"
        }
        (_, ErrorKind::Protocol) => {
            "this status was not expected: a classifier can say what it means"
        }
        _ => "the classifier says so",
    };
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_json_and_its_buffer_never_grows() {
        let body = json_api("access-tokens", &[("username", "a\"b"), ("password", "é")]);
        assert_eq!(body.len(), body.capacity());
        let value: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let expected = serde_json::json!({"data": {
            "type": "access-tokens",
            "attributes": {"username": "a\"b", "password": "é"},
        }});
        assert_eq!(value, expected);
    }
}
