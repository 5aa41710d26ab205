//! What the builder fixes for the life of a simulator.

use std::time::Duration;

use super::{
    ErrorShape, auths::Rules, courier::Webhooks, login::Logins, request_signing::RequestSigning,
};

#[derive(Clone)]
pub(super) struct Settings {
    pub(super) api_key: String,
    pub(super) logins: Logins,
    pub(super) rules: Rules,
    pub(super) webhooks: Webhooks,
    /// How long it takes at the company's site.
    pub(super) verification: Duration,
    pub(super) request_signing: Option<RequestSigning>,
    /// Whether public keys are had without the API key.
    pub(super) open_keys: bool,
    pub(super) errors: ErrorShape,
    pub(super) echo_secrets: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            api_key: "dc220490-e6ee-11e5-8a94-e7385a8d929e".to_owned(),
            logins: Logins::sandbox(),
            rules: Rules::default(),
            webhooks: Webhooks::default(),
            verification: Duration::ZERO,
            request_signing: None,
            open_keys: false,
            errors: ErrorShape::Message,
            echo_secrets: false,
        }
    }
}
