//! How errors are told.

use http::{HeaderName, Response, header};
use serde_json::{Value, json};

use super::{Endpoint, ErrorShape, settings::Settings};
use crate::testing::server::{Reply, respond};

/// An answer that says no.
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) text: String,
    pub(super) headers: Vec<(HeaderName, String)>,
    /// What the client sent, for a server that repeats it.
    secret: Option<String>,
}

impl Refusal {
    pub(super) fn new(status: u16, code: &str, text: &str) -> Self {
        Self {
            status,
            code: code.to_owned(),
            text: text.to_owned(),
            headers: Vec::new(),
            secret: None,
        }
    }

    /// Makes a refusal that the vendor has no code for.
    pub(super) fn plain(status: u16, text: &str) -> Self {
        Self::new(status, &status.to_string(), text)
    }

    pub(super) fn code_missing() -> Self {
        Self::new(403, "5900", "X-MFA-Code header is missing.")
    }

    pub(super) fn code_invalid() -> Self {
        Self::new(403, "5901", "X-MFA-Code is invalid.")
    }

    pub(super) fn token_missing() -> Self {
        Self::new(403, "002", "Missing access token.")
    }

    pub(super) fn token_invalid() -> Self {
        Self::new(401, "001", "Invalid access token.")
    }

    /// Makes an error of `POST /token`.
    pub(super) fn grant(code: &str, text: &str) -> Self {
        Self::new(400, code, text)
    }

    pub(super) fn repeating(mut self, secret: &str) -> Self {
        self.secret = Some(secret.to_owned());
        self
    }

    pub(super) fn header(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Writes the refusal as this simulator words it.
    pub(super) fn write(self, settings: &Settings, endpoint: Endpoint) -> Response<Reply> {
        let text = match self.secret {
            Some(secret) if settings.echo_secrets => format!("{} You sent: {secret}", self.text),
            _ => self.text,
        };
        let classic = settings.errors == ErrorShape::Detail;
        let oauth = endpoint == Endpoint::Token && self.status == 400;
        let body = if oauth {
            json!({ "error": self.code, "error_description": text })
        } else {
            let mut errors = vec![error(settings, self.status, &self.code, &text)];
            if settings.several_errors {
                errors.insert(
                    0,
                    error(settings, self.status, "1000", "Something else as well."),
                );
            }
            match settings.errors {
                ErrorShape::Bare => errors.into(),
                _ => json!({ "errors": errors }),
            }
        };
        let kind = match settings.errors {
            ErrorShape::Bare => "application/json",
            _ if oauth => "application/json",
            _ => "application/vnd.api+json",
        };
        let mut headers = self.headers;
        headers.push((header::CONTENT_TYPE, kind.to_owned()));
        if classic && self.status == 401 {
            let challenge = r#"Bearer realm="Access to shop API""#;
            headers.push((header::WWW_AUTHENTICATE, challenge.to_owned()));
        }
        respond(self.status, headers, Reply::new(body.to_string()))
    }
}

fn error(settings: &Settings, status: u16, code: &str, text: &str) -> Value {
    let name = match settings.errors {
        ErrorShape::Detail => "detail",
        _ => "message",
    };
    // `001` is no number.
    let number = code.parse::<u32>().ok().filter(|_| !code.starts_with('0'));
    let mut error = json!({ "code": code, "status": status });
    error[name] = text.into();
    if let (Some(number), true) = (number, settings.codes_as_numbers) {
        error["code"] = number.into();
    }
    if settings.statuses_as_text {
        error["status"] = status.to_string().into();
    }
    error
}
