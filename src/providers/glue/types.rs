//! The calls that manage multi-factor authentication.

use std::{fmt, sync::Arc};

use http::Method;
use serde_json::Value;

use super::{Glue, api::with_code, service::Inner, signed, trigger::Trigger, verdict::Endpoint};
use crate::{
    Code, Error, ErrorKind, Session,
    layers::Mfa,
    providers::common::{advice::Secrets, exchange::Client, json},
};

/// A client of the calls that manage multi-factor authentication, from [`Glue::mfa_types`].
///
/// It is cheap to clone. Types are free texts, because a shop may have any; the usual one is
/// `email`. Errors have the server's [code](Error::provider_code), which [`MfaErrorCode::of`] reads.
///
/// [`MfaErrorCode::of`]: super::MfaErrorCode::of
///
/// # Cancel safety
///
/// Dropping a future leaves open whether the server did what it was told.
///
/// # Example
///
/// ```no_run
/// # use tower_reauth::{BoxError, Code, providers::glue::MfaTypes};
/// # async fn read_the_mail() -> Result<Code, BoxError> { Ok(Code::new("123456")?) }
/// # async fn example(types: MfaTypes) -> Result<(), BoxError> {
/// types.activate("email").await?;
/// types.verify("email", &read_the_mail().await?).await?;
/// assert!(types.list().await?.iter().any(|kind| kind.is_activated()));
/// types.deactivate("email").await?;
/// # Ok(())
/// # }
/// # let _ = (example, read_the_mail);
/// ```
#[derive(Clone)]
pub struct MfaTypes {
    glue: Glue,
    session: Session,
    mfa: Mfa,
    /// Signs requests with the session's token.
    client: Client,
    /// Attaches the code as well.
    coding: Client,
    /// For codes of another type than those of `mfa`, if there is a code service.
    trigger: Option<Arc<Trigger>>,
}

/// A type of multi-factor authentication, as [`MfaTypes::list`] has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MfaType {
    name: Box<str>,
    status: MfaStatus,
}

/// Where the user stands with a type.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MfaStatus {
    /// Codes of this type can be triggered.
    Activated,
    /// A code was sent to activate it, and is waiting to be verified.
    Pending,
    /// Not in use.
    Deactivated,
    /// Something else, as the server has it.
    Other(Box<str>),
}

// === impl MfaTypes ===

impl MfaTypes {
    pub(super) fn new(glue: &Glue, session: &Session, mfa: &Mfa) -> Self {
        let client = &glue.inner.client;
        let codes = glue.inner.codes.clone();
        Self {
            client: signed::with_token(client, session),
            coding: signed::with_token_and_code(client, session, mfa),
            trigger: codes.map(|codes| Arc::new(Trigger::new(glue, session, codes))),
            glue: glue.clone(),
            session: session.clone(),
            mfa: mfa.clone(),
        }
    }

    /// Lists the types.
    ///
    /// # Errors
    ///
    /// Fails with what the server says, or as [`Protocol`](ErrorKind::Protocol) if the list cannot
    /// be understood.
    pub async fn list(&self) -> Result<Vec<MfaType>, Error> {
        let secrets = self.secrets(None).await?;
        self.glue.inner.types(&self.client, &secrets).await
    }

    /// Has a code sent. The code in hand is worth nothing from then on, and forgotten.
    ///
    /// This is for programs that give codes by [`Mfa::set`]. Otherwise it happens by itself when a
    /// code is needed.
    ///
    /// # Errors
    ///
    /// Fails with what the server says.
    pub async fn trigger(&self, name: &str) -> Result<(), Error> {
        let sent = self.post(Endpoint::Trigger, name, &self.client, None).await;
        // Where there is no answer nobody knows.
        if sent
            .as_ref()
            .err()
            .is_none_or(|error| error.kind().is_transient())
        {
            self.mfa.clear();
        }
        sent
    }

    /// Begins to activate a type: the server sends a code, to be given to [`verify`](Self::verify).
    ///
    /// If another type is active already the server wants a code of that one first: it is asked for
    /// as for any other request.
    ///
    /// # Errors
    ///
    /// Fails with what the server says, or with why no code could be had.
    pub async fn activate(&self, name: &str) -> Result<(), Error> {
        self.post(Endpoint::Activate, name, &self.coding, None)
            .await
    }

    /// Ends the activation of a type with the code that was sent for it.
    ///
    /// # Errors
    ///
    /// Fails with what the server says: as [`CodeRejected`](ErrorKind::CodeRejected) if the code is
    /// wrong.
    pub async fn verify(&self, name: &str, code: &Code) -> Result<(), Error> {
        self.post(Endpoint::Verify, name, &self.client, Some(code))
            .await
    }

    /// Deactivates a type, with a code of that very type, as the vendor's source has it.
    ///
    /// For the [`mfa_type`](super::GlueBuilder::mfa_type) it is had as for any other request. For
    /// another one it is triggered, and the code service is asked for it, once; without a code
    /// service the code in hand is sent, as [`Mfa::set`] gave it.
    ///
    /// The vendor's documentation has the code come from activating; its source refuses that for an
    /// active type (5904).
    ///
    /// # Errors
    ///
    /// Fails with what the server says, or with why no code could be had.
    pub async fn deactivate(&self, name: &str) -> Result<(), Error> {
        let settings = &self.glue.inner.settings;
        let other = self
            .trigger
            .as_ref()
            .filter(|_| name != &*settings.mfa_type);
        if let Some(trigger) = other {
            if settings.discover_mfa_type {
                // The code in hand may be of this type, and the trigger is the end of it.
                self.mfa.clear();
            }
            let code = trigger.code_of(name).await?;
            self.post(Endpoint::Deactivate, name, &self.client, Some(&code))
                .await?;
        } else {
            // The server may not say that it misses one.
            self.mfa.code().await?;
            self.post(Endpoint::Deactivate, name, &self.coding, None)
                .await?;
        }
        self.mfa.clear();
        Ok(())
    }

    async fn post(
        &self,
        endpoint: Endpoint,
        name: &str,
        client: &Client,
        code: Option<&Code>,
    ) -> Result<(), Error> {
        let inner = &self.glue.inner;
        let secrets = self.secrets(code).await?;
        let mut request = inner.resource(endpoint, &[("type", name)]);
        if let Some(code) = code {
            with_code(request.headers_mut(), code);
        }
        let reply = inner.call(client, endpoint, request, &secrets).await;
        reply.map(drop)
    }

    async fn secrets(&self, code: Option<&Code>) -> Result<Secrets, Error> {
        let mut secrets = self.glue.inner.secrets();
        secrets.add_token(self.session.token().await?.token());
        if let Some(code) = code {
            secrets.add(code.expose());
        }
        Ok(secrets)
    }
}

impl fmt::Debug for MfaTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MfaTypes")
            .field("glue", &self.glue)
            .field("session", &self.session)
            .field("mfa", &self.mfa)
            .finish_non_exhaustive()
    }
}

// === impl Inner ===

impl Inner {
    /// Lists the types, through a client that signs.
    pub(super) async fn types(
        &self,
        client: &Client,
        secrets: &Secrets,
    ) -> Result<Vec<MfaType>, Error> {
        let request = self.request(Method::GET, Endpoint::Types);
        let reply = self.call(client, Endpoint::Types, request, secrets).await?;
        let body = json::without_mark(&reply.body);
        let list: Value = serde_json::from_slice(body)
            .map_err(|error| json::unreadable(body, Endpoint::Types.name(), &error))?;
        // Bare in plain JSON, as the errors are.
        let items = list.get("data").unwrap_or(&list);
        let items = items.as_array().ok_or_else(not_a_list)?;
        Ok(items.iter().filter_map(MfaType::read).collect())
    }
}

// === impl MfaType ===

impl MfaType {
    fn read(item: &Value) -> Option<Self> {
        let attributes = item.get("attributes").unwrap_or(item);
        let name = attributes["type"].as_str()?;
        // A text since 0.1.3; a number before, and in the documentation, which says what it means.
        let status = match &attributes["status"] {
            Value::String(text) => match text.as_str() {
                "activated" | "2" => MfaStatus::Activated,
                "activation is pending" | "1" => MfaStatus::Pending,
                "deactivated" | "0" => MfaStatus::Deactivated,
                other => MfaStatus::Other(other.into()),
            },
            Value::Number(number) => match number.as_u64() {
                Some(2) => MfaStatus::Activated,
                Some(1) => MfaStatus::Pending,
                Some(0) => MfaStatus::Deactivated,
                _ => MfaStatus::Other(number.to_string().into()),
            },
            other => MfaStatus::Other(other.to_string().into()),
        };
        Some(Self {
            name: name.into(),
            status,
        })
    }

    /// Returns the name: `email`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns where the user stands with it.
    #[must_use]
    pub fn status(&self) -> &MfaStatus {
        &self.status
    }

    /// Whether codes of this type can be triggered.
    #[must_use]
    pub fn is_activated(&self) -> bool {
        self.status == MfaStatus::Activated
    }
}

fn not_a_list() -> Error {
    let message = "the answer to the list of MFA types is not in order: its `data` is not a list";
    Error::with_message(ErrorKind::Protocol, message)
}
