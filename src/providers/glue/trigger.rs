//! Codes: the API is told to send one, and then somebody is asked for it.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tower::{ServiceExt, util::BoxCloneSyncService};

use super::{Glue, signed, verdict::Endpoint};
use crate::{
    BoxError, Code, CodeRequest, Error, ErrorKind, Session,
    clock::Instant,
    providers::common::{
        advice::{Secrets, quotable},
        exchange::{Client, within},
    },
};

type CodeService = BoxCloneSyncService<CodeRequest, Code, BoxError>;

/// How often somebody is asked for one code that was sent.
const MOST_ATTEMPTS: u32 = 3;

/// How many codes are remembered.
const REMEMBERED: usize = 8;

/// The shortest time for which a code is worth having.
const SHORTEST: Duration = Duration::from_secs(1);

/// The code service of an [`Mfa`](crate::layers::Mfa) for this API.
pub(super) struct Trigger {
    glue: Glue,
    session: Session,
    /// Signs requests with the session's token.
    client: Client,
    codes: CodeService,
    /// Codes that were given before: each trigger makes them worthless.
    given: Mutex<VecDeque<Code>>,
}

impl Trigger {
    pub(super) fn new(glue: &Glue, session: &Session, codes: CodeService) -> Self {
        Self {
            glue: glue.clone(),
            session: session.clone(),
            client: signed::with_token(&glue.inner.client, session),
            codes,
            given: Mutex::default(),
        }
    }

    /// Triggers a code, and asks for it.
    pub(super) async fn code(&self, request: &CodeRequest) -> Result<Code, Error> {
        let secrets = self.secrets().await?;
        let kind = self.kind(&secrets).await.map_err(untriggered)?;
        self.code_by(&kind, request.attempt(), secrets).await
    }

    /// Triggers a code of the type `kind`, and asks for it.
    pub(super) async fn code_of(&self, kind: &str) -> Result<Code, Error> {
        let secrets = self.secrets().await?;
        self.code_by(kind, 1, secrets).await
    }

    async fn secrets(&self) -> Result<Secrets, Error> {
        // Without a token nothing can be triggered. How long that takes is the session's business.
        let token = self.session.token().await.map_err(no_token)?;
        let mut secrets = self.glue.inner.secrets();
        secrets.add_token(token.token());
        Ok(secrets)
    }

    async fn code_by(
        &self,
        kind: &str,
        first_attempt: u32,
        mut secrets: Secrets,
    ) -> Result<Code, Error> {
        let inner = &*self.glue.inner;
        let settings = &inner.settings;
        let trigger = inner.resource(Endpoint::Trigger, &[("type", kind)]);
        inner
            .call(&self.client, Endpoint::Trigger, trigger, &secrets)
            .await
            .map_err(untriggered)?;

        // By both clocks: one stands still while the machine is suspended, one can be set.
        let now = || Instant::now(&*inner.clock);
        let sent = now();
        let end = sent.after(settings.code_ttl.saturating_sub(settings.code_skew));
        let deadline = sent.after(settings.code_timeout);
        for attempt in 0..MOST_ATTEMPTS {
            let asked = CodeRequest::new(kind)
                .with_attempt(first_attempt.saturating_add(attempt))
                .with_time_left(end.wait(now()));
            let wait = deadline.wait(now());
            let code = self.ask(asked, wait, &secrets).await?;
            let left = end.wait(now());
            if left < SHORTEST {
                return Err(too_late());
            }
            if self.is_new(&code) {
                return Ok(code.with_lifetime(left));
            }
            secrets.add(code.expose());
        }
        Err(repeated())
    }

    /// Returns the type by which codes are sent.
    async fn kind(&self, secrets: &Secrets) -> Result<Box<str>, Error> {
        let inner = &*self.glue.inner;
        let set = inner.settings.mfa_type.clone();
        if !inner.settings.discover_mfa_type {
            return Ok(set);
        }
        let types = inner.types(&self.client, secrets).await?;
        let mut active = types.iter().filter(|kind| kind.is_activated());
        let set_is_active = active.clone().any(|kind| kind.name() == &*set);
        match active.next() {
            Some(_) if set_is_active => Ok(set),
            Some(first) => Ok(first.name().into()),
            None => Err(none_active()),
        }
    }

    async fn ask(
        &self,
        request: CodeRequest,
        wait: Duration,
        secrets: &Secrets,
    ) -> Result<Code, Error> {
        let asking = self.codes.clone().oneshot(request);
        match within(&*self.glue.inner.clock, wait, asking).await {
            Some(Ok(code)) => Ok(code),
            Some(Err(error)) => Err(unavailable(
                "the code service failed: mend it, then clear() lets it be asked again",
            )
            .caused_by(quotable(&*error, secrets))),
            None => {
                let limit = self.glue.inner.settings.code_timeout.as_secs_f64();
                let message = format!("the code service gave no code within {limit} s");
                Err(unavailable(message))
            }
        }
    }

    /// Notes that `code` was given; whether it was not before.
    fn is_new(&self, code: &Code) -> bool {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        if given.iter().any(|before| before.expose() == code.expose()) {
            return false;
        }
        if given.len() == REMEMBERED {
            given.pop_front();
        }
        given.push_back(code.clone());
        true
    }
}

fn unavailable(message: impl Into<String>) -> Error {
    Error::with_message(ErrorKind::CodeUnavailable, message)
}

fn no_token(why: Error) -> Error {
    let message = "no code was sent, because there is no token to ask for it with";
    lasting(why, message)
}

/// Some kinds mean another thing to a session than to those who wait for a code.
fn untriggered(why: Error) -> Error {
    match why.kind() {
        ErrorKind::Rejected | ErrorKind::CodeRequired | ErrorKind::CodeRejected => {
            lasting(why, "the server does not send a code")
        }
        _ => why,
    }
}

/// A failure of the session must not outlive it here: `Rejected` would last until somebody clears
/// the codes as well.
fn lasting(why: Error, message: &str) -> Error {
    let wait = why.retry_after_hint();
    let transient = why.kind().is_transient() || why.kind() == ErrorKind::Locked;
    let kind = if transient {
        why.kind()
    } else {
        ErrorKind::CodeUnavailable
    };
    let error = Error::with_message(kind, message);
    let error = match why.provider_code() {
        Some(code) => error.code(code),
        None => error,
    };
    let error = match wait {
        Some(wait) => error.retry_after(wait),
        None => error,
    };
    error.caused_by(why)
}

fn none_active() -> Error {
    let message = "no type of multi-factor authentication is active for this user, so no code can \
                   be sent: activate one";
    Error::with_message(ErrorKind::Provider, message)
}

fn too_late() -> Error {
    unavailable("the code came when its time was over: another is sent when one is needed")
}

fn repeated() -> Error {
    let message = "the code service gave a code that was sent before, so it is worth nothing: the \
                   newest one is needed";
    Error::with_message(ErrorKind::CodeRejected, message)
}
