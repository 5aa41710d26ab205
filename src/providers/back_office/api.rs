//! The endpoints: limits and lock-outs before a request, the verdict after it.

use std::{
    sync::{MutexGuard, PoisonError},
    time::Duration,
};

use http::{HeaderName, HeaderValue, StatusCode};
use zeroize::Zeroizing;

use super::{
    answer::Timing,
    service::Inner,
    verdict::{Answer, Endpoint},
};
use crate::{
    Error, ErrorKind,
    providers::common::{
        advice::{self, Secrets},
        attempts::{Attempts, Permit},
        dates,
        exchange::{Exchange, Reply, post},
        lineage::Lineage,
        retry_after::retry_after,
    },
};

/// The limits that the vendor documents.
#[derive(Debug)]
pub(super) struct Limits {
    pub(super) sign_in: Attempts,
    pub(super) confirm: Attempts,
    pub(super) refresh: Attempts,
}

/// Why a request brought nothing.
pub(super) enum Failure {
    /// The server said so, with this status.
    Answered(StatusCode, Error),
    /// It was not sent, or it is unknown what the server did.
    Unanswered(Error),
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Answered(_, error) | Failure::Unanswered(error) => error,
        }
    }
}

// === impl Inner ===

impl Inner {
    /// Sends one request, and returns the answer if it is not a failure.
    pub(super) async fn send(
        &self,
        endpoint: Endpoint,
        credential: Option<(HeaderName, HeaderValue)>,
        body: Option<Zeroizing<Vec<u8>>>,
        secrets: &Secrets,
    ) -> Result<Reply, Failure> {
        let settings = &self.settings;
        let permit = self.permit(endpoint).map_err(Failure::Unanswered)?;
        let exchange = Exchange {
            name: endpoint.name(),
            clock: &*self.clock,
            timeout: settings.request_timeout,
            max_answer: settings.max_answer,
            secrets,
        };
        let uri = settings.uri(endpoint).clone();
        let mut request = post(uri, body);
        if let Some((name, value)) = credential {
            request.headers_mut().insert(name, value);
        }
        let reply = exchange.send(self.client.clone(), request).await;
        // What had no answer in time may still be on its way to the server.
        let is_late = |error: &Error| error.kind() == ErrorKind::Timeout;
        if let (Some(permit), false) = (permit, reply.as_ref().is_err_and(is_late)) {
            permit.answered();
        }
        let reply = reply.map_err(Failure::Unanswered)?;

        let answer = Answer {
            endpoint,
            status: reply.status,
            headers: &reply.headers,
            body: &reply.body,
        };
        let overridden = settings
            .classifier
            .as_ref()
            .and_then(|judge| judge(&answer));
        match overridden.or_else(|| answer.default_verdict()) {
            None => Ok(reply),
            Some(kind) => {
                let error = self.failure(&answer, kind, secrets);
                Err(Failure::Answered(answer.status, error))
            }
        }
    }

    /// Fails if an attempt would be too early now.
    pub(super) fn check(&self, endpoint: Endpoint) -> Result<(), Error> {
        let Some(attempts) = self.attempts(endpoint) else {
            return Ok(());
        };
        self.lockout.check(&*self.clock, endpoint.name())?;
        attempts
            .check()
            .map_err(|wait| used_up(endpoint, attempts, wait))
    }

    pub(super) fn secrets(&self) -> Secrets {
        let mut secrets = Secrets::default();
        secrets.add_secret(&self.settings.email);
        secrets.add_secret(&self.settings.password);
        secrets
    }

    pub(super) fn timing(&self, reply: &Reply) -> Timing {
        Timing::new(
            &reply.headers,
            self.clock.wall(),
            self.settings.clock_skew,
            self.settings.strict_dates,
        )
    }

    pub(super) fn lineage(&self) -> MutexGuard<'_, Lineage> {
        self.lineage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn permit(&self, endpoint: Endpoint) -> Result<Option<Permit>, Error> {
        let Some(attempts) = self.attempts(endpoint) else {
            return Ok(None);
        };
        self.lockout.check(&*self.clock, endpoint.name())?;
        attempts
            .acquire(self.settings.request_timeout)
            .map(Some)
            .map_err(|wait| used_up(endpoint, attempts, wait))
    }

    fn attempts(&self, endpoint: Endpoint) -> Option<&Attempts> {
        match endpoint {
            Endpoint::SignIn => Some(&self.limits.sign_in),
            Endpoint::Confirm => Some(&self.limits.confirm),
            Endpoint::Refresh => Some(&self.limits.refresh),
            Endpoint::SignOut => None,
        }
    }

    /// Makes the error for an answer that is a failure, and begins a lock-out if it says so.
    fn failure(&self, answer: &Answer<'_>, kind: ErrorKind, secrets: &Secrets) -> Error {
        let wait = retry_after(answer.headers, dates::wall(self.clock.wall()), kind);
        let wait = match kind {
            ErrorKind::RateLimited | ErrorKind::Locked => {
                let wait = wait.unwrap_or(self.settings.lockout);
                if self.attempts(answer.endpoint).is_some() {
                    self.lockout.begin(&*self.clock, kind, wait);
                }
                Some(wait)
            }
            ErrorKind::Transport => wait,
            _ => None,
        };
        let mut message = format!(
            "the {} failed ({}): {}",
            answer.endpoint.name(),
            answer.status.as_u16(),
            advice_for(answer, kind)
        );
        if let Some(said) = advice::from_body(answer.body, secrets) {
            message.push_str("; the server says: ");
            message.push_str(&said);
        }
        let error = Error::with_message(kind, message);
        match wait {
            Some(wait) => error.retry_after(wait),
            None => error,
        }
    }
}

fn used_up(endpoint: Endpoint, attempts: &Attempts, wait: Duration) -> Error {
    let message = format!(
        "no more than {} {} a minute are allowed: rate-limited",
        attempts.limit(),
        endpoint.plural()
    );
    Error::with_message(ErrorKind::RateLimited, message).retry_after(wait)
}

fn advice_for(answer: &Answer<'_>, kind: ErrorKind) -> &'static str {
    match (answer.endpoint, kind) {
        (_, ErrorKind::RateLimited) => "rate-limited",
        (_, ErrorKind::Locked) => "the account is locked",
        (_, ErrorKind::Transport) => "the server could not answer, it is tried again",
        (Endpoint::SignIn, ErrorKind::Rejected) => "check the e-mail address and the password",
        (Endpoint::Refresh, ErrorKind::Rejected) => {
            "the refresh token is not good any more, so sign in again"
        }
        (Endpoint::Confirm, ErrorKind::CodeRejected | ErrorKind::Rejected) => {
            "the code was refused, enter the newest one"
        }
        (_, ErrorKind::FlowExpired) => {
            "the time for the code is over: renew() signs in again, and a new code is sent"
        }
        (_, ErrorKind::Config) => "there is no such endpoint, is the base URL right?",
        (_, ErrorKind::Protocol) if answer.status.is_redirection() => {
            "redirects are not followed, is the base URL right?"
        }
        (_, ErrorKind::Protocol) if answer.status.as_u16() == 403 => {
            "access is forbidden; is the account blocked, or this network address?"
        }
        (_, ErrorKind::Protocol) => {
            "this status was not expected: a classifier can say what it means"
        }
        _ => "the classifier says so",
    }
}
