//! Who holds which tokens, and what they are good for.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use crate::testing::server::Secrets;

/// What a client was granted: the family of tokens that goes back to one grant.
#[derive(Debug)]
pub(super) struct Grant {
    number: u64,
    pub(super) client: String,
    /// The resource owner; none if the client acts for itself.
    pub(super) user: Option<String>,
    pub(super) access: Access,
}

/// What a token opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Access {
    pub(super) scopes: BTreeSet<String>,
    /// None where the token is for no resource in particular.
    pub(super) resources: BTreeSet<String>,
}

/// What became of a token that was presented.
#[derive(Debug)]
pub(super) enum Presented {
    Valid(Arc<Grant>, Access),
    /// It is expired or revoked. As a refresh token, was it refused for that before?
    Dead {
        again: bool,
    },
    /// It is a refresh token that was traded before, and all of its family is revoked for it.
    Reused,
    /// It is a refresh token that was traded a moment ago, and may be once more.
    Repeated(Arc<Grant>, Access),
    /// It is a refresh token of another client's.
    Foreign,
    /// It was never issued here as a token of this sort.
    Unknown,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Live,
    /// A refresh token that was traded for a newer one, at this time.
    Spent(Duration),
    Revoked,
}

struct Held {
    grant: Arc<Grant>,
    access: Access,
    expires: Duration,
    state: State,
    /// Whether it was presented when it was dead.
    refused: bool,
}

/// Every token that was issued. None is forgotten, so that each can be told from an unknown one.
#[derive(Default)]
pub(super) struct Tokens {
    secrets: Secrets,
    grants: u64,
    access: HashMap<String, Held>,
    refresh: HashMap<String, Held>,
}

impl Tokens {
    pub(super) fn grant(&mut self, client: &str, user: Option<&str>, access: Access) -> Arc<Grant> {
        self.grants += 1;
        Arc::new(Grant {
            number: self.grants,
            client: client.to_owned(),
            user: user.map(str::to_owned),
            access,
        })
    }

    /// Issues an access token that opens `access` until `expires`.
    pub(super) fn issue_access(
        &mut self,
        grant: &Arc<Grant>,
        access: Access,
        expires: Duration,
    ) -> String {
        let token = self.secrets.token("at-");
        let held = Held::new(grant, access, expires);
        self.access.insert(token.clone(), held);
        token
    }

    /// Issues a refresh token, which stands for the whole grant.
    pub(super) fn issue_refresh(&mut self, grant: &Arc<Grant>, expires: Duration) -> String {
        let token = self.secrets.token("rt-");
        let held = Held::new(grant, grant.access.clone(), expires);
        self.refresh.insert(token.clone(), held);
        token
    }

    pub(super) fn present_access(&self, token: &str, now: Duration) -> Presented {
        match self.access.get(token) {
            Some(held) if held.is_valid(now) => {
                Presented::Valid(held.grant.clone(), held.access.clone())
            }
            Some(_) => Presented::Dead { again: false },
            None => Presented::Unknown,
        }
    }

    pub(super) fn present_refresh(
        &mut self,
        token: &str,
        client: &str,
        grace: Duration,
        now: Duration,
    ) -> Presented {
        let Some(held) = self.refresh.get_mut(token) else {
            return Presented::Unknown;
        };
        if held.grant.client != client {
            return Presented::Foreign;
        }
        let (grant, access) = (held.grant.clone(), held.access.clone());
        match held.state {
            State::Spent(at) if now < at.saturating_add(grace) => {
                Presented::Repeated(grant, access)
            }
            State::Spent(_) => {
                // Two parties hold it, and nobody can tell which is the thief.
                self.end(&grant);
                Presented::Reused
            }
            State::Live if now < held.expires => Presented::Valid(grant, access),
            State::Live | State::Revoked => {
                let again = std::mem::replace(&mut held.refused, true);
                Presented::Dead { again }
            }
        }
    }

    pub(super) fn spend(&mut self, refresh: &str, now: Duration) {
        if let Some(held) = self.refresh.get_mut(refresh) {
            held.state = State::Spent(now);
        }
    }

    /// Revokes a token at its client's wish, a refresh token with all of its family. Returns whether
    /// there was something to revoke, or `None` if it is another client's.
    pub(super) fn revoke(&mut self, token: &str, client: &str, now: Duration) -> Option<bool> {
        let held = self.access.get(token).or_else(|| self.refresh.get(token));
        let Some(held) = held else {
            return Some(false);
        };
        if held.grant.client != client {
            return None;
        }
        let (grant, lived) = (held.grant.clone(), held.is_valid(now));
        match self.access.get_mut(token) {
            Some(access) => access.revoke(),
            None => self.end(&grant),
        }
        Some(lived)
    }

    pub(super) fn revoke_access(&mut self) {
        self.access.values_mut().for_each(Held::revoke);
    }

    pub(super) fn revoke_refresh(&mut self) {
        self.refresh.values_mut().for_each(Held::revoke);
    }

    pub(super) fn expire_access(&mut self, now: Duration) {
        expire(&mut self.access, now);
    }

    pub(super) fn expire_refresh(&mut self, now: Duration) {
        expire(&mut self.refresh, now);
    }

    /// Returns every token that was ever issued.
    pub(super) fn all(&self) -> impl Iterator<Item = &String> {
        self.access.keys().chain(self.refresh.keys())
    }

    /// Revokes every token of a family. Spent ones stay spent, so that each reuse is told.
    fn end(&mut self, grant: &Grant) {
        let all = self.access.values_mut().chain(self.refresh.values_mut());
        let family = all.filter(|held| held.grant.number == grant.number);
        family.for_each(Held::revoke);
    }
}

fn expire(tokens: &mut HashMap<String, Held>, now: Duration) {
    for held in tokens.values_mut() {
        held.expires = held.expires.min(now);
    }
}

// === impl Held ===

impl Held {
    fn new(grant: &Arc<Grant>, access: Access, expires: Duration) -> Self {
        Self {
            grant: grant.clone(),
            access,
            expires,
            state: State::Live,
            refused: false,
        }
    }

    fn is_valid(&self, now: Duration) -> bool {
        self.state == State::Live && now < self.expires
    }

    fn revoke(&mut self) {
        if self.state == State::Live {
            self.state = State::Revoked;
        }
    }
}
