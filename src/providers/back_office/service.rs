use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use secrecy::ExposeSecret;
use tower::util::BoxCloneSyncService;
use tower_service::Service;

use super::{BackOfficeBuilder, api::Limits, builder::Settings};
use crate::{
    BoxError, Clock, Code, CodeRequest, Error, Renewal, Renewed, Session, SessionBuilder, SignOut,
    Token,
    providers::common::{
        exchange::{self, Client},
        lineage::Lineage,
        lockout::Lockout,
    },
    store::StoreKey,
};

/// Token service that signs in to the Back Office API.
///
/// See the [module docs](super) for what it does and an example. Clones share everything: limits,
/// lock-outs and the order of the refresh tokens.
#[derive(Clone)]
pub struct BackOffice {
    pub(super) inner: Arc<Inner>,
}

/// What all clones share.
pub(super) struct Inner {
    pub(super) client: Client,
    pub(super) codes: Option<BoxCloneSyncService<CodeRequest, Code, BoxError>>,
    pub(super) settings: Settings,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) limits: Limits,
    pub(super) lockout: Lockout,
    pub(super) lineage: Mutex<Lineage>,
    /// Held while a refresh token is presented: never the same one twice at once.
    pub(super) refreshing: tokio::sync::Mutex<()>,
    /// Held while the password is presented and a code asked for: one question at a time.
    ///
    /// Whoever holds it may take `refreshing`, and never the other way round.
    pub(super) signing_in: tokio::sync::Mutex<()>,
}

// === impl BackOffice ===

impl BackOffice {
    /// Creates a builder for the API at `base_url`, which is asked through `client`.
    ///
    /// `client` is any HTTP service, and a plain one: without our layers, without cookies, and
    /// without following redirects. `base_url` is scheme, host and port, and a path if the API has
    /// a prefix.
    pub fn builder<S, B, R>(client: S, base_url: impl Into<String>) -> BackOfficeBuilder
    where
        S: Service<Request<B>, Response = Response<R>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
        B: From<Bytes> + 'static,
        R: Body + Send + 'static,
        R::Data: Send,
        R::Error: Into<BoxError>,
    {
        BackOfficeBuilder::new(exchange::erase(client), base_url.into())
    }

    pub(super) fn from_inner(inner: Inner) -> Self {
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Creates a builder of a session that signs in here: its origin, sign-out service, clock and
    /// deadline are set.
    ///
    /// The deadline of one renewal is its [worst case](Self::worst_case). Set the origin of the API
    /// as well if it is another. Finish with [`build`](SessionBuilder::build).
    pub fn session(&self) -> SessionBuilder {
        let back_office = self.clone();
        let sign_outs = tower::service_fn(move |sign_out: SignOut| {
            let back_office = back_office.clone();
            async move { back_office.sign_out(&sign_out.token).await }
        });
        let builder = Session::builder(self.clone())
            .origin(self.origin())
            .sign_out_service(sign_outs)
            .clock(Arc::clone(&self.inner.clock))
            .flight_timeout(self.worst_case());
        if self.inner.settings.base_url.is_insecure() {
            return builder.insecure_http();
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
        let settings = &self.inner.settings;
        StoreKey::new("back-office", self.origin(), settings.email.expose_secret())
    }

    /// Ends the session that `token` belongs to, at the server.
    ///
    /// No renewal presents the refresh token of `token` again, whatever comes of this. If the access
    /// token is dead already (`401`), the refresh token is traded once for another to sign out with,
    /// within the limit; if it is dead as well, the sign-out is done.
    ///
    /// # Errors
    ///
    /// The future fails with what went wrong; a sign-out is not tried again. Then the session may
    /// still live at the server, until its tokens expire. A sign-out has no limit of its own, and is
    /// sent during a lock-out as well.
    ///
    /// # Cancel safety
    ///
    /// Nothing is sent before the first poll. If it is dropped later, the token may be dead or
    /// alive.
    pub fn sign_out(
        &self,
        token: &Token,
    ) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'static>> {
        let inner = Arc::clone(&self.inner);
        let token = token.clone();
        Box::pin(async move { inner.sign_out(&token).await })
    }

    /// Returns the longest that one renewal can take, if it need not wait for its turn. A deadline
    /// around renewals that is shorter cuts off a person who is typing a code.
    ///
    /// It is the sum of all settings at their worst: every exchange and every code takes all the
    /// time it may, two refresh tokens are refused, and one code comes when it has expired.
    ///
    /// Sessions of one `BackOffice` queue for the password and the prompt, and a deadline counts
    /// that. Where many of them may have to sign in at once, multiply.
    #[must_use]
    pub fn worst_case(&self) -> Duration {
        let settings = &self.inner.settings;
        let exchange = settings.request_timeout;
        if self.inner.codes.is_none() {
            // Refresh, refresh with what another session brought, and sign-in.
            return exchange.saturating_mul(3);
        }
        // Refresh twice, sign-in, sign-in again; and one code that came too late beside those refused.
        let codes = settings.max_2fa_attempts.saturating_add(1);
        let code = settings.code_timeout.saturating_add(exchange);
        exchange
            .saturating_mul(4)
            .saturating_add(code.saturating_mul(codes))
    }
}

impl Service<Renewal> for BackOffice {
    type Response = Renewed;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Renewed, Error>> + Send + 'static>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        // The client and the code service are made ready when they are needed.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, renewal: Renewal) -> Self::Future {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move { inner.renew(&renewal).await })
    }
}

impl fmt::Debug for BackOffice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackOffice")
            .field("settings", &self.inner.settings)
            .finish_non_exhaustive()
    }
}
