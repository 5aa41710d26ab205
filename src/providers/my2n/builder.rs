use std::{fmt, sync::Arc, time::Duration};

use http::Uri;
use secrecy::{ExposeSecret, SecretString};

use super::{
    drop_in::DropInLayer,
    issued::Issued,
    service::{Inner, My2n},
    verdict::{Answer, Endpoint},
};
use crate::{
    Clock, Error, ErrorKind, SystemClock,
    layers::version_upgrade::UpgradeLatch,
    providers::common::{base_url::BaseUrl, exchange::Client},
};

/// Where the login of version 2 is for the vendor's own API.
const VENDOR_LOGIN: &str = "https://auth.my2n.com";
const VENDOR_API: [&str; 2] = ["https://my2n.com", "https://my2n.com:443"];

type Classifier = Arc<dyn Fn(&Answer<'_>) -> Option<ErrorKind> + Send + Sync>;

/// Which login is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ApiVersion {
    /// Version 1 alone. When the account is migrated, the sign-in fails as
    /// [`ErrorKind::Upgrade`].
    V1,
    /// Version 2 alone.
    V2,
    /// Version 1 until the server answers `409`, and version 2 from then on.
    #[default]
    Auto,
}

/// Builder for a [`My2n`], or for a [drop-in](super::drop_in) that signs in whoever logs in.
///
/// | setting | default |
/// | --- | --- |
/// | [`credentials`](Self::credentials) | none: required by [`build`](Self::build) |
/// | [`api_version`](Self::api_version) | [`ApiVersion::Auto`] |
/// | [`login_base_url`](Self::login_base_url) | `https://auth.my2n.com` for an API at `my2n.com`, else none |
/// | [`upgrade_latch`](Self::upgrade_latch) | one of its own, not set |
/// | [`v1_ttl`](Self::v1_ttl), [`fallback_ttl`](Self::fallback_ttl) | 3000 s |
/// | [`fresh_for`](Self::fresh_for) | 5 s |
/// | [`clock_skew`](Self::clock_skew) | 30 s |
/// | [`lockout`](Self::lockout) | 1 min |
/// | [`logout`](Self::logout) | off |
/// | [`path`](Self::path) | the vendor's |
/// | [`request_timeout`](Self::request_timeout) | 30 s |
/// | [`max_answer`](Self::max_answer) | 1 MiB |
/// | [`classifier`](Self::classifier) | none |
/// | [`insecure_http`](Self::insecure_http) | off: plain http goes to loopback only |
/// | [`clock`](Self::clock) | [`SystemClock`] |
#[derive(Clone)]
#[must_use]
pub struct My2nBuilder {
    client: Client,
    base_url: String,
    login_base_url: Option<String>,
    insecure_http: bool,
    credentials: Option<(SecretString, SecretString)>,
    version: ApiVersion,
    latch: UpgradeLatch,
    clock: Arc<dyn Clock>,
    paths: Paths<String>,
    v1_ttl: Duration,
    fallback_ttl: Duration,
    fresh_for: Duration,
    clock_skew: Duration,
    lockout: Duration,
    logout: bool,
    request_timeout: Duration,
    max_answer: usize,
    classifier: Option<Classifier>,
}

/// The settings, checked, without who signs in.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) base_url: BaseUrl,
    pub(super) login_base_url: Option<BaseUrl>,
    pub(super) version: ApiVersion,
    pub(super) v1_ttl: Duration,
    pub(super) fallback_ttl: Duration,
    pub(super) fresh_for: Duration,
    pub(super) clock_skew: Duration,
    pub(super) lockout: Duration,
    pub(super) logout: bool,
    pub(super) request_timeout: Duration,
    pub(super) max_answer: usize,
    pub(super) classifier: Option<Classifier>,
    uris: Paths<Option<Uri>>,
}

/// Something for each endpoint.
#[derive(Clone)]
struct Paths<T> {
    login_v1: T,
    init_flow: T,
    submit_flow: T,
    logout: T,
}

// === impl My2nBuilder ===

impl My2nBuilder {
    pub(super) fn new(client: Client, base_url: String) -> Self {
        Self {
            client,
            base_url,
            login_base_url: None,
            insecure_http: false,
            credentials: None,
            version: ApiVersion::default(),
            latch: UpgradeLatch::new(),
            clock: Arc::new(SystemClock::new()),
            paths: Paths {
                login_v1: "/auth".into(),
                init_flow: "/self-service/login/api".into(),
                submit_flow: "/self-service/login".into(),
                logout: "/self-service/logout/api".into(),
            },
            v1_ttl: Duration::from_secs(3_000),
            fallback_ttl: Duration::from_secs(3_000),
            fresh_for: Duration::from_secs(5),
            clock_skew: Duration::from_secs(30),
            lockout: Duration::from_secs(60),
            logout: false,
            request_timeout: Duration::from_secs(30),
            max_answer: 1024 * 1024,
            classifier: None,
        }
    }

    /// Sets who signs in: an account without MFA, as the vendor asks for.
    pub fn credentials(
        mut self,
        username: impl Into<SecretString>,
        password: impl Into<SecretString>,
    ) -> Self {
        self.credentials = Some((username.into(), password.into()));
        self
    }

    /// Sets which login is used. Default: [`ApiVersion::Auto`].
    ///
    /// Accounts that were created after 2025-08-01 have only version 2, as the vendor's examples
    /// say.
    pub fn api_version(mut self, version: ApiVersion) -> Self {
        self.version = version;
        self
    }

    /// Sets the address of the login of version 2, which is on a domain of its own: scheme, host
    /// and port, and a path if there is a prefix.
    ///
    /// Default: `https://auth.my2n.com`, as the vendor's examples have it, if the API is at
    /// `https://my2n.com`; for other regions and staging the vendor names none, so it must be set
    /// for [`ApiVersion::V2`], and should be for [`ApiVersion::Auto`]: without it a sign-in works
    /// until the account is migrated, and warns until then.
    pub fn login_base_url(mut self, url: impl Into<String>) -> Self {
        self.login_base_url = Some(url.into());
        self
    }

    /// Sets the latch that says whether version 2 is in use: one that was
    /// [set](UpgradeLatch::set) because an earlier run was upgraded, or that is to be looked at.
    pub fn upgrade_latch(mut self, latch: UpgradeLatch) -> Self {
        self.latch = latch;
        self
    }

    /// Sets how long a token of version 1 is used. Default: 3000 s; the vendor's example signs in
    /// anew that often, and no lifetime is published.
    pub fn v1_ttl(mut self, ttl: Duration) -> Self {
        self.v1_ttl = ttl;
        self
    }

    /// Sets how long a token of version 2 is used if the server does not say when it expires.
    /// Default: 3000 s, as for version 1.
    pub fn fallback_ttl(mut self, ttl: Duration) -> Self {
        self.fallback_ttl = ttl;
        self
    }

    /// Sets for how long a token of version 2 counts as one that was just got. Default: 5 s
    /// (assumed). See [what a `401` means](super#what-a-401-means).
    pub fn fresh_for(mut self, time: Duration) -> Self {
        self.fresh_for = time;
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

    /// Sets how long nothing is sent after `429` or `423` without a usable `Retry-After`.
    /// Default: 1 min (assumed: the vendor documents no limit).
    pub fn lockout(mut self, lockout: Duration) -> Self {
        self.lockout = lockout;
        self
    }

    /// Sets whether signing out ends the session at the server. Default: false, because the vendor
    /// documents no logout: that of Ory Kratos, on which the login runs, is assumed.
    ///
    /// If not, [`Session::sign_out`](crate::Session::sign_out) forgets the token here only. Tokens
    /// of version 1 are never revoked: there is nothing known to do it with.
    pub fn logout(mut self, logout: bool) -> Self {
        self.logout = logout;
        self
    }

    /// Sets the path of an endpoint: of [`Endpoint::LoginV1`] below the base URL, of the others
    /// below [`login_base_url`](Self::login_base_url). Default: `/auth`, `/self-service/login/api`
    /// and `/self-service/login`, as the vendor's examples have them, and
    /// `/self-service/logout/api` (assumed).
    pub fn path(mut self, endpoint: Endpoint, path: impl Into<String>) -> Self {
        *self.paths.get_mut(endpoint) = path.into();
        self
    }

    /// Sets a judge of answers: it sees each answer of the sign-in, and may say what kind of
    /// failure it is. With `None` the [table](super#what-an-answer-means) decides. Default: none.
    ///
    /// The kind has its usual effect: [`Upgrade`](ErrorKind::Upgrade) from the login of version 1
    /// goes on with version 2, [`FlowExpired`](ErrorKind::FlowExpired) from that of version 2
    /// begins a new flow once, [`RateLimited`](ErrorKind::RateLimited) and
    /// [`Locked`](ErrorKind::Locked) begin a lock-out.
    ///
    /// # Example
    ///
    /// ```
    /// use http::StatusCode;
    /// use tower_reauth::{ErrorKind, providers::my2n::{Endpoint, My2nBuilder}};
    ///
    /// /// This installation says 410 when version 1 is gone.
    /// fn adapt(builder: My2nBuilder) -> My2nBuilder {
    ///     builder.classifier(|answer| {
    ///         let is_gone = answer.status() == StatusCode::GONE;
    ///         (answer.endpoint() == Endpoint::LoginV1 && is_gone).then_some(ErrorKind::Upgrade)
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
    pub fn build(self) -> Result<My2n, Error> {
        let settings = self.settings()?;
        let Some((username, password)) = self.credentials else {
            return Err(config("who signs in? Call credentials(username, password)"));
        };
        if username.expose_secret().is_empty() || password.expose_secret().is_empty() {
            return Err(config(
                "the user name or the password is empty: is the variable set that they come from?",
            ));
        }
        if settings.version == ApiVersion::V2 {
            self.latch.set();
        }
        Ok(My2n::from_inner(Inner {
            client: self.client,
            settings,
            username,
            password,
            clock: self.clock,
            latch: self.latch,
            lockout: Default::default(),
            issued: Issued::default(),
        }))
    }

    /// Creates a layer that lets a program go on which speaks version 1: see
    /// [`drop_in`](super::drop_in). The program says who signs in.
    ///
    /// An [`upgrade_latch`](Self::upgrade_latch) that is set says that all accounts have been
    /// migrated; apart from that each has its own.
    ///
    /// # Errors
    ///
    /// Fails as [`ErrorKind::Config`], with the setting that is wrong and what to write instead.
    pub fn drop_in(self) -> Result<DropInLayer, Error> {
        if self.credentials.is_some() {
            return Err(config(
                "the drop-in signs in with what the program logs in with: leave out credentials()",
            ));
        }
        DropInLayer::new(self)
    }

    /// Returns the builder for one of several accounts, which is upgraded by itself.
    pub(super) fn for_account(&self) -> Self {
        let latch = UpgradeLatch::new();
        if self.latch.is_set() {
            latch.set();
        }
        self.clone().upgrade_latch(latch)
    }

    /// Checks the settings.
    pub(super) fn settings(&self) -> Result<Settings, Error> {
        let base_url = BaseUrl::parse(&self.base_url, self.insecure_http)?;
        let default = VENDOR_API
            .contains(&base_url.origin())
            .then_some(VENDOR_LOGIN);
        let login_base_url = self.login_base_url.as_deref().or(default);
        let login_base_url = login_base_url
            .map(|url| BaseUrl::parse(url, self.insecure_http))
            .transpose()?;
        if self.version == ApiVersion::V2 && login_base_url.is_none() {
            return Err(no_login_base_url());
        }
        for (name, is_zero) in [
            ("max_answer", self.max_answer == 0),
            ("v1_ttl", self.v1_ttl.is_zero()),
            ("fallback_ttl", self.fallback_ttl.is_zero()),
            ("lockout", self.lockout.is_zero()),
            ("request_timeout", self.request_timeout.is_zero()),
        ] {
            if is_zero {
                let message = format!("{name} is 0, so nothing would ever work: set it higher");
                return Err(config(message));
            }
        }
        Ok(Settings {
            uris: self.paths.join(&base_url, login_base_url.as_ref())?,
            base_url,
            login_base_url,
            version: self.version,
            v1_ttl: self.v1_ttl,
            fallback_ttl: self.fallback_ttl,
            fresh_for: self.fresh_for,
            clock_skew: self.clock_skew,
            lockout: self.lockout,
            logout: self.logout,
            request_timeout: self.request_timeout,
            max_answer: self.max_answer,
            classifier: self.classifier.clone(),
        })
    }
}

impl fmt::Debug for My2nBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The addresses are not checked yet: somebody may have put a password into them.
        f.debug_struct("My2nBuilder").finish_non_exhaustive()
    }
}

// === impl Settings ===

impl Settings {
    /// Returns the address of `endpoint`.
    pub(super) fn uri(&self, endpoint: Endpoint) -> Result<&Uri, Error> {
        self.uris
            .get(endpoint)
            .as_ref()
            .ok_or_else(no_login_base_url)
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("base_url", &self.base_url)
            .field("login_base_url", &self.login_base_url)
            .field("version", &self.version)
            .field("v1_ttl", &self.v1_ttl)
            .field("fallback_ttl", &self.fallback_ttl)
            .field("fresh_for", &self.fresh_for)
            .field("clock_skew", &self.clock_skew)
            .field("lockout", &self.lockout)
            .field("logout", &self.logout)
            .field("request_timeout", &self.request_timeout)
            .field("max_answer", &self.max_answer)
            .finish_non_exhaustive()
    }
}

// === impl Paths ===

impl<T> Paths<T> {
    fn get(&self, endpoint: Endpoint) -> &T {
        match endpoint {
            Endpoint::LoginV1 => &self.login_v1,
            Endpoint::InitFlow => &self.init_flow,
            Endpoint::SubmitFlow => &self.submit_flow,
            Endpoint::Logout => &self.logout,
        }
    }

    fn get_mut(&mut self, endpoint: Endpoint) -> &mut T {
        match endpoint {
            Endpoint::LoginV1 => &mut self.login_v1,
            Endpoint::InitFlow => &mut self.init_flow,
            Endpoint::SubmitFlow => &mut self.submit_flow,
            Endpoint::Logout => &mut self.logout,
        }
    }
}

impl Paths<String> {
    fn join(&self, api: &BaseUrl, login: Option<&BaseUrl>) -> Result<Paths<Option<Uri>>, Error> {
        let at_login = |path: &str| login.map(|login| login.join(path)).transpose();
        Ok(Paths {
            login_v1: Some(api.join(&self.login_v1)?),
            init_flow: at_login(&self.init_flow)?,
            submit_flow: at_login(&self.submit_flow)?,
            logout: at_login(&self.logout)?,
        })
    }
}

fn no_login_base_url() -> Error {
    config(
        "where is the login of Auth v.2? It is on a different domain than the API, and known here \
         only for an API at https://my2n.com: call login_base_url(\"https://…\")",
    )
}

fn config(message: impl Into<String>) -> Error {
    Error::with_message(ErrorKind::Config, message)
}
