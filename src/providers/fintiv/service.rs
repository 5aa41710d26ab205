use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use secrecy::ExposeSecret;
use tower_service::Service;

use super::{
    api_key::{ApiKeyLayer, Keys},
    body_token::{BodyTokenLayer, Place},
    builder::{FintivBuilder, Settings},
    envelope::FintivEnvelope,
    layer::FintivLayer,
};
use crate::{
    BoxError, Clock, Error, Placement, Renewal, Renewed, Session, SessionBuilder,
    layers::NormalizeLayer, providers::common::exchange::Client, store::StoreKey,
};

/// Token service that signs on to Fintiv, and maker of the layers that its API needs.
///
/// See the [module docs](super) for what it does and an example. Clones share everything.
#[derive(Clone)]
pub struct Fintiv {
    pub(super) inner: Arc<Inner>,
}

/// What all clones share.
pub(super) struct Inner {
    pub(super) client: Client,
    pub(super) keys: Arc<Keys>,
    pub(super) settings: Settings,
    pub(super) clock: Arc<dyn Clock>,
}

// === impl Fintiv ===

impl Fintiv {
    /// Creates a builder for the API at `base_url`, whose sign-on is asked through `client`.
    ///
    /// `client` is any HTTP service, and a plain one: without our layers, without cookies, and
    /// without following redirects. `base_url` is what comes before the name of the service, like
    /// `https://api-dev.fintiv.co:8080/auth`.
    pub fn builder<S, B, R>(client: S, base_url: impl Into<String>) -> FintivBuilder
    where
        S: Service<Request<B>, Response = Response<R>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
        B: From<Bytes> + 'static,
        R: Body + Send + 'static,
        R::Data: Send,
        R::Error: Into<BoxError>,
    {
        FintivBuilder::new(client, base_url.into())
    }

    pub(super) fn from_inner(inner: Inner) -> Self {
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Creates a builder of a session that signs on here: its origin, clock and deadline are set.
    ///
    /// Set the origin of the API as well if it is another than that of the base URL. Finish with
    /// [`build`](SessionBuilder::build).
    pub fn session(&self) -> SessionBuilder {
        let builder = Session::builder(self.clone())
            .origin(self.origin())
            .clock(Arc::clone(&self.inner.clock))
            .flight_timeout(self.worst_case());
        if self.inner.settings.base_url.is_insecure() {
            return builder.insecure_http();
        }
        builder
    }

    /// Creates the layer with all that the API needs: the token of `session`, the `api-key`, and an
    /// honest status for what fails inside a `200`.
    ///
    /// Make it once and clone it, or the service, as [`Session::layer`] says.
    pub fn layer(&self, session: &Session) -> FintivLayer {
        FintivLayer::new(
            session.layer(),
            self.body_token_layer(),
            self.api_key_layer(session),
            self.normalize_layer(session),
        )
    }

    /// Creates the layer that attaches the `api-key` and the tenant at the origins of `session`, for
    /// a stack of your own: see [the order](super#a-stack-of-your-own).
    pub fn api_key_layer(&self, session: &Session) -> ApiKeyLayer {
        ApiKeyLayer::new(session.origins().clone(), Arc::clone(&self.inner.keys))
    }

    /// Creates the layer that places the token in the body, for a stack of your own: see
    /// [the order](super#a-stack-of-your-own). Where the token is placed in a header it does nothing.
    pub fn body_token_layer(&self) -> BodyTokenLayer {
        let settings = &self.inner.settings;
        BodyTokenLayer::new(settings.placement.body_field().map(|field| Place {
            field: field.into(),
            tenant: settings.tenant.as_deref().map(Into::into),
            max_body: settings.max_request_body,
        }))
    }

    /// Creates the layer that gives failures inside a `200` an honest status, for a stack of your
    /// own: see [the order](super#a-stack-of-your-own).
    pub fn normalize_layer(&self, session: &Session) -> NormalizeLayer<FintivEnvelope> {
        let envelope = self.envelope().only_from(session.origins());
        NormalizeLayer::new(envelope).max_peek(self.inner.settings.max_inspect_body)
    }

    /// Returns the envelope, with the settings given here.
    pub fn envelope(&self) -> FintivEnvelope {
        self.inner.settings.envelope.clone()
    }

    /// Returns where a token service of your own is to [place](crate::Token::placed) its tokens.
    #[must_use]
    pub fn placement(&self) -> Placement {
        self.inner.settings.placement.in_session()
    }

    /// Returns the scheme, host and port of the API, as a session's builder takes them.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.inner.settings.base_url.origin()
    }

    /// Returns the key under which a [store](crate::store) keeps the tokens of this user and tenant.
    #[must_use]
    pub fn store_key(&self) -> StoreKey {
        let settings = &self.inner.settings;
        let user = settings.credentials.as_ref();
        let user = user.map_or("", |credentials| credentials.user.expose_secret());
        let key = StoreKey::new("fintiv", self.origin(), user);
        match &settings.tenant {
            Some(tenant) => key.scope(tenant),
            None => key,
        }
    }

    /// Returns the longest that one renewal can take: that of a sign-on.
    #[must_use]
    pub fn worst_case(&self) -> Duration {
        self.inner.settings.request_timeout
    }
}

impl Service<Renewal> for Fintiv {
    type Response = Renewed;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Renewed, Error>> + Send + 'static>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        // The client is made ready when it is needed.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Renewal) -> Self::Future {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            let token = inner.sign_on().await?;
            // Each time: there is nothing else to renew it with.
            Ok(Renewed::new(token).signed_in(true))
        })
    }
}

impl fmt::Debug for Fintiv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fintiv")
            .field("settings", &self.inner.settings)
            .finish_non_exhaustive()
    }
}
