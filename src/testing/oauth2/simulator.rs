//! The handle of a running simulator.

use std::{collections::BTreeSet, fmt, io, net::SocketAddr, sync::Arc, time::Duration};

use super::{
    Builder, Counts, Endpoint, Quirk, TokenRequest,
    state::{PutOff, Shared},
    tokens::Access,
};
use crate::testing::{
    Fault,
    server::{Listening, controls},
};

/// A running simulator of an authorization server and a resource server, and its controls.
///
/// See the [module](super) for what it does. It stops when it is dropped.
///
/// # Example
///
/// ```
/// use tower_reauth::testing::oauth2::{Endpoint, Quirk, RefreshTokens, Simulator};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let server = Simulator::builder().start().await?;
/// let (access, refresh) = server.issue_tokens("s6BhdRkqt3", "read");
/// // .. give both to the client, and let it have no new refresh token when it comes:
/// let quirk = Quirk::RefreshToken(RefreshTokens::Omitted);
/// server.inject_quirk(Endpoint::Token, quirk);
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
    /// Returns a builder with the defaults: what the RFCs say, and
    /// [a choice](super#what-the-rfcs-leave-open) where they leave one.
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

    /// Returns the address of the token endpoint.
    #[must_use]
    pub fn token_url(&self) -> String {
        format!("{}/token", self.base_url())
    }

    /// Returns the address of the revocation endpoint.
    #[must_use]
    pub fn revocation_url(&self) -> String {
        format!("{}/revoke", self.base_url())
    }

    /// Returns the address that the simulator listens at.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listening.address()
    }

    /// Issues an access token and a refresh token to `client` for a list of scopes, as if a
    /// resource owner had agreed to it. Both are for every [resource](Builder::resource) there is.
    ///
    /// It counts in [`tokens_issued`](Counts::tokens_issued) alone. Neither the client nor the
    /// scopes need to exist.
    #[must_use]
    pub fn issue_tokens(&self, client: &str, scope: &str) -> (String, String) {
        let now = self.shared.desk.now().monotonic;
        let resources = self.shared.settings.resources.iter();
        let access = Access {
            scopes: scope.split_whitespace().map(str::to_owned).collect(),
            resources: BTreeSet::from_iter(resources.map(|(uri, _)| uri.clone())),
        };
        let mut state = self.shared.state();
        let expires = now.saturating_add(state.access_lifetime);
        let grant = state.tokens.grant(client, Some("somebody"), access.clone());
        let token = state.tokens.issue_access(&grant, access, expires);
        state.counts.tokens_issued += 1;
        let expires = now.saturating_add(self.shared.settings.refresh_lifetime);
        let refresh = state.tokens.issue_refresh(&grant, expires);
        (token, refresh)
    }

    /// Revokes every access token issued so far: API calls with one get 401.
    pub fn revoke_access_tokens(&self) {
        self.shared.state().tokens.revoke_access();
    }

    /// Lets every access token issued so far expire: API calls with one get 401.
    pub fn expire_access_tokens(&self) {
        let now = self.shared.desk.now().monotonic;
        self.shared.state().tokens.expire_access(now);
    }

    /// Revokes every refresh token issued so far. Using one afterwards is counted as that of a dead
    /// token, or as a reuse if it was spent before.
    pub fn revoke_refresh_tokens(&self) {
        self.shared.state().tokens.revoke_refresh();
    }

    /// Lets every refresh token issued so far expire.
    pub fn expire_refresh_tokens(&self) {
        let now = self.shared.desk.now().monotonic;
        self.shared.state().tokens.expire_refresh(now);
    }

    /// Sets how long access tokens issued from now on are good for.
    pub fn set_access_lifetime(&self, lifetime: Duration) {
        self.shared.state().access_lifetime = lifetime;
    }

    /// Changes the secret of a client, or adds a client. Tokens live on.
    pub fn set_client_secret(&self, id: impl Into<String>, secret: impl Into<String>) {
        let mut state = self.shared.state();
        state.clients.insert(id.into(), Some(secret.into()));
    }

    /// Answers token requests with `status` for this time: 429 or 503, say, and
    /// [`Retry-After`](Builder::retry_after).
    ///
    /// The first in it is no violation, as nobody knows of it before; those after it are.
    pub fn put_off(&self, status: u16, time: Duration) {
        let now = self.shared.desk.now().monotonic;
        self.shared.state().put_off = Some(PutOff {
            status,
            until: now.saturating_add(time),
            told: false,
        });
    }

    /// Queues `quirk` for the next request at `endpoint` that has nothing queued yet.
    pub fn inject_quirk(&self, endpoint: Endpoint, quirk: Quirk) {
        self.shared.desk.push(endpoint, quirk.into());
    }

    /// Returns the token requests that could be read, oldest first. The newest 1024 are kept.
    #[must_use]
    pub fn token_requests(&self) -> Vec<TokenRequest> {
        self.shared.state().requests.iter().cloned().collect()
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
