//! Who may sign on, and who is.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{Counts, Endpoint, Quirk, settings::Settings};
use crate::testing::server::{Desk, Now, Secrets};

pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) desk: Desk<Endpoint, Quirk>,
    pub(super) state: Mutex<State>,
}

pub(super) struct State {
    /// Passwords by name.
    pub(super) accounts: HashMap<String, String>,
    pub(super) api_key: String,
    /// Keys that were good once.
    pub(super) old_keys: Vec<String>,
    pub(super) secrets: Secrets,
    /// None is forgotten, so that each can be told from an unknown one.
    pub(super) tokens: HashMap<String, Held>,
    pub(super) counts: Counts,
}

/// A token that was issued.
pub(super) struct Held {
    pub(super) username: String,
    expires: Duration,
    pub(super) revoked: bool,
}

// === impl Shared ===

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn issue(&self, state: &mut State, username: &str) -> String {
        let token = state.secrets.token("");
        let life = self.settings.token_lifetime;
        let held = Held {
            username: username.to_owned(),
            expires: self.desk.now().monotonic.saturating_add(life),
            revoked: false,
        };
        state.tokens.insert(token.clone(), held);
        state.counts.tokens_issued += 1;
        token
    }
}

// === impl State ===

impl State {
    /// Returns every secret that may not stand in an address.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &String> {
        let keys = self.old_keys.iter().chain([&self.api_key]);
        self.tokens.keys().chain(self.accounts.values()).chain(keys)
    }
}

// === impl Held ===

impl Held {
    pub(super) fn is_valid(&self, now: Now) -> bool {
        !self.revoked && now.monotonic < self.expires
    }
}
