//! What the endpoints answer, read part by part: whatever is wrong with one part, the refresh token
//! beside it must not be lost.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use secrecy::SecretString;
use serde_json::value::RawValue;

use crate::{
    Error, ErrorKind, Token,
    providers::common::{
        advice,
        dates::{self, Nanos},
        fields::Fields,
        json,
        lineage::Refresh,
    },
    token::check_refresh_token,
};

/// The fields that mean something, of all objects in all answers.
const NAMES: [&str; 8] = [
    "2faRequired",
    "2faDetails",
    "accessToken",
    "refreshToken",
    "token",
    "provider",
    "createdAt",
    "expiresAt",
];

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
    pub(super) refresh: Refresh,
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

    /// Returns how long a token lives from now, if that is any time.
    fn lifetime(&self, created: Date, end: Nanos) -> Option<Duration> {
        let created = match created {
            Date::At(start) => Some(start),
            Date::Wrong | Date::Missing => None,
        };
        dates::lifetime(created, end, self.server, self.local, self.skew)
    }
}

// === impl SignedIn ===

impl SignedIn {
    /// Reads the answer of `signin`.
    pub(super) fn read(body: &[u8], timing: Timing) -> Result<Self, Error> {
        let what = "sign-in";
        let fields = read(body, what)?;
        let mut warnings = warnings(&fields);
        let has_tokens = ["accessToken", "refreshToken"]
            .into_iter()
            .any(|name| fields.get(name).is_some());
        let flag = fields
            .get("2faRequired")
            .map(|raw| serde_json::from_str::<bool>(raw.get()));
        let required = match flag {
            Some(Ok(required)) => required,
            Some(Err(_)) if has_tokens => {
                warnings.push(BAD_FLAG);
                false
            }
            Some(Err(_)) => return Err(protocol(what, BAD_FLAG)),
            // Without a flag, tokens are as good as they get.
            None => fields.get("2faDetails").is_some() && !has_tokens,
        };
        // Where both are there, the flag decides.
        if required {
            return TwoFactor::read(fields.get("2faDetails"), timing).map(Self::TwoFactor);
        }
        if !has_tokens {
            return Err(protocol(
                what,
                "it has no tokens and asks for no code either; is the base URL that of this API?",
            ));
        }
        Ok(Self::Tokens(Tokens::of(&fields, what, timing, warnings)))
    }
}

// === impl TwoFactor ===

impl TwoFactor {
    fn read(raw: Option<&RawValue>, timing: Timing) -> Result<Self, Error> {
        let wrong = |why| protocol("sign-in", why);
        let details = raw
            .and_then(fields_of)
            .ok_or_else(|| wrong("it asks for a code, but its `2faDetails` are missing"))?;
        let token = details
            .text("token")
            .filter(|token| !token.is_empty())
            .ok_or_else(|| wrong("it asks for a code, but its `2faDetails.token` is missing"))?;
        let time_left = match timing.date(details.get("expiresAt")) {
            // In the past on arrival, it is a placeholder.
            Date::At(end) => dates::between(timing.server.unwrap_or(timing.local), end),
            Date::Wrong if timing.strict => return Err(wrong(OUTSIDE_RFC_3339)),
            Date::Wrong | Date::Missing => None,
        };
        let method = details.text("provider").map(|method| plain(&method));
        Ok(Self {
            token: SecretString::from(token.as_str()),
            method: method
                .filter(|method| !method.is_empty())
                .unwrap_or_else(|| "email".into()),
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
        let fields = read(body, what)?;
        let warnings = warnings(&fields);
        Ok(Self::of(&fields, what, timing, warnings))
    }

    fn of(fields: &Fields<'_>, what: &str, timing: Timing, warnings: Vec<&str>) -> Self {
        let mut warnings = warnings;
        let refresh = refresh(fields.get("refreshToken"));
        if matches!(refresh, Refresh::Unreadable) {
            warnings.push(
                "its refresh token cannot be used, and the one before it is spent, so the next \
                 renewal uses the password",
            );
        }
        let access = access(fields.get("accessToken"), what, timing, &mut warnings);
        let warning = (!warnings.is_empty()).then(|| protocol(what, &warnings.join("; and ")));
        Self {
            access,
            refresh,
            warning,
        }
    }
}

fn access(
    raw: Option<&RawValue>,
    what: &str,
    timing: Timing,
    warnings: &mut Vec<&str>,
) -> Result<Token, Error> {
    let wrong = |why| protocol(what, why);
    let raw = raw.ok_or_else(|| wrong("it has no access token"))?;
    let issued =
        fields_of(raw).ok_or_else(|| wrong("its `accessToken` is not an object with a `token`"))?;
    let token = issued
        .text("token")
        .ok_or_else(|| wrong("its access token is no text"))?;
    let token = Token::new(token.as_str())
        .map_err(|error| wrong("its access token cannot be sent").caused_by(error))?;
    if issued.is_repeated {
        warnings.push(REPEATED);
    }

    let dates = (
        timing.date(issued.get("createdAt")),
        timing.date(issued.get("expiresAt")),
    );
    if timing.strict && matches!(dates, (Date::Wrong, _) | (_, Date::Wrong)) {
        return Err(wrong(OUTSIDE_RFC_3339));
    }
    let why = match dates {
        (created, Date::At(end)) => match timing.lifetime(created, end) {
            Some(lifetime) => return Ok(token.with_lifetime(lifetime)),
            None => USELESS_DATES,
        },
        (_, Date::Wrong) => USELESS_DATES,
        (_, Date::Missing) => {
            "its token does not say when it expires, so it is used until the server refuses it"
        }
    };
    warnings.push(why);
    Ok(token)
}

fn refresh(raw: Option<&RawValue>) -> Refresh {
    let Some(raw) = raw else {
        return Refresh::Kept;
    };
    let token = fields_of(raw).and_then(|issued| issued.text("token"));
    match token {
        // Nothing new, then.
        Some(token) if token.is_empty() => Refresh::Kept,
        Some(token) if check_refresh_token(&token).is_ok() => {
            Refresh::New(SecretString::from(token.as_str()))
        }
        Some(_) | None => Refresh::Unreadable,
    }
}

/// Reads the object that an answer begins with.
fn read<'a>(body: &'a [u8], what: &str) -> Result<Fields<'a>, Error> {
    let body = json::without_mark(body);
    Fields::first_of(body, &NAMES).map_err(|error| json::unreadable(body, what, &error))
}

fn fields_of(raw: &RawValue) -> Option<Fields<'_>> {
    Fields::of(raw, &NAMES)
}

fn warnings(fields: &Fields<'_>) -> Vec<&'static str> {
    let mut warnings = Vec::new();
    if fields.has_tail {
        warnings.push("something stands behind it, which is ignored");
    }
    if fields.is_repeated {
        warnings.push(REPEATED);
    }
    warnings
}

const REPEATED: &str = "one of its fields is given twice, and the last counts";

const BAD_FLAG: &str = "its `2faRequired` is neither true nor false";

const OUTSIDE_RFC_3339: &str =
    "one of its dates is not RFC 3339, and strict_dates is on: turn that off to read more forms";

const USELESS_DATES: &str = "its token's dates give no time to live (placeholders, or a clock that is wrong), so the token \
     is used until the server refuses it";

fn protocol(what: &str, why: &str) -> Error {
    Error::with_message(
        ErrorKind::Protocol,
        format!("the answer to the {what} is not in order: {why}"),
    )
}

/// The server's name for a way of delivery, made fit for a prompt.
fn plain(method: &str) -> String {
    let printable = method.chars().filter(|c| !advice::is_hidden(*c));
    let name: String = printable.take(64).collect();
    name.trim().into()
}
