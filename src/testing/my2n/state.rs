//! Who may log in, and who is.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, SystemTime},
};

use super::{Counts, Endpoint, Quirk, settings::Settings};
use crate::testing::server::{Desk, Now, Secrets};

pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) desk: Desk<Endpoint, Quirk>,
    pub(super) state: Mutex<State>,
    /// Where the login host listens; known once it does.
    pub(super) login_url: OnceLock<String>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) accounts: HashMap<String, Account>,
    pub(super) secrets: Secrets,
    pub(super) flows: HashMap<String, Flow>,
    /// By token. None is forgotten, so that each can be told from an unknown one.
    pub(super) sessions: HashMap<String, Held>,
    /// The tokens of Auth v.1, which travel as `X-Api-Key`.
    pub(super) api_keys: HashMap<String, Held>,
    pub(super) counts: Counts,
}

#[derive(Clone)]
pub(super) struct Account {
    pub(super) id: String,
    pub(super) password: String,
    pub(super) migrated: bool,
    pub(super) mfa: bool,
    pub(super) unverified: bool,
}

/// A login flow, which leads to one session at most.
#[derive(Clone)]
pub(super) struct Flow {
    pub(super) id: String,
    pub(super) issued_at: SystemTime,
    pub(super) expires_at: SystemTime,
    pub(super) expires: Duration,
    pub(super) state: FlowState,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum FlowState {
    Open,
    Used,
    Replaced,
}

/// A credential that was issued.
pub(super) struct Held {
    pub(super) username: String,
    pub(super) expires: Duration,
    pub(super) revoked: bool,
}

/// A session that was just issued.
pub(super) struct Session {
    pub(super) token: String,
    pub(super) id: String,
    pub(super) issued_at: SystemTime,
    pub(super) expires_at: SystemTime,
}

// === impl Shared ===

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn login_url(&self) -> &str {
        self.login_url.get().map_or("", String::as_str)
    }

    pub(super) fn write(&self, at: SystemTime) -> String {
        self.settings.dates.write(at)
    }

    /// Begins a flow.
    pub(super) fn flow(&self, state: &mut State) -> Flow {
        let now = self.desk.now();
        let life = self.settings.flow_lifetime;
        let flow = Flow {
            id: state.secrets.uuid(),
            issued_at: now.wall,
            expires_at: now.later(life),
            expires: now.monotonic.saturating_add(life),
            state: FlowState::Open,
        };
        state.flows.insert(flow.id.clone(), flow.clone());
        flow
    }

    /// Issues a v2 session.
    pub(super) fn session(&self, state: &mut State, username: &str) -> Session {
        let now = self.desk.now();
        let life = self.settings.session_lifetime;
        let session = Session {
            token: state.secrets.token("ory_st_"),
            id: state.secrets.uuid(),
            issued_at: now.wall,
            expires_at: now.later(life),
        };
        let held = Held::new(username, life, now);
        state.sessions.insert(session.token.clone(), held);
        state.counts.sessions_issued += 1;
        session
    }

    /// Issues a v1 token.
    pub(super) fn api_key(&self, state: &mut State, username: &str) -> String {
        let token = state.secrets.token("");
        let held = Held::new(username, self.settings.v1_lifetime, self.desk.now());
        state.api_keys.insert(token.clone(), held);
        state.counts.api_keys_issued += 1;
        token
    }
}

// === impl State ===

impl State {
    /// Returns every secret that may not stand in an address: credentials and passwords.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &String> {
        let passwords = self.accounts.values().map(|account| &account.password);
        let tokens = self.sessions.keys().chain(self.api_keys.keys());
        tokens.chain(passwords)
    }
}

// === impl Account ===

impl Account {
    pub(super) fn new(id: String, password: String, migrated: bool) -> Self {
        Self {
            id,
            password,
            migrated,
            mfa: false,
            unverified: false,
        }
    }
}

// === impl Held ===

impl Held {
    fn new(username: &str, life: Duration, now: Now) -> Self {
        Self {
            username: username.to_owned(),
            expires: now.monotonic.saturating_add(life),
            revoked: false,
        }
    }

    pub(super) fn is_valid(&self, now: Now) -> bool {
        !self.revoked && now.monotonic < self.expires
    }
}
