//! Where Q2 fetches the bearer token of its deliveries.

use std::{
    collections::{HashMap, VecDeque},
    convert::Infallible,
    fmt,
    future::{Future, Ready, ready},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use aws_lc_rs::{constant_time::verify_slices_are_equal, digest, rand};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, PRAGMA, WWW_AUTHENTICATE},
};
use http_body::Body;
use http_body_util::Full;
use secrecy::{ExposeSecret, SecretString};
use tower_service::Service;
use zeroize::Zeroizing;

use super::body::read;
use crate::{
    BoxError, Clock, Error, SystemClock, providers::common::exchange::to_json,
    providers::q2::api::config, token::wiped_bytes,
};

/// How many tokens live at once; the oldest is forgotten for the next.
const MOST_TOKENS: usize = 1024;

/// The longest request that is read, in bytes.
const MAX_BODY: usize = 16 * 1024;

/// How long a request may take to come.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// The bytes of randomness in a token.
const TOKEN: usize = 32;

/// Token endpoint with the `client_credentials` grant (RFC 6749 section 4.4) for one client: Q2.
///
/// For where there is no authorization server of your own. Its address, the client's id and its
/// secret are set in the vendor's Nexus portal; then every delivery carries a token from here. It is
/// a tower service for a server of yours, and the verifier for
/// [`WebhookBuilder::bearer`](super::WebhookBuilder::bearer):
///
/// ```
/// # use tower_reauth::{Error, providers::q2::{Q2, Webhook, webhook::TokenEndpoint}};
/// fn receiver(q2: &Q2, secret: String) -> Result<(TokenEndpoint, Webhook), Error> {
///     let tokens = TokenEndpoint::new("q2", secret)?;
///     let webhook = q2.webhook().bearer(tokens.clone()).build()?;
///     Ok((tokens, webhook))
/// }
/// # let _ = receiver;
/// ```
///
/// The client identifies itself by Basic or in the form. Tokens are random, live for an hour by
/// default, and are kept as digests, in this process alone: where several processes receive, each
/// must know its own tokens. Clones share them. At most 1024 live at once.
#[derive(Clone)]
pub struct TokenEndpoint {
    inner: Arc<Inner>,
}

struct Inner {
    client_id: String,
    client_secret: SecretString,
    lifetime: Duration,
    clock: Arc<dyn Clock>,
    issued: Mutex<Issued>,
}

/// The digests of the tokens that live, and until when.
#[derive(Default)]
struct Issued {
    until: HashMap<Digest, Duration>,
    /// The oldest first.
    order: VecDeque<Digest>,
}

type Digest = [u8; digest::SHA256_OUTPUT_LEN];

/// Why no token is issued, by the names of RFC 6749 section 5.2.
#[derive(Clone, Copy, Debug)]
enum Refused {
    Method,
    InvalidRequest,
    InvalidClient,
    UnsupportedGrantType,
    /// There is no randomness.
    ServerError,
}

// === impl TokenEndpoint ===

impl TokenEndpoint {
    /// Creates an endpoint for the client that is set in the vendor's portal.
    ///
    /// # Errors
    ///
    /// Fails as [`Config`](crate::ErrorKind::Config) if the id is empty, or the secret has less than
    /// 16 characters: nothing here slows down those who guess.
    pub fn new(
        client_id: impl Into<String>,
        client_secret: impl Into<SecretString>,
    ) -> Result<Self, Error> {
        let (client_id, client_secret) = (client_id.into(), client_secret.into());
        if client_id.is_empty() || client_secret.expose_secret().chars().count() < 16 {
            return Err(config(
                "the token endpoint needs a client id, and a secret of 16 characters or more: make \
                 one at random",
            ));
        }
        Ok(Self {
            inner: Arc::new(Inner {
                client_id,
                client_secret,
                lifetime: Duration::from_secs(60 * 60),
                clock: Arc::new(SystemClock::new()),
                issued: Mutex::default(),
            }),
        })
    }

    /// Sets how long a token lives. Default: 1 h. Less than 1 s counts as 1 s.
    #[must_use]
    pub fn lifetime(self, lifetime: Duration) -> Self {
        self.edit(|inner| inner.lifetime = lifetime.max(Duration::from_secs(1)))
    }

    /// Sets the time source. Default: [`SystemClock`].
    #[must_use]
    pub fn clock(self, clock: impl Clock) -> Self {
        self.edit(|inner| inner.clock = Arc::new(clock))
    }

    /// Changes a setting. What was issued before is forgotten, if there are clones already.
    fn edit(self, change: impl FnOnce(&mut Inner)) -> Self {
        let mut inner = match Arc::try_unwrap(self.inner) {
            Ok(inner) => inner,
            Err(shared) => Inner {
                client_id: shared.client_id.clone(),
                client_secret: shared.client_secret.clone(),
                lifetime: shared.lifetime,
                clock: Arc::clone(&shared.clock),
                issued: Mutex::default(),
            },
        };
        change(&mut inner);
        Self {
            inner: Arc::new(inner),
        }
    }
}

impl<B> Service<Request<B>> for TokenEndpoint
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            let issued = inner.issue(request).await;
            Ok(issued.unwrap_or_else(Refused::answer))
        })
    }
}

/// As the verifier of a receiver: whether the token was issued here, and lives.
impl Service<SecretString> for TokenEndpoint {
    type Response = bool;
    type Error = Infallible;
    type Future = Ready<Result<bool, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, token: SecretString) -> Self::Future {
        ready(Ok(self.inner.is_good(token.expose_secret())))
    }
}

impl fmt::Debug for TokenEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenEndpoint")
            .field("client_id", &self.inner.client_id)
            .field("lifetime", &self.inner.lifetime)
            .finish_non_exhaustive()
    }
}

// === impl Inner ===

impl Inner {
    async fn issue<B>(&self, request: Request<B>) -> Result<Response<Full<Bytes>>, Refused>
    where
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        if request.method() != Method::POST {
            return Err(Refused::Method);
        }
        let (head, body) = request.into_parts();
        let body = read(body, MAX_BODY, READ_TIMEOUT, &*self.clock)
            .await
            .map_err(|_| Refused::InvalidRequest)?;
        let form = form(&body)?;
        let field = |name: &str| form.get(name).map(|value| value.as_str());
        let is_client = match basic(&head.headers)? {
            // Encoded as in a form, as RFC 6749 section 2.3.1 asks, or as it is: both are in use.
            Some((id, secret)) => {
                self.is_client(&id, &secret) | self.is_client(&decoded(&id), &decoded(&secret))
            }
            None => {
                let (id, secret) = field("client_id")
                    .zip(field("client_secret"))
                    .ok_or(Refused::InvalidClient)?;
                self.is_client(id, secret)
            }
        };
        if !is_client {
            return Err(Refused::InvalidClient);
        }
        match field("grant_type") {
            Some("client_credentials") => {}
            Some(_) => return Err(Refused::UnsupportedGrantType),
            None => return Err(Refused::InvalidRequest),
        }
        let token = self.mint()?;
        let body = to_json(&serde_json::json!({
            "access_token": token.as_str(),
            "token_type": "Bearer",
            "expires_in": self.lifetime.as_secs(),
        }));
        Ok(answer(StatusCode::OK, wiped_bytes(body)))
    }

    /// Compares in a time that tells nothing about the secret.
    fn is_client(&self, id: &str, secret: &str) -> bool {
        let digest = |text: &str| digest::digest(&digest::SHA256, text.as_bytes());
        let is_same = |one: &str, other: &str| {
            verify_slices_are_equal(digest(one).as_ref(), digest(other).as_ref()).is_ok()
        };
        let is_id = is_same(id, &self.client_id);
        let is_secret = is_same(secret, self.client_secret.expose_secret());
        is_id & is_secret
    }

    fn mint(&self) -> Result<Zeroizing<String>, Refused> {
        let mut random = Zeroizing::new([0; TOKEN]);
        rand::fill(&mut *random).map_err(|_| Refused::ServerError)?;
        let token = Zeroizing::new(URL_SAFE_NO_PAD.encode(*random));
        let digest = digest_of(&token);
        let until = self.clock.monotonic().saturating_add(self.lifetime);
        let mut issued = self.issued();
        issued.until.insert(digest, until);
        issued.order.push_back(digest);
        if issued.order.len() > MOST_TOKENS
            && let Some(oldest) = issued.order.pop_front()
        {
            issued.until.remove(&oldest);
        }
        Ok(token)
    }

    fn is_good(&self, token: &str) -> bool {
        let now = self.clock.monotonic();
        let until = self.issued().until.get(&digest_of(token)).copied();
        until.is_some_and(|until| now < until)
    }

    fn issued(&self) -> MutexGuard<'_, Issued> {
        self.issued.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Refused ===

impl Refused {
    fn answer(self) -> Response<Full<Bytes>> {
        let (status, error) = match self {
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "invalid_request"),
            Self::InvalidRequest => (StatusCode::BAD_REQUEST, "invalid_request"),
            Self::InvalidClient => (StatusCode::UNAUTHORIZED, "invalid_client"),
            Self::UnsupportedGrantType => (StatusCode::BAD_REQUEST, "unsupported_grant_type"),
            Self::ServerError => (StatusCode::INTERNAL_SERVER_ERROR, "server_error"),
        };
        let body = serde_json::json!({"error": error}).to_string();
        let mut response = answer(status, body.into());
        let header = match self {
            Self::Method => Some((ALLOW, "POST")),
            Self::InvalidClient => Some((WWW_AUTHENTICATE, "Basic realm=\"token\"")),
            _ => None,
        };
        if let Some((name, value)) = header {
            let value = HeaderValue::from_static(value);
            response.headers_mut().insert(name, value);
        }
        response
    }
}

/// Reads a form. A field that is there twice makes it none: RFC 6749 section 3.2.
fn form(body: &[u8]) -> Result<HashMap<String, Zeroizing<String>>, Refused> {
    let mut form = HashMap::new();
    for (name, value) in form_urlencoded::parse(body) {
        let value = Zeroizing::new(value.into_owned());
        if form.insert(name.into_owned(), value).is_some() {
            return Err(Refused::InvalidRequest);
        }
    }
    Ok(form)
}

/// Reads the client's id and secret from `Authorization: Basic`.
fn basic(headers: &HeaderMap) -> Result<Option<(Zeroizing<String>, Zeroizing<String>)>, Refused> {
    let Some(value) = headers.get(AUTHORIZATION) else {
        return Ok(None);
    };
    let wrong = Refused::InvalidClient;
    let value = value.to_str().map_err(|_| wrong)?;
    let (scheme, encoded) = value.split_once(' ').ok_or(wrong)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(wrong);
    }
    let pair = Zeroizing::new(STANDARD.decode(encoded.trim()).map_err(|_| wrong)?);
    let pair = std::str::from_utf8(&pair).map_err(|_| wrong)?;
    let (id, secret) = pair.split_once(':').ok_or(wrong)?;
    Ok(Some((
        Zeroizing::new(id.to_owned()),
        Zeroizing::new(secret.to_owned()),
    )))
}

/// Decodes a text that was encoded as in a form.
fn decoded(text: &str) -> Zeroizing<String> {
    // The marks between fields are none here.
    let text = Zeroizing::new(text.replace('&', "%26").replace('=', "%3D"));
    let name = form_urlencoded::parse(text.as_bytes()).next();
    Zeroizing::new(name.map(|(name, _)| name.into_owned()).unwrap_or_default())
}

/// Answers JSON that nobody may keep: RFC 6749 section 5.1.
fn answer(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    for (name, value) in [
        (CONTENT_TYPE, "application/json"),
        (CACHE_CONTROL, "no-store"),
        (PRAGMA, "no-cache"),
    ] {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}

fn digest_of(token: &str) -> Digest {
    let digest = digest::digest(&digest::SHA256, token.as_bytes());
    let mut array = Digest::default();
    array.copy_from_slice(digest.as_ref());
    array
}
