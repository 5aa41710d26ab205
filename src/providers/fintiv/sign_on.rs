//! The sign-on: `{"contextrequest": …, "login": …, "Pass": …}` for a token.

use std::fmt;

use http::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;
use zeroize::Zeroizing;

use super::{
    error::{FintivError, said},
    service::Inner,
    status::{StatusClass, shown},
};
use crate::{
    Error, ErrorKind, Token,
    providers::common::{
        advice::{self, Secrets},
        dates,
        exchange::{Exchange, Reply, post, to_json},
        json::{unreadable, without_mark},
        retry_after::retry_after,
    },
};

/// Who signs on.
pub(super) struct Credentials {
    pub(super) user: SecretString,
    pub(super) password: SecretString,
}

/// What the fields of the sign-on are called.
#[derive(Debug)]
pub(super) struct Fields {
    pub(super) context: String,
    pub(super) password: String,
    pub(super) credential_type: String,
}

/// What is sent.
struct Body<'a> {
    fields: &'a Fields,
    tenant: Option<&'a str>,
    credentials: &'a Credentials,
}

#[derive(Serialize)]
struct Context<'a> {
    #[serde(rename = "tenantName", skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a str>,
}

#[derive(Serialize)]
struct Login<'a> {
    #[serde(rename = "credentialType")]
    kind: &'a str,
    value: &'a str,
}

#[derive(Serialize)]
struct Password<'a> {
    #[serde(rename = "securityElementType")]
    kind: &'a str,
    value: &'a str,
}

// === impl Inner ===

impl Inner {
    pub(super) async fn sign_on(&self) -> Result<Token, Error> {
        let settings = &self.settings;
        let Some(credentials) = &settings.credentials else {
            return Err(Error::with_message(
                ErrorKind::Config,
                "without_sign_on() is set, so there is no sign-on here: give the session a token \
                 service of your own",
            ));
        };
        let mut secrets = Secrets::default();
        secrets.add_secret(&credentials.user);
        secrets.add_secret(&credentials.password);
        secrets.add_token(&self.keys.api_key);

        let mut request = post(settings.sign_on.clone(), Some(self.body(credentials)));
        self.keys.attach(&mut request);
        let exchange = Exchange {
            name: NAME,
            clock: &*self.clock,
            timeout: settings.request_timeout,
            max_answer: settings.max_answer,
            secrets: &secrets,
        };
        let reply = exchange.send(self.client.clone(), request).await?;
        if !reply.status.is_success() {
            return Err(self.refused(&reply, &secrets));
        }
        if let Some(failure) = settings.envelope.judge(&reply.body) {
            return Err(failed(&failure, &secrets));
        }
        self.token(&reply)
    }

    fn body(&self, credentials: &Credentials) -> Zeroizing<Vec<u8>> {
        to_json(&Body {
            fields: &self.settings.fields,
            tenant: self.settings.tenant.as_deref(),
            credentials,
        })
    }

    /// Makes the error for an answer with an honest status.
    fn refused(&self, reply: &Reply, secrets: &Secrets) -> Error {
        let (kind, advice) = verdict(reply.status);
        let mut message = format!("the {NAME} failed ({}): {advice}", reply.status.as_u16());
        let failure = self.settings.envelope.judge(&reply.body);
        let words = match failure.as_ref().and_then(FintivError::status) {
            Some(status) => said(status, secrets),
            None => advice::from_body(&reply.body, secrets),
        };
        if let Some(words) = words {
            message.push_str("; the server says: ");
            message.push_str(&words);
        }
        let error = Error::with_message(kind, message);
        match retry_after(&reply.headers, dates::wall(self.clock.wall()), kind) {
            Some(wait) if kind.is_transient() || kind == ErrorKind::Locked => {
                error.retry_after(wait)
            }
            _ => error,
        }
    }

    fn token(&self, reply: &Reply) -> Result<Token, Error> {
        let settings = &self.settings;
        let mut answer: Value = serde_json::from_slice(without_mark(&reply.body))
            .map_err(|error| unreadable(&reply.body, NAME, &error))?;
        let pointers = settings.token_pointers.iter();
        let token = pointers
            .filter_map(|pointer| answer.pointer(pointer)?.as_str())
            .find(|token| !token.is_empty())
            .map(|token| Zeroizing::new(token.to_owned()));
        advice::wipe(&mut answer);
        let protocol = |why: String| Error::with_message(ErrorKind::Protocol, why);
        let token = token.ok_or_else(|| {
            let pointers = settings.token_pointers.join(", ");
            protocol(format!(
                "the answer to the {NAME} has no token at {pointers}: say where it is with \
                 `token_pointers`, and is the URL that of the {NAME}?"
            ))
        })?;
        let token =
            Token::placed(token.as_str(), settings.placement.in_session()).map_err(|error| {
                let why = format!("the token that the {NAME} brought cannot be sent");
                protocol(why).caused_by(error)
            })?;
        Ok(token.with_lifetime(settings.ttl))
    }
}

const NAME: &str = "sign-on";

/// Makes the error for a failure inside a `200`.
fn failed(failure: &FintivError, secrets: &Secrets) -> Error {
    let (kind, advice) = match failure.class() {
        Some(StatusClass::AuthExpired | StatusClass::AuthDenied) => (
            ErrorKind::Rejected,
            "check the user, the password and the tenant",
        ),
        Some(StatusClass::Validation) => (
            ErrorKind::Provider,
            "what was sent is not valid; check the credential type, the tenant, and how the fields \
             are spelled",
        ),
        Some(_) => (ErrorKind::Provider, "the server says no more"),
        None => (
            ErrorKind::Protocol,
            "its contextResponse has no statusCode that can be read",
        ),
    };
    let status = failure.status();
    let code = status.and_then(|status| shown(status.code()));
    let inside = code.map_or_else(String::new, |code| format!(" with {code}"));
    let mut message = format!("the {NAME} failed inside a 200{inside}: {advice}");
    if let Some(words) = status.and_then(|status| said(status, secrets)) {
        message.push_str("; the server says: ");
        message.push_str(&words);
    }
    let error = Error::with_message(kind, message);
    match code {
        Some(code) => error.code(code),
        None => error,
    }
}

/// What an honest status means at the sign-on.
fn verdict(status: StatusCode) -> (ErrorKind, &'static str) {
    match status.as_u16() {
        401 | 403 => (
            ErrorKind::Rejected,
            "check the api-key first, which may be outdated, then the user and the password",
        ),
        400 | 422 => (
            ErrorKind::Rejected,
            "check the user, the password and the tenant, and how the fields are spelled",
        ),
        404 | 405 => (
            ErrorKind::Config,
            "there is no such endpoint, is the URL of the sign-on right?",
        ),
        423 => (ErrorKind::Locked, "the account is locked"),
        429 => (ErrorKind::RateLimited, "rate-limited"),
        408 | 425 | 500..=599 => (
            ErrorKind::Transport,
            "the server could not answer, it is tried again",
        ),
        300..=399 => (
            ErrorKind::Protocol,
            "redirects are not followed, is the base URL right?",
        ),
        _ => (ErrorKind::Protocol, "this status was not expected"),
    }
}

// === impl Body ===

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let context = Context {
            tenant: self.tenant,
        };
        let login = Login {
            kind: &self.fields.credential_type,
            value: self.credentials.user.expose_secret(),
        };
        let password = Password {
            kind: "password",
            value: self.credentials.password.expose_secret(),
        };
        let mut body = serializer.serialize_map(Some(3))?;
        body.serialize_entry(&self.fields.context, &context)?;
        body.serialize_entry("login", &login)?;
        body.serialize_entry(&self.fields.password, &password)?;
        body.end()
    }
}

// === impl Credentials ===

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}
