//! One auth, from its request to its outcome.

mod ending;
mod questions;

use std::time::Duration;

use http::StatusCode;
use serde_json::Value;

use self::ending::{already_waiting, no_token, not_queued};
use super::{
    AuthStatus, Challenge, Endpoint, Event, EventMeaning, NewAuth, Status, VerifiedAuth,
    event::{Details, id, text},
    service::Inner,
    waiters::{Told, Waiter},
};
use crate::{
    Error,
    providers::common::{advice::Secrets, exchange::within},
};

/// An auth that is waited for.
struct Run<'a> {
    inner: &'a Inner,
    waiter: Waiter,
    auth: NewAuth,
    secrets: Secrets,
    status: StatusCode,
    auth_id: Option<Box<str>>,
    request_id: Option<Box<str>>,
    /// On the monotonic clock.
    deadline: Duration,
    has_event: bool,
    polling: Option<Polling>,
    /// What the company asked for last, and how often it has asked.
    asked: Option<Challenge>,
    rounds: u32,
    /// How often the same kind of thing was asked for.
    attempt: u32,
    /// The last round that was answered.
    answered_round: u32,
}

/// Looking in the list of auths.
struct Polling {
    interval: Duration,
    next: Duration,
    /// What the auth of this company was before: a status that it still has is no news.
    before: Option<AuthStatus>,
    /// Why it brought nothing, the last time.
    error: Option<Error>,
}

/// What there is to know.
enum News {
    Outcome(Outcome),
    Question(Challenge),
    /// Something came that is no outcome.
    Sign,
    /// Nothing came in time.
    TooLate,
}

/// What an auth came to.
struct Outcome {
    meaning: EventMeaning,
    details: Box<Details>,
    event: Option<Event>,
}

impl Inner {
    pub(super) async fn create_auth(&self, auth: NewAuth) -> Result<VerifiedAuth, Error> {
        auth.check()?;
        let mut secrets = self.secrets();
        auth.add_secrets(&mut secrets);
        // Before anything is sent: an event may come before the answer.
        let waiter = self
            .deliveries
            .waiters
            .register(&auth.client_id, &auth.company_id)
            .ok_or_else(already_waiting)?;
        let polling = match self.settings.poll_interval {
            Some(interval) => Some(Polling {
                interval,
                next: Duration::ZERO,
                before: self.look(&auth, None).await?,
                error: None,
            }),
            None => None,
        };

        let sent = self.send(Endpoint::CreateAuth, None, Some(auth.to_body()), &secrets);
        let (status, request_id, auth_id) = match sent.await {
            Ok(answer) => {
                if answer.body.get("success") == Some(&Value::Bool(false)) {
                    let said = text(answer.body.get("message"));
                    let request_id = answer.request_id.as_deref();
                    return Err(not_queued(said.as_deref(), request_id, &secrets));
                }
                let auth_id = id(answer.body.get("authId"));
                (answer.status, answer.request_id, auth_id)
            }
            Err(failure) => {
                // The answer is lost, but perhaps not the request: an event would say so.
                let told = failure.is_unknown().then(|| waiter.take_outcome());
                let Some(told) = told.flatten() else {
                    return Err(failure.into());
                };
                let auth_id = told.event.auth_id().map(Into::into);
                let run = Run::new(self, waiter, auth, secrets);
                return run
                    .answered(StatusCode::OK, None, auth_id)
                    .finish(Outcome::of(told));
            }
        };
        let mut run = Run::new(self, waiter, auth, secrets).answered(status, request_id, auth_id);
        run.polling = polling;
        run.run().await
    }

    /// Finds the auth of this company in the list, by its id if that is known.
    async fn look(
        &self,
        auth: &NewAuth,
        auth_id: Option<&str>,
    ) -> Result<Option<AuthStatus>, Error> {
        let auths = self.list_auths(&auth.client_id).await?;
        Ok(auths.into_iter().find(|found| match auth_id {
            Some(id) => found.id() == Some(id),
            None => found.company_id() == Some(&auth.company_id),
        }))
    }
}

impl<'a> Run<'a> {
    fn new(inner: &'a Inner, waiter: Waiter, auth: NewAuth, secrets: Secrets) -> Self {
        let deadline = inner.clock.monotonic();
        Self {
            inner,
            waiter,
            auth,
            secrets,
            status: StatusCode::OK,
            auth_id: None,
            request_id: None,
            deadline: deadline.saturating_add(inner.settings.first_event_timeout),
            has_event: false,
            polling: None,
            asked: None,
            rounds: 0,
            attempt: 0,
            answered_round: 0,
        }
    }

    fn answered(
        mut self,
        status: StatusCode,
        request_id: Option<Box<str>>,
        auth_id: Option<Box<str>>,
    ) -> Self {
        self.waiter.answered(auth_id.as_deref());
        self.status = status;
        self.request_id = request_id;
        self.auth_id = auth_id;
        self
    }

    async fn run(mut self) -> Result<VerifiedAuth, Error> {
        loop {
            match self.news().await {
                News::Outcome(outcome) => return self.finish(outcome),
                News::Question(challenge) => {
                    if let Some(outcome) = self.meet(challenge).await? {
                        return self.finish(outcome);
                    }
                }
                News::Sign => {}
                News::TooLate => return Err(self.too_late()),
            }
        }
    }

    /// Waits for the next thing that there is to know.
    async fn news(&mut self) -> News {
        loop {
            if let Some(told) = self.waiter.take() {
                return self.read(told);
            }
            let now = self.inner.clock.monotonic();
            if now >= self.deadline {
                return News::TooLate;
            }
            let due = self
                .polling
                .as_ref()
                .map_or(Duration::MAX, |poll| poll.next);
            if due <= now {
                let look = self.inner.look(&self.auth, self.auth_id.as_deref());
                let found = tokio::select! {
                    biased;
                    told = self.waiter.next() => return self.read(told),
                    found = within(&*self.inner.clock, self.deadline - now, look) => found,
                };
                if let Some(news) = found.and_then(|found| self.found(found)) {
                    return news;
                }
                continue;
            }
            let wait = due.min(self.deadline) - now;
            tokio::select! {
                biased;
                told = self.waiter.next() => return self.read(told),
                () = self.inner.clock.sleep(wait) => {}
            }
        }
    }

    fn read(&mut self, told: Told) -> News {
        let is_first = !std::mem::replace(&mut self.has_event, true);
        if told.meaning.is_outcome() {
            return News::Outcome(Outcome::of(told));
        }
        match (told.meaning, told.event.details().challenge.clone()) {
            (EventMeaning::MfaRequired, Some(challenge)) => News::Question(challenge),
            _ => {
                if is_first && self.asked.is_none() {
                    self.extend(self.inner.settings.first_event_timeout);
                }
                News::Sign
            }
        }
    }

    /// Judges what polling has found.
    fn found(&mut self, found: Result<Option<AuthStatus>, Error>) -> Option<News> {
        let polling = self.polling.as_mut()?;
        let now = self.inner.clock.monotonic();
        polling.next = now.saturating_add(polling.interval);
        let status = match found {
            Ok(found) => found?,
            Err(error) => {
                polling.error = Some(error);
                return None;
            }
        };
        if polling
            .before
            .as_ref()
            .is_some_and(|before| status.is_as(before))
        {
            return None;
        }
        if self.auth_id.is_none() {
            self.auth_id = status.id().map(Into::into);
        }
        let meaning = match status.status() {
            Status::Verified => EventMeaning::Success,
            Status::Authenticate => EventMeaning::Invalid,
            Status::Hold => EventMeaning::Hold,
            Status::MfaRequired => {
                let question = status.challenge().cloned();
                // It is seen each time until it is answered.
                polling.before = Some(status);
                let has_encoder = self.inner.settings.encoder.is_some();
                let takes_event = |question: &Challenge| !has_encoder && question.takes_token();
                if question.as_ref().is_some_and(takes_event) {
                    // If events are on, the one with the token is on its way.
                    polling.error = Some(no_token(self.request_id.as_deref()));
                    return None;
                }
                return question.map(News::Question);
            }
            _ => {
                // It has left the status from before: should it be there again, that is news.
                polling.before = Some(status);
                return None;
            }
        };
        Some(News::Outcome(Outcome {
            meaning,
            details: Box::new(status.into_details()),
            event: None,
        }))
    }

    fn extend(&mut self, wait: Duration) {
        let until = self.inner.clock.monotonic().saturating_add(wait);
        self.deadline = self.deadline.max(until);
    }
}

// === impl Outcome ===

impl Outcome {
    fn of(told: Told) -> Self {
        Self {
            meaning: told.meaning,
            details: Box::new(told.event.details().clone()),
            event: Some(told.event),
        }
    }
}
