use std::{fmt, time::SystemTime};

use crate::{Clock, Token, renew::LEAST_LIFETIME};

/// What a store holds under one key: a token, or that there is none any more.
///
/// Stores keep all of it, and show nothing of the token.
#[derive(Clone)]
pub struct Record {
    pub(super) version: u64,
    pub(super) token: Option<Token>,
    pub(super) expires_at: Option<SystemTime>,
    pub(super) begun: u32,
}

// === impl Record ===

impl Record {
    /// Creates a record, as a store does that has read one back.
    ///
    /// `version` counts the records under the key from 1. Without a token it says that the token
    /// was given up. `expires_at` is the token's end by the wall clock. `begun` is how many
    /// renewals of this token were begun by somebody who did not live to say how they ended.
    #[must_use]
    pub fn new(
        version: u64,
        token: Option<Token>,
        expires_at: Option<SystemTime>,
        begun: u32,
    ) -> Self {
        Self {
            version,
            token,
            expires_at,
            begun,
        }
    }

    /// Creates the record that follows `version`, of a token that was received just now.
    pub(super) fn of(token: Token, version: u64, clock: &dyn Clock) -> Self {
        // One that arrived expired is used until it is refused: by all.
        let lifetime = token
            .lifetime()
            .filter(|lifetime| *lifetime >= LEAST_LIFETIME);
        Self {
            version: version.saturating_add(1),
            expires_at: lifetime.and_then(|lifetime| clock.wall().checked_add(lifetime)),
            token: Some(token),
            begun: 0,
        }
    }

    /// Creates the record that follows `version` and says that there is no token any more.
    pub(super) fn none(version: u64) -> Self {
        Self::new(version.saturating_add(1), None, None, 0)
    }

    /// Returns the record's number: one more with each record that is saved under a key.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Returns the token; `None` if it was given up (cleared or signed out).
    #[must_use]
    pub fn token(&self) -> Option<&Token> {
        self.token.as_ref()
    }

    /// Returns the token's end by the wall clock of who received it, if that is known.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at
    }

    /// Returns how many renewals of this token were begun of which nobody knows how they ended.
    #[must_use]
    pub fn begun(&self) -> u32 {
        self.begun
    }

    /// Returns the token with the lifetime that is left of it now, unless there is none.
    pub(super) fn live(&self, clock: &dyn Clock) -> Option<Token> {
        let token = self.token.as_ref()?;
        let Some(end) = self.expires_at else {
            return Some(token.clone());
        };
        let left = end.duration_since(clock.wall()).ok()?;
        // A clock that was set back does not make it live longer.
        let left = token.lifetime().map_or(left, |whole| left.min(whole));
        (!left.is_zero()).then(|| token.clone().with_lifetime(left))
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("version", &self.version)
            .field("token", &self.token)
            .field("expires_at", &self.expires_at)
            .field("begun", &self.begun)
            .finish()
    }
}
