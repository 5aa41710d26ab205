//! The handle of a running simulator.

use std::{fmt, io, net::SocketAddr, sync::Arc};

use super::{Builder, Counts, Endpoint, Quirk, endpoint::BASE, state::Shared};
use crate::testing::{
    Fault,
    server::{Listening, controls},
};

/// A running simulator of Fintiv's authentication service, and its controls.
///
/// See the [module](super) for what it does. It stops when it is dropped.
pub struct Simulator {
    shared: Arc<Shared>,
    port: Listening,
}

impl Simulator {
    /// Returns a builder with the defaults: the documented behaviour, and
    /// [assumptions](super#what-the-documentation-does-not-say) where there is none.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(super) async fn start(shared: Shared) -> io::Result<Self> {
        let shared = Arc::new(shared);
        let port = Listening::start(shared.clone()).await?;
        Ok(Self { shared, port })
    }

    /// Returns the base of the service as the vendor writes it: `http://127.0.0.1:PORT/auth`,
    /// without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> String {
        self.port.base_url() + BASE
    }

    /// Returns the address that it listens at.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Returns the APP key that is good now.
    #[must_use]
    pub fn api_key(&self) -> String {
        self.shared.state().api_key.clone()
    }

    /// Replaces the APP key: the one so far is outdated, and refused like a wrong one.
    pub fn set_api_key(&self, key: impl Into<String>) {
        let state = &mut *self.shared.state();
        let old = std::mem::replace(&mut state.api_key, key.into());
        state.old_keys.push(old);
    }

    /// Changes the password of an account. Tokens live on.
    pub fn set_password(&self, username: impl Into<String>, password: impl Into<String>) {
        let mut state = self.shared.state();
        state.accounts.insert(username.into(), password.into());
    }

    /// Issues a token without a sign-on and returns it. The account need not exist.
    #[must_use]
    pub fn issue_token(&self, username: &str) -> String {
        self.shared.issue(&mut self.shared.state(), username)
    }

    /// Revokes every token issued so far.
    pub fn revoke_tokens(&self) {
        for held in self.shared.state().tokens.values_mut() {
            held.revoked = true;
        }
    }

    /// Queues an odd answer for the next request at `endpoint` that has no fault yet.
    pub fn inject_quirk(&self, endpoint: Endpoint, quirk: Quirk) {
        self.shared.desk.push(endpoint, quirk.into());
    }

    /// Returns how often everything happened so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let connections = self.shared.desk.connections();
        Counts {
            violations: self.shared.desk.violated(),
            connections: connections.accepted,
            open_connections: connections.open,
            ..self.shared.state().counts
        }
    }

    /// Stops the simulator: closes every connection and the port, and waits until they are closed.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped the simulator stops all the same.
    pub async fn shutdown(self) {
        self.port.shutdown().await;
    }
}

controls!(Simulator, Endpoint, Fault);

impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulator")
            .field("address", &self.address())
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}
