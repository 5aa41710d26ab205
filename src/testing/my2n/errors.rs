//! The two shapes of error bodies that Ory Kratos has.

use serde_json::{Value, json};

use super::state::{Flow, Shared};

/// An answer that says no.
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) body: Value,
    /// The web page that says the same to a browser.
    pub(super) page: String,
}

/// What went wrong with a flow that can be used again.
pub(super) struct Message {
    id: u32,
    text: String,
    reason: Option<&'static str>,
    /// The field it is about.
    field: &'static str,
}

// === impl Refusal ===

impl Refusal {
    /// Makes an error object: what is not about a living flow.
    pub(super) fn error(status: u16, id: Option<&str>, reason: &str) -> Self {
        let (name, message) = match status {
            400 => (
                "Bad Request",
                "The request was malformed or contained invalid parameters",
            ),
            401 => ("Unauthorized", "The request could not be authorized"),
            403 => ("Forbidden", "The requested action was forbidden"),
            404 => ("Not Found", "The requested resource could not be found"),
            405 => ("Method Not Allowed", "The method is not allowed"),
            409 => (
                "Conflict",
                "The resource could not be created due to a conflict",
            ),
            410 => ("Gone", "The requested resource is no longer available"),
            422 => ("Unprocessable Entity", "The request could not be processed"),
            _ => ("Error", "The request failed"),
        };
        let mut error = json!({
            "code": status,
            "status": name,
            "reason": reason,
            "message": message,
        });
        if let Some(id) = id {
            error["id"] = id.into();
        }
        Self {
            status,
            body: json!({ "error": error }),
            page: "error".to_owned(),
        }
    }

    /// Adds a field beside the error object.
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.body[name] = value.into();
        self
    }

    /// Adds that another flow is to be used.
    pub(super) fn use_flow(self, flow: &Flow) -> Self {
        self.with("use_flow_id", flow.id.as_str())
    }

    /// Gives the flow back with what was wrong.
    pub(super) fn flow(shared: &Shared, flow: &Flow, message: &Message) -> Self {
        let mut body = describe(shared, flow);
        let mut told = json!({ "id": message.id, "type": "error", "text": message.text });
        if let Some(reason) = message.reason {
            told["context"] = json!({ "reason": reason });
        }
        let at_node = shared.settings.messages_at_nodes || message.id == MISSING;
        if at_node {
            for node in body["ui"]["nodes"].as_array_mut().into_iter().flatten() {
                if node["attributes"]["name"] == message.field {
                    node["messages"] = json!([told.take()]);
                }
            }
        } else {
            body["ui"]["messages"] = json!([told]);
        }
        Self {
            status: 400,
            body,
            page: format!("login?flow={}", flow.id),
        }
    }
}

const MISSING: u32 = 4_000_002;

// === impl Message ===

impl Message {
    pub(super) fn bad_credentials() -> Self {
        let text = "The provided credentials are invalid, check for spelling mistakes in your \
                    password or username, email address, or phone number.";
        Self::new(4_000_006, text, "password")
    }

    pub(super) fn no_such_account() -> Self {
        let text = "This account does not exist or has no login method configured.";
        Self::new(4_000_037, text, "identifier")
    }

    pub(super) fn unverified() -> Self {
        let text = "Account not active yet. Did you forget to verify your email address?";
        Self::new(4_000_010, text, "identifier")
    }

    pub(super) fn missing(field: &'static str) -> Self {
        Self::new(MISSING, &format!("Property {field} is missing."), field)
    }

    /// The message for all that has none of its own.
    pub(super) fn generic(reason: &'static str) -> Self {
        Self {
            reason: Some(reason),
            ..Self::new(4_000_001, reason, "method")
        }
    }

    pub(super) fn repeating(mut self, secret: &str) -> Self {
        self.text = format!("{} You sent: {secret}", self.text);
        self
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    fn new(id: u32, text: &str, field: &'static str) -> Self {
        Self {
            id,
            text: text.to_owned(),
            reason: None,
            field,
        }
    }
}

/// Writes a flow as it is when it begins.
pub(super) fn describe(shared: &Shared, flow: &Flow) -> Value {
    let login = shared.login_url();
    let node = |name: &str, kind: &str| {
        json!({
            "type": "input",
            "group": "default",
            "attributes": { "name": name, "type": kind, "node_type": "input", "disabled": false },
            "messages": [],
            "meta": {},
        })
    };
    json!({
        "id": flow.id,
        "type": "api",
        "state": "choose_method",
        "issued_at": shared.write(flow.issued_at),
        "expires_at": shared.write(flow.expires_at),
        "request_url": format!("{login}/self-service/login/api"),
        "ui": {
            "action": format!("{login}/self-service/login?flow={}", flow.id),
            "method": "POST",
            "nodes": [
                node("csrf_token", "hidden"),
                node("identifier", "text"),
                node("password", "password"),
                node("method", "submit"),
            ],
            "messages": [],
        },
    })
}
