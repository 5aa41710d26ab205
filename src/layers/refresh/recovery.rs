use http::{StatusCode, request, response};

use crate::{
    Reason, Session,
    layers::{
        bearer::Signatures,
        challenge,
        recover::{BoxFuture, Challenge, Outcome, Prepared, Recovery},
    },
    origin::Destination,
};

/// [`Recovery`] from a `401`: renews the very token that was refused.
///
/// [`RefreshLayer`](super::RefreshLayer) is the usual way to have it.
#[derive(Clone, Debug)]
pub struct RefreshRecovery {
    session: Session,
}

/// What a request was sent with, as far as [`RefreshRecovery`] cares.
#[derive(Clone, Copy, Debug)]
pub struct RefreshAttempt {
    /// The newest generation when the request was sent to one of our origins: it carried this one
    /// or a newer one.
    at_least: Option<u64>,
}

impl RefreshRecovery {
    /// Creates a recovery that renews the token of `session`.
    #[must_use]
    pub fn new(session: Session) -> Self {
        Self { session }
    }

    /// Returns the generation that was refused, if this is a refusal of ours that a new token may
    /// mend.
    fn refused(&self, response: &response::Parts) -> Option<u64> {
        let signatures = response.extensions.get::<Signatures>()?;
        let generation = signatures.generation(self.session.renewer().id())?;
        let current = self.session.renewer().load();
        let bearer = current
            .as_ref()
            .is_none_or(|entry| entry.credential.placement().is_bearer());
        challenge::calls_for_a_new_token(&response.headers, bearer).then_some(generation)
    }
}

impl Recovery for RefreshRecovery {
    type Attempt = RefreshAttempt;

    fn prepare(&self, request: &mut request::Parts) -> Prepared<Self::Attempt> {
        let renewer = self.session.renewer();
        let newest = renewer.newest();
        // Most often nothing is to be learned from the answer.
        let proves = !renewer.is_accepted(newest)
            && self.session.origins().check(&request.uri) == Destination::Ours
            && !self.session.is_anonymous(&request.headers);
        Prepared::Ready(RefreshAttempt {
            at_least: proves.then_some(newest),
        })
    }

    fn is_challenge(&self, attempt: &Self::Attempt, response: &response::Parts) -> bool {
        if response.status == StatusCode::UNAUTHORIZED {
            return self.refused(response).is_some();
        }
        if let Some(generation) = attempt
            .at_least
            .filter(|_| shows_acceptance(response.status))
        {
            self.session.renewer().accepted(generation);
        }
        false
    }

    fn refused_again(&self, _: &Self::Attempt, response: &mut response::Parts) {
        let renewer = self.session.renewer();
        let is_fresh = |generation| !renewer.is_accepted(generation);
        if let Some(error) = renewer.refused_again()
            && self.refused(response).is_some_and(is_fresh)
        {
            response.extensions.insert(error.clone());
        }
    }

    fn recover(&self, challenge: Challenge<Self::Attempt>) -> BoxFuture<Outcome> {
        let response = challenge.response();
        let Some(generation) = self.refused(response) else {
            return Box::pin(async { Outcome::NotMine });
        };
        let text = challenge::text(&response.headers);
        // The flight begins here, not when the future is polled: it must not depend on a caller.
        let ticket = self
            .session
            .renewer()
            .ask(Reason::Rejected, Some(generation), text);
        Box::pin(async move {
            match ticket.outcome().await {
                Ok(_) => Outcome::Resend,
                Err(error) => Outcome::GiveUp(error),
            }
        })
    }
}

/// Whether this answer can only be had with a token that the server accepts.
fn shows_acceptance(status: StatusCode) -> bool {
    !status.is_server_error()
        && !matches!(
            status,
            StatusCode::FORBIDDEN
                | StatusCode::PROXY_AUTHENTICATION_REQUIRED
                | StatusCode::TOO_MANY_REQUESTS
        )
}
