//! What the endpoints answer when all is well.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::service::X_API_KEY;
use crate::{
    Error, ErrorKind, InvalidToken, Placement, Token,
    providers::common::{
        dates::{self, Nanos},
        fields::Fields,
        json,
    },
};

/// The fields that mean something, of all objects in all answers.
const NAMES: [&str; 6] = [
    "accessToken",
    "expires_at",
    "id",
    "issued_at",
    "session",
    "session_token",
];

/// How dates are read, and against which clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    /// The server's `Date`, if it sent one.
    server: Option<Nanos>,
    local: Nanos,
    skew: Duration,
    /// How long a token lives of which the server does not say it.
    fallback: Duration,
}

/// A token, with what is to be said about it.
#[derive(Debug)]
pub(super) struct LoggedIn {
    pub(super) token: Token,
    pub(super) warning: Option<Error>,
}

// === impl Timing ===

impl Timing {
    pub(super) fn new(
        headers: &HeaderMap,
        wall: SystemTime,
        skew: Duration,
        fallback: Duration,
    ) -> Self {
        Self {
            server: dates::sent_at(headers),
            local: dates::wall(wall),
            skew,
            fallback,
        }
    }

    /// Returns how long a session lives from now, if it says so, and whether what it says is any
    /// good.
    fn lifetime(&self, session: Option<&RawValue>) -> (Option<Duration>, bool) {
        let Some(session) = session else {
            return (None, true);
        };
        let Some(session) = Fields::of(session, &NAMES) else {
            return (None, false);
        };
        let Some(expires_at) = session.get("expires_at") else {
            return (None, true);
        };
        let date = |raw: &RawValue| dates::parse(&json::text(raw)?, false);
        let issued_at = session.get("issued_at").and_then(date);
        let lifetime = date(expires_at)
            .and_then(|end| dates::lifetime(issued_at, end, self.server, self.local, self.skew));
        (lifetime, lifetime.is_some())
    }
}

/// Reads the answer of version 1.
pub(super) fn logged_in_v1(body: &[u8], name: &str, ttl: Duration) -> Result<LoggedIn, Error> {
    let fields = read(body, name)?;
    let token = required(&fields, "accessToken", name)?;
    let token = Token::placed(token.as_str(), Placement::header(X_API_KEY))
        .map_err(|error| unsendable("accessToken", name, error))?;
    Ok(LoggedIn {
        token: token.with_lifetime(ttl),
        warning: oddity(&fields).map(|why| protocol(name, why)),
    })
}

/// Reads the id of a flow that was begun.
///
/// It goes into a query, so it is made of what needs no escape there; the vendor's is a UUID.
pub(super) fn flow(body: &[u8], name: &str) -> Result<String, Error> {
    let fields = read(body, name)?;
    let id = required(&fields, "id", name)?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
    if id.is_empty() || id.len() > 128 || !id.chars().all(is_plain) {
        return Err(protocol(name, "its `id` is not the id of a flow"));
    }
    Ok(id.as_str().into())
}

/// Reads the answer of version 2.
pub(super) fn logged_in_v2(body: &[u8], name: &str, timing: Timing) -> Result<LoggedIn, Error> {
    let fields = read(body, name)?;
    let token = required(&fields, "session_token", name)?;
    let token =
        Token::new(token.as_str()).map_err(|error| unsendable("session_token", name, error))?;
    let (lifetime, is_good) = timing.lifetime(fields.get("session"));
    let useless = "its session's dates give no time to live (a clock that is wrong?), so the token \
                   is used for fallback_ttl";
    let why = oddity(&fields).or_else(|| (!is_good).then_some(useless));
    Ok(LoggedIn {
        token: token.with_lifetime(lifetime.unwrap_or(timing.fallback)),
        warning: why.map(|why| protocol(name, why)),
    })
}

/// Reads the object that an answer begins with.
fn read<'a>(body: &'a [u8], name: &str) -> Result<Fields<'a>, Error> {
    let body = json::without_mark(body);
    Fields::first_of(body, &NAMES).map_err(|error| json::unreadable(body, name, &error))
}

/// Says what is odd about an answer that can be used all the same.
fn oddity(fields: &Fields<'_>) -> Option<&'static str> {
    if fields.has_tail {
        return Some("something stands behind it, which is ignored");
    }
    let is_repeated = fields.is_repeated;
    is_repeated.then_some("one of its fields is given twice, and the last counts")
}

fn required(fields: &Fields<'_>, field: &str, name: &str) -> Result<Zeroizing<String>, Error> {
    if fields.get(field).is_none() {
        let why = format!("it has no `{field}`; is the address right?");
        return Err(protocol(name, &why));
    }
    fields
        .text(field)
        .ok_or_else(|| protocol(name, &format!("its `{field}` is no text")))
}

fn unsendable(field: &str, name: &str, error: InvalidToken) -> Error {
    protocol(name, &format!("its `{field}` cannot be sent")).caused_by(error)
}

fn protocol(name: &str, why: &str) -> Error {
    Error::with_message(
        ErrorKind::Protocol,
        format!("the answer to the {name} is not in order: {why}"),
    )
}
