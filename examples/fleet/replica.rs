//! One replica: a session with its layers, calling now and then.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Empty;
use tokio::time::{Instant, sleep};
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_reauth::{
    Session,
    layers::{BearerLayer, RefreshLayer},
    store::{StoreKey, StoreLayer},
};

use crate::{Shared, network, server::Server, store::Store};

/// Replicas start within this time.
const START: Duration = Duration::from_secs(30);

/// How long a replica waits between two calls, on average.
const PACE: Duration = Duration::from_secs(20);

/// What callers felt.
#[derive(Clone, Default)]
pub(crate) struct Felt {
    inner: Shared<Sums>,
}

#[derive(Clone, Default)]
pub(crate) struct Sums {
    pub(crate) calls: u64,
    /// When calls failed.
    pub(crate) failed: Vec<Duration>,
    /// Those among them that came while the store was away, or was felt to be.
    pub(crate) failed_without_store: u64,
    pub(crate) hidden: u64,
    pub(crate) worst: Duration,
    /// When calls ended that took longer than a second, and how long they took.
    pub(crate) slow: Vec<(Duration, Duration)>,
}

impl Felt {
    pub(crate) fn read(&self) -> Sums {
        self.inner.lock().expect("nothing panics under it").clone()
    }

    fn note(&self, act: impl FnOnce(&mut Sums)) {
        act(&mut self.inner.lock().expect("nothing panics under it"));
    }
}

pub(crate) async fn live(server: Server, store: Store, felt: Felt) {
    sleep(START.mul_f64(fastrand::f64())).await;
    let session = session(&server, &store);
    loop {
        let begun = Instant::now();
        let status = call(&server, &session, &felt).await;
        let took = begun.elapsed();
        felt.note(|sums| {
            sums.calls += 1;
            sums.worst = sums.worst.max(took);
            if took > Duration::from_secs(1) {
                sums.slow.push((server.now(), took));
            }
            if status != Some(StatusCode::OK) {
                sums.failed.push(server.now());
                sums.failed_without_store += u64::from(store.is_missed());
            }
        });
        sleep(PACE.mul_f64(fastrand::f64() * 2.0)).await;
    }
}

fn session(server: &Server, store: &Store) -> Session {
    let server = server.clone();
    let tokens = service_fn(move |renewal| server.clone().renew(renewal));
    let key = StoreKey::new("fleet", "https://api.example.com", "foo@bar.com");
    Session::builder(tokens)
        .origin("https://api.example.com")
        .store(StoreLayer::new(store.clone(), key))
        .build()
        .expect("the origin is one")
}

async fn call(server: &Server, session: &Session, felt: &Felt) -> Option<StatusCode> {
    let api = service_fn(|request: Request<Empty<Bytes>>| async move {
        network().await;
        let mut response = Response::new(Empty::<Bytes>::new());
        if !server.accepts(request.headers()["authorization"].as_bytes()) {
            felt.note(|sums| sums.hidden += 1);
            *response.status_mut() = StatusCode::UNAUTHORIZED;
        }
        network().await;
        Ok::<_, Infallible>(response)
    });
    let client = ServiceBuilder::new()
        .layer(RefreshLayer::new(session.clone()))
        .layer(BearerLayer::new(session.clone()))
        .service(api);
    let request = Request::get("https://api.example.com/").body(Empty::new());
    let response = client.oneshot(request.expect("a request")).await;
    response.ok().map(|response| response.status())
}
