//! The settings of a simulator, and its start.

use std::{
    collections::HashMap,
    fmt, io,
    sync::{Arc, Mutex},
    time::Duration,
};

use super::{
    Counts, Denial, Simulator, Spelling, TokenAt, TokenIn,
    settings::Settings,
    state::{Shared, State},
};
use crate::{
    Clock, SystemClock,
    testing::server::{Desk, Secrets},
};

/// A builder of a [`Simulator`].
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use tower_reauth::testing::{
///     FakeClock,
///     fintiv::{Simulator, TokenIn},
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let clock = FakeClock::new();
/// let server = Simulator::builder()
///     .account("merchant@example.com", "Secret123")
///     .token_in(TokenIn::Body)
///     .clock(clock.clone())
///     .start()
///     .await?;
///
/// // The tokens issued so far are dead, and no test had to wait for it:
/// clock.advance(Duration::from_secs(3600));
/// # drop(server);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until `start` is called and awaited"]
pub struct Builder {
    accounts: HashMap<String, String>,
    api_key: String,
    clock: Arc<dyn Clock>,
    settings: Settings,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            accounts: HashMap::new(),
            api_key: "app-key-of-tests".to_owned(),
            clock: Arc::new(SystemClock::new()),
            settings: Settings::default(),
        }
    }

    /// Adds an account.
    ///
    /// If none is added there is one: `merchant@example.com` with `Secret123`.
    pub fn account(mut self, username: impl Into<String>, password: impl Into<String>) -> Self {
        self.accounts.insert(username.into(), password.into());
        self
    }

    /// Sets the APP key that each request has to carry. `app-key-of-tests` by default.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.api_key = key.into();
        self
    }

    /// Sets the name of the tenant. `JANUS` by default, as in the documentation's samples.
    pub fn tenant(mut self, name: impl Into<String>) -> Self {
        self.settings.tenant = name.into();
        self
    }

    /// Sets whether each request has to carry the header `tenantName`. `false` by default: only one
    /// of the vendor's pages has it. A header that is there has to name the tenant in any case.
    pub fn tenant_needed(mut self, needed: bool) -> Self {
        self.settings.tenant_needed = needed;
        self
    }

    /// Sets how long a token is good for. 1 h by default, as on the vendor's page of the cashier's
    /// login.
    pub fn token_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.token_lifetime = lifetime;
        self
    }

    /// Sets where calls carry their token. [`TokenIn::Bearer`] by default (the documentation says
    /// nothing about it).
    pub fn token_in(mut self, place: TokenIn) -> Self {
        self.settings.token_in = place;
        self
    }

    /// Sets where a sign-on's answer has the token. [`TokenAt::Context`] by default.
    pub fn token_at(mut self, place: TokenAt) -> Self {
        self.settings.token_at = place;
        self
    }

    /// Sets how calls are refused whose token is not good. [`Denial::Envelope`] by default (the
    /// documentation has both, and does not say when it is which).
    pub fn denial(mut self, denial: Denial) -> Self {
        self.settings.denial = denial;
        self
    }

    /// Sets how a sign-on's fields are spelt. [`Spelling::Either`] by default.
    pub fn spelling(mut self, spelling: Spelling) -> Self {
        self.settings.spelling = spelling;
        self
    }

    /// Sets the `statusCode` of a sign-on with a wrong name or password. `SECURITY` by default (the
    /// documentation says nothing about it).
    pub fn wrong_password_code(mut self, code: impl Into<String>) -> Self {
        self.settings.wrong_password = code.into();
        self
    }

    /// Adds a path below the base that needs no token, such as `/resetpin`. None by default.
    pub fn open_path(mut self, path: impl Into<String>) -> Self {
        self.settings.open.push(path.into());
        self
    }

    /// Sets whether error answers repeat the password, the token or the key that was sent. `false`
    /// by default.
    ///
    /// Servers do this by mistake, and a client must not pass it on to its log.
    pub fn echo_secrets(mut self, echo: bool) -> Self {
        self.settings.echo_secrets = echo;
        self
    }

    /// Sets the clock for lifetimes, dates and delays. The machine's by default.
    ///
    /// With a [`FakeClock`](crate::testing::FakeClock) a token is dead when the test says so; with
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
        if self.accounts.is_empty() {
            self = self.account("merchant@example.com", "Secret123");
        }
        Simulator::start(Shared {
            settings: self.settings,
            desk: Desk::new(self.clock),
            state: Mutex::new(State {
                accounts: self.accounts,
                api_key: self.api_key,
                old_keys: Vec::new(),
                secrets: Secrets::default(),
                tokens: HashMap::new(),
                counts: Counts::default(),
            }),
        })
        .await
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("accounts", &self.accounts.len())
            .finish_non_exhaustive()
    }
}
