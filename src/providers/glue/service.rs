use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use secrecy::ExposeSecret;
use tower::util::BoxCloneSyncService;
use tower_service::Service;

use super::{
    CODE_HEADER, GlueBuilder, GlueChallenge, MfaTypes, builder::Settings, trigger::Trigger,
};
use crate::{
    BoxError, Clock, Code, CodeRequest, Error, Renewal, Renewed, Session, SessionBuilder, SignOut,
    Token,
    layers::{Mfa, mfa::MfaBuilder},
    providers::common::{
        exchange::{self, Client},
        lineage::Lineage,
        lockout::Lockout,
    },
    store::StoreKey,
};

/// Token service that signs in to the Glue API.
///
/// See the [module docs](super) for what it does and an example. Clones share everything:
/// lock-outs and the order of the refresh tokens.
#[derive(Clone)]
pub struct Glue {
    pub(super) inner: Arc<Inner>,
}

/// What all clones share.
pub(super) struct Inner {
    pub(super) client: Client,
    pub(super) codes: Option<BoxCloneSyncService<CodeRequest, Code, BoxError>>,
    pub(super) settings: Settings,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) lockout: Lockout,
    pub(super) lineage: Mutex<Lineage>,
    /// Held while a refresh token is presented: never the same one twice at once.
    pub(super) refreshing: tokio::sync::Mutex<()>,
    /// Held while the password is presented.
    ///
    /// Whoever holds it may take `refreshing`, and never the other way round.
    pub(super) signing_in: tokio::sync::Mutex<()>,
}

// === impl Glue ===

impl Glue {
    /// Creates a builder for the API at `base_url`, which is asked through `client`.
    ///
    /// `client` is any HTTP service, and a plain one: without our layers, without cookies, and
    /// without following redirects. `base_url` is scheme, host and port, and a path if the API has
    /// a prefix.
    pub fn builder<S, B, R>(client: S, base_url: impl Into<String>) -> GlueBuilder
    where
        S: Service<Request<B>, Response = Response<R>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
        B: From<Bytes> + 'static,
        R: Body + Send + 'static,
        R::Data: Send,
        R::Error: Into<BoxError>,
    {
        GlueBuilder::new(exchange::erase(client), base_url.into())
    }

    pub(super) fn from_inner(inner: Inner) -> Self {
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Creates a builder of a session that signs in here: its origin, sign-out service, clock,
    /// deadline and the [header of guests](GlueBuilder::guest_header) are set.
    ///
    /// The deadline of one renewal is its [worst case](Self::worst_case). Finish with
    /// [`build`](SessionBuilder::build).
    pub fn session(&self) -> SessionBuilder {
        let glue = self.clone();
        let sign_outs = tower::service_fn(move |sign_out: SignOut| {
            let glue = glue.clone();
            async move { glue.sign_out(&sign_out.token).await }
        });
        let mut builder = Session::builder(self.clone())
            .origin(self.origin())
            .sign_out_service(sign_outs)
            .clock(Arc::clone(&self.inner.clock))
            .flight_timeout(self.worst_case());
        if let Some(name) = &self.inner.settings.guest_header {
            builder = builder.anonymous_header(name.clone());
        }
        if self.inner.settings.base_url.is_insecure() {
            return builder.insecure_http();
        }
        builder
    }

    /// Creates a builder of the codes for `session`'s user: header, challenge, origin, code service,
    /// timeout and clock are set.
    ///
    /// When the server asks for a code it is told to send one (`POST /multi-factor-auth-trigger`,
    /// with `session`'s token), and then the [code service](GlueBuilder::code_service) is asked for
    /// it. A code is sent with all requests until its time is over, counted from the answer to the
    /// trigger. Without a code service nobody is asked and nothing is triggered.
    ///
    /// Make it once for each user, and clone what it builds: a code that one triggers is the end of
    /// the code of another.
    ///
    /// Set the [policy](MfaBuilder::policy) or the
    /// [least interval](MfaBuilder::min_trigger_interval) between triggers if you must, and finish
    /// with [`build`](MfaBuilder::build).
    pub fn mfa(&self, session: &Session) -> MfaBuilder {
        let settings = &self.inner.settings;
        let mut builder = Mfa::builder(CODE_HEADER, GlueChallenge::new())
            .origin(self.origin())
            .method(&*settings.mfa_type)
            .code_timeout(self.longest_asking())
            .clock(Arc::clone(&self.inner.clock));
        if let Some(codes) = &self.inner.codes {
            let trigger = Arc::new(Trigger::new(self, session, codes.clone()));
            builder = builder.code_service(tower::service_fn(move |request: CodeRequest| {
                let trigger = Arc::clone(&trigger);
                async move { trigger.code(&request).await }
            }));
        }
        if settings.base_url.is_insecure() {
            return builder.insecure_http();
        }
        builder
    }

    /// Creates a client of the calls that manage multi-factor authentication, for `session`'s user
    /// with the codes of `mfa`.
    #[must_use]
    pub fn mfa_types(&self, session: &Session, mfa: &Mfa) -> MfaTypes {
        MfaTypes::new(self, session, mfa)
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
        let username = settings.username.expose_secret();
        match &settings.company_user {
            Some(id) => StoreKey::new("glue", self.origin(), &format!("{username} as {id}")),
            None => StoreKey::new("glue", self.origin(), username),
        }
    }

    /// Revokes the refresh tokens of the user that `token` belongs to (`DELETE
    /// /refresh-tokens/mine`): all of them, those of other sessions too, as the vendor's
    /// documentation has it.
    ///
    /// The access token itself lives on until it expires: the API has no way to end it. No renewal
    /// presents the refresh token of `token` again, whatever comes of this. If the access token is
    /// dead already (`401`), the refresh token is traded once for another to sign out with; if it is
    /// dead as well, the sign-out is done.
    ///
    /// # Errors
    ///
    /// The future fails with what went wrong; a sign-out is not tried again. Then the refresh tokens
    /// may still live at the server. A sign-out is sent during a lock-out as well.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves open whether the server revoked them.
    pub fn sign_out(
        &self,
        token: &Token,
    ) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'static>> {
        let inner = Arc::clone(&self.inner);
        let token = token.clone();
        Box::pin(async move { inner.sign_out(&token).await })
    }

    /// Returns the longest that one renewal can take, if it need not wait for its turn: two refresh
    /// tokens are refused, and every exchange takes all the time it may.
    #[must_use]
    pub fn worst_case(&self) -> Duration {
        let exchanges = if self.inner.settings.company_user.is_some() {
            4
        } else {
            3
        };
        self.inner
            .settings
            .request_timeout
            .saturating_mul(exchanges)
    }

    /// The longest that it can take to have a code: the session signs in, the types are listed, a
    /// code is triggered, and a person takes all the time there is.
    fn longest_asking(&self) -> Duration {
        let settings = &self.inner.settings;
        self.worst_case()
            .saturating_add(settings.request_timeout.saturating_mul(2))
            .saturating_add(settings.code_timeout)
    }
}

impl Inner {
    pub(super) fn lineage(&self) -> MutexGuard<'_, Lineage> {
        self.lineage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Service<Renewal> for Glue {
    type Response = Renewed;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Renewed, Error>> + Send + 'static>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        // The client is made ready when it is needed.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, renewal: Renewal) -> Self::Future {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move { inner.renew(&renewal).await })
    }
}

impl fmt::Debug for Glue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Glue")
            .field("settings", &self.inner.settings)
            .finish_non_exhaustive()
    }
}
