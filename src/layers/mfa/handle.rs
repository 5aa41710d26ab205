use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::HeaderName;

use super::{
    CodeChallenge, MfaBuilder, MfaLayer, MfaPolicy,
    history::{self, History},
    on_the_way::OnTheWay,
    source::lock,
};
use crate::{
    Code, Error, ErrorKind, Events, Reason,
    origin::Origins,
    renew::{Renewer, Ticket},
};

/// A handle to the codes of one account: it holds the current one, asks for new ones, and tells
/// what happens.
///
/// It is cheap to clone, and all clones are one. Requests get the code through a layer: see the
/// [module docs](super).
#[derive(Clone)]
pub struct Mfa {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) renewer: Renewer<Code>,
    pub(super) origins: Origins,
    pub(super) header: HeaderName,
    pub(super) challenge: Arc<dyn CodeChallenge>,
    pub(super) policy: MfaPolicy,
    pub(super) min_trigger_interval: Duration,
    /// Whether there is a code service.
    pub(super) can_ask: bool,
    pub(super) history: Arc<Mutex<History>>,
    pub(super) on_the_way: Arc<OnTheWay>,
}

// === impl Mfa ===

impl Mfa {
    /// Creates a builder. Codes travel in `header`, and `challenge` says when the server wants one.
    pub fn builder(header: HeaderName, challenge: impl CodeChallenge) -> MfaBuilder {
        MfaBuilder::new(header, Arc::new(challenge))
    }

    pub(super) fn from_inner(inner: Inner) -> Self {
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Creates the layer that attaches codes and answers challenges.
    ///
    /// Together with a session, [`SessionLayer::mfa`](crate::layers::SessionLayer::mfa) is the
    /// better way: one copy of the request serves both.
    pub fn layer(&self) -> MfaLayer {
        MfaLayer::new(self.clone())
    }

    /// Returns a code that can be used now; asks for one if there is none.
    ///
    /// # Errors
    ///
    /// Fails with the error of the code service, or with the stored one while its cool-down lasts;
    /// as [`CodeRequired`](ErrorKind::CodeRequired) if there is no code service, and as
    /// [`Cleared`](ErrorKind::Cleared) if [`clear`](Self::clear) was called meanwhile.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the asking goes on, and the next caller finds its result.
    pub async fn code(&self) -> Result<Code, Error> {
        let entry = self.inner.ask(None).outcome().await?;
        Ok(entry.credential.clone())
    }

    /// Stores a code that was had elsewhere, and returns its generation.
    ///
    /// If the code service is being asked, those who wait get this code, and its future is dropped.
    /// The pause after a failure ends.
    pub fn set(&self, code: Code) -> u64 {
        {
            let mut history = lock(&self.inner.history);
            if let Some(entry) = self.inner.renewer.load().as_ref() {
                history.spend(entry.credential.clone());
            }
            history.vouch(&code);
        }
        self.inner.renewer.set(code)
    }

    /// Forgets the code. It is not sent again, and the pause after a failure ends.
    ///
    /// If the code service is being asked, those who wait fail as [`Cleared`](ErrorKind::Cleared),
    /// and its future is dropped.
    pub fn clear(&self) {
        let cleared = self.inner.renewer.clear();
        let mut history = lock(&self.inner.history);
        if let Some(code) = cleared.credential {
            history.spend(code);
        }
        history.forget_refusals();
    }

    /// Returns a stream of what happens to the code from now on:
    /// [`Renewed`](crate::Event::Renewed) when there is a new one, and
    /// [`Failed`](crate::Event::Failed) when none could be had or a new one was refused.
    #[must_use]
    pub fn events(&self) -> Events {
        Events::new(self.inner.renewer.subscribe())
    }
}

impl fmt::Debug for Mfa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mfa")
            .field("renewer", &self.inner.renewer)
            .field("header", &self.inner.header)
            .field("policy", &self.inner.policy)
            .field("origins", &self.inner.origins)
            .finish_non_exhaustive()
    }
}

// === impl Inner ===

impl Inner {
    /// Asks for a code newer than `replaces`. If there is one in hand that is good, that is it.
    pub(super) fn ask(&self, replaces: Option<u64>) -> Ticket<Code> {
        let current = self.renewer.load();
        let expired = current
            .as_ref()
            .filter(|entry| !self.renewer.is_good(entry))
            .map(|entry| entry.generation);
        let replaces = replaces.max(expired);
        if self.can_ask {
            return self.renewer.ask(Reason::Missing, replaces, None);
        }
        let newer = current
            .as_ref()
            .filter(|entry| Some(entry.generation) > replaces);
        Ticket::Done(newer.map(Arc::clone).ok_or_else(no_service))
    }

    /// Notes that the server refused the code of `generation`, for which it said `why`.
    pub(super) fn refused(&self, generation: u64, why: &Error) {
        self.renewer.discard(generation, |entry, proven| {
            let mut history = lock(&self.history);
            history.spend(entry.credential.clone());
            let times = history.refuse(generation, proven, why);
            let asked_at = entry.asked_at.filter(|_| times > 0)?;
            let wait = history::wait(self.min_trigger_interval, times);
            Some((why.clone(), asked_at.saturating_add(wait)))
        });
    }
}

pub(super) fn no_service() -> Error {
    let message = "a code is needed, and nobody can give one: set code_service(), or set() a code";
    Error::with_message(ErrorKind::CodeRequired, message)
}
