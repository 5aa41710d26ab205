//! The handle of a running simulator.

use std::{fmt, io, net::SocketAddr, sync::Arc};

use super::{
    Builder, Counts, Endpoint, Quirk,
    endpoint::{BASE, Which},
    site::Host,
    state::{Account, FlowState, Shared},
};
use crate::testing::{
    Fault,
    server::{Listening, controls},
};

/// A running simulator of My2N, and its controls.
///
/// See the [module](super) for what it does. It stops when it is dropped.
pub struct Simulator {
    shared: Arc<Shared>,
    api: Listening,
    login: Listening,
}

impl Simulator {
    /// Returns a builder with the defaults: the documented behaviour, and
    /// [assumptions](super#what-the-documentation-does-not-say) where there is none.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(super) async fn start(shared: Shared) -> io::Result<Self> {
        let shared = Arc::new(shared);
        let host = |which| {
            let shared = shared.clone();
            Arc::new(Host { which, shared })
        };
        let login = Listening::start(host(Which::Login)).await?;
        // Nobody knows the port yet, so nobody has asked before.
        let _ = shared.login_url.set(login.base_url());
        let api = Listening::start(host(Which::Api)).await?;
        Ok(Self { shared, api, login })
    }

    /// Returns the base of the Partner API as the vendor writes it:
    /// `http://127.0.0.1:PORT/middleware/api/partner/v1`, without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> String {
        self.api.base_url() + BASE
    }

    /// Returns where the login host of Auth v.2 listens, as `http://127.0.0.1:PORT`, without a
    /// slash at the end. It is another port than that of the API, as it is another domain at the
    /// vendor's.
    #[must_use]
    pub fn login_url(&self) -> String {
        self.login.base_url()
    }

    /// Returns the address that the API listens at.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.api.address()
    }

    /// Returns the address that the login host listens at.
    #[must_use]
    pub fn login_address(&self) -> SocketAddr {
        self.login.address()
    }

    /// Migrates an account from now on: v1 logins get 409, v2 logins succeed, and v1 tokens are
    /// dead unless [set otherwise](Builder::migration_ends_api_keys).
    pub fn migrate(&self, username: &str) {
        let mut state = self.shared.state();
        let ends = self.shared.settings.migration_ends_api_keys;
        if let Some(account) = state.accounts.get_mut(username) {
            account.migrated = true;
        }
        let keys = state.api_keys.values_mut().filter(|_| ends);
        for held in keys.filter(|held| held.username == username) {
            held.revoked = true;
        }
    }

    /// Sets whether an account has MFA enabled: v2 logins go on to succeed, but API calls with
    /// their sessions get 401.
    pub fn set_mfa(&self, username: &str, enabled: bool) {
        self.change(username, |account| account.mfa = enabled);
    }

    /// Sets whether v2 logins of an account are refused because its address was never verified.
    pub fn set_unverified(&self, username: &str, unverified: bool) {
        self.change(username, |account| account.unverified = unverified);
    }

    /// Changes the password of an account. Sessions live on.
    pub fn set_password(&self, username: &str, password: impl Into<String>) {
        self.change(username, |account| account.password = password.into());
    }

    /// Starts a v2 session without a login and returns its token. The account need not exist.
    #[must_use]
    pub fn issue_session(&self, username: &str) -> String {
        let mut state = self.shared.state();
        self.shared.session(&mut state, username).token
    }

    /// Issues a v1 token without a login and returns it. The account need not exist.
    #[must_use]
    pub fn issue_api_key(&self, username: &str) -> String {
        let mut state = self.shared.state();
        self.shared.api_key(&mut state, username)
    }

    /// Revokes every v2 session issued so far: API calls with one get 401.
    pub fn revoke_sessions(&self) {
        let mut state = self.shared.state();
        for held in state.sessions.values_mut() {
            held.revoked = true;
        }
    }

    /// Revokes every v1 token issued so far.
    pub fn revoke_api_keys(&self) {
        let mut state = self.shared.state();
        for held in state.api_keys.values_mut() {
            held.revoked = true;
        }
    }

    /// Lets every flow begun so far expire: a submit of one gets 410.
    pub fn expire_flows(&self) {
        let now = self.shared.desk.now().monotonic;
        for flow in self.shared.state().flows.values_mut() {
            flow.expires = flow.expires.min(now);
        }
    }

    /// Lets every open flow be replaced by another: a submit of one gets 410, which names it.
    pub fn replace_flows(&self) {
        let mut state = self.shared.state();
        let open = state.flows.values_mut();
        for flow in open.filter(|flow| flow.state == FlowState::Open) {
            flow.state = FlowState::Replaced;
        }
    }

    /// Forgets every flow begun so far: a submit of one gets 404.
    pub fn forget_flows(&self) {
        self.shared.state().flows.clear();
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

    /// Stops the simulator: closes every connection and both ports, and waits until they are
    /// closed.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped the simulator stops all the same.
    pub async fn shutdown(self) {
        self.api.shutdown().await;
        self.login.shutdown().await;
    }

    fn change(&self, username: &str, change: impl FnOnce(&mut Account)) {
        if let Some(account) = self.shared.state().accounts.get_mut(username) {
            change(account);
        }
    }
}

controls!(Simulator, Endpoint, Fault);

impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulator")
            .field("api", &self.address())
            .field("login", &self.login_address())
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}
