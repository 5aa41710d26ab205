//! How answers are written.

use http::{HeaderMap, Response, header};
use serde_json::{Map, Value, json};

use super::{ExpiresIn, Quirk, settings::Settings};
use crate::testing::server::{Reply, respond};

/// An answer of the token endpoint or the revocation endpoint that says no (RFC 6749, section 5.2).
pub(super) struct Refusal {
    pub(super) error: String,
    pub(super) description: String,
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    /// What the client sent, for a server that repeats it.
    pub(super) secrets: Vec<String>,
}

/// What was granted, as it is to be written.
pub(super) struct Granted {
    pub(super) access: String,
    /// The refresh token in the answer: a new one, or the one that was presented.
    pub(super) refresh: Option<String>,
    pub(super) lifetime: u64,
    pub(super) scope: String,
}

// === impl Refusal ===

impl Refusal {
    /// Creates a refusal with the status that belongs to `error`.
    pub(super) fn new(error: &str, description: impl Into<String>) -> Self {
        Self {
            error: error.to_owned(),
            description: description.into(),
            status: match error {
                "invalid_client" => 401,
                "server_error" => 500,
                "temporarily_unavailable" => 503,
                _ => 400,
            },
            headers: Vec::new(),
            secrets: Vec::new(),
        }
    }

    pub(super) fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn repeating(mut self, secret: Option<&str>) -> Self {
        self.secrets.extend(secret.map(str::to_owned));
        self
    }

    pub(super) fn write(self, settings: &Settings, form: bool) -> Response<Reply> {
        let mut description = self.description;
        if settings.echo_secrets && !self.secrets.is_empty() {
            description = format!("{description} You sent: {}", self.secrets.join(", "));
        }
        let status = if settings.errors_in_200 && self.status < 500 {
            200
        } else {
            self.status
        };
        let body = json!({ "error": self.error, "error_description": description });
        write(status, self.headers, &body, form)
    }
}

// === impl Granted ===

impl Granted {
    pub(super) fn write(&self, settings: &Settings, quirk: Option<&Quirk>) -> Value {
        let mut body = Map::new();
        let mut add = |name: &str, value: Value| {
            body.insert(name.to_owned(), value);
        };
        match quirk {
            Some(Quirk::NoAccessToken) => {}
            Some(Quirk::EmptyAccessToken) => add("access_token", "".into()),
            _ => add("access_token", self.access.as_str().into()),
        }
        match quirk {
            Some(Quirk::NoTokenType) => {}
            Some(Quirk::TokenType(kind)) => add("token_type", kind.as_str().into()),
            _ => add("token_type", "Bearer".into()),
        }
        let expires_in = match quirk {
            Some(Quirk::ExpiresIn(form)) => form,
            _ => &settings.expires_in,
        };
        if let Some(value) = expires_in.write(self.lifetime) {
            add("expires_in", value);
        }
        if let Some(refresh) = &self.refresh {
            add("refresh_token", refresh.as_str().into());
        }
        match quirk {
            Some(Quirk::NoScope) => {}
            Some(Quirk::Scope(scope)) => add("scope", scope.as_str().into()),
            _ => add("scope", self.scope.as_str().into()),
        }
        body.into()
    }
}

// === impl ExpiresIn ===

impl ExpiresIn {
    fn write(&self, seconds: u64) -> Option<Value> {
        match self {
            Self::Number => Some(seconds.into()),
            Self::Text => Some(seconds.to_string().into()),
            Self::Missing => None,
            Self::Json(text) => {
                let value = serde_json::from_str(text);
                Some(value.unwrap_or_else(|_| text.as_str().into()))
            }
        }
    }
}

/// Writes an answer of the token endpoint, which nobody may keep (RFC 6749, section 5.1).
pub(super) fn write(
    status: u16,
    headers: impl IntoIterator<Item = (&'static str, String)>,
    body: &Value,
    form: bool,
) -> Response<Reply> {
    let (kind, text) = match form {
        true => ("application/x-www-form-urlencoded", to_form(body)),
        false => ("application/json", body.to_string()),
    };
    let fixed = [
        ("content-type", kind),
        ("cache-control", "no-store"),
        ("pragma", "no-cache"),
    ];
    let fixed = fixed.map(|(name, value)| (name, value.to_owned()));
    respond(status, fixed.into_iter().chain(headers), Reply::new(text))
}

/// Whether a client asks for JSON by name, without which some servers answer with a form.
pub(super) fn asks_for_json(headers: &HeaderMap) -> bool {
    let ranges = headers.get_all(header::ACCEPT).iter();
    let ranges = ranges.filter_map(|value| value.to_str().ok());
    ranges
        .flat_map(|value| value.split([',', ';']))
        .any(|range| {
            let range = range.trim();
            range.eq_ignore_ascii_case("application/json")
        })
}

fn to_form(body: &Value) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (name, value) in body.as_object().into_iter().flatten() {
        match value {
            Value::String(text) => form.append_pair(name, text),
            value => form.append_pair(name, &value.to_string()),
        };
    }
    form.finish()
}
