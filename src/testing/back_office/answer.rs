//! How answers are written.

use http::{HeaderName, Response};
use serde_json::{Map, Value, json};

use super::{
    DateFormat, Fault,
    sessions::{Challenge, Issued, Pair},
};
use crate::testing::server::{Reply, json_text};

/// The form of the body that tells of an error. The documentation shows none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorShape {
    /// `{"message": ".."}`: the default.
    #[default]
    Message,
    /// `{"error": ".."}`
    Error,
    /// `{"errors": [".."]}`
    List,
    /// `{"errors": {"base": [".."]}}`
    Map,
    /// No body.
    Empty,
}

/// An answer that says no.
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) message: String,
    /// What the client sent, for a server that repeats it.
    pub(super) secrets: Vec<String>,
    pub(super) headers: Vec<(HeaderName, String)>,
}

/// How the tokens of an answer are written down.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    dates: DateFormat,
    expiry: bool,
    placeholder: bool,
}

/// What an answer says about 2FA.
pub(super) enum Details {
    Absent,
    Null,
    Given(Challenge),
}

// === impl ErrorShape ===

impl ErrorShape {
    pub(super) fn write(self, message: &str) -> String {
        match self {
            Self::Message => json!({ "message": message }).to_string(),
            Self::Error => json!({ "error": message }).to_string(),
            Self::List => json!({ "errors": [message] }).to_string(),
            Self::Map => json!({ "errors": { "base": [message] } }).to_string(),
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

    pub(super) fn repeating(mut self, secret: &str) -> Self {
        self.secrets.push(secret.to_owned());
        self
    }

    pub(super) fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

// === impl Shape ===

impl Shape {
    pub(super) fn new(dates: DateFormat, fault: Option<&Fault>) -> Self {
        Self {
            dates: match fault {
                Some(Fault::Dates(format)) => *format,
                _ => dates,
            },
            expiry: !matches!(fault, Some(Fault::NoExpiry)),
            placeholder: matches!(fault, Some(Fault::PlaceholderDates)),
        }
    }

    /// Writes the answer to a sign-in, which alone has `2faRequired`.
    pub(super) fn sign_in(
        self,
        flag: bool,
        details: &Details,
        provider: &str,
        pair: &Pair,
    ) -> Value {
        let mut body = Map::new();
        body.insert("2faRequired".to_owned(), flag.into());
        match details {
            Details::Absent => {}
            Details::Null => {
                body.insert("2faDetails".to_owned(), Value::Null);
            }
            Details::Given(challenge) => {
                let mut details = self.issued(&challenge.issued);
                details.remove("createdAt");
                details.insert("provider".to_owned(), provider.into());
                body.insert("2faDetails".to_owned(), details.into());
            }
        }
        self.add(&mut body, pair);
        body.into()
    }

    /// Writes the answer to a confirmation or a refresh.
    pub(super) fn pair(self, pair: &Pair) -> Value {
        let mut body = Map::new();
        self.add(&mut body, pair);
        body.into()
    }

    fn add(self, body: &mut Map<String, Value>, pair: &Pair) {
        if let Some(access) = &pair.access {
            body.insert("accessToken".to_owned(), self.issued(access).into());
        }
        if let Some(refresh) = &pair.refresh {
            body.insert("refreshToken".to_owned(), self.issued(refresh).into());
        }
    }

    fn issued(self, issued: &Issued) -> Map<String, Value> {
        let write = |at| {
            if self.placeholder {
                "2022-01-01T00:00:00+00:00".to_owned()
            } else {
                self.dates.write(at)
            }
        };
        let mut fields = Map::new();
        fields.insert("token".to_owned(), issued.token.as_str().into());
        fields.insert("createdAt".to_owned(), write(issued.created).into());
        if self.expiry {
            fields.insert("expiresAt".to_owned(), write(issued.expires).into());
        }
        fields
    }
}

pub(super) fn ok(body: &Value) -> Response<Reply> {
    json_text(200, body.to_string())
}
