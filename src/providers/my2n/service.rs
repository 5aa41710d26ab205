use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderName, Request, Response};
use http_body::Body;
use secrecy::{ExposeSecret, SecretString};
use tower::ServiceExt;
use tower_layer::Layer;
use tower_service::Service;

use super::{
    ApiVersion, My2nBuilder,
    builder::Settings,
    issued::{Issued, not_allowed},
};
use crate::{
    BoxError, Clock, Error, Renewal, Renewed, Session, SessionBuilder, SignOut, Token,
    layers::version_upgrade::{UpgradeLatch, VersionUpgrade, VersionUpgradeLayer},
    providers::common::{
        exchange::{self, Client},
        lockout::Lockout,
    },
    store::StoreKey,
};

/// The header that carries a token of version 1.
pub(super) const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Token service that signs in to the My2N Partner API.
///
/// See the [module docs](super) for what it does and an example. Clones share everything: the
/// upgrade, lock-outs, and what is known of the tokens.
#[derive(Clone)]
pub struct My2n {
    inner: Arc<Inner>,
    /// Version 1 until it is gone.
    upgrading: VersionUpgrade<V1, V2>,
}

/// What all clones share.
pub(super) struct Inner {
    pub(super) client: Client,
    pub(super) settings: Settings,
    pub(super) username: SecretString,
    pub(super) password: SecretString,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) latch: UpgradeLatch,
    pub(super) lockout: Lockout,
    pub(super) issued: Issued,
}

/// The login of version 1.
#[derive(Clone)]
struct V1(Arc<Inner>);

/// The login of version 2.
#[derive(Clone)]
struct V2(Arc<Inner>);

// === impl My2n ===

impl My2n {
    /// Creates a builder for the API at `base_url`, which is asked through `client`.
    ///
    /// `client` is any HTTP service, and a plain one: without our layers, without cookies, without
    /// default headers, and without following redirects. `base_url` is that of the API, as the
    /// vendor writes it: `https://my2n.com/middleware/api/partner/v1`.
    pub fn builder<S, B, R>(client: S, base_url: impl Into<String>) -> My2nBuilder
    where
        S: Service<Request<B>, Response = Response<R>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
        B: From<Bytes> + 'static,
        R: Body + Send + 'static,
        R::Data: Send,
        R::Error: Into<BoxError>,
    {
        My2nBuilder::new(exchange::erase(client), base_url.into())
    }

    pub(super) fn from_inner(inner: Inner) -> Self {
        let inner = Arc::new(inner);
        let upgrade = VersionUpgradeLayer::new(V2(Arc::clone(&inner))).latch(inner.latch.clone());
        Self {
            upgrading: upgrade.layer(V1(Arc::clone(&inner))),
            inner,
        }
    }

    /// Creates a builder of a session that signs in here: its origin, clock and deadline are set,
    /// `X-Api-Key` is [retired](SessionBuilder::retired_header), a `401` to a token that was just
    /// got is [explained](SessionBuilder::refused_again), and signing out ends the session at the
    /// server if [`logout`](My2nBuilder::logout) is on.
    ///
    /// The deadline of one renewal is its [worst case](Self::worst_case). Set the origin of the API
    /// as well if it is another. Finish with [`build`](SessionBuilder::build).
    pub fn session(&self) -> SessionBuilder {
        let settings = &self.inner.settings;
        let mut builder = Session::builder(self.clone())
            .origin(self.origin())
            .clock(Arc::clone(&self.inner.clock))
            .flight_timeout(self.worst_case())
            .retired_header(X_API_KEY)
            .refused_again(not_allowed());
        if settings.logout {
            let my2n = self.clone();
            builder = builder.sign_out_service(tower::service_fn(move |sign_out: SignOut| {
                let my2n = my2n.clone();
                async move { my2n.log_out(&sign_out.token).await }
            }));
        }
        if settings.base_url.is_insecure() {
            builder = builder.insecure_http();
        }
        builder
    }

    /// Returns the scheme, host and port of the API, as a session's builder takes them.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.inner.settings.base_url.origin()
    }

    /// Returns the key under which a [store](crate::store) keeps the tokens of this account.
    #[must_use]
    pub fn store_key(&self) -> StoreKey {
        StoreKey::new("my2n", self.origin(), self.inner.username.expose_secret())
    }

    /// Returns the latch that says whether version 2 is in use, to look at it or to store what it
    /// says for the next run.
    #[must_use]
    pub fn upgrade_latch(&self) -> &UpgradeLatch {
        &self.inner.latch
    }

    /// Returns how often a server has moved this account from version 1 to version 2 in this run:
    /// 0 or 1.
    #[must_use]
    pub fn upgrades(&self) -> u64 {
        u64::from(self.inner.latch.has_tripped())
    }

    /// Ends the session of `token` at the server, whether or not
    /// [`logout`](My2nBuilder::logout) is on.
    ///
    /// A token of version 1 cannot be revoked: nothing is sent then. That the server does not know
    /// the session (`403`) counts as done.
    ///
    /// # Errors
    ///
    /// The future fails with what went wrong; a logout is not tried again.
    ///
    /// # Cancel safety
    ///
    /// Nothing is sent before the first poll. If it is dropped later, the token may be dead or
    /// alive.
    pub fn log_out(
        &self,
        token: &Token,
    ) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'static>> {
        let inner = Arc::clone(&self.inner);
        let token = token.clone();
        Box::pin(async move { inner.log_out(&token).await })
    }

    /// Returns the longest that one renewal can take: version 1, and then two flows of two
    /// exchanges each.
    #[must_use]
    pub fn worst_case(&self) -> Duration {
        self.inner.settings.request_timeout.saturating_mul(5)
    }

    async fn renew(self, renewal: Renewal) -> Result<Renewed, Error> {
        let inner = &self.inner;
        let settings = &inner.settings;
        let now = inner.clock.monotonic();
        inner.issued.check(&renewal, now, settings.fresh_for)?;
        let renewed = if settings.version == ApiVersion::V1 {
            inner.log_in_v1(&renewal).await?
        } else {
            // Only version 2 gives such a token: an earlier run or another process was upgraded.
            let previous = renewal.previous();
            if previous.is_some_and(|token| token.placement().is_bearer()) {
                inner.latch.set();
            }
            self.upgrading.clone().oneshot(renewal.clone()).await?
        };
        let now = inner.clock.monotonic();
        inner.issued.add(renewed.credential(), &renewal, now);
        Ok(renewed)
    }
}

impl Service<Renewal> for My2n {
    type Response = Renewed;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Renewed, Error>> + Send + 'static>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        // The client is made ready when it is needed.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, renewal: Renewal) -> Self::Future {
        Box::pin(self.clone().renew(renewal))
    }
}

impl fmt::Debug for My2n {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("My2n")
            .field("settings", &self.inner.settings)
            .field("latch", &self.inner.latch)
            .finish_non_exhaustive()
    }
}

// === impl V1 ===

impl Service<Renewal> for V1 {
    type Response = Renewed;
    type Error = Error;
    type Future = BoxFuture<Result<Renewed, Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, renewal: Renewal) -> Self::Future {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.log_in_v1(&renewal).await })
    }
}

// === impl V2 ===

impl Service<Renewal> for V2 {
    type Response = Renewed;
    type Error = Error;
    type Future = BoxFuture<Result<Renewed, Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, renewal: Renewal) -> Self::Future {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.log_in_v2(&renewal).await })
    }
}
