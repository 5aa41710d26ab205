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
    pub(super) bad_refresh: u16,
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
            bad_refresh: 401,
        }
    }
}
