use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::HeaderName;
use tower::util::{BoxCloneSyncService, MapErr};
use tower_service::Service;

use super::{
    CodeChallenge, Mfa, MfaPolicy,
    handle::Inner,
    on_the_way::OnTheWay,
    source::{CodeService, Source},
};
use crate::{
    BoxError, Clock, Code, CodeRequest, ConfigError, SystemClock,
    origin::Origins,
    renew::{Renewer, Settings},
};

/// A builder of an [`Mfa`], from [`Mfa::builder`].
///
/// | setting | default |
/// | --- | --- |
/// | [`origin`](Self::origin) | none: at least one is required, or [`allow_relative`](Self::allow_relative) |
/// | [`insecure_http`](Self::insecure_http) | off: plain http goes to loopback only |
/// | [`code_service`](Self::code_service) | none: codes come by [`Mfa::set`] only |
/// | [`method`](Self::method) | `mfa` |
/// | [`policy`](Self::policy) | [`MfaPolicy::OnChallenge`] |
/// | [`code_ttl`](Self::code_ttl) | none: a code is used until the server refuses it |
/// | [`code_timeout`](Self::code_timeout) | 5 min |
/// | [`min_trigger_interval`](Self::min_trigger_interval) | 30 s |
/// | [`clock`](Self::clock) | [`SystemClock`] |
#[must_use = "a builder does nothing until it is built"]
pub struct MfaBuilder {
    header: HeaderName,
    challenge: Arc<dyn CodeChallenge>,
    codes: Option<CodeService>,
    method: Box<str>,
    policy: MfaPolicy,
    origins: Vec<String>,
    insecure_http: bool,
    relative: bool,
    code_ttl: Option<Duration>,
    code_timeout: Duration,
    min_trigger_interval: Duration,
    clock: Arc<dyn Clock>,
}

impl MfaBuilder {
    pub(super) fn new(header: HeaderName, challenge: Arc<dyn CodeChallenge>) -> Self {
        Self {
            header,
            challenge,
            codes: None,
            method: "mfa".into(),
            policy: MfaPolicy::default(),
            origins: Vec::new(),
            insecure_http: false,
            relative: false,
            code_ttl: None,
            code_timeout: Duration::from_secs(5 * 60),
            min_trigger_interval: Duration::from_secs(30),
            clock: Arc::new(SystemClock::new()),
        }
    }

    /// Adds an origin that may be sent the code: `https://host` or `https://host:port`.
    ///
    /// Requests elsewhere pass without it. Call it again for further origins.
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.origins.push(origin.into());
        self
    }

    /// Allows origins of plain http beyond loopback: whoever is on the way can read the code.
    pub fn insecure_http(mut self) -> Self {
        self.insecure_http = true;
        self
    }

    /// Attaches the code to requests whose URI has no scheme and host too, as they are sent to an
    /// in-process router. Without it such a request fails, because nobody can tell where it goes.
    pub fn allow_relative(mut self) -> Self {
        self.relative = true;
        self
    }

    /// Sets the service that is asked for codes: a prompt, a mailbox, a generator.
    ///
    /// It is asked for one code at a time, and once for all who wait for it. Its future is dropped
    /// when [`code_timeout`](Self::code_timeout) is over or nobody wants the code any more: see
    /// [`Mfa::clear`]. It must not call through a client that has this layer.
    ///
    /// An [`Error`](crate::Error) of its own decides by its kind when it is asked again; any other
    /// error counts as [`CodeUnavailable`](crate::ErrorKind::CodeUnavailable).
    pub fn code_service<C>(mut self, codes: C) -> Self
    where
        C: Service<CodeRequest, Response = Code> + Clone + Send + Sync + 'static,
        C::Error: Into<BoxError>,
        C::Future: Send + 'static,
    {
        self.codes = Some(BoxCloneSyncService::new(MapErr::new(codes, Into::into)));
        self
    }

    /// Sets what the code service is told of how the code is delivered, as the vendor names it:
    /// `email`.
    pub fn method(mut self, method: impl Into<String>) -> Self {
        self.method = method.into().into_boxed_str();
        self
    }

    /// Sets which requests get a code before the server asks for one.
    pub fn policy(mut self, policy: MfaPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets how long a code is good for that does not [say so itself](Code::lifetime), from when
    /// the code service hands it over.
    pub fn code_ttl(mut self, ttl: Duration) -> Self {
        self.code_ttl = Some(ttl);
        self
    }

    /// Sets how long the code service may take for one code, after which its future is dropped and
    /// those who wait fail as [`CodeUnavailable`](crate::ErrorKind::CodeUnavailable).
    pub fn code_timeout(mut self, timeout: Duration) -> Self {
        self.code_timeout = timeout;
        self
    }

    /// Sets how long it is at least from one asking to the next where there was no progress: the
    /// code could not be had, or it was refused and had never worked.
    ///
    /// The wait doubles with each new code that is refused, up to 5 min or this setting if that is
    /// longer. A code that has worked and is refused later is progress: another is asked for at
    /// once.
    pub fn min_trigger_interval(mut self, interval: Duration) -> Self {
        self.min_trigger_interval = interval;
        self
    }

    /// Sets the time source, for tests.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Builds the handle.
    ///
    /// # Errors
    ///
    /// Fails if there is no origin, or one that is not an origin, or one of plain http beyond
    /// loopback without [`insecure_http`](Self::insecure_http).
    pub fn build(self) -> Result<Mfa, ConfigError> {
        let origins = Origins::parse(&self.origins, self.insecure_http, self.relative)?;
        let history = Arc::new(Mutex::default());
        let on_the_way = Arc::new(OnTheWay::default());
        let source = self.codes.map(|codes| {
            Arc::new(Source {
                codes,
                method: self.method,
                code_ttl: self.code_ttl,
                history: Arc::clone(&history),
                on_the_way: Arc::clone(&on_the_way),
                clock: Arc::clone(&self.clock),
                asking: tokio::sync::Mutex::default(),
            })
        });
        let can_ask = source.is_some();
        let settings = Settings {
            // A new code ends the one in hand, and is asked of a person: never ahead of time.
            renew_ahead: Some(Duration::ZERO),
            refused_again: None,
            flight_timeout: self.code_timeout,
            spacing: self.min_trigger_interval,
        };
        let source = Box::new(move |renewal| {
            let source = source.clone();
            let asking = async move {
                match source {
                    Some(source) => source.renew(renewal).await,
                    None => Err(super::handle::no_service()),
                }
            };
            Box::pin(asking) as _
        });
        Ok(Mfa::from_inner(Inner {
            renewer: Renewer::new(source, self.clock, settings),
            origins,
            header: self.header,
            challenge: self.challenge,
            policy: self.policy,
            min_trigger_interval: self.min_trigger_interval,
            can_ask,
            history,
            on_the_way,
        }))
    }
}

impl fmt::Debug for MfaBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MfaBuilder")
            .field("header", &self.header)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
