//! Envelopes, and what is refused.

use http::Response;
use serde::Serialize;
use serde_json::{Value, json};

use super::Quirk;
use crate::testing::server::{Reply, json_text};

pub(super) const TENANT_NAME: &str = "tenantName";

/// The part of an envelope that says how it went, with the fields in the documented order.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Context {
    tenant_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_code: Option<String>,
    status_message: Option<String>,
    additional_status_code: Option<String>,
    additional_status_message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) token: Option<String>,
}

/// A request that is refused.
pub(super) enum Refusal {
    /// With an honest status.
    Status(u16, String),
    /// Inside a 200.
    Envelope(Box<Context>),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ContextFirst<'a> {
    context_response: &'a Context,
    response_data: &'a Value,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ContextLast<'a> {
    response_data: &'a Value,
    context_response: &'a Context,
}

// === impl Context ===

impl Context {
    pub(super) fn success(tenant: &str) -> Self {
        Self::new(tenant, "SUCCESS", None)
    }

    pub(super) fn validation(tenant: &str, reason: &str) -> Self {
        let message = "The provided data in request body is not valid!";
        Self {
            additional_status_message: Some(reason.to_owned()),
            ..Self::new(tenant, "VALIDATION", Some(message))
        }
    }

    pub(super) fn new(tenant: &str, code: &str, message: Option<&str>) -> Self {
        Self {
            tenant_name: Some(tenant.to_owned()),
            status_code: Some(code.to_owned()),
            status_message: message.map(str::to_owned),
            additional_status_code: None,
            additional_status_message: None,
            token: None,
        }
    }

    /// Returns the failure that a quirk is, if it is one.
    pub(super) fn ordered(tenant: &str, quirk: &Quirk) -> Option<Self> {
        let Quirk::Failure {
            code,
            message,
            additional_code,
            additional_message,
        } = quirk
        else {
            return None;
        };
        Some(Self {
            additional_status_code: additional_code.clone(),
            additional_status_message: additional_message.clone(),
            ..Self::new(tenant, code, message.as_deref())
        })
    }
}

// === impl Refusal ===

impl Refusal {
    pub(super) fn status(status: u16, sentence: &str) -> Self {
        Self::Status(status, sentence.to_owned())
    }

    pub(super) fn failure(context: Context) -> Self {
        Self::Envelope(Box::new(context))
    }

    pub(super) fn write(&self) -> Response<Reply> {
        match self {
            Self::Status(status, sentence) => {
                json_text(*status, json!({ "message": sentence }).to_string())
            }
            Self::Envelope(context) => write(Context::clone(context), &Value::Null, None),
        }
    }
}

/// Writes an envelope, as `quirk` has it.
pub(super) fn write(mut context: Context, data: &Value, quirk: Option<&Quirk>) -> Response<Reply> {
    let mut data = data.clone();
    match quirk {
        Some(Quirk::NoStatusCode) => context.status_code = None,
        Some(Quirk::NoEnvelope) => return json_text(200, data.to_string()),
        Some(Quirk::Empty) => return json_text(200, String::new()),
        Some(Quirk::Padding(bytes)) => data["padding"] = "x".repeat(*bytes).into(),
        _ => {}
    }
    let text = match quirk {
        Some(Quirk::ContextLast) => serde_json::to_string(&ContextLast {
            response_data: &data,
            context_response: &context,
        }),
        _ => serde_json::to_string(&ContextFirst {
            context_response: &context,
            response_data: &data,
        }),
    };
    json_text(200, text.expect("an envelope has text for keys"))
}
