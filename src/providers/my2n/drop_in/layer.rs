use std::sync::Arc;

use tower_layer::Layer;

use super::{DropIn, accounts::Accounts, service::Shared};
use crate::{
    Error, Session,
    origin::Origins,
    providers::my2n::{Endpoint, My2nBuilder},
    replay::{Replay, ReplayLayer},
};

const MOST_ACCOUNTS: usize = 64;

/// Layer that lets a program which speaks version 1 go on as it is.
///
/// See the [module docs](self::super) for more details. Made by
/// [`My2nBuilder::drop_in`](super::super::My2nBuilder::drop_in). Clones and services share the
/// accounts, and the memory in which bodies are kept for a second send.
#[derive(Clone, Debug)]
#[must_use]
pub struct DropInLayer {
    shared: Arc<Shared>,
    replay: ReplayLayer,
}

// === impl DropInLayer ===

impl DropInLayer {
    pub(in crate::providers::my2n) fn new(template: My2nBuilder) -> Result<Self, Error> {
        let settings = template.settings()?;
        let base_url = &settings.base_url;
        let origin = base_url.origin().to_owned();
        let origins = Origins::parse(&[origin], base_url.is_insecure(), false)?;
        let login = settings.uri(Endpoint::LoginV1)?.path().into();
        Ok(Self {
            shared: Arc::new(Shared {
                accounts: Accounts::new(template, MOST_ACCOUNTS),
                origins,
                login,
            }),
            replay: ReplayLayer::new(),
        })
    }

    /// Sets how many accounts are remembered, 64 by default: at least 1.
    ///
    /// Clones and services made before this call keep the accounts they shared.
    pub fn max_accounts(mut self, accounts: usize) -> Self {
        self.shared = Arc::new(Shared {
            accounts: self.shared.accounts.with_most(accounts.max(1)),
            origins: self.shared.origins.clone(),
            login: self.shared.login.clone(),
        });
        self
    }

    /// Sets how much of a body is kept for a second send, 8 MiB by default: see
    /// [`ReplayLayer::max_body`].
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.replay = self.replay.max_body(bytes);
        self
    }

    /// Sets how much is kept of the bodies of all requests together, 64 MiB by default: see
    /// [`ReplayLayer::max_total`].
    pub fn max_total(mut self, bytes: usize) -> Self {
        self.replay = self.replay.max_total(bytes);
        self
    }

    /// Returns how many accounts a server has moved from version 1 to version 2.
    #[must_use]
    pub fn upgrades(&self) -> u64 {
        self.shared.accounts.upgrades()
    }

    /// Returns the session of the account that has logged in as `username`, to look at it, to hear
    /// its events, or to sign it out. Of several, with different passwords, the one used last.
    #[must_use]
    pub fn session(&self, username: &str) -> Option<Session> {
        self.shared.accounts.session(username)
    }
}

impl<S> Layer<S> for DropInLayer {
    type Service = Replay<DropIn<S>>;

    fn layer(&self, inner: S) -> Self::Service {
        self.replay
            .layer(DropIn::new(inner, Arc::clone(&self.shared)))
    }
}
