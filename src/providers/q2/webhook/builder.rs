use std::{fmt, sync::Arc, time::Duration};

use http::HeaderName;
use secrecy::SecretString;
use tokio::sync::Semaphore;
use tower::util::{BoxCloneSyncService, MapErr, service_fn};
use tower_service::Service;

use super::{
    DecryptionKey, KeyEncryption, Refusal, SignatureAlgorithm, Webhook,
    jwe::Decryptor,
    jwt::Rules,
    keys::{Fetch, KeySet, Keys, Published},
    service::{Inner, Signature},
};
use crate::{
    BoxError, Error,
    providers::q2::{Endpoint, Event, Q2, api::config},
};

pub(super) type Handler = BoxCloneSyncService<Event, (), BoxError>;
pub(super) type Verifier = BoxCloneSyncService<SecretString, bool, BoxError>;
pub(super) type OnRefusal = Arc<dyn Fn(Refusal) + Send + Sync>;

/// Builder for a [`Webhook`], from [`Q2::webhook`].
///
/// | setting | default |
/// | --- | --- |
/// | [`published_keys`](Self::published_keys), [`published_keys_at`](Self::published_keys_at), [`public_keys`](Self::public_keys), [`bearer`](Self::bearer) | one of them is required, or [`insecure_unverified`](Self::insecure_unverified) |
/// | [`signature_header`](Self::signature_header) | `signature` |
/// | [`signature_algorithm`](Self::signature_algorithm) | RS256 |
/// | [`issuer`](Self::issuer), [`audience`](Self::audience), [`max_age`](Self::max_age) | not looked at |
/// | [`decryption_key`](Self::decryption_key) | none: an encrypted delivery is refused |
/// | [`key_encryption`](Self::key_encryption) | RSA-OAEP |
/// | [`require_encryption`](Self::require_encryption) | off |
/// | [`handler`](Self::handler) | none |
/// | [`on_refusal`](Self::on_refusal) | nobody is told |
/// | [`max_body`](Self::max_body) | 256 KiB |
/// | [`read_timeout`](Self::read_timeout) | 10 s |
/// | [`handler_timeout`](Self::handler_timeout) | 30 s |
/// | [`max_deliveries`](Self::max_deliveries) | 256 |
#[must_use = "a builder does nothing until it is built"]
pub struct WebhookBuilder {
    q2: Q2,
    keys: Option<Source>,
    header: HeaderName,
    rules: Rules,
    bearer: Option<Verifier>,
    insecure: bool,
    decryption_keys: Vec<DecryptionKey>,
    key_encryption: KeyEncryption,
    encrypted_only: bool,
    handler: Option<Handler>,
    on_refusal: Option<OnRefusal>,
    max_body: usize,
    read_timeout: Duration,
    handler_timeout: Duration,
    max_deliveries: usize,
}

/// Where the keys come from.
enum Source {
    /// From the API, with the API key.
    Api,
    /// From an address.
    Url(String),
    /// They were given.
    Given(Vec<u8>),
}

// === impl WebhookBuilder ===

impl WebhookBuilder {
    pub(in crate::providers::q2) fn new(q2: Q2) -> Self {
        Self {
            q2,
            keys: None,
            header: HeaderName::from_static("signature"),
            rules: Rules::default(),
            bearer: None,
            insecure: false,
            decryption_keys: Vec::new(),
            key_encryption: KeyEncryption::default(),
            encrypted_only: false,
            handler: None,
            on_refusal: None,
            max_body: 256 * 1024,
            read_timeout: Duration::from_secs(10),
            handler_timeout: Duration::from_secs(30),
            max_deliveries: 256,
        }
    }

    /// Requires a signature on every delivery, by a key that the API publishes
    /// ([`Endpoint::PublicKeys`]). The keys are fetched with the API key when they are needed.
    pub fn published_keys(mut self) -> Self {
        self.keys = Some(Source::Api);
        self
    }

    /// Requires a signature on every delivery, by a key that is published at `url`. The API key goes
    /// along if that is at the API's own origin, and nowhere else.
    pub fn published_keys_at(mut self, url: impl Into<String>) -> Self {
        self.keys = Some(Source::Url(url.into()));
        self
    }

    /// Requires a signature on every delivery, by one of these keys: a JWK set (`{"keys": […]}`),
    /// or one JWK, of which the RSA keys count.
    pub fn public_keys(mut self, jwks: impl Into<Vec<u8>>) -> Self {
        self.keys = Some(Source::Given(jwks.into()));
        self
    }

    /// Sets the header that holds the signature. Default: `signature`, as the vendor documents.
    pub fn signature_header(mut self, name: HeaderName) -> Self {
        self.header = name;
        self
    }

    /// Sets the algorithm of signatures. What a signature says about its algorithm is only compared
    /// with this. Default: RS256, as the vendor documents.
    pub fn signature_algorithm(mut self, algorithm: SignatureAlgorithm) -> Self {
        self.rules.algorithm = algorithm;
        self
    }

    /// Requires that signatures name this issuer (`iss`). Default: it is not looked at.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.rules.issuer = Some(issuer.into());
        self
    }

    /// Requires that signatures name this audience (`aud`). Default: it is not looked at.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.rules.audience = Some(audience.into());
        self
    }

    /// Requires that signatures say when they were made (`iat`), and are no older than this.
    /// Default: it is not looked at. Their end (`exp`) is, wherever they have one; 60 s are granted
    /// for clocks that differ.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.rules.max_age = Some(age);
        self
    }

    /// Requires a bearer token on every delivery that `verifier` says is good: Q2 can fetch one from
    /// a token endpoint of yours with the `client_credentials` grant, which is set in its portal.
    /// [`TokenEndpoint`](super::TokenEndpoint) is one.
    ///
    /// With tower's `service_fn` a closure will do. If it fails, the delivery is answered `503`.
    pub fn bearer<V>(mut self, verifier: V) -> Self
    where
        V: Service<SecretString, Response = bool> + Clone + Send + Sync + 'static,
        V::Error: Into<BoxError>,
        V::Future: Send + 'static,
    {
        self.bearer = Some(BoxCloneSyncService::new(MapErr::new(verifier, Into::into)));
        self
    }

    /// Accepts what anybody sends: nothing says that a delivery is from Q2. For a receiver that is
    /// reached through something that verifies, and for tests.
    pub fn insecure_unverified(mut self) -> Self {
        self.insecure = true;
        self
    }

    /// Adds a key that decrypts deliveries, which are then of the type `application/jose+json`.
    pub fn decryption_key(mut self, key: DecryptionKey) -> Self {
        self.decryption_keys.push(key);
        self
    }

    /// Sets how the key of the content is encrypted. Default: RSA-OAEP, as the vendor documents.
    pub fn key_encryption(mut self, algorithm: KeyEncryption) -> Self {
        self.key_encryption = algorithm;
        self
    }

    /// Refuses deliveries that are not encrypted. Encryption alone does not say who the sender is:
    /// anybody can have the public key.
    pub fn require_encryption(mut self) -> Self {
        self.encrypted_only = true;
        self
    }

    /// Sets a service that gets each event once: also those that nobody waits for, and those that
    /// mean nothing here (`swap.success`). The delivery is answered 2xx after it has succeeded.
    ///
    /// If it fails, the answer is `500`, and it is called again if the sender tries again. What was
    /// accepted is [remembered](crate::providers::q2::Q2Builder::remembered_events) in this process
    /// alone: to act once across restarts, keep [`Event::id`] where the handler writes.
    pub fn handler<H>(mut self, handler: H) -> Self
    where
        H: Service<Event, Response = ()> + Clone + Send + Sync + 'static,
        H::Error: Into<BoxError>,
        H::Future: Send + 'static,
    {
        self.handler = Some(BoxCloneSyncService::new(MapErr::new(handler, Into::into)));
        self
    }

    /// Sets who is told of each delivery that was not accepted. It must return at once; if it
    /// panics, nothing else comes of it. Default: nobody.
    pub fn on_refusal(mut self, hook: impl Fn(Refusal) + Send + Sync + 'static) -> Self {
        self.on_refusal = Some(Arc::new(hook));
        self
    }

    /// Sets the longest body that is read, in bytes. Default: 256 KiB.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// Sets how long a body may take to come. Default: 10 s.
    pub fn read_timeout(mut self, timeout: Duration) -> Self {
        self.read_timeout = timeout;
        self
    }

    /// Sets how long the [handler](Self::handler) and the [verifier](Self::bearer) may take.
    /// Default: 30 s.
    pub fn handler_timeout(mut self, timeout: Duration) -> Self {
        self.handler_timeout = timeout;
        self
    }

    /// Sets how many deliveries may be read and handled at the same time. Others are answered `503`.
    /// Default: 256, which with bodies of 256 KiB holds 64 MiB at most.
    pub fn max_deliveries(mut self, deliveries: usize) -> Self {
        self.max_deliveries = deliveries;
        self
    }

    /// Creates the receiver.
    ///
    /// # Errors
    ///
    /// Fails as [`Config`](crate::ErrorKind::Config), with the setting that is wrong and what to
    /// write instead.
    pub fn build(self) -> Result<Webhook, Error> {
        if self.keys.is_none() && self.bearer.is_none() && !self.insecure {
            return Err(config(
                "who says that a delivery is from Q2? Call published_keys() or bearer(), as the \
                 Nexus portal is set, or insecure_unverified() if something else does",
            ));
        }
        if self.encrypted_only && self.decryption_keys.is_empty() {
            return Err(config(
                "require_encryption() needs a key: call decryption_key()",
            ));
        }
        for (name, is_zero) in [
            ("max_body", self.max_body == 0),
            ("max_deliveries", self.max_deliveries == 0),
            ("read_timeout", self.read_timeout.is_zero()),
            ("handler_timeout", self.handler_timeout.is_zero()),
        ] {
            if is_zero {
                let message = format!("{name} is 0, so nothing would ever work: set it higher");
                return Err(config(message));
            }
        }
        let keys = match self.keys {
            None => None,
            Some(Source::Given(json)) => Some(Keys::Fixed(KeySet::parse(&json)?)),
            Some(Source::Api) => Some(published(&self.q2, None)?),
            Some(Source::Url(url)) => Some(published(&self.q2, Some(&url))?),
        };
        let decryptor = (!self.decryption_keys.is_empty()).then_some(Decryptor {
            keys: self.decryption_keys,
            algorithm: self.key_encryption,
        });
        let places = self.max_deliveries.min(Semaphore::MAX_PERMITS);
        Ok(Webhook::from_inner(Inner {
            clock: Arc::clone(&self.q2.inner.clock),
            deliveries: Arc::clone(&self.q2.inner.deliveries),
            signature: keys.map(|keys| Signature {
                header: self.header,
                keys,
                rules: self.rules,
            }),
            bearer: self.bearer,
            decryptor,
            encrypted_only: self.encrypted_only,
            handler: self.handler,
            on_refusal: self.on_refusal,
            max_body: self.max_body,
            read_timeout: self.read_timeout,
            handler_timeout: self.handler_timeout,
            places: Semaphore::new(places),
        }))
    }
}

impl fmt::Debug for WebhookBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookBuilder").finish_non_exhaustive()
    }
}

/// Makes the keys that are fetched from `url`, or from where the API has them.
fn published(q2: &Q2, url: Option<&str>) -> Result<Keys, Error> {
    let settings = &q2.inner.settings;
    let (uri, with_key) = match url {
        None => (settings.uri(Endpoint::PublicKeys, None)?, true),
        Some(url) => settings.elsewhere(url)?,
    };
    let inner = Arc::clone(&q2.inner);
    let fetch = Fetch::new(service_fn(move |()| {
        let (inner, uri) = (Arc::clone(&inner), uri.clone());
        async move {
            let secrets = inner.secrets();
            let fetched = inner
                .exchange(Endpoint::PublicKeys, uri, with_key, None, &secrets)
                .await?;
            Ok::<_, Error>(fetched.body.to_vec())
        }
    }));
    let published = Published::new(fetch, Arc::clone(&q2.inner.clock));
    Ok(Keys::Published(Arc::new(published)))
}
