//! What the body of a failure says: a flow with messages in it, or an error object.

use serde_json::Value;

use crate::providers::common::{
    advice::{self, Secrets, quoted, wipe},
    json,
};

/// No flow has so many messages: nobody shall keep us busy.
const MOST_MESSAGES: usize = 64;

/// What the body of a failure says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) what: What,
    /// The id of the message or of the error, as it was sent.
    pub(super) code: Option<String>,
    /// The text, if it can be repeated.
    pub(super) text: Option<String>,
}

/// What is the matter, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum What {
    /// Nothing that is known.
    #[default]
    Unknown,
    /// The credentials are invalid: message 4000006.
    BadCredentials,
    /// A field is missing: message 4000002.
    MissingField,
    /// The address is not verified: message 4000010.
    NotVerified,
    /// There is no such account: message 4000037.
    NoAccount,
    /// The request carried the credential of a live session: error `session_already_available`, or
    /// message 4000001 with that reason.
    ActiveSession,
    /// The request carried a `Cookie` or an `Origin` header: message 4000001 with that reason.
    Browser,
    /// The flow parameter is missing or malformed: an error without an id.
    BadFlow,
    /// A second factor is enforced: error `session_aal2_required`.
    SecondFactor,
    /// A browser is wanted, to go elsewhere: error `browser_location_change_required`.
    BrowserRedirect,
}

/// A message of a flow.
struct Message<'a> {
    what: What,
    id: Option<u64>,
    texts: [Option<&'a Value>; 2],
}

// === impl Said ===

impl Said {
    /// Reads the body of a failure, whatever it is.
    pub(super) fn read(body: &[u8], secrets: &Secrets) -> Self {
        let Ok(mut value) = serde_json::from_slice::<Value>(json::without_mark(body)) else {
            return Self::default();
        };
        let said = match (value.get("error"), value.get("ui")) {
            (Some(error @ Value::Object(_)), _) => Self::of_error(error, secrets),
            (_, Some(ui)) => Self::of_flow(ui, secrets),
            _ => Self {
                text: advice::from_body(body, secrets),
                ..Self::default()
            },
        };
        wipe(&mut value);
        said
    }

    /// Reads an error object, which has an `id`, a `message` and a `reason`, or some of them.
    fn of_error(error: &Value, secrets: &Secrets) -> Self {
        let id = error.get("id").and_then(Value::as_str).unwrap_or_default();
        let texts = ["message", "reason"].map(|field| error.get(field));
        let what = match id {
            "session_already_available" => What::ActiveSession,
            "session_aal2_required" => What::SecondFactor,
            "browser_location_change_required" => What::BrowserRedirect,
            _ if say(&texts, "flow query parameter") => What::BadFlow,
            _ => by_reason(&texts),
        };
        let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let is_id = !id.is_empty() && id.len() <= 64 && id.chars().all(is_part);
        Self {
            what,
            code: (is_id && !secrets.are_in(id)).then(|| id.to_owned()),
            text: repeatable(&texts, secrets),
        }
    }

    /// Reads the `ui` of a flow. Its messages stand in `messages`, and those that belong to one
    /// field in the `messages` of its node.
    fn of_flow(ui: &Value, secrets: &Secrets) -> Self {
        let nodes = ui.get("nodes").and_then(Value::as_array);
        let owners = std::iter::once(ui).chain(nodes.into_iter().flatten());
        let messages = owners
            .filter_map(|owner| owner.get("messages")?.as_array())
            .flatten()
            .filter(|message| {
                matches!(message.get("type"), None | Some(Value::Null))
                    || message["type"] == "error"
            })
            .take(MOST_MESSAGES)
            .map(Message::read);
        // One that is understood says more than the generic one before it.
        let chosen = messages.reduce(|first, next| match (first.what, next.what) {
            (What::Unknown, What::Unknown) => first,
            (What::Unknown, _) => next,
            _ => first,
        });
        let Some(message) = chosen else {
            return Self::default();
        };
        Self {
            what: message.what,
            code: message.id.map(|id| id.to_string()),
            text: repeatable(&message.texts, secrets),
        }
    }
}

// === impl Message ===

impl<'a> Message<'a> {
    fn read(value: &'a Value) -> Self {
        let id = match value.get("id") {
            Some(Value::String(text)) => text.parse().ok(),
            Some(id) => id.as_u64(),
            None => None,
        };
        let reason = value
            .get("context")
            .and_then(|context| context.get("reason"));
        let texts = [value.get("text"), reason];
        let what = match id {
            Some(4_000_002) => What::MissingField,
            Some(4_000_006) => What::BadCredentials,
            Some(4_000_010) => What::NotVerified,
            Some(4_000_037) => What::NoAccount,
            _ => by_reason(&texts),
        };
        Self { what, id, texts }
    }
}

/// What a generic message is about: the reason is only in its text.
fn by_reason(texts: &[Option<&Value>]) -> What {
    // "A valid session was detected …" is the library's, "… already an active session" the vendor's.
    if say(texts, "valid session was detected") || say(texts, "active session") {
        return What::ActiveSession;
    }
    let is_header = |word: &str| word == "cookie" || word == "origin";
    let mut words = texts.iter().flatten().filter_map(|text| text.as_str());
    if words.any(|text| {
        let text = text.to_ascii_lowercase();
        text.split(|c: char| !c.is_ascii_alphanumeric())
            .any(is_header)
    }) {
        return What::Browser;
    }
    What::Unknown
}

/// Whether one of `texts` has `part` in it, which is in lower case.
fn say(texts: &[Option<&Value>], part: &str) -> bool {
    let mut texts = texts.iter().flatten().filter_map(|text| text.as_str());
    texts.any(|text| text.to_ascii_lowercase().contains(part))
}

/// Returns `texts` if they can be repeated, or those of them that can.
fn repeatable(texts: &[Option<&Value>], secrets: &Secrets) -> Option<String> {
    let whole = quoted(texts.iter().flatten().copied(), secrets);
    whole.or_else(|| {
        texts
            .iter()
            .flatten()
            .find_map(|text| quoted([*text], secrets))
    })
}
