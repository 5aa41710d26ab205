//! The settings of a simulator, and its start.

use std::{
    collections::HashMap,
    fmt, io,
    sync::{Arc, Mutex},
    time::Duration,
};

use super::{
    ErrorShape, Simulator, TokenShape, TypeStatus,
    settings::Settings,
    state::{Account, Shared, State},
};
use crate::{
    Clock, SystemClock,
    testing::server::{Desk, Mail},
};

/// A builder of a [`Simulator`].
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use tower_reauth::testing::{
///     FakeClock,
///     glue::{ErrorShape, Simulator},
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let clock = FakeClock::new();
/// let server = Simulator::builder()
///     .account("sonia@example.com", "Secret123")
///     .errors(ErrorShape::Bare)
///     .clock(clock.clone())
///     .start()
///     .await?;
///
/// // The codes sent so far are dead, and no test had to wait for it:
/// clock.advance(Duration::from_secs(30 * 60));
/// # drop(server);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until `start` is called and awaited"]
pub struct Builder {
    /// Passwords by name, and the MFA type that is active.
    accounts: HashMap<String, (String, Option<&'static str>)>,
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

    /// Adds an account whose MFA type `email` is active.
    ///
    /// If none is added there is one: `sonia@example.com` with `Secret123`.
    pub fn account(mut self, username: impl Into<String>, password: impl Into<String>) -> Self {
        let account = (password.into(), Some("email"));
        self.accounts.insert(username.into(), account);
        self
    }

    /// Adds an account without MFA: it is asked for no code until it activates a type.
    pub fn account_without_mfa(
        mut self,
        username: impl Into<String>,
        password: impl Into<String>,
    ) -> Self {
        self.accounts
            .insert(username.into(), (password.into(), None));
        self
    }

    /// Adds an MFA type that the shop knows. `email` is one from the start.
    pub fn mfa_type(mut self, name: impl Into<String>) -> Self {
        self.settings.types.push(name.into());
        self
    }

    /// Sets which resources are protected by MFA. `customer-password`, `customers`, `addresses`,
    /// `carts`, `checkout` and `order-payments` by default, which the vendor's documentation calls
    /// usual; the list of the source is empty, and each project has its own.
    pub fn protected(mut self, resources: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.settings.protected = resources.into_iter().map(Into::into).collect();
        self
    }

    /// Sets which resources need no access token. `catalog-search`, `guest-carts` and `stores` by
    /// default (assumed).
    pub fn open(mut self, resources: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.settings.open = resources.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the form of error bodies. That of classic Glue by default.
    pub fn errors(mut self, shape: ErrorShape) -> Self {
        self.settings.errors = shape;
        self
    }

    /// Sets whether error codes are JSON numbers, those with a leading zero excepted. `false` by
    /// default.
    pub fn codes_as_numbers(mut self, numbers: bool) -> Self {
        self.settings.codes_as_numbers = numbers;
        self
    }

    /// Sets whether the `status` of an error is a JSON string. `false` by default.
    pub fn statuses_as_text(mut self, text: bool) -> Self {
        self.settings.statuses_as_text = text;
        self
    }

    /// Sets whether another error stands before each, in the same body. `false` by default.
    pub fn several_errors(mut self, several: bool) -> Self {
        self.settings.several_errors = several;
        self
    }

    /// Sets the form of the answer of `POST /token`. A flat object in snake case by default.
    pub fn token_shape(mut self, shape: TokenShape) -> Self {
        self.settings.token_shape = shape;
        self
    }

    /// Sets whether `expiresIn` and `expires_in` are JSON strings, as the source declares them.
    /// `false` by default, as in the samples.
    pub fn expiry_as_text(mut self, text: bool) -> Self {
        self.settings.expiry_as_text = text;
        self
    }

    /// Sets whether the list of types has `status` as 0, 1 or 2, as up to 0.1.2. `false` by default:
    /// `deactivated`, `activation is pending` or `activated`.
    pub fn numeric_type_status(mut self, numeric: bool) -> Self {
        self.settings.numeric_type_status = numeric;
        self
    }

    /// Sets whether accounts are users of the Backend API, and not customers: without a login they
    /// are told 5908 for 5905, and 5909 for 5907. `false` by default.
    pub fn backend(mut self, backend: bool) -> Self {
        self.settings.backend = backend;
        self
    }

    /// Sets whether each trigger of a user gets 500, as is to be expected of the Backend API in
    /// 2.4.0 (inferred from its source). `false` by default.
    pub fn trigger_fails(mut self, fails: bool) -> Self {
        self.settings.trigger_fails = fails;
        self
    }

    /// Sets how long an access token is good for. 8 h by default.
    pub fn access_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.access_lifetime = lifetime;
        self
    }

    /// Sets how long a refresh token is good for. 30 days by default.
    pub fn refresh_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.refresh_lifetime = lifetime;
        self
    }

    /// Sets how long a code is good for, from when it is sent. 30 min by default.
    pub fn code_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.code_lifetime = lifetime;
        self
    }

    /// Sets how many digits a code has. 6 by default.
    ///
    /// # Panics
    ///
    /// Panics if there are fewer than 4, as codes would run out.
    pub fn code_length(mut self, digits: usize) -> Self {
        assert!(digits >= 4, "a code has 4 digits at least");
        self.settings.code_length = digits;
        self
    }

    /// Sets how many superseded codes, sent after it, block the newest code. 3 by default.
    pub fn attempts(mut self, attempts: usize) -> Self {
        self.settings.attempts = attempts;
        self
    }

    /// Sets whether a refresh token dies when it is used. `true` by default, as where a project
    /// wires the plugins for it.
    ///
    /// If it does, using it again fails, is a violation, and is counted. If not, the answer holds a
    /// new refresh token all the same, and both are good.
    pub fn rotate(mut self, rotate: bool) -> Self {
        self.settings.rotate = rotate;
        self
    }

    /// Sets the status of a login at `/access-tokens` whose address was never confirmed. 401 by
    /// default, as the source has it; the documentation says 403.
    pub fn unconfirmed_status(mut self, status: u16) -> Self {
        self.settings.unconfirmed = status;
        self
    }

    /// Sets the status of a request that lacks an attribute (901). 422 by default (inferred).
    pub fn validation_status(mut self, status: u16) -> Self {
        self.settings.validation = status;
        self
    }

    /// Sets how many failed logins within `wait` lock all logins for `wait`. 11 and 5 min by
    /// default, as in the vendor's demo shop for customers.
    ///
    /// No `Retry-After` tells of it, as in the source. The first attempt in a lock is no violation;
    /// the others are, and do not prolong it.
    pub fn lock_after(mut self, failures: usize, wait: Duration) -> Self {
        self.settings.lock_after = failures;
        self.settings.lock = wait;
        self
    }

    /// Sets whether error answers repeat the password, token or code that was sent. `false` by
    /// default.
    ///
    /// Servers do this by mistake, and a client must not pass it on to its log.
    pub fn echo_secrets(mut self, echo: bool) -> Self {
        self.settings.echo_secrets = echo;
        self
    }

    /// Sets the clock for lifetimes, locks, dates and delays. The machine's by default.
    ///
    /// With a [`FakeClock`](crate::testing::FakeClock) a code is dead when the test says so; with
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
            self = self.account("sonia@example.com", "Secret123");
        }
        let mut state = State::default();
        for (username, (password, kind)) in self.accounts {
            let mut account = Account {
                password,
                company_user: state.secrets.uuid(),
                ..Account::default()
            };
            if let Some(kind) = kind {
                account.mfa.set(kind, TypeStatus::Activated);
            }
            state.accounts.insert(username, account);
        }
        Simulator::start(Shared {
            settings: self.settings,
            desk: Desk::new(self.clock),
            state: Mutex::new(state),
            mail: Mail::default(),
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
