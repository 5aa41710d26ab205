//! What the requests of a simulator share.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    Counts, Endpoint, Fault,
    answer::{Refusal, Shape},
    limits::{Limiter, Why},
    sessions::{Lifetimes, Sessions},
    settings::Settings,
    strict::{self, Breach},
};
use crate::testing::server::{Desk, Mail, Now, Reply, respond};
use http::{Response, header, request::Parts};

pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) desk: Desk<Endpoint, Fault>,
    pub(super) state: Mutex<State>,
    pub(super) mail: Mail,
}

pub(super) struct State {
    /// Passwords by e-mail address.
    pub(super) accounts: HashMap<String, String>,
    pub(super) two_factor: bool,
    pub(super) access_lifetime: Duration,
    pub(super) limiter: Limiter,
    pub(super) sessions: Sessions,
    pub(super) counts: Counts,
}

// === impl Shared ===

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a request in or refuses it.
    ///
    /// The limit comes first, so that attempts which break a rule count towards it as well.
    pub(super) fn admit(&self, endpoint: Endpoint, head: &Parts) -> Result<(), Refusal> {
        let now = self.desk.now();
        let mut state = self.state();
        state.counts.arrived(endpoint);
        if let Err(refused) = state.limiter.admit(endpoint, now.monotonic) {
            state.counts.locked_out += 1;
            match refused.why {
                Why::Exceeded => {
                    state.counts.limit_exceeded += 1;
                    self.desk
                        .violate(endpoint, "the limit on attempts is exceeded");
                }
                Why::Hammered => {
                    self.desk
                        .violate(endpoint, "an attempt is made in a known lock-out");
                }
                Why::Locked => {}
            }
            return Err(self.too_many(now, refused.left));
        }
        let kept = strict::check_head(endpoint, head, &state.sessions, state.accounts.values());
        kept.map_err(|breach| self.breached(endpoint, breach))
    }

    /// Counts a violation and returns what it is refused with.
    pub(super) fn breached(&self, endpoint: Endpoint, (status, sentence): Breach) -> Refusal {
        self.desk.violate(endpoint, &sentence);
        let refusal = Refusal::new(status, sentence);
        match status {
            405 => refusal.header(header::ALLOW, "POST"),
            _ => refusal,
        }
    }

    /// Writes a refusal as this simulator words it.
    pub(super) fn refuse(&self, refusal: Refusal) -> Response<Reply> {
        let mut message = refusal.message;
        if self.settings.echo_secrets && !refusal.secrets.is_empty() {
            message = format!("{message} You sent: {}", refusal.secrets.join(", "));
        }
        let body = self.settings.errors.write(&message);
        let kind = (!body.is_empty()).then(|| {
            let json = "application/json".to_owned();
            (header::CONTENT_TYPE, json)
        });
        let headers = refusal.headers.into_iter().chain(kind);
        respond(refusal.status, headers, Reply::new(body))
    }

    /// Returns the refusal of a call whose access token is missing or no longer good.
    pub(super) fn unauthorized(&self, token: Option<&str>) -> Refusal {
        let mut refusal = Refusal::new(401, "Unauthenticated.");
        let mut challenge = r#"Bearer error="invalid_token""#.to_owned();
        if let Some(token) = token {
            refusal = refusal.repeating(token);
            if self.settings.echo_secrets {
                challenge.push_str(&format!(r#", error_description="no such token: {token}""#));
            }
        }
        if self.settings.challenge {
            refusal = refusal.header(header::WWW_AUTHENTICATE, challenge);
        }
        refusal
    }

    /// Returns the lifetimes of a pair, without the token that `fault` leaves out.
    pub(super) fn lifetimes(&self, state: &State, fault: Option<&Fault>) -> Lifetimes {
        Lifetimes {
            access: (!matches!(fault, Some(Fault::OnlyRefresh))).then_some(state.access_lifetime),
            refresh: (!matches!(fault, Some(Fault::OnlyAccess)))
                .then_some(self.settings.refresh_lifetime),
        }
    }

    pub(super) fn shape(&self, fault: Option<&Fault>) -> Shape {
        Shape::new(self.settings.dates, fault)
    }

    fn too_many(&self, now: Now, left: Duration) -> Refusal {
        let refusal = Refusal::new(self.settings.limited, "Too many attempts.");
        match self.settings.retry_after.value(now, left) {
            Some(value) => refusal.header(header::RETRY_AFTER, value),
            None => refusal,
        }
    }
}
