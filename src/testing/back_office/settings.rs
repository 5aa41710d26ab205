//! What the builder fixes for the life of a simulator.

use std::time::Duration;

use super::{DateFormat, ErrorShape, RetryAfter};

#[derive(Clone)]
pub(super) struct Settings {
    pub(super) provider: String,
    pub(super) refresh_lifetime: Duration,
    pub(super) two_factor_lifetime: Duration,
    pub(super) retry_after: RetryAfter,
    pub(super) rotate: bool,
    pub(super) only_newest: bool,
    /// Whether a 401 carries `WWW-Authenticate`.
    pub(super) challenge: bool,
    pub(super) dates: DateFormat,
    pub(super) errors: ErrorShape,
    pub(super) echo_secrets: bool,
    pub(super) wrong_password: u16,
    pub(super) wrong_code: u16,
    /// As `wrong_code`, if it is not set.
    pub(super) expired_flow: Option<u16>,
    pub(super) bad_refresh: u16,
    pub(super) limited: u16,
    pub(super) new_sign_in_voids_flow: bool,
    /// How many wrong codes it takes.
    pub(super) flow_dies_after: usize,
    pub(super) sign_out_ends_refresh: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            provider: "email".to_owned(),
            refresh_lifetime: Duration::from_secs(30 * 24 * 3600),
            two_factor_lifetime: Duration::from_secs(600),
            retry_after: RetryAfter::None,
            rotate: true,
            only_newest: false,
            challenge: true,
            dates: DateFormat::Offset,
            errors: ErrorShape::Message,
            echo_secrets: false,
            wrong_password: 401,
            wrong_code: 422,
            expired_flow: None,
            bad_refresh: 401,
            limited: 429,
            new_sign_in_voids_flow: false,
            flow_dies_after: usize::MAX,
            sign_out_ends_refresh: true,
        }
    }
}
