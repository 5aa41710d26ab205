use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, Uri};
use http_body::Body;
use secrecy::{ExposeSecret, SecretString};
use tower_service::Service;

use super::{
    api_key::Keys,
    envelope::{FintivEnvelope, OnMissing},
    placement::TokenPlacement,
    service::{Fintiv, Inner},
    sign_on::{Credentials, Fields},
    status::StatusClassifier,
};
use crate::{
    BoxError, Clock, Error, ErrorKind, Placement, SystemClock, Token,
    providers::common::{
        base_url::BaseUrl,
        exchange::{self, Client},
    },
};

/// Builder for a [`Fintiv`].
///
/// Much of the vendor's documentation could not be had. Where a setting says "assumed", look at what
/// your installation does.
///
/// | setting | default |
/// | --- | --- |
/// | [`api_key`](Self::api_key) | required |
/// | [`credentials`](Self::credentials) | required, unless [`without_sign_on`](Self::without_sign_on) |
/// | [`tenant`](Self::tenant) | none |
/// | [`token_placement`](Self::token_placement) | `Authorization: Bearer` |
/// | [`ttl`](Self::ttl) | 1 h |
/// | [`sign_on_url`](Self::sign_on_url) | the base URL and `/signon` |
/// | [`matcher`](Self::matcher), [`on_missing_envelope`](Self::on_missing_envelope) | every `200` must have an envelope |
/// | [`max_inspect_body`](Self::max_inspect_body) | 1 MiB |
#[must_use]
pub struct FintivBuilder {
    client: Client,
    base_url: String,
    sign_on_url: Option<String>,
    insecure_http: bool,
    api_key: Option<SecretString>,
    api_key_header: HeaderName,
    tenant: Option<String>,
    tenant_header: HeaderName,
    credentials: Option<(SecretString, SecretString)>,
    without_sign_on: bool,
    credential_type: String,
    context_field: String,
    password_field: String,
    token_pointers: Vec<String>,
    placement: TokenPlacement,
    ttl: Duration,
    envelope: FintivEnvelope,
    max_inspect_body: usize,
    max_request_body: usize,
    request_timeout: Duration,
    max_answer: usize,
    clock: Arc<dyn Clock>,
}

/// The settings, checked.
pub(super) struct Settings {
    pub(super) base_url: BaseUrl,
    pub(super) sign_on: Uri,
    pub(super) credentials: Option<Credentials>,
    pub(super) tenant: Option<String>,
    pub(super) fields: Fields,
    pub(super) token_pointers: Vec<String>,
    pub(super) placement: TokenPlacement,
    pub(super) ttl: Duration,
    pub(super) envelope: FintivEnvelope,
    pub(super) max_inspect_body: usize,
    pub(super) max_request_body: usize,
    pub(super) request_timeout: Duration,
    pub(super) max_answer: usize,
}

// === impl FintivBuilder ===

impl FintivBuilder {
    pub(super) fn new<S, B, R>(client: S, base_url: String) -> Self
    where
        S: Service<Request<B>, Response = Response<R>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
        B: From<Bytes> + 'static,
        R: Body + Send + 'static,
        R::Data: Send,
        R::Error: Into<BoxError>,
    {
        Self {
            client: exchange::erase(client),
            base_url,
            sign_on_url: None,
            insecure_http: false,
            api_key: None,
            api_key_header: HeaderName::from_static("api-key"),
            tenant: None,
            tenant_header: HeaderName::from_static("tenantname"),
            credentials: None,
            without_sign_on: false,
            credential_type: "USER".into(),
            context_field: "contextrequest".into(),
            password_field: "Pass".into(),
            token_pointers: [
                "/contextResponse/token",
                "/responseData/token",
                "/responseData/access_token",
                "/access_token",
            ]
            .map(Into::into)
            .into(),
            placement: TokenPlacement::default(),
            ttl: Duration::from_secs(60 * 60),
            envelope: FintivEnvelope::new(),
            max_inspect_body: 1024 * 1024,
            max_request_body: 8 * 1024 * 1024,
            request_timeout: Duration::from_secs(30),
            max_answer: 1024 * 1024,
            clock: Arc::new(SystemClock::new()),
        }
    }

    /// Sets the APP key, which goes with every request as `api-key`. Required.
    pub fn api_key(mut self, key: impl Into<SecretString>) -> Self {
        self.api_key = Some(key.into());
        self
    }

    /// Sets the header of the APP key. Default: `api-key`, as the vendor documents.
    pub fn api_key_header(mut self, name: HeaderName) -> Self {
        self.api_key_header = name;
        self
    }

    /// Sets the tenant. Default: none.
    ///
    /// It goes with every request in the header `tenantName`, which the vendor documents for
    /// registration alone; that others take it is assumed. The sign-on has it in its body too, and
    /// so has every request whose token is placed there.
    pub fn tenant(mut self, name: impl Into<String>) -> Self {
        self.tenant = Some(name.into());
        self
    }

    /// Sets the header of the tenant. Default: `tenantName`, as the vendor documents.
    pub fn tenant_header(mut self, name: HeaderName) -> Self {
        self.tenant_header = name;
        self
    }

    /// Sets who signs on. Required, unless [`without_sign_on`](Self::without_sign_on).
    pub fn credentials(
        mut self,
        user: impl Into<SecretString>,
        password: impl Into<SecretString>,
    ) -> Self {
        self.credentials = Some((user.into(), password.into()));
        self
    }

    /// Leaves the sign-on out: tokens come from a service of your own, because yours differs more
    /// than the settings allow. See [other sign-ons](super#other-sign-ons).
    pub fn without_sign_on(mut self) -> Self {
        self.without_sign_on = true;
        self
    }

    /// Sets the `credentialType` of the login. Default: `USER`, as the vendor's page on the cashier
    /// login has it. An older client of a third party sends `EMAIL`.
    pub fn credential_type(mut self, kind: impl Into<String>) -> Self {
        self.credential_type = kind.into();
        self
    }

    /// Sets the name of the sign-on's context object. Default: `contextrequest`, as the vendor's
    /// page on the cashier login has it. An older client of a third party sends `contextRequest`.
    pub fn sign_on_context_field(mut self, name: impl Into<String>) -> Self {
        self.context_field = name.into();
        self
    }

    /// Sets the name of the sign-on's password object. Default: `Pass`, as the vendor's page on the
    /// cashier login has it. An older client of a third party sends `pass`.
    pub fn sign_on_password_field(mut self, name: impl Into<String>) -> Self {
        self.password_field = name.into();
        self
    }

    /// Sets where the sign-on's answer has the token: JSON pointers (RFC 6901), of which the first
    /// counts that leads to a text. Default: `/contextResponse/token`, as an older client of a third
    /// party has it, then `/responseData/token`, `/responseData/access_token` and `/access_token`,
    /// which are assumed.
    pub fn token_pointers<P: Into<String>>(
        mut self,
        pointers: impl IntoIterator<Item = P>,
    ) -> Self {
        self.token_pointers = pointers.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the address of the sign-on. Default: the base URL and `/signon` (assumed).
    pub fn sign_on_url(mut self, url: impl Into<String>) -> Self {
        self.sign_on_url = Some(url.into());
        self
    }

    /// Sets where requests carry the token. Default: `Authorization: Bearer` (assumed).
    pub fn token_placement(mut self, placement: impl Into<TokenPlacement>) -> Self {
        self.placement = placement.into();
        self
    }

    /// Sets how long a token lives. Default: 1 h, as the vendor's page on the cashier login has it.
    ///
    /// The session renews it a little before, see
    /// [`renew_ahead`](crate::SessionBuilder::renew_ahead).
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// Sets a judge of statuses, for API answers and the sign-on. Default: none, and
    /// [`StatusClass::of`](super::StatusClass::of) decides.
    pub fn classifier(mut self, classifier: impl StatusClassifier) -> Self {
        self.envelope = self.envelope.classifier(classifier);
        self
    }

    /// Sets which requests are answered with an envelope, by their URI. Default: all. See
    /// [`FintivEnvelope::matcher`].
    pub fn matcher(mut self, matcher: impl Fn(&Uri) -> bool + Send + Sync + 'static) -> Self {
        self.envelope = self.envelope.matcher(matcher);
        self
    }

    /// Sets what becomes of a `200` without an envelope. Default: [`OnMissing::Fail`] where the
    /// [`matcher`](Self::matcher) matches, and [`OnMissing::Pass`] elsewhere.
    pub fn on_missing_envelope(mut self, on_missing: OnMissing) -> Self {
        self.envelope = self.envelope.on_missing_envelope(on_missing);
        self
    }

    /// Sets how much of an answer is looked through for the envelope, in bytes. Default: 1 MiB.
    ///
    /// An answer whose envelope comes first may have any length.
    pub fn max_inspect_body(mut self, bytes: usize) -> Self {
        self.max_inspect_body = bytes;
        self
    }

    /// Sets the longest request body in which the token can be placed, in bytes. Default: 8 MiB.
    pub fn max_request_body(mut self, bytes: usize) -> Self {
        self.max_request_body = bytes;
        self
    }

    /// Sets how long a sign-on may take, from waiting for the client to the end of the answer.
    /// Default: 30 s.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// Sets the longest answer to the sign-on that is read, in bytes. Default: 1 MiB.
    pub fn max_answer(mut self, bytes: usize) -> Self {
        self.max_answer = bytes;
        self
    }

    /// Sets the time source. Default: [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Lets keys, passwords and tokens go over plain http to other machines.
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
    pub fn build(self) -> Result<Fintiv, Error> {
        let base_url = BaseUrl::parse(&self.base_url, self.insecure_http)?;
        let sign_on = match &self.sign_on_url {
            None => base_url.join("/signon")?,
            Some(url) => BaseUrl::parse_as("sign-on URL", url, self.insecure_http)?.uri()?,
        };
        for (name, is_zero) in [
            ("ttl", self.ttl.is_zero()),
            ("max_inspect_body", self.max_inspect_body == 0),
            ("max_request_body", self.max_request_body == 0),
            ("max_answer", self.max_answer == 0),
            ("request_timeout", self.request_timeout.is_zero()),
        ] {
            if is_zero {
                let message = format!("{name} is 0, so nothing would ever work: set it higher");
                return Err(config(message));
            }
        }
        if self.token_pointers.is_empty() {
            return Err(config(
                "token_pointers is empty: where has the answer the token?",
            ));
        }
        if let Some(pointer) = self
            .token_pointers
            .iter()
            .find(|text| !text.starts_with('/'))
        {
            let message =
                format!("`{pointer}` is no JSON pointer: write it like /contextResponse/token");
            return Err(config(message));
        }
        let credentials = self.who_signs_on()?;
        let keys = self.keys()?;
        Ok(Fintiv::from_inner(Inner {
            client: self.client,
            keys: Arc::new(keys),
            settings: Settings {
                base_url,
                sign_on,
                credentials,
                tenant: self.tenant,
                fields: Fields {
                    context: self.context_field,
                    password: self.password_field,
                    credential_type: self.credential_type,
                },
                token_pointers: self.token_pointers,
                placement: self.placement,
                ttl: self.ttl,
                envelope: self.envelope,
                max_inspect_body: self.max_inspect_body,
                max_request_body: self.max_request_body,
                request_timeout: self.request_timeout,
                max_answer: self.max_answer,
            },
            clock: self.clock,
        }))
    }

    fn who_signs_on(&self) -> Result<Option<Credentials>, Error> {
        let (user, password) = match &self.credentials {
            Some((user, password)) if !self.without_sign_on => (user, password),
            None if !self.without_sign_on => {
                return Err(config(
                    "who signs on? Call credentials(user, password), or without_sign_on() if the \
                     tokens come from a service of your own",
                ));
            }
            _ => return Ok(None),
        };
        if user.expose_secret().is_empty() || password.expose_secret().is_empty() {
            return Err(config(
                "the user or the password is empty: is the variable set that they come from?",
            ));
        }
        Ok(Some(Credentials {
            user: user.clone(),
            password: password.clone(),
        }))
    }

    fn keys(&self) -> Result<Keys, Error> {
        let Some(key) = &self.api_key else {
            return Err(config("the APP key is missing: call api_key(key)"));
        };
        let placement = Placement::header(self.api_key_header.clone());
        let api_key = Token::placed(key.expose_secret(), placement).map_err(|error| {
            config(
                "the APP key cannot be sent: is the variable set that it comes from, and without a \
                 line break?",
            )
            .caused_by(error)
        })?;
        let tenant = match &self.tenant {
            None => None,
            Some(tenant) => {
                let value = HeaderValue::from_str(tenant)
                    .ok()
                    .filter(|_| !tenant.is_empty());
                let value = value.ok_or_else(|| {
                    config("the tenant cannot be sent: it is empty, or has a control character")
                })?;
                Some((self.tenant_header.clone(), value))
            }
        };
        Ok(Keys { api_key, tenant })
    }
}

impl fmt::Debug for FintivBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The base URL is not checked yet: somebody may have put a password into it.
        f.debug_struct("FintivBuilder").finish_non_exhaustive()
    }
}

// === impl Settings ===

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("base_url", &self.base_url)
            .field("sign_on", &self.sign_on)
            .field("tenant", &self.tenant)
            .field("fields", &self.fields)
            .field("token_pointers", &self.token_pointers)
            .field("placement", &self.placement)
            .field("ttl", &self.ttl)
            .field("envelope", &self.envelope)
            .field("max_inspect_body", &self.max_inspect_body)
            .field("max_request_body", &self.max_request_body)
            .field("request_timeout", &self.request_timeout)
            .field("max_answer", &self.max_answer)
            .finish_non_exhaustive()
    }
}

fn config(message: impl Into<String>) -> Error {
    Error::with_message(ErrorKind::Config, message)
}
