//! What a webhook brings.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use serde_json::Value;

use super::mfa::Challenge;

/// The longest id or name that is read, in bytes. What is longer is left out.
const LONGEST_ID: usize = 256;

/// The longest text for people that is kept, in characters.
const LONGEST_TEXT: usize = 1000;

/// An event that Q2 sent to a [receiver](super::Webhook).
///
/// What the vendor's documentation shows in every event has a method here; the rest is in
/// [`as_json`](Self::as_json). `Debug` shows ids and the type, never the payload: an event about MFA
/// holds a token.
#[derive(Clone)]
pub struct Event(Arc<Fields>);

/// What was read out of an event.
struct Fields {
    json: Bytes,
    id: Option<Box<str>>,
    kind: Box<str>,
    created: Option<Box<str>>,
    identifier: Option<Box<str>>,
    session_id: Option<Box<str>>,
    client_id: Option<Box<str>>,
    company_id: Option<Box<str>>,
    auth_id: Option<Box<str>>,
    details: Details,
}

/// What an event type means for an auth that is waited for.
///
/// The vendor's names for its events are from 2018 to 2020, and it "may add more at any time": see
/// [`Q2Builder::event`](super::Q2Builder::event).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventMeaning {
    /// The auth exists; its outcome is still to come. `auth.created`.
    Created,
    /// The company asks for more. `auth.mfa-required`.
    MfaRequired,
    /// The credentials are good. `auth.success`.
    Success,
    /// The company refused the credentials, or the answer to a question of MFA. `auth.failed`.
    Failed,
    /// The auth is on hold until the user has done something at the company. `auth.hold`.
    Hold,
    /// The credentials are not valid any more. `auth.invalid`.
    Invalid,
    /// The auth was deleted. `auth.deleted`.
    Deleted,
    /// Nothing. `auth.needs-resync`, `swap.success`, and every name that is not known.
    Nothing,
}

/// What events say beside their ids.
#[derive(Clone, Debug, Default)]
pub(super) struct Details {
    /// `reason.message`, or `reason.userMessage`.
    pub(super) reason: Option<Box<str>>,
    pub(super) hold_code: Option<Box<str>>,
    pub(super) hold_text: Option<Box<str>>,
    pub(super) challenge: Option<Challenge>,
}

// === impl Event ===

impl Event {
    /// Reads an event, with the outer `event` around it or without. Nothing, if it is none.
    ///
    /// It is not a receiver's work: nothing is verified here. For events that came another way, by
    /// a queue say, before they go to [`Q2::deliver`](super::Q2::deliver).
    #[must_use]
    pub fn from_json(json: impl Into<Bytes>) -> Option<Self> {
        let json = json.into();
        let text = json.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&json);
        let value: Value = serde_json::from_slice(text).ok()?;
        let event = match value.get("event") {
            Some(event) if event.is_object() => event,
            _ => &value,
        };
        let kind = id(event.get("type"))?;
        let payload = event.get("payload").unwrap_or(&Value::Null);
        let resource = payload.get("resource").unwrap_or(&Value::Null);
        let data = payload.get("data").unwrap_or(&Value::Null);
        let auth = data.get("auth").unwrap_or(&Value::Null);
        let resource_id = |kind: &str| {
            let is_kind = resource.get("type").and_then(Value::as_str) == Some(kind);
            is_kind.then(|| id(resource.get("id"))).flatten()
        };
        Some(Self(Arc::new(Fields {
            id: id(event.get("_id")),
            created: id(event.get("created")),
            identifier: id(event.get("identifier")),
            session_id: id(event.get("sessionId")),
            client_id: id(event.get("clientId"))
                .or_else(|| id(data.get("clientId")))
                .or_else(|| resource_id("client")),
            company_id: reference(data.get("company")).or_else(|| reference(auth.get("company"))),
            auth_id: reference(Some(auth)).or_else(|| resource_id("auth")),
            details: Details::read(data),
            kind,
            json,
        })))
    }

    /// Returns the event's own id (`_id`), by which deliveries of the same event are told.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.0.id.as_deref()
    }

    /// Returns the type, as it was sent: `auth.success`.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.0.kind
    }

    /// Returns when the event came about, as it was sent: `2016-04-20T16:51:12Z`.
    #[must_use]
    pub fn created(&self) -> Option<&str> {
        self.0.created.as_deref()
    }

    /// Returns your own name for the client (`identifier`), if it was sent.
    #[must_use]
    pub fn identifier(&self) -> Option<&str> {
        self.0.identifier.as_deref()
    }

    /// Returns the id of the session (`sessionId`), if it was sent.
    #[must_use]
    pub fn session_id(&self) -> Option<&str> {
        self.0.session_id.as_deref()
    }

    /// Returns the client that the event is about: `clientId`, or the resource's id where that is a
    /// client.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.0.client_id.as_deref()
    }

    /// Returns the company that the event is about: `company._id`, there or in the `auth`.
    #[must_use]
    pub fn company_id(&self) -> Option<&str> {
        self.0.company_id.as_deref()
    }

    /// Returns the auth that the event is about: `auth._id`, or the resource's id where that is an
    /// auth. Most events about an auth have none, and name client and company instead.
    #[must_use]
    pub fn auth_id(&self) -> Option<&str> {
        self.0.auth_id.as_deref()
    }

    /// Returns the event as it was sent, decrypted if it was encrypted. Do not log it: an event
    /// about MFA holds a token.
    #[must_use]
    pub fn as_json(&self) -> &[u8] {
        &self.0.json
    }

    pub(super) fn details(&self) -> &Details {
        &self.0.details
    }

    /// How much memory it holds, about.
    pub(super) fn size(&self) -> usize {
        // What was read out of it is at most as long again.
        self.0.json.len() * 2
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("id", &self.0.id)
            .field("kind", &self.0.kind)
            .field("created", &self.0.created)
            .field("client_id", &self.0.client_id)
            .field("company_id", &self.0.company_id)
            .field("auth_id", &self.0.auth_id)
            .finish_non_exhaustive()
    }
}

// === impl EventMeaning ===

impl EventMeaning {
    /// Returns what the vendor's own names mean.
    pub(super) fn of(kind: &str) -> Self {
        match kind {
            "auth.created" => Self::Created,
            "auth.mfa-required" => Self::MfaRequired,
            "auth.success" => Self::Success,
            "auth.failed" => Self::Failed,
            "auth.hold" => Self::Hold,
            "auth.invalid" => Self::Invalid,
            "auth.deleted" => Self::Deleted,
            _ => Self::Nothing,
        }
    }

    /// Whether it ends the wait for an auth.
    pub(super) fn is_outcome(self) -> bool {
        matches!(
            self,
            Self::Success | Self::Failed | Self::Hold | Self::Invalid | Self::Deleted
        )
    }
}

// === impl Details ===

impl Details {
    /// Reads the reason and the questions of an auth in the list.
    pub(super) fn of_status(reason: &Value, mfa: &Value) -> Self {
        Self {
            reason: text(reason.get("userMessage")),
            hold_code: code(reason.get("code")),
            hold_text: text(reason.get("userMessage")),
            challenge: Challenge::read(mfa),
        }
    }

    fn read(data: &Value) -> Self {
        let hold = data.get("hold").unwrap_or(&Value::Null);
        let reason = data.get("reason").unwrap_or(&Value::Null);
        Self {
            reason: text(reason.get("message"))
                .or_else(|| text(reason.get("userMessage")))
                .or_else(|| text(Some(reason))),
            hold_code: code(hold.get("code")).or_else(|| code(reason.get("code"))),
            hold_text: text(hold.get("text"))
                .or_else(|| text(hold.get("userMessage")))
                .or_else(|| text(reason.get("userMessage"))),
            challenge: Challenge::read(data),
        }
    }
}

/// Reads an id or a name: a text of a reasonable length.
pub(super) fn id(value: Option<&Value>) -> Option<Box<str>> {
    let text = value?.as_str()?;
    (!text.is_empty() && text.len() <= LONGEST_ID).then(|| text.into())
}

/// Reads a code, which errors show: words with underscores, as the vendor's are.
fn code(value: Option<&Value>) -> Option<Box<str>> {
    let is_code = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-.".contains(c);
    id(value).filter(|code| code.len() <= 64 && code.chars().all(is_code))
}

/// Reads the id of a thing that is sent whole, or as its id alone.
pub(super) fn reference(value: Option<&Value>) -> Option<Box<str>> {
    let value = value?;
    id(value.get("_id")).or_else(|| id(Some(value)))
}

/// Reads a text that is meant for people, up to a length.
pub(super) fn text(value: Option<&Value>) -> Option<Box<str>> {
    let text: String = value?.as_str()?.trim().chars().take(LONGEST_TEXT).collect();
    (!text.is_empty()).then(|| text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_read_with_and_without_the_outer_event() {
        let bare = r#"{"_id":"e1","type":"auth.success","created":"2016-04-20T16:51:12Z",
            "clientId":"c1","identifier":"me","sessionId":"s1","payload":{
            "resource":{"type":"client","id":"c1"},
            "data":{"auth":{"_id":"a1","items":["swap"],"company":{"_id":"co1","name":"X"},
            "status":{"type":"verified"}}}}}"#;
        for json in [
            bare.to_owned(),
            format!("{{\"event\":{bare}}}"),
            format!("\u{FEFF}{bare}"),
        ] {
            let event = Event::from_json(json.clone()).unwrap();
            assert_eq!(event.id(), Some("e1"));
            assert_eq!(event.kind(), "auth.success");
            assert_eq!(event.created(), Some("2016-04-20T16:51:12Z"));
            assert_eq!(event.client_id(), Some("c1"));
            assert_eq!(event.company_id(), Some("co1"));
            assert_eq!(event.auth_id(), Some("a1"));
            assert_eq!(event.identifier(), Some("me"));
            assert_eq!(event.session_id(), Some("s1"));
            assert_eq!(event.as_json(), json.as_bytes());
        }
    }

    #[test]
    fn ids_come_from_where_each_type_has_them() {
        // The `code` sample has neither `clientId` nor `identifier` outside.
        let event = Event::from_json(
            r#"{"event":{"type":"auth.mfa-required","payload":{
            "resource":{"type":"client","id":"c1"},
            "data":{"token":"t1","method":"code","mfa":[{"mask":"x","type":"text",
            "identifier":"i1","label":"Text: x"}],"company":{"_id":"co1"}}}}}"#,
        )
        .unwrap();
        assert_eq!((event.id(), event.client_id()), (None, Some("c1")));
        assert_eq!((event.company_id(), event.auth_id()), (Some("co1"), None));
        assert_eq!(event.details().challenge.as_ref().unwrap().method(), "code");

        let event = Event::from_json(
            r#"{"_id":"e","type":"auth.hold","payload":{"resource":{"type":"auth","id":"a1"},
            "data":{"hold":{"code":"account_issue_account_locked","text":"Locked."},
            "company":"co1"}}}"#,
        )
        .unwrap();
        assert_eq!((event.auth_id(), event.client_id()), (Some("a1"), None));
        assert_eq!(event.company_id(), Some("co1"));
        let hold = event.details();
        let code = hold.hold_code.as_deref();
        assert_eq!(code, Some("account_issue_account_locked"));
        assert_eq!(hold.hold_text.as_deref(), Some("Locked."));

        let swap = Event::from_json(
            r#"{"_id":"e","type":"swap.success","payload":{"resource":{"type":"swap","id":"s"},
            "data":{"clientId":"c1","company":{"_id":"co1"},"paymentMethod":{}}}}"#,
        )
        .unwrap();
        assert_eq!((swap.client_id(), swap.auth_id()), (Some("c1"), None));
    }

    #[test]
    fn what_is_no_event_is_none_and_what_is_odd_is_left_out() {
        for json in ["", "{}", "[]", "7", "{\"event\":7}", "{\"type\":7}", "{"] {
            assert!(Event::from_json(json).is_none(), "{json}");
        }
        let long = "x".repeat(LONGEST_ID + 1);
        let json = format!("{{\"type\":\"t\",\"_id\":\"{long}\",\"clientId\":7,\"payload\":[]}}");
        let event = Event::from_json(json).unwrap();
        assert_eq!((event.id(), event.client_id()), (None, None));

        let reason = "é".repeat(LONGEST_TEXT + 1);
        let json = format!(
            "{{\"type\":\"auth.failed\",\"payload\":{{\"data\":{{\"reason\":\"{reason}\"}}}}}}"
        );
        let event = Event::from_json(json).unwrap();
        let reason = event.details().reason.as_ref().unwrap();
        assert_eq!(reason.chars().count(), LONGEST_TEXT);
    }

    #[test]
    fn debug_shows_no_payload() {
        let event = Event::from_json(
            r#"{"_id":"e","type":"auth.mfa-required","payload":{"data":{"token":"s3cr3t"}}}"#,
        )
        .unwrap();
        assert!(!format!("{event:?}").contains("s3cr3t"));
    }
}
