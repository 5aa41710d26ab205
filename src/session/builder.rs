use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http::HeaderName;
use tower::{ServiceExt, util::BoxCloneService};
use tower_service::Service;

use super::{
    Session, SignOut,
    handle::Inner,
    store::{self, Link, StoreLayer},
};
use crate::{
    BoxError, Clock, Error, ErrorKind, Renewal, Renewed, SystemClock, Token,
    origin::Origins,
    renew::{Renewer, Settings, Source},
};

/// A builder of a [`Session`], from [`Session::builder`].
///
/// | setting | default |
/// | --- | --- |
/// | [`origin`](Self::origin) | none: at least one is required, or [`allow_relative`](Self::allow_relative) |
/// | [`insecure_http`](Self::insecure_http) | off: plain http goes to loopback only |
/// | [`renew_ahead`](Self::renew_ahead) | a tenth of the lifetime, at most 60 s |
/// | [`flight_timeout`](Self::flight_timeout) | 30 s |
/// | [`token`](Self::token) | none: the first request signs in |
/// | [`sign_out_service`](Self::sign_out_service) | none: signing out forgets the token here only |
/// | [`retired_header`](Self::retired_header) | none |
/// | [`anonymous_header`](Self::anonymous_header) | none |
/// | [`refused_again`](Self::refused_again) | none: a `401` that a new token did not mend is the caller's as it is |
/// | [`store`](Self::store) | none: the token lives in this process |
/// | [`clock`](Self::clock) | [`SystemClock`] |
#[must_use = "a builder does nothing until it is built"]
pub struct SessionBuilder {
    tokens: Shareable<Renewal, Renewed>,
    sign_outs: Option<Shareable<SignOut, ()>>,
    origins: Vec<String>,
    insecure_http: bool,
    relative: bool,
    token: Option<Token>,
    store: Option<StoreLayer>,
    retired: Vec<HeaderName>,
    anonymous: Vec<HeaderName>,
    clock: Arc<dyn Clock>,
    settings: Settings,
}

/// A setting of a session that cannot be right, with the value that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// No origin was given, so no request could ever carry the credential.
    NoOrigin,
    /// An origin is not `scheme://host` or `scheme://host:port`.
    #[non_exhaustive]
    InvalidOrigin {
        /// What was given.
        value: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An origin is plain http beyond loopback, and that was not allowed.
    #[non_exhaustive]
    InsecureOrigin {
        /// What was given.
        value: String,
    },
}

/// A service that is called rarely, from any thread, through clones.
///
/// The mutex is held only to clone, so that the service itself need not be `Sync`.
pub(super) struct Shareable<T, U>(Mutex<BoxCloneService<T, U, Error>>);

// === impl SessionBuilder ===

impl SessionBuilder {
    pub(super) fn new<T>(tokens: T) -> Self
    where
        T: Service<Renewal> + Clone + Send + 'static,
        T::Response: Into<Renewed>,
        T::Error: Into<BoxError>,
        T::Future: Send + 'static,
    {
        Self {
            tokens: Shareable::new(tokens.map_response(Into::into)),
            sign_outs: None,
            origins: Vec::new(),
            insecure_http: false,
            relative: false,
            token: None,
            store: None,
            retired: Vec::new(),
            anonymous: Vec::new(),
            clock: Arc::new(SystemClock::new()),
            settings: Settings {
                renew_ahead: None,
                flight_timeout: Duration::from_secs(30),
                spacing: Duration::ZERO,
                refused_again: None,
            },
        }
    }

    /// Adds an origin that may be sent the token: `https://host` or `https://host:port`.
    ///
    /// Requests elsewhere pass without it. Call it again for further origins.
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.origins.push(origin.into());
        self
    }

    /// Allows origins of plain http beyond loopback: whoever is on the way can read the token.
    pub fn insecure_http(mut self) -> Self {
        self.insecure_http = true;
        self
    }

    /// Attaches the token to requests whose URI has no scheme and host too, as they are sent to
    /// an in-process router. Without it such a request fails, because nobody can tell where it
    /// goes.
    pub fn allow_relative(mut self) -> Self {
        self.relative = true;
        self
    }

    /// Sets how long before its end a token is renewed; never more than half its lifetime.
    ///
    /// By default it is a tenth of the lifetime, and at most 60 s.
    pub fn renew_ahead(mut self, margin: Duration) -> Self {
        self.settings.renew_ahead = Some(margin);
        self
    }

    /// Sets the deadline of one renewal, and of one sign-out, 30 s by default. It is the renewal's
    /// own: callers with less patience can leave, and it goes on without them. What takes longer
    /// fails as [`ErrorKind::Timeout`].
    pub fn flight_timeout(mut self, timeout: Duration) -> Self {
        self.settings.flight_timeout = timeout;
        self
    }

    /// Begins with this token instead of signing in. It is not written to a
    /// [`store`](Self::store): what is renewed from it is.
    pub fn token(mut self, token: Token) -> Self {
        self.token = Some(token);
        self
    }

    /// Sets the service that revokes a token at the server, for [`Session::sign_out`].
    pub fn sign_out_service<T>(mut self, sign_outs: T) -> Self
    where
        T: Service<SignOut, Response = ()> + Clone + Send + 'static,
        T::Error: Into<BoxError>,
        T::Future: Send + 'static,
    {
        self.sign_outs = Some(Shareable::new(sign_outs));
        self
    }

    /// Takes `name` out of every request that gets the token, whoever has put it there.
    ///
    /// For an API whose credential has moved to another header, and which refuses requests that
    /// still carry the old one. A token that is itself [placed](crate::Placement::header) in `name`
    /// is sent there. Call it again for further headers.
    pub fn retired_header(mut self, name: HeaderName) -> Self {
        self.retired.push(name);
        self
    }

    /// Leaves requests without the token that carry `name`.
    ///
    /// For an API that tells guests by a header of their own, and refuses requests that come with
    /// both. Such a request does not wait for a token either. Call it again for further headers.
    pub fn anonymous_header(mut self, name: HeaderName) -> Self {
        self.anonymous.push(name);
        self
    }

    /// Sets the error that explains a `401` to a token that was fetched just now, because the one
    /// before was refused as well. It is put into the extensions of the response, and is also the
    /// error of a refusal to renew because 3 fresh tokens were refused in a row.
    ///
    /// For an API that says `401` when the account is not allowed in, with whatever token.
    pub fn refused_again(mut self, error: Error) -> Self {
        self.settings.refused_again = Some(error);
        self
    }

    /// Shares the token with other processes and later runs, by way of a [store](crate::store).
    ///
    /// The first request takes over what is there, if that still lives; renewals are made under the
    /// store's lease; [`set`](Session::set), [`clear`](Session::clear) and
    /// [`sign_out`](Session::sign_out) write through; and what others write is used from then on.
    pub fn store(mut self, store: StoreLayer) -> Self {
        self.store = Some(store);
        self
    }

    /// Sets the time source, for tests.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Builds the session.
    ///
    /// # Errors
    ///
    /// Fails if there is no origin, or one that is not an origin, or one of plain http beyond
    /// loopback without [`insecure_http`](Self::insecure_http).
    pub fn build(self) -> Result<Session, ConfigError> {
        let origins = Origins::parse(&self.origins, self.insecure_http, self.relative)?;
        let link = self.store.map(|store| store.link(&self.clock));
        let source = source(self.tokens, link.clone());
        let renewer = Renewer::new(source, self.clock, self.settings);
        if let Some(token) = self.token {
            renewer.set(token);
        }
        if let Some(link) = &link {
            link.serve(renewer.downgrade());
        }
        Ok(Session::from_inner(Inner {
            renewer,
            origins,
            sign_outs: self.sign_outs,
            link,
            retired: self.retired.into(),
            anonymous: self.anonymous.into(),
        }))
    }
}

impl fmt::Debug for SessionBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionBuilder")
            .field("origins", &self.origins.len())
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

// === impl ConfigError ===

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoOrigin => f.write_str(
                "no origin is set: name the API that may be sent the credential, \
                 as in `.origin(\"https://api.example.com\")`",
            ),
            Self::InvalidOrigin { value, reason } => {
                write!(f, "`{value}` is not an origin: {reason}")
            }
            Self::InsecureOrigin { value } => write!(
                f,
                "`{value}` would send the credential in the clear: use https, \
                 or `insecure_http()` if you must"
            ),
        }
    }
}

impl std::error::Error for ConfigError {}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Self::with_message(ErrorKind::Config, error.to_string())
    }
}

/// Makes the source of a renewer: `tokens`, by way of a store if there is one.
fn source(tokens: Shareable<Renewal, Renewed>, link: Option<Arc<Link>>) -> Source<Token> {
    let Some(link) = link else {
        return Box::new(move |renewal| tokens.call(renewal));
    };
    let tokens = Arc::new(tokens);
    Box::new(move |renewal| {
        let (tokens, link) = (Arc::clone(&tokens), Arc::clone(&link));
        Box::pin(async move { store::run(&link, renewal, |renewal| tokens.call(renewal)).await })
    })
}

// === impl Shareable ===

impl<T: Send + 'static, U: 'static> Shareable<T, U> {
    fn new<S>(service: S) -> Self
    where
        S: Service<T, Response = U> + Clone + Send + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
    {
        let service = service.map_err(|error| Error::from_boxed(error.into()));
        Self(Mutex::new(BoxCloneService::new(service)))
    }

    pub(super) fn call(
        &self,
        request: T,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<U, Error>> + Send>> {
        let service = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        Box::pin(service.oneshot(request))
    }
}
