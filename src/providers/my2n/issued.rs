//! What a `401` to a token that was issued just now says about the account.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use secrecy::{ExposeSecret, SecretString};

use super::service::X_API_KEY;
use crate::{Error, ErrorKind, Reason, Renewal, Token};

/// How many tokens are remembered: those of so many sessions at once.
const MOST: usize = 16;

/// The tokens that were issued last.
#[derive(Default)]
pub(super) struct Issued {
    tokens: Mutex<VecDeque<One>>,
}

struct One {
    token: SecretString,
    /// On the monotonic clock.
    at: Duration,
    /// It was fetched because the one before was refused.
    after_refusal: bool,
    /// It was said already what its refusal means.
    is_reported: bool,
}

// === impl Issued ===

impl Issued {
    /// Notes that `token` was issued in answer to `renewal`.
    pub(super) fn add(&self, token: &Token, renewal: &Renewal, now: Duration) {
        let mut tokens = self.tokens();
        tokens.retain(|one| one.token.expose_secret() != token.expose());
        if tokens.len() == MOST {
            tokens.pop_front();
        }
        tokens.push_back(One {
            token: SecretString::from(token.expose()),
            at: now,
            after_refusal: renewal.reason() == Reason::Rejected,
            is_reported: false,
        });
    }

    /// Fails if `renewal` is asked for because the server refuses what it has issued just now, so
    /// that another login would not help. It fails once for each token: after the pause that
    /// follows, one login is tried.
    pub(super) fn check(
        &self,
        renewal: &Renewal,
        now: Duration,
        fresh_for: Duration,
    ) -> Result<(), Error> {
        if renewal.reason() != Reason::Rejected || renewal.was_accepted() {
            return Ok(());
        }
        let Some(refused) = renewal.previous() else {
            return Ok(());
        };
        let mut tokens = self.tokens();
        let known = tokens
            .iter_mut()
            .find(|one| one.token.expose_secret() == refused.expose());
        let Some(one) = known.filter(|one| !one.is_reported) else {
            return Ok(());
        };
        // A token of version 1 may be refused because the account has just been migrated: the next
        // login will tell.
        let is_v1 = refused.placement().header_name() == X_API_KEY;
        let is_fresh = !is_v1 && now.saturating_sub(one.at) < fresh_for;
        if !is_fresh && !one.after_refusal {
            return Ok(());
        }
        one.is_reported = true;
        Err(not_allowed())
    }

    fn tokens(&self) -> MutexGuard<'_, VecDeque<One>> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued").finish_non_exhaustive()
    }
}

/// Says what a `401` to a token means that was issued just now.
pub(super) fn not_allowed() -> Error {
    Error::with_message(
        ErrorKind::MfaNotAllowed,
        "the API refuses (401) the token that it has just issued: MFA is enabled on the account, or \
         the account is not allowed to use the API. Verify that MFA is not active: disable it, or \
         use a separate account without MFA for API communication. A token of \
         Auth v.2 goes out as `Authorization: Bearer` and no x-api-key header with it; if something below these layers \
         adds an outdated x-api-key header or changes Authorization, remove that",
    )
}
