//! What the requests of a simulator share.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{Counts, Endpoint, Quirk, codes::Mfa, settings::Settings, tokens::Tokens};
use crate::testing::server::{Desk, Mail, Secrets};

pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) desk: Desk<Endpoint, Quirk>,
    pub(super) state: Mutex<State>,
    pub(super) mail: Mail,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) accounts: HashMap<String, Account>,
    pub(super) secrets: Secrets,
    pub(super) tokens: Tokens,
    pub(super) lock: Lock,
    /// Whether codes can be sent.
    pub(super) undeliverable: bool,
    /// Calls (by their `Idempotency-Key`) and the codes they were refused with.
    pub(super) refused: HashSet<(Vec<u8>, String)>,
    pub(super) counts: Counts,
}

#[derive(Default)]
pub(super) struct Account {
    pub(super) password: String,
    pub(super) company_user: String,
    pub(super) unconfirmed: bool,
    pub(super) mfa: Mfa,
}

/// The lock after too many failed logins. Times are monotonic.
#[derive(Default)]
pub(super) struct Lock {
    failures: Vec<Duration>,
    until: Option<Duration>,
    /// Whether somebody was refused because of it, and so knows of it.
    told: bool,
}

// === impl Shared ===

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Duration {
        self.desk.now().monotonic
    }

    /// Sends a new code to an account, if it has the mail box for it.
    pub(super) fn send_code(&self, state: &mut State, username: &str, kind: &str) {
        let expires = self.now().saturating_add(self.settings.code_lifetime);
        let State {
            accounts, secrets, ..
        } = state;
        if let Some(account) = accounts.get_mut(username) {
            let length = self.settings.code_length;
            let code = account.mfa.send(kind, length, expires, secrets);
            self.mail.send(username, code);
        }
    }
}

// === impl Lock ===

impl Lock {
    /// Returns whether logins are locked, and whether somebody was told so before.
    pub(super) fn holds(&mut self, now: Duration) -> Option<bool> {
        self.until = self.until.filter(|until| now < *until);
        self.until.map(|_| std::mem::replace(&mut self.told, true))
    }

    /// Notes a login that failed: after `most` of them within `wait`, there are none for `wait`.
    pub(super) fn failed(&mut self, now: Duration, most: usize, wait: Duration) {
        self.failures.retain(|at| now.saturating_sub(*at) < wait);
        self.failures.push(now);
        if self.failures.len() >= most {
            self.close(now.saturating_add(wait));
        }
    }

    pub(super) fn close(&mut self, until: Duration) {
        *self = Self {
            until: Some(until),
            ..Self::default()
        };
    }
}
