//! Access tokens and refresh tokens.

use std::{collections::HashMap, time::Duration};

use crate::testing::server::Secrets;

/// Both tokens, just issued; without a refresh token if a quirk keeps it back.
pub(super) struct Pair {
    pub(super) access: String,
    pub(super) refresh: Option<String>,
}

/// What became of a token that was presented.
pub(super) enum Presented {
    /// It is good, and belongs to this account.
    Valid(String),
    /// It is expired or revoked. As a refresh token, was it refused for that before?
    Dead { again: bool },
    /// It is a refresh token that was traded before.
    Reused,
    /// It was never issued here as a token of this sort.
    Unknown,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Live,
    /// A refresh token that was traded for a newer one.
    Spent,
    Revoked,
}

struct Held {
    username: String,
    expires: Duration,
    state: State,
    /// Whether it was presented when it was dead.
    refused: bool,
}

/// Every token that was issued. None is forgotten, so that each can be told from an unknown one.
#[derive(Default)]
pub(super) struct Tokens {
    access: HashMap<String, Held>,
    refresh: HashMap<String, Held>,
}

impl Tokens {
    /// Issues an access token that ends at `ends.0` and, if wanted, a refresh token that ends at
    /// `ends.1`.
    pub(super) fn issue(
        &mut self,
        username: &str,
        ends: (Duration, Duration),
        with_refresh: bool,
        secrets: &mut Secrets,
    ) -> Pair {
        let access = secrets.token("eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.") + &secrets.token(".");
        self.access
            .insert(access.clone(), Held::new(username, ends.0));
        let refresh = with_refresh.then(|| {
            let refresh = secrets.token("def502");
            self.refresh
                .insert(refresh.clone(), Held::new(username, ends.1));
            refresh
        });
        Pair { access, refresh }
    }

    pub(super) fn present_access(&self, token: &str, now: Duration) -> Presented {
        match self.access.get(token) {
            Some(held) if held.is_valid(now) => Presented::Valid(held.username.clone()),
            Some(_) => Presented::Dead { again: false },
            None => Presented::Unknown,
        }
    }

    pub(super) fn present_refresh(&mut self, token: &str, now: Duration) -> Presented {
        match self.refresh.get_mut(token) {
            None => Presented::Unknown,
            Some(held) if held.state == State::Spent => Presented::Reused,
            Some(held) if held.is_valid(now) => Presented::Valid(held.username.clone()),
            Some(held) => Presented::Dead {
                again: std::mem::replace(&mut held.refused, true),
            },
        }
    }

    pub(super) fn spend(&mut self, refresh: &str) {
        if let Some(held) = self.refresh.get_mut(refresh) {
            held.state = State::Spent;
        }
    }

    /// Revokes the refresh tokens of an account: one, or all where none is named.
    pub(super) fn revoke_of(&mut self, username: &str, one: Option<&str>) {
        for (token, held) in &mut self.refresh {
            let named = one.is_none_or(|one| one == token);
            if named && held.username == username {
                held.revoke();
            }
        }
    }

    pub(super) fn revoke_access(&mut self) {
        self.access.values_mut().for_each(Held::revoke);
    }

    pub(super) fn revoke_refresh(&mut self) {
        self.refresh.values_mut().for_each(Held::revoke);
    }

    /// Returns every token that was issued.
    pub(super) fn all(&self) -> impl Iterator<Item = &String> {
        self.access.keys().chain(self.refresh.keys())
    }
}

impl Held {
    fn new(username: &str, expires: Duration) -> Self {
        Self {
            username: username.to_owned(),
            expires,
            state: State::Live,
            refused: false,
        }
    }

    fn is_valid(&self, now: Duration) -> bool {
        self.state == State::Live && now < self.expires
    }

    /// Spent ones stay spent, so that each reuse is told.
    fn revoke(&mut self) {
        if self.state == State::Live {
            self.state = State::Revoked;
        }
    }
}
