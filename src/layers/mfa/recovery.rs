use std::future::ready;

use http::{HeaderValue, StatusCode, request, response};

use super::{
    Mfa, challenge,
    handle::Inner,
    on_the_way::{OnTheWay, Sent},
    source::lock,
};
use crate::{
    Code, Error, ErrorKind,
    layers::{
        copies,
        headers::take_out,
        recover::{BoxFuture, Challenge, Outcome, Prepared, Recovery},
    },
    origin::Destination,
    renew::{Entry, SignInTraffic, Ticket},
};

/// [`Recovery`] from a challenge that asks for a code.
///
/// [`Mfa::layer`] and [`SessionLayer::mfa`](crate::layers::SessionLayer::mfa) are the usual ways to
/// have it.
#[derive(Clone, Debug)]
pub struct MfaRecovery {
    mfa: Mfa,
}

/// What a request was sent with, as far as [`MfaRecovery`] cares.
#[derive(Debug)]
pub struct MfaAttempt {
    /// It went to one of our origins.
    is_ours: bool,
    /// The generation of the code that it carried.
    carried: Option<u64>,
    /// Counts it in as long as it is on its way with a code.
    sent: Option<Sent>,
    /// It is sent again after a challenge.
    is_again: bool,
    /// A code is needed for it, so an answer that asks for none shows that this one is good.
    is_needed: bool,
}

impl MfaRecovery {
    /// Creates a recovery that uses the codes of `mfa`.
    #[must_use]
    pub fn new(mfa: Mfa) -> Self {
        Self { mfa }
    }

    fn prepare_with(&self, request: &mut request::Parts, is_again: bool) -> Prepared<MfaAttempt> {
        let inner = &*self.mfa.inner;
        let mut attempt = MfaAttempt {
            is_ours: false,
            carried: None,
            sent: None,
            is_again,
            is_needed: is_again,
        };
        match inner.origins.check(&request.uri) {
            Destination::Ours => {}
            Destination::Foreign => {
                inner.take_codes_out(request);
                return Prepared::Ready(attempt);
            }
            Destination::Unknown => return failed(no_authority()),
        }
        if request.extensions.get::<SignInTraffic>().is_some() {
            return Prepared::Ready(attempt);
        }
        attempt.is_ours = true;
        let is_required = !is_again && inner.policy.requires(request);
        attempt.is_needed |= is_required;

        loop {
            let current = inner.renewer.load();
            if let Some(entry) = current.as_ref()
                && (attempt.is_needed || inner.policy.lends())
                && inner.renewer.is_good(entry)
            {
                if attempt.carry(inner, request, entry) {
                    return Prepared::Ready(attempt);
                }
                continue;
            }
            drop(current);
            if !is_required {
                return Prepared::Ready(attempt);
            }
            match inner.ask(None) {
                Ticket::Done(Ok(_)) => {}
                Ticket::Done(Err(error)) => return failed(error),
                flying @ Ticket::Flying(_) => {
                    let flown = async { flying.outcome().await.map(drop) };
                    return Prepared::Wait(Box::pin(flown));
                }
            }
        }
    }
}

impl Recovery for MfaRecovery {
    type Attempt = MfaAttempt;

    fn prepare(&self, request: &mut request::Parts) -> Prepared<Self::Attempt> {
        self.prepare_with(request, false)
    }

    fn prepare_again(&self, request: &mut request::Parts) -> Prepared<Self::Attempt> {
        self.prepare_with(request, true)
    }

    fn is_challenge(&self, attempt: &Self::Attempt, response: &response::Parts) -> bool {
        if let Some(sent) = &attempt.sent {
            sent.answered();
        }
        if !attempt.is_ours {
            return false;
        }
        let inner = &*self.mfa.inner;
        if inner.challenge.is_candidate(response) {
            return true;
        }
        if let Some(generation) = attempt.carried
            && attempt.is_needed
            && shows_acceptance(response.status)
        {
            inner.renewer.accepted(generation);
        }
        false
    }

    fn reads_body(&self) -> bool {
        true
    }

    fn recover(&self, challenge: Challenge<Self::Attempt>) -> BoxFuture<Outcome> {
        let inner = &*self.mfa.inner;
        let attempt = challenge.attempt().clone();
        let judged = inner
            .challenge
            .judge(challenge.response(), challenge.body());
        let Some(said) = judged else {
            return outcome(Outcome::NotMine);
        };
        let said = match attempt.carried {
            // The code that it was to be sent again with was refused meanwhile, or taken away.
            None if attempt.is_again => lock(&inner.history).refusal().unwrap_or(said),
            None => said,
            Some(generation) => {
                let said = challenge::refused(&said);
                // Before anybody asks: it must not be sent again.
                inner.refused(generation, &said);
                said
            }
        };
        if attempt.is_again {
            return outcome(Outcome::GiveUp(said));
        }
        // The asking begins here, not when the future is polled: it must not depend on a caller.
        let ticket = inner.ask(attempt.carried);
        Box::pin(async move {
            match ticket.outcome().await {
                Ok(_) => Outcome::Resend,
                Err(error) => Outcome::GiveUp(with_code_of(error, &said)),
            }
        })
    }
}

// === impl MfaAttempt ===

impl MfaAttempt {
    /// Puts the code into the request; a value that was there is replaced. Not if it has been taken
    /// out of the cell meanwhile.
    fn carry(&mut self, inner: &Inner, request: &mut request::Parts, entry: &Entry<Code>) -> bool {
        let sent = OnTheWay::send(&inner.on_the_way);
        // Counted in first and looked at then, so that whoever takes the code away and looks whether
        // it is on its way finds us, or we find it gone.
        let current = inner.renewer.load();
        if current
            .as_ref()
            .is_none_or(|now| now.generation != entry.generation)
        {
            return false;
        }
        let code = entry.credential.header_value();
        let renewer = inner.renewer.id();
        copies::insert(&mut request.headers, renewer, entry, &inner.header, code);
        self.carried = Some(entry.generation);
        self.sent = Some(sent);
        true
    }
}

impl Clone for MfaAttempt {
    fn clone(&self) -> Self {
        Self {
            // The request is counted once.
            sent: None,
            ..*self
        }
    }
}

// === impl Inner ===

impl Inner {
    /// Takes our codes out of a request that goes elsewhere. The caller's own values stay.
    fn take_codes_out(&self, request: &mut request::Parts) {
        if !request.headers.contains_key(&self.header) {
            return;
        }
        let current = self.renewer.load();
        let history = lock(&self.history);
        take_out(&mut request.headers, &self.header, |value: &HeaderValue| {
            let is_current = |entry: &Entry<Code>| entry.credential.header_value() == value;
            current.as_deref().is_some_and(is_current) || history.has_spent(value)
        });
    }
}

/// Whether a request that needs a code can only be answered like this if its code is good.
fn shows_acceptance(status: StatusCode) -> bool {
    !status.is_server_error()
        && !matches!(
            status,
            StatusCode::UNAUTHORIZED
                | StatusCode::FORBIDDEN
                | StatusCode::PROXY_AUTHENTICATION_REQUIRED
                | StatusCode::TOO_MANY_REQUESTS
        )
}

fn failed<A>(error: Error) -> Prepared<A> {
    Prepared::Wait(Box::pin(ready(Err(error))))
}

fn outcome(outcome: Outcome) -> BoxFuture<Outcome> {
    Box::pin(ready(outcome))
}

/// The server's own code for it goes along with why nothing could be done about it.
fn with_code_of(error: Error, said: &Error) -> Error {
    match said.provider_code() {
        Some(code) if error.provider_code().is_none() => error.code(code),
        _ => error,
    }
}

fn no_authority() -> Error {
    Error::with_message(
        ErrorKind::Config,
        "the request's URI has no scheme and host, so nobody can tell whether it may carry the \
         code: use an absolute URI, or `allow_relative()` for a router in this process",
    )
}
