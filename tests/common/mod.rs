//! What the tests share: token services and an API that are counted and obey.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses a part of it"
)]

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header::AUTHORIZATION};
use http_body_util::Full;
use tokio::sync::{Notify, mpsc, oneshot};
use tower::{Layer, ServiceExt, service_fn, util::BoxCloneSyncService};
use tower_reauth::{BoxError, Error, Renewal, Renewed, Session, SessionBuilder, Token};

pub const ORIGIN: &str = "https://api.example.com";

pub type Body = Full<Bytes>;

/// A token service that waits until the test answers.
pub struct Calls {
    receiver: mpsc::UnboundedReceiver<Call>,
}

pub struct Call {
    pub renewal: Renewal,
    answer: oneshot::Sender<Result<Renewed, Error>>,
}

/// A token service that answers after a while with `t1`, `t2` and so on, and counts.
#[derive(Clone, Default)]
pub struct Minter {
    inner: Arc<MinterInner>,
}

#[derive(Default)]
struct MinterInner {
    minted: AtomicUsize,
    latency: Mutex<Duration>,
    lifetime: Mutex<Option<Duration>>,
    failure: Mutex<Option<Error>>,
    api: Mutex<Option<Api>>,
}

/// An API that accepts some tokens and counts.
#[derive(Clone, Default)]
pub struct Api {
    inner: Arc<ApiInner>,
}

#[derive(Default)]
struct ApiInner {
    valid: Mutex<HashSet<String>>,
    latency: Mutex<Duration>,
    /// Refusals wait until so many are there.
    together: AtomicUsize,
    waiting: AtomicUsize,
    all_there: Notify,
    sends: AtomicUsize,
    refused: AtomicUsize,
    bare: AtomicUsize,
}

pub type TokenService = BoxCloneSyncService<Renewal, Renewed, Error>;

// === impl Calls ===

/// A token service, and the end at which the test answers it.
pub fn calls() -> (TokenService, Calls) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let service = service_fn(move |renewal| {
        let sender = sender.clone();
        async move {
            let (answer, answered) = oneshot::channel();
            sender.send(Call { renewal, answer }).ok();
            answered.await.expect("the test answers each call")
        }
    });
    (BoxCloneSyncService::new(service), Calls { receiver })
}

impl Calls {
    pub async fn next(&mut self) -> Call {
        self.receiver.recv().await.expect("the session lives")
    }

    /// Whether there is no call waiting.
    pub fn is_idle(&mut self) -> bool {
        self.receiver.try_recv().is_err()
    }
}

impl Call {
    pub fn give(self, token: &str) {
        self.answer(Ok(Token::new(token).unwrap().into()));
    }

    pub fn answer(self, answer: Result<Renewed, Error>) {
        // The flight may have given up.
        self.answer.send(answer).ok();
    }
}

// === impl Minter ===

impl Minter {
    /// Each token takes so long.
    pub fn latency(self, latency: Duration) -> Self {
        *self.inner.latency.lock().unwrap() = latency;
        self
    }

    pub fn lifetime(self, lifetime: Duration) -> Self {
        *self.inner.lifetime.lock().unwrap() = Some(lifetime);
        self
    }

    /// What it mints is valid at `api`.
    pub fn valid_at(self, api: &Api) -> Self {
        *self.inner.api.lock().unwrap() = Some(api.clone());
        self
    }

    /// Fails with this from now on, or works again.
    pub fn fail(&self, failure: Option<Error>) {
        *self.inner.failure.lock().unwrap() = failure;
    }

    /// How often it was called.
    pub fn count(&self) -> usize {
        self.inner.minted.load(Ordering::SeqCst)
    }

    pub fn service(&self) -> TokenService {
        let inner = Arc::clone(&self.inner);
        BoxCloneSyncService::new(service_fn(move |_: Renewal| {
            let inner = Arc::clone(&inner);
            async move {
                let number = inner.minted.fetch_add(1, Ordering::SeqCst) + 1;
                let latency = *inner.latency.lock().unwrap();
                if !latency.is_zero() {
                    tokio::time::sleep(latency).await;
                }
                if let Some(failure) = inner.failure.lock().unwrap().clone() {
                    return Err(failure);
                }
                let name = format!("t{number}");
                if let Some(api) = &*inner.api.lock().unwrap() {
                    api.accept(&name);
                }
                let mut token = Token::new(name).unwrap();
                if let Some(lifetime) = *inner.lifetime.lock().unwrap() {
                    token = token.with_lifetime(lifetime);
                }
                Ok(Renewed::new(token))
            }
        }))
    }

    pub fn session(&self) -> Session {
        self.builder().build().unwrap()
    }

    pub fn builder(&self) -> SessionBuilder {
        Session::builder(self.service()).origin(ORIGIN)
    }
}

// === impl Api ===

impl Api {
    pub fn accept(&self, token: &str) {
        self.inner.valid.lock().unwrap().insert(token.to_owned());
    }

    pub fn revoke_all(&self) {
        self.inner.valid.lock().unwrap().clear();
    }

    pub fn latency(self, latency: Duration) -> Self {
        *self.inner.latency.lock().unwrap() = latency;
        self
    }

    /// The first `count` refusals are answered together, once all of them are there.
    pub fn refuse_together(&self, count: usize) {
        self.inner.together.store(count, Ordering::SeqCst);
    }

    pub fn sends(&self) -> usize {
        self.inner.sends.load(Ordering::SeqCst)
    }

    pub fn refused(&self) -> usize {
        self.inner.refused.load(Ordering::SeqCst)
    }

    /// How many requests came without a token.
    pub fn bare(&self) -> usize {
        self.inner.bare.load(Ordering::SeqCst)
    }

    /// The API as an HTTP service. It echoes the body.
    pub fn service<B>(&self) -> BoxCloneSyncService<Request<B>, Response<Body>, BoxError>
    where
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let inner = Arc::clone(&self.inner);
        BoxCloneSyncService::new(service_fn(move |request| {
            let inner = Arc::clone(&inner);
            async move { inner.answer(request).await }
        }))
    }

    /// The usual stack over the API.
    pub fn client(
        &self,
        session: &Session,
    ) -> BoxCloneSyncService<Request<Body>, Response<Bytes>, BoxError> {
        let stack = session.layer().layer(self.service());
        BoxCloneSyncService::new(stack.and_then(collected))
    }
}

/// Reads the body of a response.
pub async fn collected<B>(response: Response<B>) -> Result<Response<Bytes>, BoxError>
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>>,
{
    let (head, body) = response.into_parts();
    let body = http_body_util::BodyExt::collect(body)
        .await
        .map_err(Into::into)?;
    Ok(Response::from_parts(head, body.to_bytes()))
}

impl ApiInner {
    async fn answer<B>(&self, request: Request<B>) -> Result<Response<Body>, BoxError>
    where
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>>,
    {
        self.sends.fetch_add(1, Ordering::SeqCst);
        let latency = *self.latency.lock().unwrap();
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let token = request
            .headers()
            .get(AUTHORIZATION)
            .map(HeaderValue::as_bytes);
        let token = token.and_then(|value| value.strip_prefix(b"Bearer "));
        let Some(token) = token else {
            self.bare.fetch_add(1, Ordering::SeqCst);
            return Ok(status(StatusCode::BAD_REQUEST));
        };
        let token = String::from_utf8(token.to_vec())?;
        if !self.valid.lock().unwrap().contains(&token) {
            self.refused.fetch_add(1, Ordering::SeqCst);
            let all_there = self.all_there.notified();
            let waiting = self.waiting.fetch_add(1, Ordering::SeqCst) + 1;
            let together = self.together.load(Ordering::SeqCst);
            if waiting < together {
                all_there.await;
            } else if waiting == together {
                self.all_there.notify_waiters();
            }
            return Ok(status(StatusCode::UNAUTHORIZED));
        }
        let body = http_body_util::BodyExt::collect(request.into_body())
            .await
            .map_err(Into::into)?;
        Ok(Response::new(Full::new(body.to_bytes())))
    }
}

pub fn status(status: StatusCode) -> Response<Body> {
    Response::builder()
        .status(status)
        .body(Body::default())
        .unwrap()
}

pub fn get() -> Request<Body> {
    Request::get(format!("{ORIGIN}/users"))
        .body(Body::default())
        .unwrap()
}

/// A client whose type nobody has to name.
pub type Client = BoxCloneSyncService<Request<Body>, Response<Bytes>, BoxError>;
