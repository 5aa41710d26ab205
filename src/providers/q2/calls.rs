//! The calls beside the creation of an auth.

use serde::Serialize;
use serde_json::Value;
use zeroize::Zeroizing;

use super::{
    Answer, MfaItem, Q2,
    api::{Answer as Reply, config, with_id},
    endpoint::Endpoint,
    event::{Details, id, reference, text},
    mfa::Challenge,
    service::Inner,
};
use crate::{
    Error, ErrorKind, SecretString,
    providers::common::{
        advice::{Secrets, quote},
        exchange::to_json,
    },
};

/// An auth in the list of a client's.
#[derive(Clone, Debug)]
pub struct AuthStatus {
    id: Option<Box<str>>,
    company_id: Option<Box<str>>,
    company_name: Option<Box<str>>,
    status: Status,
    details: Details,
}

/// How it stands with an auth.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// The credentials are good.
    Verified,
    /// The credentials are not good: create the auth again.
    Authenticate,
    /// The user must do something at the company first.
    Hold,
    /// The company asks for more: see [`AuthStatus::questions`].
    MfaRequired,
    /// Something that the vendor's documentation does not name.
    Other(Box<str>),
}

// === impl Q2 ===

impl Q2 {
    /// Lists the auths of a client: `GET /auth/list/{clientId}`.
    ///
    /// # Errors
    ///
    /// Fails if the server refuses it or cannot be reached, or if the answer makes no sense.
    ///
    /// # Cancel safety
    ///
    /// It changes nothing.
    pub async fn list_auths(&self, client_id: &str) -> Result<Vec<AuthStatus>, Error> {
        self.inner.list_auths(client_id).await
    }

    /// Answers the questions that an auth has the status [`MfaRequired`](Status::MfaRequired) for:
    /// `POST /auth/{authId}/answer-questions`. It is sent once.
    ///
    /// [`create_auth`](Self::create_auth) does that by itself for the auth that it waits for.
    ///
    /// # Errors
    ///
    /// Fails if the server refuses it or cannot be reached.
    ///
    /// # Cancel safety
    ///
    /// Dropped after its first poll, the answers may have been sent.
    pub async fn answer_questions(&self, auth_id: &str, answers: &[Answer]) -> Result<(), Error> {
        let mut secrets = self.inner.secrets();
        for answer in answers {
            secrets.add(answer.answer().expose());
        }
        let body = answers_body(answers);
        let reply = self
            .inner
            .send(
                Endpoint::AnswerQuestions,
                Some(auth_id),
                Some(body),
                &secrets,
            )
            .await?;
        done(Endpoint::AnswerQuestions, &reply, &secrets)
    }

    /// Resumes an auth after the user has done what a hold asked for:
    /// `POST /auth/{authId}/fix-hold`.
    ///
    /// # Errors
    ///
    /// Fails if the server refuses it or cannot be reached.
    ///
    /// # Cancel safety
    ///
    /// Dropped after its first poll, it may have been sent.
    pub async fn fix_hold(&self, auth_id: &str) -> Result<(), Error> {
        self.simple(Endpoint::FixHold, auth_id).await
    }

    /// Deletes an auth: `DELETE /auth/{authId}`.
    ///
    /// # Errors
    ///
    /// Fails if the server refuses it or cannot be reached.
    ///
    /// # Cancel safety
    ///
    /// Dropped after its first poll, it may have been sent.
    pub async fn delete_auth(&self, auth_id: &str) -> Result<(), Error> {
        self.simple(Endpoint::DeleteAuth, auth_id).await
    }

    /// Creates the client that you call `identifier`, or finds it: `POST /client`. Returns Q2's id
    /// of it, for [`NewAuth`](super::NewAuth).
    ///
    /// # Errors
    ///
    /// Fails if the server refuses it or cannot be reached, or names no client.
    ///
    /// # Cancel safety
    ///
    /// Dropped after its first poll, it may have been sent; doing it again finds the client.
    pub async fn create_client(&self, identifier: &str) -> Result<String, Error> {
        let reply = self.identified(Endpoint::CreateClient, identifier).await?;
        let client = id(reply.body.get("clientId"));
        client.map(Into::into).ok_or_else(|| {
            incomplete(
                Endpoint::CreateClient,
                "clientId",
                reply.request_id.as_deref(),
            )
        })
    }

    /// Creates a token with which the client that you call `identifier` is signed on to the
    /// vendor's products: `POST /client/create-token`. By default it lives 24 h, and what is made
    /// of it 3600 s.
    ///
    /// # Errors
    ///
    /// Fails if the server refuses it or cannot be reached, or sends no token.
    ///
    /// # Cancel safety
    ///
    /// Dropped after its first poll, a token may have been made that nobody has.
    pub async fn create_token(&self, identifier: &str) -> Result<SecretString, Error> {
        let mut reply = self.identified(Endpoint::CreateToken, identifier).await?;
        let token = match reply.body.get_mut("token").map(Value::take) {
            Some(Value::String(token)) if !token.is_empty() => token,
            _ => {
                let request_id = reply.request_id.as_deref();
                return Err(incomplete(Endpoint::CreateToken, "token", request_id));
            }
        };
        Ok(SecretString::from(token))
    }

    /// Revokes all tokens of the client that you call `identifier`:
    /// `POST /client/revoke-tokens`.
    ///
    /// # Errors
    ///
    /// Fails if the server refuses it or cannot be reached.
    ///
    /// # Cancel safety
    ///
    /// Dropped after its first poll, it may have been sent.
    pub async fn revoke_tokens(&self, identifier: &str) -> Result<(), Error> {
        let reply = self.identified(Endpoint::RevokeTokens, identifier).await?;
        done(Endpoint::RevokeTokens, &reply, &self.inner.secrets())
    }

    async fn simple(&self, endpoint: Endpoint, id: &str) -> Result<(), Error> {
        let secrets = self.inner.secrets();
        let reply = self.inner.send(endpoint, Some(id), None, &secrets).await?;
        done(endpoint, &reply, &secrets)
    }

    async fn identified(&self, endpoint: Endpoint, identifier: &str) -> Result<Reply, Error> {
        #[derive(Serialize)]
        struct Body<'a> {
            identifier: &'a str,
        }
        if identifier.is_empty() {
            return Err(config("the identifier is empty: give your own name of it"));
        }
        let body = to_json(&Body { identifier });
        let secrets = self.inner.secrets();
        let sent = self.inner.send(endpoint, None, Some(body), &secrets).await;
        sent.map_err(Into::into)
    }
}

// === impl Inner ===

impl Inner {
    pub(super) async fn list_auths(&self, client_id: &str) -> Result<Vec<AuthStatus>, Error> {
        let endpoint = Endpoint::ListAuths;
        let secrets = self.secrets();
        let reply = self.send(endpoint, Some(client_id), None, &secrets).await?;
        match reply.body.get("data") {
            Some(Value::Array(auths)) => Ok(auths.iter().map(AuthStatus::read).collect()),
            _ => Err(incomplete(endpoint, "data", reply.request_id.as_deref())),
        }
    }
}

// === impl AuthStatus ===

impl AuthStatus {
    fn read(auth: &Value) -> Self {
        let status = auth.get("status").unwrap_or(&Value::Null);
        let kind = id(status.get("type")).or_else(|| id(Some(status)));
        // The documentation shows the reason beside the status, and does not say where `mfa` is.
        let beside = |name| status.get(name).or_else(|| auth.get(name));
        let reason = beside("reason").unwrap_or(&Value::Null);
        let details = Details::of_status(reason, beside("mfa").unwrap_or(&Value::Null));
        Self {
            id: id(auth.get("_id")),
            company_id: reference(auth.get("company")),
            company_name: text(auth.get("company").and_then(|company| company.get("name"))),
            status: match kind.as_deref() {
                Some("verified") => Status::Verified,
                Some("authenticate") => Status::Authenticate,
                Some("hold") => Status::Hold,
                Some("mfa-required") => Status::MfaRequired,
                _ => Status::Other(kind.unwrap_or_default()),
            },
            details,
        }
    }

    /// Returns the id of the auth.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Returns the id of the company.
    #[must_use]
    pub fn company_id(&self) -> Option<&str> {
        self.company_id.as_deref()
    }

    /// Returns the name of the company.
    #[must_use]
    pub fn company_name(&self) -> Option<&str> {
        self.company_name.as_deref()
    }

    /// Returns how it stands.
    #[must_use]
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// Returns the vendor's code for a hold (`reason.code`).
    #[must_use]
    pub fn hold_code(&self) -> Option<&str> {
        self.details.hold_code.as_deref()
    }

    /// Returns what to show to the user about a hold (`reason.userMessage`).
    #[must_use]
    pub fn hold_text(&self) -> Option<&str> {
        self.details.hold_text.as_deref()
    }

    /// Returns what the company asks for (`mfa.mfa`).
    #[must_use]
    pub fn questions(&self) -> &[MfaItem] {
        self.challenge().map_or(&[], Challenge::items)
    }

    pub(super) fn challenge(&self) -> Option<&Challenge> {
        self.details.challenge.as_ref()
    }

    pub(super) fn into_details(self) -> Details {
        self.details
    }

    /// Whether nothing has changed since `before`.
    pub(super) fn is_as(&self, before: &Self) -> bool {
        self.id == before.id
            && self.status == before.status
            && self.hold_code() == before.hold_code()
            && self.questions() == before.questions()
    }
}

/// Makes the body of [`Endpoint::AnswerQuestions`].
pub(super) fn answers_body(answers: &[Answer]) -> Zeroizing<Vec<u8>> {
    #[derive(Serialize)]
    struct Body<'a> {
        answers: &'a [Answer],
    }
    to_json(&Body { answers })
}

/// Fails if the answer says `"success": false`.
fn done(endpoint: Endpoint, reply: &Reply, secrets: &Secrets) -> Result<(), Error> {
    if reply.body.get("success") != Some(&Value::Bool(false)) {
        return Ok(());
    }
    let said = text(reply.body.get("message")).and_then(|said| quote(&said, secrets));
    let message = format!(
        "the {} was refused (\"success\": false){}",
        endpoint.name(),
        said.map(|said| format!("; the server says: {said}"))
            .unwrap_or_default()
    );
    let message = with_id(message, reply.request_id.as_deref());
    Err(Error::with_message(ErrorKind::Provider, message))
}

fn incomplete(endpoint: Endpoint, field: &str, request_id: Option<&str>) -> Error {
    let message = format!(
        "the answer to the {} has no good `{field}`: is the base URL that of the API?",
        endpoint.name()
    );
    Error::with_message(ErrorKind::Protocol, with_id(message, request_id))
}
