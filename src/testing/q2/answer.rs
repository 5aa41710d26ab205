//! How answers are written.

use http::{HeaderName, Response, header};
use serde_json::{Value, json};

use crate::testing::server::{Reply, json_text, respond};

/// The form of the body that tells of an error. The documentation shows none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorShape {
    /// `{"message": ".."}`, as the documentation of 2016 had it: the default.
    #[default]
    Message,
    /// `{"error": ".."}`
    Error,
    /// `{"error": {"message": ".."}}`
    Nested,
    /// `{"success": false, "message": ".."}`
    Success,
    /// No body.
    Empty,
}

/// An answer that says no.
pub(super) struct Refusal {
    status: u16,
    message: String,
    /// What the client sent, for a server that repeats it.
    secrets: Vec<String>,
    headers: Vec<(HeaderName, String)>,
}

// === impl ErrorShape ===

impl ErrorShape {
    fn write(self, message: &str) -> String {
        match self {
            Self::Message => json!({ "message": message }).to_string(),
            Self::Error => json!({ "error": message }).to_string(),
            Self::Nested => json!({ "error": { "message": message } }).to_string(),
            Self::Success => json!({ "success": false, "message": message }).to_string(),
            Self::Empty => String::new(),
        }
    }
}

// === impl Refusal ===

impl Refusal {
    pub(super) fn new(status: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            secrets: Vec::new(),
            headers: Vec::new(),
        }
    }

    pub(super) fn repeating(mut self, secrets: impl IntoIterator<Item = String>) -> Self {
        self.secrets.extend(secrets);
        self
    }

    pub(super) fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Writes the refusal, with what the client sent if `echo` is set.
    pub(super) fn write(self, shape: ErrorShape, echo: bool) -> Response<Reply> {
        let mut message = self.message;
        if echo && !self.secrets.is_empty() {
            message = format!("{message} You sent: {}", self.secrets.join(", "));
        }
        let body = shape.write(&message);
        let kind = (!body.is_empty()).then(|| {
            let json = "application/json".to_owned();
            (header::CONTENT_TYPE, json)
        });
        respond(
            self.status,
            self.headers.into_iter().chain(kind),
            Reply::new(body),
        )
    }
}

pub(super) fn ok(body: &Value) -> Response<Reply> {
    json_text(200, body.to_string())
}
