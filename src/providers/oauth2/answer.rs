//! What the token endpoint answers, read part by part: whatever is wrong with one part, the refresh
//! token beside it must not be lost. RFC 6749 section 5.1.

use std::time::Duration;

use secrecy::SecretString;
use serde_json::value::RawValue;

use super::builder::Settings;
use crate::{
    Error, ErrorKind, Token,
    providers::common::{advice::Secrets, fields::Fields, json, lineage::Refresh},
    token::check_refresh_token,
};

/// The fields that mean something.
pub(super) const NAMES: [&str; 7] = [
    "access_token",
    "token_type",
    "expires_in",
    "refresh_token",
    "scope",
    "error",
    "error_description",
];

/// A token that claims to live longer has no end, as far as anybody here will see.
const LONGEST_LIFETIME: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// The tokens of an answer, as far as they are good.
#[derive(Debug)]
pub(super) struct Tokens {
    pub(super) access: Result<Token, Error>,
    pub(super) refresh: Refresh,
    pub(super) warning: Option<Error>,
}

/// How long a token lives, as the server says it.
enum Lifetime {
    Unsaid,
    Endless,
    For(Duration),
    /// None at all, or something that is no time.
    Useless,
}

// === impl Tokens ===

impl Tokens {
    /// Reads the answer to what `name` calls, which asked for `scope`.
    pub(super) fn read(
        body: &[u8],
        name: &str,
        scope: Option<&str>,
        settings: &Settings,
        secrets: &Secrets,
    ) -> Result<Self, Error> {
        let body = json::without_mark(body);
        let fields =
            Fields::first_of(body, &NAMES).map_err(|error| json::unreadable(body, name, &error))?;
        let mut warnings = Vec::new();
        if fields.has_tail {
            warnings.push("something stands behind it, which is ignored".into());
        }
        if fields.is_repeated {
            warnings.push("one of its fields is given twice, and the last counts".into());
        }
        let refresh = refresh(fields.get("refresh_token"));
        if matches!(refresh, Refresh::Unreadable) {
            warnings.push(
                "its refresh token cannot be used, and the one before it is spent, so the next \
                 renewal has to sign in"
                    .into(),
            );
        }
        let access = access(&fields, name, settings, secrets, &mut warnings);
        warnings.extend(missing_scope(&fields, scope));
        let warning = (!warnings.is_empty()).then(|| protocol(name, &warnings.join("; and ")));
        Ok(Self {
            access,
            refresh,
            warning,
        })
    }
}

fn access(
    fields: &Fields<'_>,
    name: &str,
    settings: &Settings,
    secrets: &Secrets,
    warnings: &mut Vec<String>,
) -> Result<Token, Error> {
    let wrong = |why: &str| protocol(name, why);
    if fields.get("access_token").is_none() {
        return Err(wrong(
            "it has no access_token; is the URL that of the token endpoint?",
        ));
    }
    let token = fields
        .text("access_token")
        .ok_or_else(|| wrong("its access_token is no text"))?;
    let token = Token::new(token.as_str())
        .map_err(|error| wrong("its access_token cannot be sent").caused_by(error))?;
    match fields.get("token_type") {
        // It is required, and servers that forget it mean the type that all use.
        None => warnings.push("it has no token_type, which is taken for Bearer".into()),
        Some(_) => {
            let kind = fields.text("token_type").unwrap_or_default();
            let is_known = |known: &String| known.eq_ignore_ascii_case(kind.trim());
            if !settings.token_types.iter().any(is_known) {
                return Err(wrong(&format!(
                    "its token_type{} is none that can be sent, only Bearer can; if it is another \
                     name for that, call token_type(name)",
                    shown(&kind, secrets)
                )));
            }
        }
    }
    let lifetime = match lifetime(fields.get("expires_in")) {
        Lifetime::For(lifetime) => Some(lifetime),
        Lifetime::Unsaid => settings.default_lifetime,
        Lifetime::Endless => None,
        Lifetime::Useless => {
            warnings.push(
                "its expires_in is no time to live, so the token is used until the server \
                 refuses it"
                    .into(),
            );
            None
        }
    };
    Ok(match lifetime {
        Some(lifetime) => token.with_lifetime(lifetime),
        None => token,
    })
}

fn refresh(raw: Option<&RawValue>) -> Refresh {
    let Some(raw) = raw else {
        return Refresh::Kept;
    };
    match json::text(raw) {
        Some(token) if token.is_empty() => Refresh::Kept,
        Some(token) if check_refresh_token(&token).is_ok() => {
            Refresh::New(SecretString::from(token.as_str()))
        }
        Some(_) | None => Refresh::Unreadable,
    }
}

/// Reads `expires_in`: seconds, as a number or as a text.
fn lifetime(raw: Option<&RawValue>) -> Lifetime {
    let Some(raw) = raw else {
        return Lifetime::Unsaid;
    };
    let text = json::text(raw);
    let text = text.as_ref().map_or(raw.get(), |text| text.trim());
    // Words such as `inf` would be read as well.
    let is_number = text.ends_with(|c: char| c.is_ascii_digit() || c == '.');
    let seconds: Option<f64> = text.parse().ok().filter(|_| is_number);
    match seconds {
        Some(seconds) if seconds > LONGEST_LIFETIME.as_secs_f64() => Lifetime::Endless,
        Some(seconds) if seconds > 0.0 => Lifetime::For(Duration::from_secs_f64(seconds)),
        Some(_) | None => Lifetime::Useless,
    }
}

/// Says which names of the scope that was asked for were not granted, if the server says so.
fn missing_scope(fields: &Fields<'_>, asked: Option<&str>) -> Option<String> {
    let granted = fields.text("scope").filter(|granted| !granted.is_empty())?;
    // GitHub writes commas.
    let has = |name: &str| granted.split([' ', ',']).any(|granted| granted == name);
    let missing: Vec<_> = asked?.split(' ').filter(|name| !has(name)).collect();
    (!missing.is_empty()).then(|| {
        format!(
            "of the scope that was asked for, the server did not grant: {}",
            missing.join(" ")
        )
    })
}

/// A token type for an error's text, if it is a plain name.
fn shown(kind: &str, secrets: &Secrets) -> String {
    let is_plain = kind.len() <= 32 && kind.chars().all(|c| c.is_ascii_alphabetic() || c == '_');
    if is_plain && !kind.is_empty() && !secrets.are_in(kind) {
        format!(" `{kind}`")
    } else {
        String::new()
    }
}

fn protocol(name: &str, why: &str) -> Error {
    Error::with_message(
        ErrorKind::Protocol,
        format!("the answer to the {name} is not in order: {why}"),
    )
}
