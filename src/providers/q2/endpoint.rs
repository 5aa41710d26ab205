//! Where the calls go.

use http::Method;

/// An endpoint of the Q2 Open API, for [`Q2Builder::path`](super::Q2Builder::path).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// `POST /auth`: begins to verify a login. The vendor's current documentation has it.
    CreateAuth,
    /// `POST /auth/step`: answers a question of MFA. In the vendor's documentation of 2018.
    Step,
    /// `POST /auth/{id}/answer-questions`: answers the questions of an auth. In the vendor's
    /// documentation of 2020, as those below.
    AnswerQuestions,
    /// `GET /auth/list/{id}`: lists the auths of a client.
    ListAuths,
    /// `POST /auth/{id}/fix-hold`: resumes an auth after a hold.
    FixHold,
    /// `DELETE /auth/{id}`: deletes an auth.
    DeleteAuth,
    /// `POST /client`: creates a client.
    CreateClient,
    /// `POST /client/create-token`: creates a token for single sign-on.
    CreateToken,
    /// `POST /client/revoke-tokens`: revokes tokens for single sign-on.
    RevokeTokens,
    /// `GET /partner/public-keys`: the keys that sign events.
    PublicKeys,
}

impl Endpoint {
    pub(super) const ALL: [Self; 10] = [
        Self::CreateAuth,
        Self::Step,
        Self::AnswerQuestions,
        Self::ListAuths,
        Self::FixHold,
        Self::DeleteAuth,
        Self::CreateClient,
        Self::CreateToken,
        Self::RevokeTokens,
        Self::PublicKeys,
    ];

    /// Returns the path below the base URL. `{id}` stands for the id of the auth or the client.
    pub(super) fn default_path(self) -> &'static str {
        match self {
            Self::CreateAuth => "/auth",
            Self::Step => "/auth/step",
            Self::AnswerQuestions => "/auth/{id}/answer-questions",
            Self::ListAuths => "/auth/list/{id}",
            Self::FixHold => "/auth/{id}/fix-hold",
            Self::DeleteAuth => "/auth/{id}",
            Self::CreateClient => "/client",
            Self::CreateToken => "/client/create-token",
            Self::RevokeTokens => "/client/revoke-tokens",
            Self::PublicKeys => "/partner/public-keys",
        }
    }

    pub(super) fn method(self) -> Method {
        match self {
            Self::ListAuths | Self::PublicKeys => Method::GET,
            Self::DeleteAuth => Method::DELETE,
            _ => Method::POST,
        }
    }

    /// Returns what an error's text calls the call.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::CreateAuth => "creation of the auth",
            Self::Step => "MFA step",
            Self::AnswerQuestions => "answer to the questions",
            Self::ListAuths => "list of auths",
            Self::FixHold => "end of the hold",
            Self::DeleteAuth => "deletion of the auth",
            Self::CreateClient => "creation of the client",
            Self::CreateToken => "creation of the token",
            Self::RevokeTokens => "revocation of tokens",
            Self::PublicKeys => "fetching of the public keys",
        }
    }

    /// Whether it carries what an end user typed in: lost without an answer, nobody knows what the
    /// server did with it.
    pub(super) fn submits_credentials(self) -> bool {
        matches!(self, Self::CreateAuth | Self::Step | Self::AnswerQuestions)
    }
}
