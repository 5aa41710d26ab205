use std::{fmt, sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue, Uri};
use secrecy::{ExposeSecret, SecretString};
use tower::util::{BoxCloneSyncService, MapErr};
use tower_service::Service;

use super::{
    service::{Glue, Inner},
    verdict::{Answer, Endpoint},
};
use crate::{
    BoxError, Clock, Code, CodeRequest, Error, ErrorKind, SystemClock,
    providers::common::{base_url::BaseUrl, exchange::Client},
};

type Classifier = Arc<dyn Fn(&Answer<'_>) -> Option<ErrorKind> + Send + Sync>;

/// Builder for a [`Glue`].
///
/// Every default is safe to leave as it is. Where a setting says "assumed", the vendor's source and
/// documentation are silent, so look at what your shop does.
#[must_use]
pub struct GlueBuilder {
    client: Client,
    base_url: String,
    insecure_http: bool,
    credentials: Option<(SecretString, SecretString)>,
    company_user: Option<Box<str>>,
    codes: Option<BoxCloneSyncService<CodeRequest, Code, BoxError>>,
    clock: Arc<dyn Clock>,
    paths: Vec<(Endpoint, String)>,
    token_form: bool,
    content_type: HeaderValue,
    guest_header: Option<HeaderName>,
    lockout: Duration,
    allow_relogin: bool,
    mfa_type: Box<str>,
    discover_mfa_type: bool,
    code_ttl: Duration,
    code_skew: Duration,
    code_timeout: Duration,
    request_timeout: Duration,
    max_answer: usize,
    classifier: Option<Classifier>,
}

/// The settings, checked.
pub(super) struct Settings {
    pub(super) base_url: BaseUrl,
    pub(super) username: SecretString,
    pub(super) password: SecretString,
    pub(super) company_user: Option<Box<str>>,
    pub(super) token_form: bool,
    pub(super) content_type: HeaderValue,
    pub(super) guest_header: Option<HeaderName>,
    pub(super) lockout: Duration,
    pub(super) allow_relogin: bool,
    pub(super) mfa_type: Box<str>,
    pub(super) discover_mfa_type: bool,
    pub(super) code_ttl: Duration,
    pub(super) code_skew: Duration,
    pub(super) code_timeout: Duration,
    pub(super) request_timeout: Duration,
    pub(super) max_answer: usize,
    pub(super) classifier: Option<Classifier>,
    places: Vec<Place>,
}

/// Where an endpoint is.
pub(super) struct Place {
    endpoint: Endpoint,
    pub(super) uri: Uri,
    /// The type of its resource, which is the last part of its path.
    pub(super) resource: Box<str>,
}

// === impl GlueBuilder ===

impl GlueBuilder {
    pub(super) fn new(client: Client, base_url: String) -> Self {
        Self {
            client,
            base_url,
            insecure_http: false,
            credentials: None,
            company_user: None,
            codes: None,
            clock: Arc::new(SystemClock::new()),
            paths: Vec::new(),
            token_form: false,
            content_type: HeaderValue::from_static("application/vnd.api+json"),
            guest_header: Some(super::GUEST_HEADER),
            lockout: Duration::from_secs(6 * 60),
            allow_relogin: true,
            mfa_type: "email".into(),
            discover_mfa_type: false,
            code_ttl: Duration::from_secs(30 * 60),
            code_skew: Duration::from_secs(30),
            code_timeout: Duration::from_secs(5 * 60),
            request_timeout: Duration::from_secs(30),
            max_answer: 1024 * 1024,
            classifier: None,
        }
    }

    /// Sets who signs in. Required.
    pub fn credentials(
        mut self,
        username: impl Into<SecretString>,
        password: impl Into<SecretString>,
    ) -> Self {
        self.credentials = Some((username.into(), password.into()));
        self
    }

    /// Signs in as a company user: after the customer has signed in, its token is traded at
    /// `/company-user-access-tokens` for that of the company user `id`. Default: none.
    pub fn company_user(mut self, id: impl Into<String>) -> Self {
        self.company_user = Some(id.into().into_boxed_str());
        self
    }

    /// Signs in and refreshes by the form at `POST /token`, as the Storefront and Backend API want
    /// it, and not at `/access-tokens` and `/refresh-tokens`. Default: off.
    pub fn token_form(mut self) -> Self {
        self.token_form = true;
        self
    }

    /// Sets the service that is asked for a code, after the API was told to send one: a prompt, a
    /// mailbox. Default: none, and [`Glue::mfa`] asks nobody.
    ///
    /// It is told the [type](Self::mfa_type) and how long the code will be good. Its future is
    /// dropped when [`code_timeout`](Self::code_timeout) is over.
    pub fn code_service<C>(mut self, codes: C) -> Self
    where
        C: Service<CodeRequest, Response = Code> + Clone + Send + Sync + 'static,
        C::Error: Into<BoxError>,
        C::Future: Send + 'static,
    {
        self.codes = Some(BoxCloneSyncService::new(MapErr::new(codes, Into::into)));
        self
    }

    /// Sets by which type of multi-factor authentication codes are sent. Default: `email`. A shop
    /// may have types of its own, under any name.
    pub fn mfa_type(mut self, name: impl Into<String>) -> Self {
        self.mfa_type = name.into().into_boxed_str();
        self
    }

    /// Looks into the list of types before each trigger, and takes the first that is activated if
    /// [`mfa_type`](Self::mfa_type) is not. Default: off.
    pub fn discover_mfa_type(mut self) -> Self {
        self.discover_mfa_type = true;
        self
    }

    /// Sets how long a code is good, from when it is sent. Default: 30 min, as the vendor's source
    /// has it (its documentation calls it the grace period).
    pub fn code_ttl(mut self, ttl: Duration) -> Self {
        self.code_ttl = ttl;
        self
    }

    /// Sets how much sooner a code is given up. Default: 30 s. Its time began some time before we
    /// were told.
    pub fn code_skew(mut self, skew: Duration) -> Self {
        self.code_skew = skew;
        self
    }

    /// Sets how long the code service may take, after which its future is dropped. Default: 5 min.
    pub fn code_timeout(mut self, timeout: Duration) -> Self {
        self.code_timeout = timeout;
        self
    }

    /// Sets whether the password is used again when the refresh token is refused. Default: true.
    ///
    /// If not, the renewal fails as [`ErrorKind::Rejected`]. A session that has no refresh token
    /// at all signs in with the password all the same.
    pub fn allow_relogin(mut self, allow: bool) -> Self {
        self.allow_relogin = allow;
        self
    }

    /// Sets how long nothing is sent to the token endpoints after they have locked the account or
    /// limited the rate, if the server does not say how long (the vendor's source does not).
    /// Default: 6 min, the longer of the two times of the vendor's demo shop.
    pub fn lockout(mut self, lockout: Duration) -> Self {
        self.lockout = lockout;
        self
    }

    /// Sets the content type of JSON:API requests, which they ask for as well. Default:
    /// `application/vnd.api+json`.
    pub fn content_type(mut self, content_type: HeaderValue) -> Self {
        self.content_type = content_type;
        self
    }

    /// Sets the header by which the API knows requests of guests, which are left without the token
    /// because the API refuses those that have both (`400`, code 005). Default:
    /// `X-Anonymous-Customer-Unique-Id`. With `None` all requests get the token.
    pub fn guest_header(mut self, name: impl Into<Option<HeaderName>>) -> Self {
        self.guest_header = name.into();
        self
    }

    /// Sets a judge of answers: it sees each of them, and may say what kind of failure it is.
    /// With `None` the [table](super#what-an-answer-means) decides. Default: none.
    ///
    /// It sees the answers to sign-ins, sign-outs and calls that manage multi-factor authentication,
    /// and the kind has its usual effect: [`RateLimited`](ErrorKind::RateLimited) and
    /// [`Locked`](ErrorKind::Locked) from a token endpoint begin a lock-out,
    /// [`Rejected`](ErrorKind::Rejected) from [`Endpoint::Refresh`] ends the refresh token.
    ///
    /// # Example
    ///
    /// ```
    /// use http::StatusCode;
    /// use tower_reauth::{ErrorKind, providers::glue::{Endpoint, GlueBuilder}};
    ///
    /// /// This shop says 403 when there were too many attempts.
    /// fn adapt(builder: GlueBuilder) -> GlueBuilder {
    ///     builder.classifier(|answer| {
    ///         let is_locked = answer.endpoint() == Endpoint::SignIn
    ///             && answer.status() == StatusCode::FORBIDDEN
    ///             && !answer.has_code("003");
    ///         is_locked.then_some(ErrorKind::Locked)
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

    /// Sets the path of an endpoint, below the base URL. Default: as [`Endpoint`] has them.
    ///
    /// The last part of the path is the type of the resource that is sent there, as the vendor's
    /// endpoints have it: `/agent-access-tokens` signs in an agent.
    pub fn path(mut self, endpoint: Endpoint, path: impl Into<String>) -> Self {
        self.paths.push((endpoint, path.into()));
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

    /// Lets the password, the tokens and the codes go over plain http to other machines.
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
    pub fn build(self) -> Result<Glue, Error> {
        let base_url = BaseUrl::parse(&self.base_url, self.insecure_http)?;
        let Some((username, password)) = self.credentials else {
            return Err(config("who signs in? Call credentials(username, password)"));
        };
        if username.expose_secret().is_empty() || password.expose_secret().is_empty() {
            return Err(config(
                "the username or the password is empty: is the variable set that they come from?",
            ));
        }
        if self.mfa_type.is_empty() {
            return Err(config("mfa_type is empty: the usual one is `email`"));
        }
        for (name, is_zero) in [
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
        if self.code_skew >= self.code_ttl {
            return Err(config(
                "code_skew is not less than code_ttl, so every code would be given up at once: set \
                 it lower",
            ));
        }
        let place = |endpoint: Endpoint| {
            let mut set = self.paths.iter().rev();
            let path = set.find(|(of, _)| *of == endpoint);
            let path = path.map_or(endpoint.path(self.token_form), |(_, path)| path);
            Ok(Place {
                endpoint,
                uri: base_url.join(path)?,
                resource: path.rsplit('/').next().unwrap_or_default().into(),
            })
        };
        let places = Endpoint::ALL.into_iter().map(place);
        let places = places.collect::<Result<_, Error>>()?;
        Ok(Glue::from_inner(Inner {
            client: self.client,
            codes: self.codes,
            settings: Settings {
                places,
                base_url,
                username,
                password,
                company_user: self.company_user,
                token_form: self.token_form,
                content_type: self.content_type,
                guest_header: self.guest_header,
                lockout: self.lockout,
                allow_relogin: self.allow_relogin,
                mfa_type: self.mfa_type,
                discover_mfa_type: self.discover_mfa_type,
                code_ttl: self.code_ttl,
                code_skew: self.code_skew,
                code_timeout: self.code_timeout,
                request_timeout: self.request_timeout,
                max_answer: self.max_answer,
                classifier: self.classifier,
            },
            clock: self.clock,
            lockout: Default::default(),
            lineage: Default::default(),
            refreshing: Default::default(),
            signing_in: Default::default(),
        }))
    }
}

impl fmt::Debug for GlueBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The base URL is not checked yet: somebody may have put a password into it.
        f.debug_struct("GlueBuilder").finish_non_exhaustive()
    }
}

// === impl Settings ===

impl Settings {
    pub(super) fn place(&self, endpoint: Endpoint) -> &Place {
        let place = self.places.iter().find(|place| place.endpoint == endpoint);
        place.expect("there is one for each endpoint")
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("base_url", &self.base_url)
            .field("token_form", &self.token_form)
            .field("content_type", &self.content_type)
            .field("guest_header", &self.guest_header)
            .field("lockout", &self.lockout)
            .field("allow_relogin", &self.allow_relogin)
            .field("mfa_type", &self.mfa_type)
            .field("discover_mfa_type", &self.discover_mfa_type)
            .field("code_ttl", &self.code_ttl)
            .field("code_skew", &self.code_skew)
            .field("code_timeout", &self.code_timeout)
            .field("request_timeout", &self.request_timeout)
            .field("max_answer", &self.max_answer)
            .finish_non_exhaustive()
    }
}

fn config(message: impl Into<String>) -> Error {
    Error::with_message(ErrorKind::Config, message)
}
