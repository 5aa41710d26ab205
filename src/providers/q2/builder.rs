use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use http::Uri;
use secrecy::{ExposeSecret, SecretString};
use tower::util::{BoxCloneSyncService, MapErr};
use tower_service::Service;

use super::{
    Delivery, Endpoint, Event, EventMeaning, MfaItem, Q2, SigningKey, Step,
    api::{checked_id, config},
    delivery::Deliveries,
    mfa::StepEncoder,
    service::Inner,
    signing::Signer,
};
use crate::{
    BoxError, Clock, Code, CodeRequest, Error, SystemClock, Token,
    origin::Origins,
    providers::common::{base_url::BaseUrl, exchange::Client},
};

pub(super) type Chooser = Arc<dyn Fn(&[MfaItem]) -> usize + Send + Sync>;
pub(super) type CodeService = BoxCloneSyncService<CodeRequest, Code, BoxError>;

/// Builder for a [`Q2`].
///
/// | setting | default |
/// | --- | --- |
/// | [`api_key`](Self::api_key) | none: required |
/// | [`code_service`](Self::code_service) | none: an auth with MFA fails |
/// | [`choose`](Self::choose) | the first place that the company offers |
/// | [`first_event_timeout`](Self::first_event_timeout) | 30 s |
/// | [`mfa_timeout`](Self::mfa_timeout) | 5 min |
/// | [`max_mfa_rounds`](Self::max_mfa_rounds) | 5 |
/// | [`poll_interval`](Self::poll_interval) | off |
/// | [`event`](Self::event) | the vendor's names |
/// | [`step_encoder`](Self::step_encoder) | as documented in 2018 |
/// | [`path`](Self::path) | as documented |
/// | [`signing_key`](Self::signing_key) | none: requests are not signed |
/// | [`remembered_events`](Self::remembered_events) | 10,000 |
/// | [`observer`](Self::observer) | none |
/// | [`request_timeout`](Self::request_timeout) | 30 s |
/// | [`max_answer`](Self::max_answer) | 1 MiB |
/// | [`clock`](Self::clock) | [`SystemClock`] |
/// | [`insecure_http`](Self::insecure_http) | off: plain http goes to loopback only |
#[must_use = "a builder does nothing until it is built"]
pub struct Q2Builder {
    client: Client,
    base_url: String,
    insecure_http: bool,
    api_key: Option<SecretString>,
    signing_key: Option<SigningKey>,
    codes: Option<CodeService>,
    chooser: Chooser,
    encoder: Option<StepEncoder>,
    paths: HashMap<Endpoint, String>,
    meanings: HashMap<Box<str>, EventMeaning>,
    remembered: usize,
    observer: Option<Arc<dyn Fn(&Event, Delivery) + Send + Sync>>,
    first_event_timeout: Duration,
    mfa_timeout: Duration,
    max_mfa_rounds: u32,
    poll_interval: Option<Duration>,
    request_timeout: Duration,
    max_answer: usize,
    clock: Arc<dyn Clock>,
}

/// The settings, checked.
pub(super) struct Settings {
    pub(super) base_url: BaseUrl,
    pub(super) api_key: Token,
    pub(super) chooser: Chooser,
    pub(super) encoder: Option<StepEncoder>,
    pub(super) first_event_timeout: Duration,
    pub(super) mfa_timeout: Duration,
    pub(super) max_mfa_rounds: u32,
    pub(super) poll_interval: Option<Duration>,
    pub(super) request_timeout: Duration,
    pub(super) max_answer: usize,
    paths: HashMap<Endpoint, String>,
}

// === impl Q2Builder ===

impl Q2Builder {
    pub(super) fn new(client: Client, base_url: String) -> Self {
        Self {
            client,
            base_url,
            insecure_http: false,
            api_key: None,
            signing_key: None,
            codes: None,
            chooser: Arc::new(|_| 0),
            encoder: None,
            paths: HashMap::new(),
            meanings: HashMap::new(),
            remembered: 10_000,
            observer: None,
            first_event_timeout: Duration::from_secs(30),
            mfa_timeout: Duration::from_secs(5 * 60),
            max_mfa_rounds: 5,
            poll_interval: None,
            request_timeout: Duration::from_secs(30),
            max_answer: 1024 * 1024,
            clock: Arc::new(SystemClock::new()),
        }
    }

    /// Sets the API key, which is sent as `Authorization: Bearer <key>`. Required.
    ///
    /// It is static: it has no end, and nothing renews it.
    pub fn api_key(mut self, api_key: impl Into<SecretString>) -> Self {
        self.api_key = Some(api_key.into());
        self
    }

    /// Sets the service that is asked for codes and for the answers to questions.
    ///
    /// A question is in [`CodeRequest::question`], and its answer is made with [`Code::answer`].
    /// Without the service an auth with MFA fails as [`CodeRequired`](crate::ErrorKind::CodeRequired).
    /// Its future is dropped when the auth ends otherwise, or when
    /// [`mfa_timeout`](Self::mfa_timeout) is over.
    pub fn code_service<C>(mut self, codes: C) -> Self
    where
        C: Service<CodeRequest, Response = Code> + Clone + Send + Sync + 'static,
        C::Error: Into<BoxError>,
        C::Future: Send + 'static,
    {
        self.codes = Some(BoxCloneSyncService::new(MapErr::new(codes, Into::into)));
        self
    }

    /// Sets who chooses where a code is sent: the number of one of the places that the company
    /// offers, from 0. A number that is too high counts as the last. Default: 0.
    pub fn choose(mut self, chooser: impl Fn(&[MfaItem]) -> usize + Send + Sync + 'static) -> Self {
        self.chooser = Arc::new(chooser);
        self
    }

    /// Sets how long to wait for the first event about an auth, from the answer to its request.
    /// Default: 30 s, in which the vendor says that authentication takes place.
    ///
    /// After an event that is no outcome (`auth.created`) the time begins anew, once.
    pub fn first_event_timeout(mut self, timeout: Duration) -> Self {
        self.first_event_timeout = timeout;
        self
    }

    /// Sets how long to wait for an outcome once the company has asked for more, each time it asks.
    /// Default: 5 min (assumed). It holds the time that the code service takes.
    pub fn mfa_timeout(mut self, timeout: Duration) -> Self {
        self.mfa_timeout = timeout;
        self
    }

    /// Sets how often a company may ask for more in one auth. Default: 5 (assumed).
    pub fn max_mfa_rounds(mut self, rounds: u32) -> Self {
        self.max_mfa_rounds = rounds;
        self
    }

    /// Looks in the list of the client's auths each time this has passed, besides waiting for
    /// events: for where the vendor's support has not enabled them. Default: off.
    ///
    /// The list is read once before the request as well, because an auth can be an old one: a status
    /// that it had before is no outcome. Questions found by polling are answered by
    /// [`Endpoint::AnswerQuestions`]; a code cannot be asked for that way,
    /// and is waited for by event.
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = Some(interval);
        self
    }

    /// Sets what an event type means, for names that the vendor has added or changed since its
    /// documentation of 2018 to 2020.
    pub fn event(mut self, kind: impl Into<String>, meaning: EventMeaning) -> Self {
        self.meanings.insert(kind.into().into(), meaning);
        self
    }

    /// Sets what makes the JSON body of a step. Default: as the vendor's documentation of 2018 has
    /// it: `{"token","mfa":[{"answer","identifier"}]}` for answers, `{"token","mfa":{"identifier"}}`
    /// for where a code shall be sent. How the code itself is sent is documented nowhere: it is
    /// assumed to go as an answer does.
    ///
    /// What is returned goes to [`Endpoint::Step`], also where a question was found by polling.
    pub fn step_encoder(
        mut self,
        encoder: impl Fn(&Step<'_>) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        self.encoder = Some(Arc::new(encoder));
        self
    }

    /// Sets the path of an endpoint, below the base URL. `{id}` in it stands for the id of the auth
    /// or the client. The defaults are in [`Endpoint`].
    pub fn path(mut self, endpoint: Endpoint, path: impl Into<String>) -> Self {
        self.paths.insert(endpoint, path.into());
        self
    }

    /// Signs each request with this key, as the vendor's Nexus portal can make compulsory: see
    /// [`SigningLayer`](super::SigningLayer). Default: requests are not signed.
    pub fn signing_key(mut self, key: SigningKey) -> Self {
        self.signing_key = Some(key);
        self
    }

    /// Sets how many ids of events are remembered, so that the same event is not accepted twice.
    /// Default: 10,000.
    pub fn remembered_events(mut self, events: usize) -> Self {
        self.remembered = events;
        self
    }

    /// Sets who is told of each event that came, and what became of it: late ones, duplicates and
    /// unknown types too. It must return at once; if it panics, nothing else comes of it.
    /// Default: nobody.
    pub fn observer(mut self, observer: impl Fn(&Event, Delivery) + Send + Sync + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Sets how long one exchange may take, from waiting for the client to the end of the answer.
    /// Default: 30 s.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// Sets the longest answer that is read, in bytes. Default: 1 MiB.
    pub fn max_answer(mut self, bytes: usize) -> Self {
        self.max_answer = bytes;
        self
    }

    /// Sets the time source. Default: [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Lets the API key and the credentials go over plain http to other machines.
    ///
    /// Without it plain http is for loopback alone (127.0.0.0/8, ::1, localhost).
    pub fn insecure_http(mut self) -> Self {
        self.insecure_http = true;
        self
    }

    /// Creates the client.
    ///
    /// # Errors
    ///
    /// Fails as [`Config`](crate::ErrorKind::Config), with the setting that is wrong and what to
    /// write instead.
    pub fn build(self) -> Result<Q2, Error> {
        let base_url = BaseUrl::parse(&self.base_url, self.insecure_http)?;
        let Some(api_key) = self.api_key else {
            return Err(config("which API key? Call api_key(key)"));
        };
        let api_key = Token::new(api_key.expose_secret()).map_err(|error| {
            config("the API key cannot be sent: is the variable set that it comes from?")
                .caused_by(error)
        })?;
        let mut zeros = vec![
            ("max_mfa_rounds", self.max_mfa_rounds == 0),
            ("max_answer", self.max_answer == 0),
            ("remembered_events", self.remembered == 0),
            ("first_event_timeout", self.first_event_timeout.is_zero()),
            ("mfa_timeout", self.mfa_timeout.is_zero()),
            ("request_timeout", self.request_timeout.is_zero()),
        ];
        let polls_always = self.poll_interval.is_some_and(|wait| wait.is_zero());
        zeros.push(("poll_interval", polls_always));
        for (name, is_zero) in zeros {
            if is_zero {
                let message = format!("{name} is 0, so nothing would ever work: set it higher");
                return Err(config(message));
            }
        }
        let origin = base_url.origin().to_owned();
        let signer = match self.signing_key {
            Some(key) => Some(Signer {
                key,
                api_key: api_key.clone(),
                origins: Origins::parse(&[origin], self.insecure_http, false)
                    .map_err(|error| config("the base URL has no origin").caused_by(error))?,
                clock: Arc::clone(&self.clock),
            }),
            None => None,
        };
        let settings = Settings {
            base_url,
            api_key,
            chooser: self.chooser,
            encoder: self.encoder,
            first_event_timeout: self.first_event_timeout,
            mfa_timeout: self.mfa_timeout,
            max_mfa_rounds: self.max_mfa_rounds,
            poll_interval: self.poll_interval,
            request_timeout: self.request_timeout,
            max_answer: self.max_answer,
            paths: self.paths,
        };
        for endpoint in Endpoint::ALL {
            settings.uri(endpoint, Some("id"))?;
        }
        Ok(Q2::from_inner(Inner {
            client: self.client,
            codes: self.codes,
            settings,
            clock: self.clock,
            signer,
            deliveries: Arc::new(Deliveries::new(
                self.remembered,
                self.meanings,
                self.observer,
            )),
        }))
    }
}

impl fmt::Debug for Q2Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The base URL is not checked yet: somebody may have put a key into it.
        f.debug_struct("Q2Builder").finish_non_exhaustive()
    }
}

// === impl Settings ===

impl Settings {
    /// Returns where `endpoint` is, for the auth or the client called `id`.
    pub(super) fn uri(&self, endpoint: Endpoint, id: Option<&str>) -> Result<Uri, Error> {
        let path = match self.paths.get(&endpoint) {
            Some(path) => path,
            None => endpoint.default_path(),
        };
        if !path.contains("{id}") {
            return self.base_url.join(path);
        }
        let id = checked_id("id of the auth or the client", id.unwrap_or_default())?;
        self.base_url.join(&path.replace("{id}", id))
    }

    /// Checks the address of something that need not be at the API, and says whether it is.
    pub(super) fn elsewhere(&self, url: &str) -> Result<(Uri, bool), Error> {
        let (url, query) = match url.split_once('?') {
            Some((url, query)) => (url, format!("?{query}")),
            None => (url, String::new()),
        };
        let base = BaseUrl::parse(url, self.base_url.is_insecure())?;
        let uri = format!("{url}{query}")
            .parse()
            .map_err(|error: http::uri::InvalidUri| {
                config("the address of the public keys cannot be understood").caused_by(error)
            })?;
        Ok((uri, base.origin() == self.base_url.origin()))
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("base_url", &self.base_url)
            .field("first_event_timeout", &self.first_event_timeout)
            .field("mfa_timeout", &self.mfa_timeout)
            .field("max_mfa_rounds", &self.max_mfa_rounds)
            .field("poll_interval", &self.poll_interval)
            .field("request_timeout", &self.request_timeout)
            .field("max_answer", &self.max_answer)
            .finish_non_exhaustive()
    }
}
