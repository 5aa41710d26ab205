//! The parts of the API.

use std::fmt;

use http::Method;

/// A part of the API that is counted and made to fail on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// `POST /v1/auth`
    Create,
    /// `POST /v1/auth/step`
    Step,
    /// `POST /v1/auth/{authId}/answer-questions`
    AnswerQuestions,
    /// `POST /v1/auth/{authId}/fix-hold`
    FixHold,
    /// `DELETE /v1/auth/{authId}`
    Delete,
    /// `GET /v1/auth/list/{clientId}`
    List,
    /// `GET /v1/partner/public-keys`, and `/{kid}` and `/latest` below it
    PublicKeys,
    /// Every other path.
    Api,
}

impl Endpoint {
    pub(super) fn of(path: &str) -> Self {
        let Some(path) = path.strip_prefix("/v1/") else {
            return Self::Api;
        };
        match *path.split('/').collect::<Vec<_>>() {
            ["auth"] => Self::Create,
            ["auth", "step"] => Self::Step,
            ["auth", _, "answer-questions"] => Self::AnswerQuestions,
            ["auth", _, "fix-hold"] => Self::FixHold,
            ["auth", "list", _] => Self::List,
            ["auth", _] => Self::Delete,
            ["partner", "public-keys"] | ["partner", "public-keys", _] => Self::PublicKeys,
            _ => Self::Api,
        }
    }

    /// Returns the one method that is taken, if it is one.
    pub(super) fn method(self) -> Option<Method> {
        Some(match self {
            Self::Create | Self::Step | Self::AnswerQuestions | Self::FixHold => Method::POST,
            Self::Delete => Method::DELETE,
            Self::List | Self::PublicKeys => Method::GET,
            Self::Api => return None,
        })
    }

    /// Whether a JSON object has to be sent.
    pub(super) fn takes_json(self) -> bool {
        matches!(self, Self::Create | Self::Step | Self::AnswerQuestions)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create auth",
            Self::Step => "auth step",
            Self::AnswerQuestions => "answer questions",
            Self::FixHold => "fix hold",
            Self::Delete => "delete auth",
            Self::List => "list auths",
            Self::PublicKeys => "public keys",
            Self::Api => "API call",
        })
    }
}
