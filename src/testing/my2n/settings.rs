//! What the builder fixes for the life of a simulator.

use std::time::Duration;

use crate::testing::DateFormat;

#[derive(Clone)]
pub(super) struct Settings {
    pub(super) flow_lifetime: Duration,
    pub(super) session_lifetime: Duration,
    pub(super) v1_lifetime: Duration,
    pub(super) dates: DateFormat,
    pub(super) tells_expiry: bool,
    pub(super) wrong_password: u16,
    pub(super) tells_unknown_accounts: bool,
    /// Whether messages stand at a node of the form, not at the form.
    pub(super) messages_at_nodes: bool,
    pub(super) mfa: u16,
    pub(super) v2_before_migration: bool,
    pub(super) migration_ends_api_keys: bool,
    pub(super) logout: bool,
    /// Whether a 401 of the API carries `WWW-Authenticate`.
    pub(super) challenge: bool,
    pub(super) echo_secrets: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            flow_lifetime: Duration::from_secs(3600),
            session_lifetime: Duration::from_secs(24 * 3600),
            v1_lifetime: Duration::from_secs(3600),
            dates: DateFormat::Fraction,
            tells_expiry: true,
            wrong_password: 400,
            tells_unknown_accounts: false,
            messages_at_nodes: false,
            mfa: 401,
            v2_before_migration: false,
            migration_ends_api_keys: true,
            logout: true,
            challenge: false,
            echo_secrets: false,
        }
    }
}
