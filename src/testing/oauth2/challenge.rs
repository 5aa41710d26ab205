//! What the resource server says when it does not let a call through (RFC 6750, section 3).

use http::{Response, header};
use serde_json::json;

use super::{Challenges, settings::Settings};
use crate::testing::server::{Reply, respond};

/// Why an API call is not let through.
pub(super) struct Denial {
    status: u16,
    /// None where the call carried nothing (RFC 6750, section 3.1).
    error: Option<&'static str>,
    description: String,
    scope: Option<String>,
    /// What the client sent, for a server that repeats it.
    secret: Option<String>,
}

impl Denial {
    /// The call carries no token, and is told no more than which scheme there is.
    pub(super) fn nothing() -> Self {
        Self {
            status: 401,
            error: None,
            description: "A token is needed.".to_owned(),
            scope: None,
            secret: None,
        }
    }

    pub(super) fn invalid_token(description: &str, token: Option<&str>) -> Self {
        Self {
            error: Some("invalid_token"),
            description: description.to_owned(),
            secret: token.map(str::to_owned),
            ..Self::nothing()
        }
    }

    pub(super) fn invalid_request(description: &str) -> Self {
        Self {
            status: 400,
            error: Some("invalid_request"),
            description: description.to_owned(),
            ..Self::nothing()
        }
    }

    pub(super) fn insufficient_scope(scope: &str) -> Self {
        Self {
            status: 403,
            error: Some("insufficient_scope"),
            description: "The token does not open this.".to_owned(),
            scope: Some(scope.to_owned()),
            secret: None,
        }
    }

    pub(super) fn write(self, settings: &Settings) -> Response<Reply> {
        let mut description = self.description;
        if let Some(secret) = self.secret.filter(|_| settings.echo_secrets) {
            description = format!("{description} You sent: {secret}");
        }
        let mut challenge = r#"Bearer realm="api""#.to_owned();
        if let Some(error) = self.error {
            challenge += &format!(r#", error="{error}", error_description="{description}""#);
        }
        if let Some(scope) = self.scope {
            challenge += &format!(r#", scope="{scope}""#);
        }
        let body = json!({ "message": description }).to_string();
        let challenges = settings.challenges.around(challenge);
        let challenges = challenges
            .into_iter()
            .map(|value| (header::WWW_AUTHENTICATE, value));
        let json = (header::CONTENT_TYPE, "application/json".to_owned());
        respond(self.status, challenges.chain([json]), Reply::new(body))
    }
}

// === impl Challenges ===

impl Challenges {
    /// Returns the values of `WWW-Authenticate`.
    fn around(self, bearer: String) -> Vec<String> {
        const BASIC: &str = r#"Basic realm="api, old", charset="UTF-8""#;
        const TRICKY: &str = r#"Newauth realm="apps", type=1, title="Login to \"apps\", Bearer error=\"invalid_request\"""#;
        match self {
            Self::Bearer => vec![bearer],
            Self::BasicFirst => vec![format!("{BASIC}, {bearer}")],
            Self::BasicLast => vec![format!("{bearer}, {BASIC}")],
            Self::TwoHeaders => vec![BASIC.to_owned(), bearer],
            Self::Tricky => vec![format!("{TRICKY}, {bearer}")],
            Self::None => Vec::new(),
        }
    }
}
