//! Error responses: RFC 6749 section 5.2, and what servers make of it.

use http::StatusCode;

use super::answer::NAMES;
use crate::{
    Error, ErrorKind,
    providers::common::{
        advice::{self, Secrets},
        dates,
        exchange::Reply,
        fields::Fields,
        json,
        retry_after::retry_after,
    },
};

/// The longest code that is repeated, and the longest word in it.
const LONGEST_CODE: usize = 64;
const LONGEST_WORD: usize = 20;

/// What the token endpoint is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    SignIn,
    Refresh,
    Revoke,
}

/// An answer that brings nothing.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) meaning: Meaning,
    pub(super) error: Error,
}

/// What is to be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The grant is no good: the refresh token is dead, or the client may not sign in as itself.
    Grant,
    /// The client is not known, or not by this secret.
    Client,
    /// The server said no to this client or user.
    Denied,
    /// A setting is wrong.
    Settings,
    /// Tokens of this type cannot be revoked.
    TokenType,
    /// Too many requests.
    Busy,
    /// The server is not up to it now.
    Down,
    /// There is no such endpoint.
    Missing,
    /// The server sends us elsewhere.
    Redirect,
    /// An error code that we do not know.
    Unknown,
    /// Something else.
    Odd,
}

// === impl Request ===

impl Request {
    /// Returns what an error's text calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::SignIn => "sign-in",
            Self::Refresh => "refresh",
            Self::Revoke => "revocation",
        }
    }
}

// === impl Refusal ===

impl Refusal {
    /// Reads `reply` to `request`, if it is a refusal. `local` is the local time.
    pub(super) fn of(
        request: Request,
        reply: &Reply,
        local: dates::Nanos,
        secrets: &Secrets,
    ) -> Option<Self> {
        let fields = Fields::first_of(json::without_mark(&reply.body), &NAMES).ok();
        let code = fields.as_ref().and_then(|fields| {
            let code = fields.text("error")?;
            let code = code.trim();
            (!code.is_empty()).then(|| code.to_owned())
        });
        if reply.status.is_success() {
            // The status of a revocation is all that counts, says RFC 7009; and elsewhere tokens
            // are tokens, whatever stands beside them.
            let has_token = || {
                fields
                    .as_ref()
                    .is_some_and(|fields| fields.get("access_token").is_some())
            };
            if request == Request::Revoke || code.is_none() || has_token() {
                return None;
            }
        }
        let meaning = meaning(reply.status, code.as_deref());
        let shown = code.as_deref().filter(|code| is_code(code, secrets));
        let mut message = format!("the {} failed ({}", request.name(), reply.status.as_u16());
        if let Some(code) = shown {
            message.push_str(", ");
            message.push_str(code);
        }
        message.push_str("): ");
        message.push_str(meaning.advice(request, reply.status));
        let description = match &fields {
            Some(fields) if code.is_some() => description(fields, secrets),
            _ => advice::from_body(&reply.body, secrets),
        };
        if let Some(said) = description {
            message.push_str("; the server says: ");
            message.push_str(&said);
        }
        let kind = meaning.kind();
        let mut error = Error::with_message(kind, message);
        if let Some(code) = shown {
            error = error.code(code);
        }
        if let Some(wait) = retry_after(&reply.headers, local, kind)
            .filter(|_| matches!(meaning, Meaning::Busy | Meaning::Down))
        {
            error = error.retry_after(wait);
        }
        Some(Self { meaning, error })
    }
}

// === impl Meaning ===

impl Meaning {
    fn kind(self) -> ErrorKind {
        match self {
            Self::Grant | Self::Client | Self::Denied => ErrorKind::Rejected,
            Self::Settings | Self::Missing | Self::TokenType => ErrorKind::Config,
            Self::Busy => ErrorKind::RateLimited,
            Self::Down => ErrorKind::Transport,
            Self::Unknown => ErrorKind::Provider,
            Self::Redirect | Self::Odd => ErrorKind::Protocol,
        }
    }

    fn advice(self, request: Request, status: StatusCode) -> &'static str {
        match (self, request) {
            (Self::Grant, Request::SignIn) => {
                "this client may not sign in as itself, allow it the client_credentials grant at \
                 the server"
            }
            (Self::Grant, _) => {
                "the refresh token is not good any more: it has expired, was revoked or was used \
                 before"
            }
            (Self::Client, _) => {
                "check client_id, client_secret and client_auth: the server does not know this \
                 client, or not by this secret, or not in this way"
            }
            (Self::Denied, _) => {
                "the server does not allow it: is the client permitted to have this scope, \
                 audience and resource, and has the user signed in and agreed to it?"
            }
            (Self::Settings, _) => {
                "check the settings: scope, resource, audience, parameters, and which grants the \
                 server allows this client"
            }
            (Self::TokenType, _) => "the server does not revoke tokens of this type",
            (Self::Busy, _) => "rate-limited",
            (Self::Down, _) => "the server could not answer, it is tried again",
            (Self::Missing, Request::Revoke) => {
                "there is no such endpoint, is the revocation URL right?"
            }
            (Self::Missing, _) => "there is no such endpoint, is the token URL right?",
            (Self::Redirect, _) => {
                "redirects are not followed, because secrets would go to wherever they lead: is \
                 the URL right?"
            }
            (Self::Unknown, _) => "the server's own documentation says what this means",
            (Self::Odd, _) if status == StatusCode::FORBIDDEN => {
                "access is forbidden; is this network address blocked?"
            }
            (Self::Odd, _) => "this is not an answer of a token endpoint, is the URL right?",
        }
    }
}

/// The status of a server that is in trouble says more than what it says beside it.
fn meaning(status: StatusCode, code: Option<&str>) -> Meaning {
    match (status.as_u16(), code) {
        (429, _) => Meaning::Busy,
        (408 | 425 | 500..=599, _) => Meaning::Down,
        (300..=399, _) => Meaning::Redirect,
        (_, Some(code)) => meaning_of(code).unwrap_or(Meaning::Unknown),
        (401, None) => Meaning::Client,
        (404 | 405 | 410, None) => Meaning::Missing,
        _ => Meaning::Odd,
    }
}

/// The codes of RFC 6749 and others.
fn meaning_of(code: &str) -> Option<Meaning> {
    Some(match code {
        // The last is GitHub's.
        "invalid_grant" | "invalid_token" | "bad_refresh_token" => Meaning::Grant,
        "invalid_client" | "incorrect_client_credentials" => Meaning::Client,
        // All but the first are OpenID Connect's.
        "access_denied" | "login_required" | "interaction_required" | "consent_required" => {
            Meaning::Denied
        }
        // The last is of RFC 8707.
        "invalid_request"
        | "unauthorized_client"
        | "unsupported_grant_type"
        | "invalid_scope"
        | "invalid_target" => Meaning::Settings,
        // RFC 7009.
        "unsupported_token_type" => Meaning::TokenType,
        // RFC 8628.
        "slow_down" => Meaning::Busy,
        "server_error" | "temporarily_unavailable" => Meaning::Down,
        _ => return None,
    })
}

/// Whether `code` looks like an error code, and repeats no secret.
fn is_code(code: &str, secrets: &Secrets) -> bool {
    let is_word = |word: &str| {
        (1..=LONGEST_WORD).contains(&word.len())
            && word.bytes().all(|byte| byte.is_ascii_lowercase())
    };
    let looks_like_one = || code.len() <= LONGEST_CODE && code.split(['_', '-', '.']).all(is_word);
    meaning_of(code).is_some() || looks_like_one() && !secrets.are_in(code)
}

/// Returns what the server says to people, if it can be repeated.
fn description(fields: &Fields<'_>, secrets: &Secrets) -> Option<String> {
    let raw = fields.get("error_description")?;
    let mut value = serde_json::from_str(raw.get()).ok()?;
    let said = advice::quoted([&value], secrets);
    advice::wipe(&mut value);
    said
}
