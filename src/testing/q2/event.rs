//! The events that are delivered by webhook.

use std::{fmt, time::SystemTime};

use serde::Serialize;
use serde_json::{Map, Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::ids;

/// An event, as it is delivered to a webhook.
///
/// The simulator makes those of its own; one made by hand goes out with
/// [`Simulator::deliver`](super::Simulator::deliver).
///
/// # Example
///
/// ```
/// use serde_json::json;
/// use tower_reauth::testing::q2::Event;
///
/// let event = Event::new("auth.success")
///     .client("579b695decfa11012711875d")
///     .resource("client", "579b695decfa11012711875d")
///     .data(json!({ "auth": { "_id": "579b695decea110719b1874d" } }));
/// assert_eq!(event.kind(), "auth.success");
/// ```
#[derive(Clone)]
pub struct Event {
    id: String,
    kind: String,
    created: Option<SystemTime>,
    /// `clientId`, `partnerId` and `identifier` come together or not at all.
    client: Option<String>,
    session: Option<String>,
    resource: (String, String),
    data: Value,
}

/// What stands around an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Envelope {
    /// `{"event": {..}}`, as in every sample of an event: the default.
    #[default]
    Wrapped,
    /// The event alone, as on the page about the event object.
    Bare,
}

/// The id of the partner that all events are for.
const PARTNER: &str = "56e1dbb5443b10a3bd403fcf";

// === impl Event ===

impl Event {
    /// Creates an event of this type, with an `_id` of its own and an empty payload.
    #[must_use]
    pub fn new(kind: impl Into<String>) -> Self {
        Self {
            id: ids::object_id(),
            kind: kind.into(),
            created: None,
            client: None,
            session: None,
            resource: ("client".to_owned(), String::new()),
            data: Map::new().into(),
        }
    }

    /// Sets the `_id`, by which duplicates are known. A new one by default.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.id = id.into();
        self
    }

    /// Sets `created`. When it is delivered by default.
    #[must_use]
    pub fn created(mut self, at: SystemTime) -> Self {
        self.created = Some(at);
        self
    }

    /// Sets `clientId`, and with it `partnerId` and `identifier`. All three are absent by default.
    #[must_use]
    pub fn client(mut self, id: impl Into<String>) -> Self {
        self.client = Some(id.into());
        self
    }

    /// Sets `sessionId`. Absent by default.
    #[must_use]
    pub fn session(mut self, id: impl Into<String>) -> Self {
        self.session = Some(id.into());
        self
    }

    /// Sets `payload.resource`.
    #[must_use]
    pub fn resource(mut self, kind: impl Into<String>, id: impl Into<String>) -> Self {
        self.resource = (kind.into(), id.into());
        self
    }

    /// Sets `payload.data`. Empty by default.
    ///
    /// # Panics
    ///
    /// Panics if `data` cannot be written as JSON.
    #[must_use]
    pub fn data(mut self, data: impl Serialize) -> Self {
        self.data = serde_json::to_value(data).expect("the caller has JSON to send");
        self
    }

    /// Makes this event one for the same client as `other`.
    pub(super) fn like(mut self, other: &Self) -> Self {
        self.client.clone_from(&other.client);
        self.resource.clone_from(&other.resource);
        self
    }

    /// Returns the `_id`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the type, such as `auth.success`.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Returns the `token` of an event that asks for MFA.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        self.data.get("token")?.as_str()
    }

    /// Returns whose auth is over, by client and company, if this tells of it.
    pub(super) fn outcome_of(&self) -> Option<(&str, &str)> {
        const OUTCOMES: [&str; 5] = [
            "auth.success",
            "auth.failed",
            "auth.hold",
            "auth.invalid",
            "auth.deleted",
        ];
        if !OUTCOMES.contains(&self.kind.as_str()) {
            return None;
        }
        let company = ["/company/_id", "/auth/company/_id"];
        let company = company
            .iter()
            .find_map(|at| self.data.pointer(at)?.as_str());
        Some((self.client.as_deref()?, company?))
    }

    pub(super) fn write(&self, envelope: Envelope, now: SystemTime) -> String {
        let created = OffsetDateTime::from(self.created.unwrap_or(now));
        let created = created.replace_nanosecond(0).unwrap_or(created);
        let (kind, id) = &self.resource;
        let mut event = json!({
            "_id": self.id,
            "type": self.kind,
            "created": created.format(&Rfc3339).unwrap_or_default(),
            "payload": { "resource": { "type": kind, "id": id }, "data": self.data },
        });
        if let Some(client) = &self.client {
            event["clientId"] = client.as_str().into();
            event["partnerId"] = PARTNER.into();
            event["identifier"] = format!("user-{client}").into();
        }
        if let Some(session) = &self.session {
            event["sessionId"] = session.as_str().into();
        }
        match envelope {
            Envelope::Wrapped => json!({ "event": event }).to_string(),
            Envelope::Bare => event.to_string(),
        }
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The payload may hold the token of a step.
        f.debug_struct("Event")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("client", &self.client)
            .field("resource", &self.resource)
            .finish_non_exhaustive()
    }
}
