//! The settings of a simulator, and its start.

use std::{
    collections::HashMap,
    fmt, io,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use super::{
    Simulator,
    settings::Settings,
    state::{Account, Shared, State},
};
use crate::{
    Clock, SystemClock,
    testing::{DateFormat, server::Desk},
};

/// A builder of a [`Simulator`].
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use tower_reauth::testing::{FakeClock, my2n::Simulator};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let clock = FakeClock::new();
/// let server = Simulator::builder()
///     .migrated_account("api@example.com", "Secret123")
///     .session_lifetime(Duration::from_secs(600))
///     .clock(clock.clone())
///     .start()
///     .await?;
///
/// // The sessions issued so far are dead, and no test had to wait for it:
/// clock.advance(Duration::from_secs(600));
/// # drop(server);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until `start` is called and awaited"]
pub struct Builder {
    /// Passwords by name, and whether the account is migrated.
    accounts: HashMap<String, (String, bool)>,
    clock: Arc<dyn Clock>,
    settings: Settings,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            accounts: HashMap::new(),
            clock: Arc::new(SystemClock::new()),
            settings: Settings::default(),
        }
    }

    /// Adds an account that is not [migrated](Simulator::migrate) yet: it logs in the v1 way.
    ///
    /// If none is added there is one: `api@example.com` with `Secret123`.
    pub fn account(self, username: impl Into<String>, password: impl Into<String>) -> Self {
        self.add(username.into(), password.into(), false)
    }

    /// Adds an account that is migrated, or was created after 2025-08-01: it logs in the v2 way.
    pub fn migrated_account(
        self,
        username: impl Into<String>,
        password: impl Into<String>,
    ) -> Self {
        self.add(username.into(), password.into(), true)
    }

    /// Sets how long a flow can be submitted. 1 h by default, as stock Kratos has it.
    pub fn flow_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.flow_lifetime = lifetime;
        self
    }

    /// Sets how long a v2 session is good for. 24 h by default, as stock Kratos has it.
    pub fn session_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.session_lifetime = lifetime;
        self
    }

    /// Sets how long a v1 token is good for. 1 h by default (the real one is unknown; the vendor's
    /// own flow logs in every 50 min).
    pub fn v1_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.v1_lifetime = lifetime;
        self
    }

    /// Sets whether a v2 login says when the session ends, in `session.expires_at`. `true` by
    /// default.
    pub fn tells_expiry(mut self, tells: bool) -> Self {
        self.settings.tells_expiry = tells;
        self
    }

    /// Sets how dates are written. `2022-01-01T00:00:00.123456Z` by default.
    pub fn dates(mut self, format: DateFormat) -> Self {
        self.settings.dates = format;
        self
    }

    /// Sets the status of a v2 login with wrong credentials. 400 by default, with the flow in the
    /// body; with another, such as the 401 that the vendor's own flow still looks for, the body is
    /// an error object.
    pub fn wrong_password_status(mut self, status: u16) -> Self {
        self.settings.wrong_password = status;
        self
    }

    /// Sets whether a v2 login with an unknown username is told apart (message 4000037) from one
    /// with a wrong password (4000006). `false` by default.
    pub fn tells_unknown_accounts(mut self, tells: bool) -> Self {
        self.settings.tells_unknown_accounts = tells;
        self
    }

    /// Sets whether the messages of a failed submit stand at the field that they are about, in
    /// `ui.nodes[].messages`, and not in `ui.messages`. `false` by default. That a field is missing
    /// is always told at the field.
    pub fn messages_at_nodes(mut self, at_nodes: bool) -> Self {
        self.settings.messages_at_nodes = at_nodes;
        self
    }

    /// Sets the status of an API call whose account has MFA enabled. 401 by default, as the
    /// vendor's help page has it, and not to be told from a session that has ended; with another,
    /// such as the 403 of stock Kratos, the body says `session_aal2_required`.
    pub fn mfa_status(mut self, status: u16) -> Self {
        self.settings.mfa = status;
        self
    }

    /// Sets whether an account can log in the v2 way before it is migrated. `false` by default: its
    /// credentials are refused as wrong (the documentation says nothing about it).
    pub fn v2_before_migration(mut self, possible: bool) -> Self {
        self.settings.v2_before_migration = possible;
        self
    }

    /// Sets whether the v1 tokens of an account die when it is migrated. `true` by default (the
    /// documentation says nothing about it); if not they live until they expire.
    pub fn migration_ends_api_keys(mut self, ends: bool) -> Self {
        self.settings.migration_ends_api_keys = ends;
        self
    }

    /// Sets whether there is a logout at the login host. `true` by default, as stock Kratos has it
    /// (not confirmed for My2N); if not it is 404.
    pub fn logout(mut self, supported: bool) -> Self {
        self.settings.logout = supported;
        self
    }

    /// Sets whether a 401 of the API carries `WWW-Authenticate: Bearer`. `false` by default (the
    /// documentation says nothing about it).
    pub fn challenge(mut self, challenge: bool) -> Self {
        self.settings.challenge = challenge;
        self
    }

    /// Sets whether error answers repeat the password or token that was sent. `false` by default.
    ///
    /// Servers do this by mistake, and a client must not pass it on to its log.
    pub fn echo_secrets(mut self, echo: bool) -> Self {
        self.settings.echo_secrets = echo;
        self
    }

    /// Sets the clock for lifetimes, dates and delays. The machine's by default.
    ///
    /// With a [`FakeClock`](crate::testing::FakeClock) a session is over when the test says so; with
    /// one of its own the server's time differs from the client's.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Starts the simulator on two free ports of 127.0.0.1.
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
        if self.accounts.is_empty() {
            self = self.account("api@example.com", "Secret123");
        }
        let mut state = State::default();
        for (username, (password, migrated)) in self.accounts {
            let account = Account::new(state.secrets.uuid(), password, migrated);
            state.accounts.insert(username, account);
        }
        Simulator::start(Shared {
            settings: self.settings,
            desk: Desk::new(self.clock),
            state: Mutex::new(state),
            login_url: OnceLock::new(),
        })
        .await
    }

    fn add(mut self, username: String, password: String, migrated: bool) -> Self {
        self.accounts.insert(username, (password, migrated));
        self
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("accounts", &self.accounts.len())
            .finish_non_exhaustive()
    }
}
