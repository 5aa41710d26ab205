use std::{fmt, sync::Arc, time::Duration};

use http::Uri;
use secrecy::{ExposeSecret, SecretString};
use tower::util::{BoxCloneSyncService, MapErr};
use tower_service::Service;

use super::{
    api::Limits,
    service::{BackOffice, Inner},
    verdict::{Answer, Endpoint},
};
use crate::{
    BoxError, Clock, Code, CodeRequest, Error, ErrorKind, SystemClock,
    providers::common::{attempts::Attempts, base_url::BaseUrl, exchange::Client},
};

type Classifier = Arc<dyn Fn(&Answer<'_>) -> Option<ErrorKind> + Send + Sync>;

/// Builder for a [`BackOffice`].
///
/// Every default is safe to leave as it is. Where a setting says "assumed", the vendor's
/// documentation is silent, so look at what your installation does.
#[must_use]
pub struct BackOfficeBuilder {
    client: Client,
    base_url: String,
    insecure_http: bool,
    credentials: Option<(SecretString, SecretString)>,
    codes: Option<BoxCloneSyncService<CodeRequest, Code, BoxError>>,
    clock: Arc<dyn Clock>,
    paths: Paths<String>,
    sign_in_limit: u32,
    confirm_limit: u32,
    refresh_limit: u32,
    lockout: Duration,
    max_2fa_attempts: u32,
    allow_relogin: bool,
    clock_skew: Duration,
    strict_dates: bool,
    code_timeout: Duration,
    request_timeout: Duration,
    max_answer: usize,
    classifier: Option<Classifier>,
}

/// The settings, checked.
pub(super) struct Settings {
    pub(super) base_url: BaseUrl,
    pub(super) email: SecretString,
    pub(super) password: SecretString,
    pub(super) lockout: Duration,
    pub(super) max_2fa_attempts: u32,
    pub(super) allow_relogin: bool,
    pub(super) clock_skew: Duration,
    pub(super) strict_dates: bool,
    pub(super) code_timeout: Duration,
    pub(super) request_timeout: Duration,
    pub(super) max_answer: usize,
    pub(super) classifier: Option<Classifier>,
    uris: Paths<Uri>,
}

/// Something for each endpoint.
struct Paths<T> {
    sign_in: T,
    confirm: T,
    refresh: T,
    sign_out: T,
}

// === impl BackOfficeBuilder ===

impl BackOfficeBuilder {
    pub(super) fn new(client: Client, base_url: String) -> Self {
        Self {
            client,
            base_url,
            insecure_http: false,
            credentials: None,
            codes: None,
            clock: Arc::new(SystemClock::new()),
            paths: Paths {
                sign_in: "/api/v2/signin".into(),
                confirm: "/api/v2/2fa/confirm".into(),
                refresh: "/api/v2/refresh".into(),
                sign_out: "/api/v2/signout".into(),
            },
            sign_in_limit: 5,
            confirm_limit: 3,
            refresh_limit: 5,
            lockout: Duration::from_secs(10 * 60),
            max_2fa_attempts: 3,
            allow_relogin: true,
            clock_skew: Duration::from_secs(30),
            strict_dates: false,
            code_timeout: Duration::from_secs(5 * 60),
            request_timeout: Duration::from_secs(30),
            max_answer: 1024 * 1024,
            classifier: None,
        }
    }

    /// Sets who signs in. Required.
    pub fn credentials(
        mut self,
        email: impl Into<SecretString>,
        password: impl Into<SecretString>,
    ) -> Self {
        self.credentials = Some((email.into(), password.into()));
        self
    }

    /// Sets the service that is asked for a code when the server wants one.
    ///
    /// Without it, such a sign-in fails as [`ErrorKind::CodeRequired`]. Its future is dropped when
    /// [`code_timeout`](Self::code_timeout) is over or nobody wants the token any more. It must not
    /// use a [session](super#sessions) of this `BackOffice`.
    pub fn code_service<C>(mut self, codes: C) -> Self
    where
        C: Service<CodeRequest, Response = Code> + Clone + Send + Sync + 'static,
        C::Error: Into<BoxError>,
        C::Future: Send + 'static,
    {
        self.codes = Some(BoxCloneSyncService::new(MapErr::new(codes, Into::into)));
        self
    }

    /// Sets a judge of answers: it sees each of them, and may say what kind of failure it is.
    /// With `None` the [table](super#what-an-answer-means) decides. Default: none.
    ///
    /// The kind has its usual effect: [`RateLimited`](ErrorKind::RateLimited) and
    /// [`Locked`](ErrorKind::Locked) begin a lock-out, [`Rejected`](ErrorKind::Rejected) from
    /// `refresh` ends the refresh token, [`CodeRejected`](ErrorKind::CodeRejected) from
    /// `2fa/confirm` asks for another code, [`FlowExpired`](ErrorKind::FlowExpired) signs in again
    /// once. Tokens in an answer that is called a failure are not used.
    ///
    /// # Example
    ///
    /// ```
    /// use http::StatusCode;
    /// use tower_reauth::{ErrorKind, providers::back_office::BackOfficeBuilder};
    ///
    /// /// This installation says 403 when there were too many attempts.
    /// fn adapt(builder: BackOfficeBuilder) -> BackOfficeBuilder {
    ///     builder.classifier(|answer| {
    ///         (answer.status() == StatusCode::FORBIDDEN).then_some(ErrorKind::RateLimited)
    ///     })
    /// }
    /// # let _ = adapt;
    /// ```
    pub fn classifier(
        mut self,
        classifier: impl Fn(&Answer<'_>) -> Option<ErrorKind> + Send + Sync + 'static,
    ) -> Self {
        self.classifier = Some(Arc::new(classifier));
        self
    }

    /// Sets how many sign-ins are sent in any 60 s at most. Default: 5, as the vendor documents.
    ///
    /// The limits hold for all clones together, and not across processes.
    pub fn sign_in_limit(mut self, attempts: u32) -> Self {
        self.sign_in_limit = attempts;
        self
    }

    /// Sets how many codes are sent in any 60 s at most. Default: 3, as the vendor documents.
    pub fn confirm_limit(mut self, attempts: u32) -> Self {
        self.confirm_limit = attempts;
        self
    }

    /// Sets how many refreshes are sent in any 60 s at most. Default: 5, as the vendor documents.
    pub fn refresh_limit(mut self, attempts: u32) -> Self {
        self.refresh_limit = attempts;
        self
    }

    /// Sets how long nothing is sent after `429` or `423` without a usable `Retry-After`.
    /// Default: 10 min, the default of the vendor's sibling API (assumed to hold here).
    pub fn lockout(mut self, lockout: Duration) -> Self {
        self.lockout = lockout;
        self
    }

    /// Sets how many wrong codes one renewal may have. Default: 3 (assumed).
    pub fn max_2fa_attempts(mut self, attempts: u32) -> Self {
        self.max_2fa_attempts = attempts;
        self
    }

    /// Sets whether the password is used again when the refresh token is refused, which may ask
    /// for a code. Default: true.
    ///
    /// If not, the renewal fails as [`ErrorKind::Rejected`]. A session that has no refresh token
    /// at all signs in with the password all the same.
    pub fn allow_relogin(mut self, allow: bool) -> Self {
        self.allow_relogin = allow;
        self
    }

    /// Sets how far the local clock may be wrong. Default: 30 s.
    ///
    /// It shortens a lifetime that can only be had from the local clock, which is rare: see
    /// [lifetimes](super#lifetimes).
    pub fn clock_skew(mut self, skew: Duration) -> Self {
        self.clock_skew = skew;
        self
    }

    /// Sets whether a date that is not RFC 3339 is an error. Default: false.
    ///
    /// If not, `+0000` and dates without an offset (as UTC) are read as well, and a date that
    /// cannot be read gives no lifetime and a warning.
    pub fn strict_dates(mut self, strict: bool) -> Self {
        self.strict_dates = strict;
        self
    }

    /// Sets how long the code service may take for one code, after which its future is dropped.
    /// Default: 5 min.
    pub fn code_timeout(mut self, timeout: Duration) -> Self {
        self.code_timeout = timeout;
        self
    }

    /// Sets how long one exchange may take, from waiting for the client to the end of the answer.
    /// Default: 30 s.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// Sets the longest answer that is read, in bytes. Default: 1 MiB.
    pub fn max_answer(mut self, bytes: usize) -> Self {
        self.max_answer = bytes;
        self
    }

    /// Sets the path of an endpoint, below the base URL. Default: `/api/v2/signin`,
    /// `/api/v2/2fa/confirm`, `/api/v2/refresh` and `/api/v2/signout`, as the vendor documents.
    pub fn path(mut self, endpoint: Endpoint, path: impl Into<String>) -> Self {
        *self.paths.get_mut(endpoint) = path.into();
        self
    }

    /// Sets the time source. Default: [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Lets the password and the tokens go over plain http to other machines.
    ///
    /// Without it plain http is for loopback alone (127.0.0.0/8, ::1, localhost).
    pub fn insecure_http(mut self) -> Self {
        self.insecure_http = true;
        self
    }

    /// Creates the service.
    ///
    /// # Errors
    ///
    /// Fails as [`ErrorKind::Config`], with the setting that is wrong and what to write instead.
    pub fn build(self) -> Result<BackOffice, Error> {
        let base_url = BaseUrl::parse(&self.base_url, self.insecure_http)?;
        let Some((email, password)) = self.credentials else {
            return Err(config("who signs in? Call credentials(email, password)"));
        };
        if email.expose_secret().is_empty() || password.expose_secret().is_empty() {
            return Err(config(
                "the e-mail address or the password is empty: is the variable set that they come \
                 from?",
            ));
        }
        for (name, is_zero) in [
            ("sign_in_limit", self.sign_in_limit == 0),
            ("confirm_limit", self.confirm_limit == 0),
            ("refresh_limit", self.refresh_limit == 0),
            ("max_2fa_attempts", self.max_2fa_attempts == 0),
            ("max_answer", self.max_answer == 0),
            ("lockout", self.lockout.is_zero()),
            ("code_timeout", self.code_timeout.is_zero()),
            ("request_timeout", self.request_timeout.is_zero()),
        ] {
            if is_zero {
                let message = format!("{name} is 0, so nothing would ever work: set it higher");
                return Err(config(message));
            }
        }
        let attempts = |limit| Attempts::new(limit, Arc::clone(&self.clock));
        let limits = Limits {
            sign_in: attempts(self.sign_in_limit),
            confirm: attempts(self.confirm_limit),
            refresh: attempts(self.refresh_limit),
        };
        Ok(BackOffice::from_inner(Inner {
            client: self.client,
            codes: self.codes,
            settings: Settings {
                uris: self.paths.join(&base_url)?,
                base_url,
                email,
                password,
                lockout: self.lockout,
                max_2fa_attempts: self.max_2fa_attempts,
                allow_relogin: self.allow_relogin,
                clock_skew: self.clock_skew,
                strict_dates: self.strict_dates,
                code_timeout: self.code_timeout,
                request_timeout: self.request_timeout,
                max_answer: self.max_answer,
                classifier: self.classifier,
            },
            clock: self.clock,
            limits,
            lockout: Default::default(),
            lineage: Default::default(),
            refreshing: Default::default(),
            signing_in: Default::default(),
        }))
    }
}

impl fmt::Debug for BackOfficeBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The base URL is not checked yet: somebody may have put a password into it.
        f.debug_struct("BackOfficeBuilder").finish_non_exhaustive()
    }
}

// === impl Settings ===

impl Settings {
    pub(super) fn uri(&self, endpoint: Endpoint) -> &Uri {
        self.uris.get(endpoint)
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("base_url", &self.base_url)
            .field("lockout", &self.lockout)
            .field("max_2fa_attempts", &self.max_2fa_attempts)
            .field("allow_relogin", &self.allow_relogin)
            .field("clock_skew", &self.clock_skew)
            .field("strict_dates", &self.strict_dates)
            .field("code_timeout", &self.code_timeout)
            .field("request_timeout", &self.request_timeout)
            .field("max_answer", &self.max_answer)
            .finish_non_exhaustive()
    }
}

// === impl Paths ===

impl<T> Paths<T> {
    fn get(&self, endpoint: Endpoint) -> &T {
        match endpoint {
            Endpoint::SignIn => &self.sign_in,
            Endpoint::Confirm => &self.confirm,
            Endpoint::Refresh => &self.refresh,
            Endpoint::SignOut => &self.sign_out,
        }
    }

    fn get_mut(&mut self, endpoint: Endpoint) -> &mut T {
        match endpoint {
            Endpoint::SignIn => &mut self.sign_in,
            Endpoint::Confirm => &mut self.confirm,
            Endpoint::Refresh => &mut self.refresh,
            Endpoint::SignOut => &mut self.sign_out,
        }
    }
}

impl Paths<String> {
    fn join(&self, base_url: &BaseUrl) -> Result<Paths<Uri>, Error> {
        Ok(Paths {
            sign_in: base_url.join(&self.sign_in)?,
            confirm: base_url.join(&self.confirm)?,
            refresh: base_url.join(&self.refresh)?,
            sign_out: base_url.join(&self.sign_out)?,
        })
    }
}

fn config(message: impl Into<String>) -> Error {
    Error::with_message(ErrorKind::Config, message)
}
