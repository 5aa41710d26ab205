//! The settings of a simulator, and its start.

use std::{
    collections::HashMap,
    fmt, io,
    sync::{Arc, Mutex},
    time::Duration,
};

use super::{
    DateFormat, ErrorShape, Limits, RetryAfter, Simulator,
    limits::Limiter,
    sessions::Sessions,
    settings::Settings,
    state::{Shared, State},
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
///     back_office::{RetryAfter, Simulator},
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let clock = FakeClock::new();
/// let server = Simulator::builder()
///     .clock(clock.clone())
///     .access_lifetime(Duration::from_secs(60))
///     .retry_after(RetryAfter::Seconds)
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
    accounts: HashMap<String, String>,
    two_factor: bool,
    access_lifetime: Duration,
    limits: Limits,
    lockout: Duration,
    clock: Arc<dyn Clock>,
    settings: Settings,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            accounts: HashMap::new(),
            two_factor: false,
            access_lifetime: Duration::from_secs(36_000),
            limits: Limits::new(),
            lockout: Duration::from_secs(600),
            clock: Arc::new(SystemClock::new()),
            settings: Settings::default(),
        }
    }

    /// Adds an account. If none is added there is one: `foo@bar.com` with `Secret123`.
    pub fn account(mut self, email: impl Into<String>, password: impl Into<String>) -> Self {
        self.accounts.insert(email.into(), password.into());
        self
    }

    /// Sets whether a sign-in has to be confirmed with a code sent by e-mail. `false` by default.
    pub fn two_factor(mut self, required: bool) -> Self {
        self.two_factor = required;
        self
    }

    /// Sets what `2faDetails.provider` says. `email` by default, which is all the documentation
    /// knows; the code is in the same mailbox whatever it says.
    pub fn two_factor_provider(mut self, provider: impl Into<String>) -> Self {
        self.settings.provider = provider.into();
        self
    }

    /// Sets how long an access token is good for. 10 h by default, as in the vendor's sample.
    ///
    /// Dates are written in whole seconds: a client cannot see a fraction.
    pub fn access_lifetime(mut self, lifetime: Duration) -> Self {
        self.access_lifetime = lifetime;
        self
    }

    /// Sets how long a refresh token is good for. 30 days by default (the real one is unknown).
    pub fn refresh_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.refresh_lifetime = lifetime;
        self
    }

    /// Sets how long a sign-in waits for its code. 10 min by default (the real one is unknown).
    pub fn two_factor_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.two_factor_lifetime = lifetime;
        self
    }

    /// Sets how many attempts are allowed. 5 sign-ins, 3 confirmations and 5 refreshes in any 60 s
    /// by default.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets for how long nobody can authenticate once a limit is exceeded. 10 min by default.
    ///
    /// Attempts in that time are refused and do not prolong it, but are violations, as the client
    /// was told to wait. Access tokens keep working, and signing out is possible.
    pub fn lockout(mut self, lockout: Duration) -> Self {
        self.lockout = lockout;
        self
    }

    /// Sets the status for too many attempts, and for those in the lock-out. 429 by default.
    pub fn limited_status(mut self, status: u16) -> Self {
        self.settings.limited = status;
        self
    }

    /// Sets what the refusal of too many attempts says about when to come again. Nothing by
    /// default.
    pub fn retry_after(mut self, retry_after: RetryAfter) -> Self {
        self.settings.retry_after = retry_after;
        self
    }

    /// Sets whether a refresh token dies when it is used. `true` by default.
    ///
    /// If it does, using it again revokes all tokens of that sign-in, is a violation, and is
    /// counted. If not, the answer holds a new refresh token all the same, and both are good.
    pub fn rotate(mut self, rotate: bool) -> Self {
        self.settings.rotate = rotate;
        self
    }

    /// Sets whether a refresh kills the older access tokens of its session. `false` by default:
    /// they live until they expire.
    pub fn only_newest(mut self, only_newest: bool) -> Self {
        self.settings.only_newest = only_newest;
        self
    }

    /// Sets whether a 401 carries `WWW-Authenticate: Bearer error="invalid_token"`. `true` by
    /// default.
    pub fn challenge(mut self, challenge: bool) -> Self {
        self.settings.challenge = challenge;
        self
    }

    /// Sets how dates are written. `2022-01-01T00:00:00+00:00` by default.
    pub fn dates(mut self, format: DateFormat) -> Self {
        self.settings.dates = format;
        self
    }

    /// Sets the form of error bodies. `{"message": ".."}` by default.
    pub fn errors(mut self, shape: ErrorShape) -> Self {
        self.settings.errors = shape;
        self
    }

    /// Sets whether error answers repeat the password, code or token that was sent, in the body
    /// and in `WWW-Authenticate`. `false` by default.
    ///
    /// Servers do this by mistake, and a client must not pass it on to its log.
    pub fn echo_secrets(mut self, echo: bool) -> Self {
        self.settings.echo_secrets = echo;
        self
    }

    /// Sets the status for a wrong e-mail address or password. 401 by default.
    pub fn wrong_password_status(mut self, status: u16) -> Self {
        self.settings.wrong_password = status;
        self
    }

    /// Sets the status for a wrong code. 422 by default.
    pub fn wrong_code_status(mut self, status: u16) -> Self {
        self.settings.wrong_code = status;
        self
    }

    /// Sets the status for a 2FA token that is used, expired, void or unknown, whatever the code.
    /// That of a [wrong code](Self::wrong_code_status) by default.
    pub fn expired_flow_status(mut self, status: u16) -> Self {
        self.settings.expired_flow = Some(status);
        self
    }

    /// Sets how many wrong codes end a sign-in that waits for its code: after them the right one is
    /// refused as well. None do by default (the documentation says nothing about it).
    pub fn flow_dies_after(mut self, wrong_codes: usize) -> Self {
        self.settings.flow_dies_after = wrong_codes;
        self
    }

    /// Sets whether signing in with the right password ends the earlier sign-ins of that account
    /// that wait for their codes. `false` by default (the documentation says nothing about it).
    pub fn new_sign_in_voids_flow(mut self, voids: bool) -> Self {
        self.settings.new_sign_in_voids_flow = voids;
        self
    }

    /// Sets whether signing out ends the refresh tokens of the session, and not its access tokens
    /// alone. `true` by default (the documentation says nothing about it).
    pub fn sign_out_ends_refresh(mut self, ends: bool) -> Self {
        self.settings.sign_out_ends_refresh = ends;
        self
    }

    /// Sets the status for a refresh token that is spent, expired, revoked or unknown. 401 by
    /// default.
    pub fn bad_refresh_status(mut self, status: u16) -> Self {
        self.settings.bad_refresh = status;
        self
    }

    /// Sets the clock for lifetimes, limits, dates and delays. The machine's by default.
    ///
    /// With a [`FakeClock`](crate::testing::FakeClock) a lock-out is over when the test says so; with
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
            self = self.account("foo@bar.com", "Secret123");
        }
        Simulator::start(Shared {
            settings: self.settings,
            desk: Desk::new(self.clock),
            state: Mutex::new(State {
                accounts: self.accounts,
                two_factor: self.two_factor,
                access_lifetime: self.access_lifetime,
                limiter: Limiter::new(self.limits, self.lockout),
                sessions: Sessions::default(),
                counts: super::Counts::default(),
            }),
            mail: Mail::default(),
        })
        .await
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("accounts", &self.accounts.len())
            .field("two_factor", &self.two_factor)
            .field("access_lifetime", &self.access_lifetime)
            .field("limits", &self.limits)
            .field("lockout", &self.lockout)
            .finish_non_exhaustive()
    }
}
