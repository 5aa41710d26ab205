//! The handle of a running simulator.

use std::{fmt, io, net::SocketAddr, sync::Arc};

use super::{
    Builder, Counts, Endpoint, Quirk, TypeStatus,
    state::{Account, Lock, Shared},
};
use crate::testing::{
    Fault,
    server::{Listening, controls},
};

/// A running simulator of a Glue API, and its controls.
///
/// See the [module](super) for what it does. It stops when it is dropped.
pub struct Simulator {
    shared: Arc<Shared>,
    listening: Listening,
}

impl Simulator {
    /// Returns a builder with the defaults: the behaviour of the vendor's source, and
    /// [assumptions](super#what-neither-documentation-nor-source-say) where there is none.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(super) async fn start(shared: Shared) -> io::Result<Self> {
        let shared = Arc::new(shared);
        let listening = Listening::start(shared.clone()).await?;
        Ok(Self { shared, listening })
    }

    /// Returns where the simulator listens, as `http://127.0.0.1:PORT`, without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> String {
        self.listening.base_url()
    }

    /// Returns the address that the simulator listens at.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listening.address()
    }

    /// Returns the newest code that was sent to an account, of whichever type, if there is any.
    #[must_use]
    pub fn latest_code(&self, username: &str) -> Option<String> {
        self.shared.mail.latest(username)
    }

    /// Waits for a code sent to an account that this function has not returned before, and returns
    /// the oldest such.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped no code is lost.
    pub async fn next_code(&self, username: &str) -> String {
        self.shared.mail.next(username).await
    }

    /// Starts a session without a login, and returns its access token and refresh token.
    ///
    /// It counts in [`tokens_issued`](Counts::tokens_issued). The account need not exist.
    #[must_use]
    pub fn issue_access_token(&self, username: &str) -> (String, String) {
        let mut state = self.shared.state();
        let pair = self.shared.issue(&mut state, username, None);
        (pair.access, pair.refresh.unwrap_or_default())
    }

    /// Revokes every access token issued so far: calls with one get 401.
    pub fn revoke_access_tokens(&self) {
        self.shared.state().tokens.revoke_access();
    }

    /// Revokes every refresh token issued so far. Using one afterwards is counted as that of a dead
    /// token, or as a reuse if it was traded before.
    pub fn revoke_refresh_tokens(&self) {
        self.shared.state().tokens.revoke_refresh();
    }

    /// Invalidates every code of an account, as any web login or logout of that account can do:
    /// calls with one get 5901.
    pub fn invalidate_codes(&self, username: &str) {
        self.change(username, |account| account.mfa.invalidate());
    }

    /// Sets what an MFA type is to an account.
    pub fn set_mfa(&self, username: &str, kind: &str, status: TypeStatus) {
        self.change(username, |account| account.mfa.set(kind, status));
    }

    /// Returns what an MFA type is to an account.
    #[must_use]
    pub fn mfa(&self, username: &str, kind: &str) -> TypeStatus {
        let state = self.shared.state();
        let account = state.accounts.get(username);
        account.map_or(TypeStatus::Deactivated, |account| account.mfa.status(kind))
    }

    /// Sets whether codes can be sent. If not, triggers and activations get 400 with 5910.
    pub fn set_deliverable(&self, deliverable: bool) {
        self.shared.state().undeliverable = !deliverable;
    }

    /// Changes the password of an account. Sessions live on.
    pub fn set_password(&self, username: &str, password: impl Into<String>) {
        self.change(username, |account| account.password = password.into());
    }

    /// Sets whether logins of an account are refused because its address was never confirmed.
    pub fn set_unconfirmed(&self, username: &str, unconfirmed: bool) {
        self.change(username, |account| account.unconfirmed = unconfirmed);
    }

    /// Returns the `idCompanyUser` of an account, for `POST /company-user-access-tokens`.
    #[must_use]
    pub fn company_user(&self, username: &str) -> Option<String> {
        let state = self.shared.state();
        let account = state.accounts.get(username);
        account.map(|account| account.company_user.clone())
    }

    /// Locks logins, as if there had been too many that failed just now.
    ///
    /// The first attempt in it is no violation, as nobody knows of the lock before.
    pub fn lock(&self) {
        let until = self.shared.now().saturating_add(self.shared.settings.lock);
        self.shared.state().lock.close(until);
    }

    /// Ends a lock and forgets the logins that failed so far.
    pub fn unlock(&self) {
        self.shared.state().lock = Lock::default();
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
        self.listening.shutdown().await;
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
            .field("address", &self.address())
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}
