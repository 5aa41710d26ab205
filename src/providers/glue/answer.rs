//! What the token endpoints answer, read part by part: whatever is wrong with one part, the refresh
//! token beside it must not be lost.

use std::time::Duration;

use secrecy::SecretString;
use serde_json::value::RawValue;

use crate::{
    Error, ErrorKind, Token,
    providers::common::{fields::Fields, json, lineage::Refresh},
    token::check_refresh_token,
};

const NAMES: [&str; 8] = [
    "data",
    "attributes",
    "accessToken",
    "access_token",
    "refreshToken",
    "refresh_token",
    "expiresIn",
    "expires_in",
];

/// The tokens of an answer, as far as they are good.
#[derive(Debug)]
pub(super) struct Tokens {
    pub(super) access: Result<Token, Error>,
    pub(super) refresh: Refresh,
    pub(super) warning: Option<Error>,
}

impl Tokens {
    /// Reads an answer; `what` names it in errors.
    ///
    /// The attributes stand in `data.attributes`, or on their own, or in a list of one; in camel
    /// case or in snake case.
    pub(super) fn read(body: &[u8], what: &str) -> Result<Self, Error> {
        let body = json::without_mark(body);
        let unreadable = |error| json::unreadable(body, what, &error);
        let list: Vec<&RawValue>;
        let mut fields = if body.trim_ascii_start().starts_with(b"[") {
            list = serde_json::from_slice(body).map_err(unreadable)?;
            let [only] = list[..] else {
                return Err(protocol(what, "it is not a list of one"));
            };
            of(only).ok_or_else(|| protocol(what, "it is a list, but not of an object"))?
        } else {
            Fields::first_of(body, &NAMES).map_err(unreadable)?
        };
        let mut warnings = Vec::new();
        if fields.has_tail {
            warnings.push("something stands behind it, which is ignored");
        }
        for name in ["data", "attributes"] {
            if let Some(inner) = fields.get(name) {
                fields = of(inner)
                    .ok_or_else(|| protocol(what, &format!("its `{name}` is not an object")))?;
            }
        }
        if fields.is_repeated {
            warnings.push("one of its fields is given twice, and the last counts");
        }
        Ok(Self::of(&fields, what, warnings))
    }

    fn of(fields: &Fields<'_>, what: &str, mut warnings: Vec<&str>) -> Self {
        let refresh = match either(fields, "refreshToken", "refresh_token") {
            None => Refresh::Kept,
            Some(raw) => match json::text(raw) {
                // Nothing new, then.
                Some(token) if token.is_empty() => Refresh::Kept,
                Some(token) if check_refresh_token(&token).is_ok() => {
                    Refresh::New(SecretString::from(token.as_str()))
                }
                _ => {
                    warnings.push(
                        "its refresh token cannot be used, and the one before it is spent, so the \
                         next renewal uses the password",
                    );
                    Refresh::Unreadable
                }
            },
        };
        let access = access(fields, what).map(|token| match lifetime(fields) {
            Some(lifetime) if lifetime >= Duration::from_secs(1) => token.with_lifetime(lifetime),
            _ => {
                warnings.push(
                    "it does not say when its token expires, so it is used until the server \
                     refuses it",
                );
                token
            }
        });
        let warning = (!warnings.is_empty()).then(|| protocol(what, &warnings.join("; and ")));
        Self {
            access,
            refresh,
            warning,
        }
    }
}

fn access(fields: &Fields<'_>, what: &str) -> Result<Token, Error> {
    let wrong = |why| protocol(what, why);
    let raw = either(fields, "accessToken", "access_token")
        .ok_or_else(|| wrong("it has no access token; is the base URL that of this API?"))?;
    let token = json::text(raw).ok_or_else(|| wrong("its access token is no text"))?;
    Token::new(token.as_str())
        .map_err(|error| wrong("its access token cannot be sent").caused_by(error))
}

/// How long the token lives: seconds, as a number or as a text.
fn lifetime(fields: &Fields<'_>) -> Option<Duration> {
    let raw = either(fields, "expiresIn", "expires_in")?;
    let text = json::text(raw);
    let text = text.as_ref().map_or(raw.get(), |text| text.trim());
    let seconds = match text.parse::<u64>() {
        Ok(seconds) => seconds,
        // Saturates; what is no number is 0.
        Err(_) => text.parse::<f64>().ok()? as u64,
    };
    Some(Duration::from_secs(seconds))
}

fn either<'a>(fields: &Fields<'a>, camel: &str, snake: &str) -> Option<&'a RawValue> {
    fields.get(camel).or_else(|| fields.get(snake))
}

fn of(raw: &RawValue) -> Option<Fields<'_>> {
    Fields::of(raw, &NAMES)
}

fn protocol(what: &str, why: &str) -> Error {
    let message = format!("the answer to the {what} is not in order: {why}");
    Error::with_message(ErrorKind::Protocol, message)
}
