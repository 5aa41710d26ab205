//! What the endpoints answer, read part by part: whatever is wrong with one part, the refresh token
//! beside it must not be lost.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::dates::{self, Nanos};
use crate::{Error, ErrorKind, Token};

/// How dates are read, and against which clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    pub(super) strict: bool,
    /// The server's `Date`, if it sent one.
    pub(super) server: Option<Nanos>,
    pub(super) local: Nanos,
    pub(super) skew: Duration,
}

/// The tokens of an answer, as far as they are good.
#[derive(Debug)]
pub(super) struct Tokens {
    pub(super) access: Result<Token, Error>,
    pub(super) refresh: Option<SecretString>,
    pub(super) warning: Option<Error>,
}

/// What signing in came to.
#[derive(Debug)]
pub(super) enum SignedIn {
    Tokens(Tokens),
    TwoFactor(TwoFactor),
}

/// The second step that the server asks for.
pub(super) struct TwoFactor {
    pub(super) token: SecretString,
    /// How the code is delivered: `email`.
    pub(super) method: String,
    /// How long the token lives, if the server said something credible.
    pub(super) time_left: Option<Duration>,
}

/// All the endpoints' answers in one. The parts stay as they were sent, borrowed from the body,
/// which is wiped. Unknown fields are ignored, a field given twice is an error.
#[derive(Deserialize)]
struct Parts<'a> {
    #[serde(borrow, rename = "2faRequired")]
    two_factor_required: Option<&'a RawValue>,
    #[serde(borrow, rename = "2faDetails")]
    two_factor: Option<&'a RawValue>,
    #[serde(borrow, rename = "accessToken")]
    access: Option<&'a RawValue>,
    #[serde(borrow, rename = "refreshToken")]
    refresh: Option<&'a RawValue>,
}

/// A token, or what stands for one while a second factor is missing.
#[derive(Default, Deserialize)]
struct Issued<'a> {
    #[serde(borrow)]
    token: Option<&'a RawValue>,
    #[serde(borrow)]
    provider: Option<&'a RawValue>,
    #[serde(borrow, rename = "createdAt")]
    created_at: Option<&'a RawValue>,
    #[serde(borrow, rename = "expiresAt")]
    expires_at: Option<&'a RawValue>,
}

/// A date as it was sent.
enum Date {
    Missing,
    Wrong,
    At(Nanos),
}

// === impl Timing ===

impl Timing {
    pub(super) fn new(headers: &HeaderMap, wall: SystemTime, skew: Duration, strict: bool) -> Self {
        Self {
            strict,
            server: dates::sent_at(headers),
            local: dates::wall(wall),
            skew,
        }
    }

    fn date(&self, raw: Option<&RawValue>) -> Date {
        let Some(raw) = raw else { return Date::Missing };
        let text = serde_json::from_str::<String>(raw.get()).ok();
        match text.and_then(|text| dates::parse(&text, self.strict)) {
            Some(date) => Date::At(date),
            None => Date::Wrong,
        }
    }
}

// === impl SignedIn ===

impl SignedIn {
    /// Reads the answer of `signin`.
    pub(super) fn read(body: &[u8], timing: Timing) -> Result<Self, Error> {
        let parts = Parts::read(body)?;
        let required =
            match parts.two_factor_required {
                Some(raw) => Some(serde_json::from_str::<bool>(raw.get()).map_err(|_| {
                    protocol("sign-in", "its `2faRequired` is neither true nor false")
                })?),
                None => None,
            };
        // Where both are there, the flag decides; without a flag, tokens are as good as they get.
        let has_tokens = parts.access.is_some() || parts.refresh.is_some();
        if required.unwrap_or(parts.two_factor.is_some() && !has_tokens) {
            return TwoFactor::read(parts.two_factor, timing).map(Self::TwoFactor);
        }
        if !has_tokens {
            return Err(protocol(
                "sign-in",
                "it has no tokens and asks for no code either; is the base URL that of this API?",
            ));
        }
        Ok(Self::Tokens(Tokens::of(&parts, "sign-in", timing)))
    }
}

// === impl TwoFactor ===

impl TwoFactor {
    fn read(raw: Option<&RawValue>, timing: Timing) -> Result<Self, Error> {
        let wrong = |why| protocol("sign-in", why);
        let details = raw
            .and_then(Issued::read)
            .ok_or_else(|| wrong("it asks for a code, but its `2faDetails` are missing"))?;
        let token = text(details.token)
            .filter(|token| !token.is_empty())
            .ok_or_else(|| wrong("it asks for a code, but its `2faDetails.token` is missing"))?;
        let time_left = match timing.date(details.expires_at) {
            // In the past on arrival, it is a placeholder.
            Date::At(end) => dates::between(timing.server.unwrap_or(timing.local), end),
            Date::Wrong if timing.strict => return Err(wrong(OUTSIDE_RFC_3339)),
            Date::Wrong | Date::Missing => None,
        };
        let method = text(details.provider).map(|method| plain(&method));
        Ok(Self {
            token: SecretString::from(token.as_str()),
            method: method.unwrap_or_else(|| "email".into()),
            time_left,
        })
    }
}

impl std::fmt::Debug for TwoFactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TwoFactor")
            .field("method", &self.method)
            .field("time_left", &self.time_left)
            .finish_non_exhaustive()
    }
}

// === impl Tokens ===

impl Tokens {
    /// Reads the answer of `2fa/confirm` or `refresh`; `what` names it in errors.
    pub(super) fn read(body: &[u8], what: &str, timing: Timing) -> Result<Self, Error> {
        Ok(Self::of(&Parts::read(body)?, what, timing))
    }

    fn of(parts: &Parts<'_>, what: &str, timing: Timing) -> Self {
        let (refresh, warning) = Self::refresh(parts.refresh, what);
        let (access, lifetime) = match Self::access(parts.access, what, timing) {
            Ok((token, warning)) => (Ok(token), warning),
            Err(error) => (Err(error), None),
        };
        Self {
            access,
            refresh,
            warning: warning.or(lifetime),
        }
    }

    fn access(
        raw: Option<&RawValue>,
        what: &str,
        timing: Timing,
    ) -> Result<(Token, Option<Error>), Error> {
        let wrong = |why| protocol(what, why);
        let raw = raw.ok_or_else(|| wrong("it has no access token"))?;
        let issued = Issued::read(raw)
            .ok_or_else(|| wrong("its `accessToken` is not an object with a `token`"))?;
        let token = text(issued.token).ok_or_else(|| wrong("its access token is no text"))?;
        let token = Token::new(token.as_str())
            .map_err(|error| wrong("its access token cannot be sent").caused_by(error))?;

        let dates = (
            timing.date(issued.created_at),
            timing.date(issued.expires_at),
        );
        if timing.strict && matches!(dates, (Date::Wrong, _) | (_, Date::Wrong)) {
            return Err(wrong(OUTSIDE_RFC_3339));
        }
        let lifetime = match dates {
            (Date::At(start), Date::At(end)) if start < end => dates::between(start, end),
            (_, Date::At(end)) => match timing.server {
                Some(server) => dates::between(server, end),
                None => {
                    dates::between(timing.local, end).and_then(|left| left.checked_sub(timing.skew))
                }
            },
            (_, Date::Missing) => return Ok((token, None)),
            (_, Date::Wrong) => None,
        };
        Ok(match lifetime.filter(|lifetime| !lifetime.is_zero()) {
            Some(lifetime) => (token.with_lifetime(lifetime), None),
            None => (token, Some(useless_dates(what))),
        })
    }

    /// An empty refresh token is none. One that cannot be used is none either, with a warning.
    fn refresh(raw: Option<&RawValue>, what: &str) -> (Option<SecretString>, Option<Error>) {
        let Some(raw) = raw else { return (None, None) };
        match Issued::read(raw).and_then(|issued| text(issued.token)) {
            Some(token) if token.is_empty() => (None, None),
            Some(token) if token.bytes().all(|byte| (0x20..=0x7E).contains(&byte)) => {
                (Some(SecretString::from(token.as_str())), None)
            }
            _ => {
                let why = "its refresh token cannot be used: the one before it is kept, if any";
                (None, Some(protocol(what, why)))
            }
        }
    }
}

// === impl Parts ===

impl<'a> Parts<'a> {
    fn read(body: &'a [u8]) -> Result<Self, Error> {
        let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
        if body.trim_ascii_start().starts_with(b"[") {
            // Derived structs are read from arrays as well.
            let message = "the answer could not be understood: it is a list and not an object";
            return Err(Error::with_message(ErrorKind::Protocol, message));
        }
        serde_json::from_slice(body).map_err(|error| {
            // serde_json's own text can quote the body.
            let (line, column) = (error.line(), error.column());
            let why = match body.trim_ascii_start() {
                [] => "it is empty".into(),
                [b'<', ..] => "it is a web page; is the base URL that of the API?".into(),
                _ if error.is_data() => {
                    format!("it is not what was asked for, from line {line} column {column} on")
                }
                _ if error.is_eof() => format!("it breaks off at line {line} column {column}"),
                _ => format!("it is not JSON, from line {line} column {column} on"),
            };
            Error::with_message(
                ErrorKind::Protocol,
                format!("the answer could not be understood: {why}"),
            )
        })
    }
}

// === impl Issued ===

impl<'a> Issued<'a> {
    fn read(raw: &'a RawValue) -> Option<Self> {
        // As in `Parts`.
        raw.get().starts_with('{').then_some(())?;
        serde_json::from_str(raw.get()).ok()
    }
}

const OUTSIDE_RFC_3339: &str =
    "one of its dates is not RFC 3339, and strict_dates is on: turn that off to read more forms";

fn useless_dates(what: &str) -> Error {
    let why = "its token's dates give no time to live (placeholders, or a clock that is wrong), so \
               the token is used until the server refuses it";
    protocol(what, why)
}

fn protocol(what: &str, why: &str) -> Error {
    Error::with_message(
        ErrorKind::Protocol,
        format!("the answer to the {what} is not in order: {why}"),
    )
}

fn text(raw: Option<&RawValue>) -> Option<Zeroizing<String>> {
    let text: String = serde_json::from_str(raw?.get()).ok()?;
    Some(Zeroizing::new(text))
}

/// The server's name for a way of delivery, made fit for a prompt.
fn plain(method: &str) -> String {
    let printable = method.chars().filter(|c| !super::advice::is_hidden(*c));
    printable.take(64).collect()
}
