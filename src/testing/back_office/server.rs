//! The handle of a running simulator.

use std::{fmt, io, net::SocketAddr, sync::Arc, time::Duration};

use super::{Builder, Counts, Endpoint, Fault, auth, state::Shared};
use crate::testing::server::{Listening, controls};

/// A running simulator of the Back Office API, and its controls.
///
/// See the [module](super) for what it does. It stops when it is dropped.
///
/// # Example
///
/// ```
/// use tower_reauth::testing::back_office::Simulator;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let server = Simulator::builder().start().await?;
/// let (access, refresh) = server.issue_access_token("foo@bar.com");
/// // .. give both to the client, then let the next API call be refused:
/// server.expire_access_tokens();
/// # let _ = (access, refresh);
/// # Ok(())
/// # }
/// ```
pub struct Simulator {
    shared: Arc<Shared>,
    listening: Listening,
}

impl Simulator {
    /// Returns a builder with the defaults: the documented behaviour, and
    /// [assumptions](super#what-the-documentation-does-not-say) where there is none.
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

    /// Returns the newest 2FA code that was mailed to `email`, if there is any.
    #[must_use]
    pub fn latest_code(&self, email: &str) -> Option<String> {
        self.shared.mail.latest(email)
    }

    /// Waits for a 2FA code mailed to `email` that this function has not returned before, and
    /// returns the oldest such.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped no code is lost.
    pub async fn next_code(&self, email: &str) -> String {
        self.shared.mail.next(email).await
    }

    /// Starts a session without a sign-in, and returns its access token and refresh token.
    ///
    /// It counts in [`tokens_issued`](Counts::tokens_issued) and against no limit. The account need
    /// not exist.
    #[must_use]
    pub fn issue_access_token(&self, email: &str) -> (String, String) {
        let mut state = self.shared.state();
        let pair = auth::start(&self.shared, &mut state, email, None);
        let token = |issued: Option<super::sessions::Issued>| {
            issued.map(|issued| issued.token).unwrap_or_default()
        };
        (token(pair.access), token(pair.refresh))
    }

    /// Revokes every access token issued so far: API calls with one get 401.
    pub fn revoke_access_tokens(&self) {
        self.shared.state().sessions.revoke_access();
    }

    /// Lets every access token issued so far expire: API calls with one get 401.
    pub fn expire_access_tokens(&self) {
        let now = self.shared.desk.now();
        self.shared.state().sessions.expire_access(now);
    }

    /// Revokes every refresh token issued so far. Using one afterwards is counted as that of a dead
    /// token, or as a reuse if it was spent before.
    pub fn revoke_refresh_tokens(&self) {
        self.shared.state().sessions.revoke_refresh();
    }

    /// Lets every refresh token issued so far expire.
    pub fn expire_refresh_tokens(&self) {
        let now = self.shared.desk.now();
        self.shared.state().sessions.expire_refresh(now);
    }

    /// Lets every sign-in that waits for its code expire.
    pub fn expire_two_factor(&self) {
        let now = self.shared.desk.now();
        self.shared.state().sessions.expire_pending(now);
    }

    /// Locks everybody out, as if a limit had been exceeded just now.
    ///
    /// The first attempt in it is no violation, as nobody knows of the lock-out before.
    pub fn lock_out(&self) {
        let now = self.shared.desk.now();
        self.shared.state().limiter.lock(now.monotonic, false);
    }

    /// Ends a lock-out and forgets the attempts so far.
    pub fn lift_lockout(&self) {
        self.shared.state().limiter.unlock();
    }

    /// Changes the password of an account, or adds one. Sessions live on.
    pub fn set_password(&self, email: impl Into<String>, password: impl Into<String>) {
        let mut state = self.shared.state();
        state.accounts.insert(email.into(), password.into());
    }

    /// Sets whether the next sign-ins have to be confirmed with a code.
    pub fn set_two_factor(&self, required: bool) {
        self.shared.state().two_factor = required;
    }

    /// Sets how long access tokens issued from now on are good for.
    pub fn set_access_lifetime(&self, lifetime: Duration) {
        self.shared.state().access_lifetime = lifetime;
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
