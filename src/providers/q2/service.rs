use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{
    Counts, Delivery, Event, NewAuth, Q2Builder, SigningLayer, VerifiedAuth, WebhookBuilder,
    api::KEY_REFUSED,
    builder::{CodeService, Settings},
    delivery::Deliveries,
    signing::Signer,
};
use crate::{
    BoxError, Clock, Error, ErrorKind, Reason, Renewal, Session, SessionBuilder, Token,
    providers::common::exchange::{self, Client},
};

/// Client of the Q2 Open API.
///
/// See the [module docs](super) for what it does and an example. Clones share everything: who waits
/// for which event, and which events came.
///
/// It is also a tower `Service<NewAuth>`, which does what [`create_auth`](Self::create_auth) does.
/// Do not stack anything above it that sends again: an auth submits the user's credentials.
#[derive(Clone)]
pub struct Q2 {
    pub(super) inner: Arc<Inner>,
}

/// What all clones share.
pub(super) struct Inner {
    pub(super) client: Client,
    pub(super) codes: Option<CodeService>,
    pub(super) settings: Settings,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) signer: Option<Signer>,
    pub(super) deliveries: Arc<Deliveries>,
}

// === impl Q2 ===

impl Q2 {
    /// Creates a builder for the API at `base_url`, which is asked through `client`.
    ///
    /// `client` is any HTTP service, and a plain one: without our layers, without cookies, without
    /// following redirects, and without anything that sends again. `base_url` is as the vendor
    /// writes it: `https://api.q2open.io/v1`, or `https://sb-api.q2open.io/v1` for the sandbox.
    pub fn builder<S, B, R>(client: S, base_url: impl Into<String>) -> Q2Builder
    where
        S: Service<Request<B>, Response = Response<R>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
        B: From<Bytes> + 'static,
        R: Body + Send + 'static,
        R::Data: Send,
        R::Error: Into<BoxError>,
    {
        Q2Builder::new(exchange::erase(client), base_url.into())
    }

    pub(super) fn from_inner(inner: Inner) -> Self {
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Submits a login to a company, and waits for what comes of it.
    ///
    /// The request is sent once. Then events are waited for, which a [receiver](Self::webhook) takes
    /// or [`deliver`](Self::deliver) brings; they may come before the answer, more than once and in
    /// any order. If the company asks for more, the
    /// [code service](Q2Builder::code_service) is asked.
    ///
    /// # Errors
    ///
    /// Fails with an [`AuthFailure`](super::AuthFailure) as its source if Q2 or the company said no,
    /// or nothing in time; with another error if the way to the server failed: see
    /// [what a failure means](super#what-a-failure-means). Two auths of the same client and company
    /// cannot be told apart, so a second one at the same time fails at once.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: dropped after its first poll, the login may have been submitted, and what
    /// comes of it is not noticed. Nothing is held for it any more.
    pub async fn create_auth(&self, auth: NewAuth) -> Result<VerifiedAuth, Error> {
        self.inner.create_auth(auth).await
    }

    /// Creates a builder of a receiver of events: a tower service, for a server of yours.
    pub fn webhook(&self) -> WebhookBuilder {
        WebhookBuilder::new(self.clone())
    }

    /// Hands over an event that came another way than through a [receiver](Self::webhook) of this
    /// client: by a queue, say, that another process fills. It must have been verified there.
    ///
    /// It may come more than once, in any order, early and late.
    #[must_use = "an event that was `Busy` should come again"]
    pub fn deliver(&self, event: &Event) -> Delivery {
        self.inner.deliveries.deliver(event)
    }

    /// Returns how many events came, and how many are held now.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.inner.deliveries.counts()
    }

    /// Creates a builder of a session for plain calls with the API key: its origin and clock are
    /// set. Finish with [`build`](SessionBuilder::build).
    ///
    /// The key is static: a `401` is the caller's, with an error of kind
    /// [`Rejected`](ErrorKind::Rejected) in the response's extensions that says what to check. If you
    /// have a new key, give it to [`Session::set`].
    pub fn session(&self) -> SessionBuilder {
        let key = self.inner.settings.api_key.clone();
        let tokens = tower::service_fn(move |renewal: Renewal| {
            let key = key.clone();
            async move { static_key(&renewal, key) }
        });
        let builder = Session::builder(tokens)
            .origin(self.origin())
            .clock(Arc::clone(&self.inner.clock));
        if self.inner.settings.base_url.is_insecure() {
            return builder.insecure_http();
        }
        builder
    }

    /// Returns a layer that signs plain calls with the [signing key](Q2Builder::signing_key), to
    /// stand just above the client and below a session's layers. Without a key it does nothing.
    pub fn signing_layer(&self) -> SigningLayer {
        SigningLayer::new(self.inner.signer.clone())
    }

    /// Returns the scheme, host and port of the API, as a session's builder takes them.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.inner.settings.base_url.origin()
    }
}

impl Service<NewAuth> for Q2 {
    type Response = VerifiedAuth;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<VerifiedAuth, Error>> + Send + 'static>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        // The client and the code service are made ready when they are needed.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, auth: NewAuth) -> Self::Future {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move { inner.create_auth(auth).await })
    }
}

impl fmt::Debug for Q2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Q2")
            .field("settings", &self.inner.settings)
            .field("deliveries", &self.inner.deliveries)
            .finish_non_exhaustive()
    }
}

/// Hands the key out, and says that there is no other.
fn static_key(renewal: &Renewal, key: Token) -> Result<Token, Error> {
    match renewal.reason() {
        Reason::Rejected => Err(Error::with_message(ErrorKind::Rejected, KEY_REFUSED)),
        Reason::Explicit if renewal.previous().is_some() => Err(super::api::config(
            "the API key of Q2 is static, so there is nothing to renew: give another to set()",
        )),
        Reason::Missing | Reason::Expiring | Reason::Explicit => Ok(key),
    }
}
