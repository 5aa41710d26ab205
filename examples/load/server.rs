//! A token endpoint and an API, as fast as they can be: on a thread of their own.

use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::{net::TcpListener, time::sleep};
use tower_reauth::BoxError;

use crate::args::Settings;

/// What the header of a client has that knows no tokens: it is good for ever.
pub(crate) const FIXED: u64 = 0;

pub(crate) struct Server {
    address: SocketAddr,
    api: Arc<Api>,
}

struct Api {
    begun: Instant,
    /// Tokens have numbers. The last one that was issued.
    last: AtomicU64,
    /// Those below are not good any more.
    good_from: AtomicU64,
    only_newest: bool,
    lifetime: Option<Duration>,
    answer: Duration,
    takes: Duration,
    refused: AtomicU64,
    kills: AtomicU64,
    changes: Mutex<Vec<Change>>,
}

/// What happened to tokens.
#[derive(Clone, Copy)]
pub(crate) struct Change {
    pub(crate) at: Instant,
    pub(crate) is_kill: bool,
}

/// How often things happened so far.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counts {
    /// Tokens issued.
    pub(crate) tokens: u64,
    pub(crate) kills: u64,
    /// Answers of 401.
    pub(crate) refused: u64,
}

// === impl Counts ===

impl Counts {
    pub(crate) fn since(&self, before: &Self) -> Self {
        Self {
            tokens: self.tokens - before.tokens,
            kills: self.kills - before.kills,
            refused: self.refused - before.refused,
        }
    }

    pub(crate) fn add(&mut self, more: &Self) {
        self.tokens += more.tokens;
        self.kills += more.kills;
        self.refused += more.refused;
    }
}

// === impl Server ===

impl Server {
    pub(crate) fn start(settings: &Settings) -> Result<Self, BoxError> {
        let api = Arc::new(Api {
            begun: Instant::now(),
            last: AtomicU64::new(FIXED),
            good_from: AtomicU64::new(1),
            only_newest: settings.only_newest,
            lifetime: settings.lifetime,
            answer: settings.answer,
            takes: settings.token,
            refused: AtomicU64::new(0),
            kills: AtomicU64::new(0),
            changes: Mutex::new(Vec::new()),
        });
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let kill = settings.kill;
        std::thread::spawn({
            let api = Arc::clone(&api);
            move || {
                runtime.block_on(async move {
                    if let Some(every) = kill {
                        tokio::spawn(kill_tokens(Arc::clone(&api), every));
                    }
                    match TcpListener::from_std(listener) {
                        Ok(listener) => serve(listener, api).await,
                        Err(error) => eprintln!("load: the server cannot listen: {error}"),
                    }
                });
            }
        });
        Ok(Self { address, api })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            tokens: self.api.last.load(Ordering::Relaxed),
            kills: self.api.kills.load(Ordering::Relaxed),
            refused: self.api.refused.load(Ordering::Relaxed),
        }
    }

    /// When tokens were issued and killed.
    pub(crate) fn changes(&self) -> Vec<Change> {
        self.api.changes.lock().expect("no panic").clone()
    }
}

async fn kill_tokens(api: Arc<Api>, every: Duration) {
    loop {
        sleep(every).await;
        let last = api.last.load(Ordering::Relaxed);
        api.good_from.store(last + 1, Ordering::Relaxed);
        api.kills.fetch_add(1, Ordering::Relaxed);
        api.note(true);
    }
}

async fn serve(listener: TcpListener, api: Arc<Api>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let _ = stream.set_nodelay(true);
        let api = Arc::clone(&api);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let api = Arc::clone(&api);
                async move { Ok::<_, Infallible>(api.answer(request).await) }
            });
            // The client leaves when the run is over.
            let _ = auto::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

// === impl Api ===

impl Api {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        if request.uri().path() == "/token" {
            let _ = request.into_body().collect().await;
            return self.issue().await;
        }
        let is_good = self.is_good(request.headers().get(header::AUTHORIZATION));
        if !self.answer.is_zero() {
            sleep(self.answer.mul_f64(0.5 + fastrand::f64())).await;
        }
        if is_good {
            return json(StatusCode::OK, r#"{"data":[{"id":1,"name":"one"}]}"#.into());
        }
        self.refused.fetch_add(1, Ordering::Relaxed);
        let mut refusal = json(StatusCode::UNAUTHORIZED, "{}".into());
        let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
        refusal
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, challenge);
        refusal
    }

    async fn issue(&self) -> Response<Full<Bytes>> {
        sleep(self.takes).await;
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        if self.only_newest {
            self.good_from.store(number, Ordering::Relaxed);
        }
        self.note(false);
        let expires = self.lifetime.map(|lifetime| {
            let end = self.begun.elapsed() + lifetime;
            (end.as_millis(), lifetime.as_secs())
        });
        let token = token(number, expires.map(|(end, _)| end));
        let expires_in = expires.map_or(String::new(), |(_, lifetime)| {
            format!(r#","expires_in":{lifetime}"#)
        });
        let body = format!(r#"{{"access_token":"{token}","token_type":"Bearer"{expires_in}}}"#);
        json(StatusCode::OK, body.into())
    }

    fn is_good(&self, header: Option<&HeaderValue>) -> bool {
        let read = || {
            let token = header?.to_str().ok()?.strip_prefix("Bearer ")?;
            let (number, rest) = token.split_once('.')?;
            let (end, _) = rest.split_once('.')?;
            Some((number.parse().ok()?, end.parse().ok()?))
        };
        let Some((number, end)): Option<(u64, u128)> = read() else {
            return false;
        };
        let is_over = end > 0 && self.begun.elapsed().as_millis() > end;
        number == FIXED || number >= self.good_from.load(Ordering::Relaxed) && !is_over
    }

    fn note(&self, is_kill: bool) {
        let at = Instant::now();
        let mut changes = self.changes.lock().expect("no panic");
        changes.push(Change { at, is_kill });
    }
}

/// As long as a JWT is. `end` is in milliseconds since the server began; 0 for never.
pub(crate) fn token(number: u64, end: Option<u128>) -> String {
    format!("{number}.{}.{}", end.unwrap_or(0), "x".repeat(580))
}

fn json(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
