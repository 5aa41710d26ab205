//! What the builder fixes for the life of a simulator, and the words for it.

use std::{collections::HashMap, time::Duration};

use crate::testing::RetryAfter;

/// How a client authenticates itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClientAuth {
    /// By `Authorization: Basic`, with the id and the secret form-urlencoded inside (RFC 6749,
    /// section 2.3.1).
    Basic,
    /// By `client_id` and `client_secret` in the form.
    Form,
    /// Not at all: a public client says its `client_id`.
    Public,
}

/// How `expires_in` is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExpiresIn {
    /// As a number of seconds: the default.
    #[default]
    Number,
    /// As the same number in a string.
    Text,
    /// Not at all.
    Missing,
    /// As this JSON, whatever the lifetime is: `0`, `-1`, `1e300`, `null`, `"soon"`. What is not
    /// JSON is written as a string.
    Json(String),
}

/// What an answer says about the refresh token.
///
/// The first answer of a grant has none to speak of before it: there, [`Same`](Self::Same) is a new
/// one as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefreshTokens {
    /// There is a new one, and the one that was presented is spent: the default.
    #[default]
    Rotated,
    /// The one that was presented, which lives on.
    Same,
    /// Nothing: the one that was presented lives on (RFC 6749, section 6).
    Omitted,
    /// It is the empty text. The one that was presented lives on.
    Empty,
}

/// In what company the challenge `Bearer` comes (RFC 9110, section 11.6.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Challenges {
    /// Alone: the default.
    #[default]
    Bearer,
    /// After `Basic`, in the same header.
    BasicFirst,
    /// Before `Basic`, in the same header.
    BasicLast,
    /// After a `Basic` in a header of its own.
    TwoHeaders,
    /// After a scheme whose parameters have commas, escaped quotes and the word `Bearer` in them.
    Tricky,
    /// There is no `WWW-Authenticate` at all.
    None,
}

#[derive(Clone)]
pub(super) struct Settings {
    /// The methods that are taken.
    pub(super) client_auth: Vec<ClientAuth>,
    /// Passwords of resource owners, by name.
    pub(super) users: HashMap<String, String>,
    /// Every scope there is. The first is what a request without a scope gets.
    pub(super) scopes: Vec<String>,
    /// The resources there are, and the paths of their APIs.
    pub(super) resources: Vec<(String, String)>,
    /// Paths that need a scope.
    pub(super) needs: Vec<(String, String)>,
    pub(super) refresh_lifetime: Duration,
    pub(super) refresh_tokens: RefreshTokens,
    /// Whether the grant `client_credentials` comes with a refresh token.
    pub(super) client_refresh: bool,
    /// How long a spent refresh token may be presented again.
    pub(super) reuse_grace: Duration,
    pub(super) expires_in: ExpiresIn,
    pub(super) errors_in_200: bool,
    /// Whether answers are forms unless the client asks for JSON.
    pub(super) forms: bool,
    pub(super) challenges: Challenges,
    pub(super) retry_after: RetryAfter,
    pub(super) echo_secrets: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            client_auth: vec![ClientAuth::Basic, ClientAuth::Form],
            users: HashMap::new(),
            scopes: vec!["read".to_owned(), "write".to_owned()],
            resources: Vec::new(),
            needs: Vec::new(),
            refresh_lifetime: Duration::from_secs(30 * 24 * 3600),
            refresh_tokens: RefreshTokens::Rotated,
            client_refresh: false,
            reuse_grace: Duration::ZERO,
            expires_in: ExpiresIn::Number,
            errors_in_200: false,
            forms: false,
            challenges: Challenges::Bearer,
            retry_after: RetryAfter::Seconds,
            echo_secrets: false,
        }
    }
}
