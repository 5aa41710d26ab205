//! The settings of a simulator, and its start.

use std::{
    collections::{HashMap, VecDeque},
    fmt, io,
    sync::{Arc, Mutex},
    time::Duration,
};

use super::{
    Challenges, ClientAuth, Counts, ExpiresIn, RefreshTokens, Simulator,
    settings::Settings,
    state::{Shared, State},
    tokens::Tokens,
};
use crate::{
    Clock, SystemClock,
    testing::{RetryAfter, server::Desk},
};

/// A builder of a [`Simulator`].
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use tower_reauth::testing::{
///     FakeClock,
///     oauth2::{ClientAuth, ExpiresIn, Simulator},
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let clock = FakeClock::new();
/// let server = Simulator::builder()
///     .client("me", "s3cret: with spaces")
///     .client_auth([ClientAuth::Basic])
///     .scopes(["read", "write", "admin"])
///     .needs("/admin", "admin")
///     .access_lifetime(Duration::from_secs(60))
///     .expires_in(ExpiresIn::Text)
///     .clock(clock.clone())
///     .start()
///     .await?;
///
/// // The access tokens issued so far are dead, and no test had to wait for it:
/// clock.advance(Duration::from_secs(60));
/// # drop(server);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until `start` is called and awaited"]
pub struct Builder {
    clients: HashMap<String, Option<String>>,
    access_lifetime: Duration,
    settings: Settings,
    clock: Arc<dyn Clock>,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            clients: HashMap::new(),
            access_lifetime: Duration::from_secs(3600),
            settings: Settings::default(),
            clock: Arc::new(SystemClock::new()),
        }
    }

    /// Adds a client. If none is added there is one: `s6BhdRkqt3` with `7Fjfp0ZBr1KtDRbnfVdmIw`, as
    /// in RFC 6749.
    pub fn client(mut self, id: impl Into<String>, secret: impl Into<String>) -> Self {
        self.clients.insert(id.into(), Some(secret.into()));
        self
    }

    /// Adds a client without a secret, which says who it is with its `client_id`.
    pub fn public_client(mut self, id: impl Into<String>) -> Self {
        self.clients.insert(id.into(), None);
        self
    }

    /// Sets in which ways a client with a secret may authenticate itself. By default in both.
    pub fn client_auth(mut self, ways: impl IntoIterator<Item = ClientAuth>) -> Self {
        self.settings.client_auth = ways.into_iter().collect();
        self
    }

    /// Adds a resource owner, and with it the grant `password`. There is none by default.
    pub fn user(mut self, name: impl Into<String>, password: impl Into<String>) -> Self {
        let users = &mut self.settings.users;
        users.insert(name.into(), password.into());
        self
    }

    /// Sets the scopes there are, of which a request that asks for none gets the first. `read` and
    /// `write` by default.
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.settings.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Lets API calls to `path` and below need `scope`: without it they get 403.
    pub fn needs(mut self, path: impl Into<String>, scope: impl Into<String>) -> Self {
        self.settings.needs.push((path.into(), scope.into()));
        self
    }

    /// Adds a resource (RFC 8707), whose API is at `path` and below. There is none by default, and
    /// then `resource` is a parameter like any other that a server does not know.
    ///
    /// Calls to that API need a token that was asked for with this `resource`, or get 401.
    pub fn resource(mut self, uri: impl Into<String>, path: impl Into<String>) -> Self {
        self.settings.resources.push((uri.into(), path.into()));
        self
    }

    /// Sets how long an access token is good for. 1 h by default, as in RFC 6749.
    pub fn access_lifetime(mut self, lifetime: Duration) -> Self {
        self.access_lifetime = lifetime;
        self
    }

    /// Sets how long a refresh token is good for. 30 days by default.
    pub fn refresh_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.refresh_lifetime = lifetime;
        self
    }

    /// Sets what answers say about the refresh token. A new one by default, with which the old one
    /// is spent.
    pub fn refresh_tokens(mut self, way: RefreshTokens) -> Self {
        self.settings.refresh_tokens = way;
        self
    }

    /// Sets whether the grant `client_credentials` comes with a refresh token. `false` by default,
    /// as RFC 6749, section 4.4.3 has it.
    pub fn client_credentials_refresh(mut self, comes: bool) -> Self {
        self.settings.client_refresh = comes;
        self
    }

    /// Sets for how long after it was spent a refresh token may be presented again, for those whose
    /// answer was lost. Not at all by default.
    ///
    /// Afterwards it revokes all tokens of its family, is a violation, and is counted.
    pub fn reuse_grace(mut self, grace: Duration) -> Self {
        self.settings.reuse_grace = grace;
        self
    }

    /// Sets how `expires_in` is written. As a number by default.
    pub fn expires_in(mut self, form: ExpiresIn) -> Self {
        self.settings.expires_in = form;
        self
    }

    /// Sets whether errors that are the client's come with 200, as GitHub sends them. `false` by
    /// default.
    pub fn errors_in_200(mut self, in_200: bool) -> Self {
        self.settings.errors_in_200 = in_200;
        self
    }

    /// Sets whether answers are forms unless the client's `Accept` names `application/json`, as
    /// GitHub has it. `false` by default.
    pub fn forms(mut self, forms: bool) -> Self {
        self.settings.forms = forms;
        self
    }

    /// Sets in what company the challenge `Bearer` comes. Alone by default.
    pub fn challenges(mut self, challenges: Challenges) -> Self {
        self.settings.challenges = challenges;
        self
    }

    /// Sets what the answer to a token request says that is [put off](Simulator::put_off). Seconds
    /// by default.
    pub fn retry_after(mut self, retry_after: RetryAfter) -> Self {
        self.settings.retry_after = retry_after;
        self
    }

    /// Sets whether refusals repeat the secret or token that was sent, in the body and in
    /// `WWW-Authenticate`. `false` by default.
    ///
    /// Servers do this by mistake, and a client must not pass it on to its log.
    pub fn echo_secrets(mut self, echo: bool) -> Self {
        self.settings.echo_secrets = echo;
        self
    }

    /// Sets the clock for lifetimes, dates and delays. The machine's by default.
    ///
    /// With a [`FakeClock`](crate::testing::FakeClock) a token expires when the test says so; with
    /// one of its own the server's time differs from the client's.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Starts the simulator on a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// Fails if no port can be bound.
    ///
    /// # Panics
    ///
    /// Panics outside a tokio runtime with I/O enabled.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped nothing has been started.
    pub async fn start(mut self) -> io::Result<Simulator> {
        if self.clients.is_empty() {
            self = self.client("s6BhdRkqt3", "7Fjfp0ZBr1KtDRbnfVdmIw");
        }
        Simulator::start(Shared {
            settings: self.settings,
            desk: Desk::new(self.clock),
            state: Mutex::new(State {
                clients: self.clients,
                access_lifetime: self.access_lifetime,
                tokens: Tokens::default(),
                counts: Counts::default(),
                requests: VecDeque::new(),
                put_off: None,
            }),
        })
        .await
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("clients", &self.clients.len())
            .field("users", &self.settings.users.len())
            .field("scopes", &self.settings.scopes)
            .field("resources", &self.settings.resources)
            .field("access_lifetime", &self.access_lifetime)
            .finish_non_exhaustive()
    }
}
