use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, uri::Authority};
use http_body::Body;
use tower_service::Service;

use super::{OAuth2Builder, builder::Settings};
use crate::{
    BoxError, Clock, Error, ExposeSecret, Renewal, Renewed, Session, SessionBuilder, SignOut,
    Token,
    providers::common::{
        exchange::{self, Client},
        lineage::Lineage,
        lockout::Lockout,
    },
    store::StoreKey,
};

/// Token service that gets its tokens at an OAuth 2.0 token endpoint.
///
/// See the [module docs](super) for what it does and an example. Clones share everything: lock-outs
/// and the order of the refresh tokens.
#[derive(Clone)]
pub struct OAuth2 {
    pub(super) inner: Arc<Inner>,
}

/// What all clones share.
pub(super) struct Inner {
    pub(super) http: Client,
    pub(super) settings: Settings,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) lockout: Lockout,
    pub(super) lineage: Mutex<Lineage>,
    /// Held while a refresh token is presented: never the same one twice at once.
    pub(super) refreshing: tokio::sync::Mutex<()>,
}

// === impl OAuth2 ===

impl OAuth2 {
    /// Creates a builder for the token endpoint `token_url`, which is asked through `http`.
    ///
    /// `http` is any HTTP service, and a plain one: without our layers, without cookies, and
    /// without following redirects. `token_url` may have a query.
    pub fn builder<S, B, R>(http: S, token_url: impl Into<String>) -> OAuth2Builder
    where
        S: Service<Request<B>, Response = Response<R>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
        B: From<Bytes> + 'static,
        R: Body + Send + 'static,
        R::Data: Send,
        R::Error: Into<BoxError>,
    {
        OAuth2Builder::new(exchange::erase(http), token_url.into())
    }

    pub(super) fn from_inner(inner: Inner) -> Self {
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Creates a builder of a session that gets its tokens here: its sign-out service, clock and
    /// deadline are set.
    ///
    /// The origin is not: name the API that may be sent the token by
    /// [`origin`](SessionBuilder::origin), then finish with [`build`](SessionBuilder::build). The
    /// deadline of one renewal is its [worst case](Self::worst_case).
    pub fn session(&self) -> SessionBuilder {
        let oauth2 = self.clone();
        let sign_outs = tower::service_fn(move |sign_out: SignOut| {
            let oauth2 = oauth2.clone();
            async move { oauth2.sign_out(&sign_out.token).await }
        });
        Session::builder(self.clone())
            .sign_out_service(sign_outs)
            .clock(Arc::clone(&self.inner.clock))
            .flight_timeout(self.worst_case())
    }

    /// Returns the key under which a [store](crate::store) keeps the tokens of this client: of this
    /// token endpoint, and with what is asked for (scope, audience, resources) as its scope.
    ///
    /// It says nothing of users, as a token endpoint does not either: where the tokens are those of
    /// a user, whose refresh token is set, make a [`StoreKey`] of your own that names the user.
    #[must_use]
    pub fn store_key(&self) -> StoreKey {
        let settings = &self.inner.settings;
        let uri = &settings.token_uri;
        let scheme = uri.scheme_str().unwrap_or_default();
        let authority = uri.authority().map_or("", Authority::as_str);
        // One host may have the endpoints of several tenants.
        let endpoint = format!("{scheme}://{authority}{}", uri.path());
        let asked = settings.scope.iter().chain(&settings.audience);
        let asked: Vec<_> = asked.chain(&settings.resources).cloned().collect();
        let key = StoreKey::new("oauth2", &endpoint, settings.client.id.expose_secret());
        key.scope(&asked.join(" "))
    }

    /// Ends the session that `token` belongs to: revokes its refresh token, and then the access
    /// token, if there is a [`revocation_url`](OAuth2Builder::revocation_url).
    ///
    /// No renewal presents the refresh token again, whatever comes of this.
    ///
    /// # Errors
    ///
    /// The future fails with what went wrong; a revocation is not tried again. Then the tokens may
    /// still be good at the server, until they expire.
    ///
    /// # Cancel safety
    ///
    /// Nothing is sent before the first poll. If it is dropped later, the tokens may be dead or
    /// alive.
    pub fn sign_out(
        &self,
        token: &Token,
    ) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'static>> {
        let inner = Arc::clone(&self.inner);
        let token = token.clone();
        Box::pin(async move { inner.sign_out(&token).await })
    }

    /// Returns the longest that one renewal can take, if it need not wait for its turn: a refresh
    /// that is refused, and a sign-in. Signing out takes no longer.
    #[must_use]
    pub fn worst_case(&self) -> Duration {
        self.inner.settings.request_timeout.saturating_mul(2)
    }
}

impl Service<Renewal> for OAuth2 {
    type Response = Renewed;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Renewed, Error>> + Send + 'static>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        // The HTTP client is made ready when it is needed.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, renewal: Renewal) -> Self::Future {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move { inner.renew(&renewal).await })
    }
}

impl fmt::Debug for OAuth2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuth2")
            .field("settings", &self.inner.settings)
            .finish_non_exhaustive()
    }
}

// === impl Inner ===

impl Inner {
    pub(super) fn lineage(&self) -> MutexGuard<'_, Lineage> {
        self.lineage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
