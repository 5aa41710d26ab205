//! What is between them, and goes wrong.

use std::{
    collections::HashMap,
    future::pending,
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use tokio::{sync::watch, time::sleep};
use tower::{BoxError, service_fn, util::BoxCloneSyncService};
use tower_reauth::Session;

use crate::{
    clock::JumpyClock,
    server::{Body, Server, answer},
};

pub(crate) type Http = BoxCloneSyncService<Request<Body>, Response<Full<Bytes>>, BoxError>;

#[derive(Clone, Default)]
pub(crate) struct Net {
    shared: Arc<Shared>,
}

struct Shared {
    is_well: AtomicBool,
    is_parted: AtomicBool,
    /// Counts up when all connections break.
    breaks: watch::Sender<u64>,
    lost_tokens: AtomicU64,
    clears: AtomicUsize,
    /// How often each call was sent.
    sends: Mutex<HashMap<HeaderValue, usize>>,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            is_well: AtomicBool::new(false),
            is_parted: AtomicBool::new(false),
            breaks: watch::Sender::new(0),
            lost_tokens: AtomicU64::new(0),
            clears: AtomicUsize::new(0),
            sends: Mutex::default(),
        }
    }
}

impl Net {
    pub(crate) fn is_well(&self) {
        self.shared.is_parted.store(false, Ordering::Relaxed);
        self.shared.is_well.store(true, Ordering::Relaxed);
    }

    /// How many answers with tokens have not arrived.
    pub(crate) fn lost_tokens(&self) -> u64 {
        self.shared.lost_tokens.load(Ordering::Relaxed)
    }

    /// How often the session was cleared.
    pub(crate) fn clears(&self) -> usize {
        self.shared.clears.load(Ordering::Relaxed)
    }

    /// How often the call was sent that was sent most often.
    pub(crate) fn most_sends(&self) -> usize {
        let sends = self.shared.sends.lock().unwrap();
        sends.values().copied().max().unwrap_or_default()
    }

    /// A client to `server` over this network.
    pub(crate) fn over(&self, server: &Server) -> Http {
        let (net, server) = (self.clone(), server.clone());
        Http::new(service_fn(move |request: Request<Body>| {
            let (net, server) = (net.clone(), server.clone());
            async move {
                let mut breaks = net.shared.breaks.subscribe();
                tokio::select! {
                    result = net.exchange(server, request) => result,
                    _ = breaks.changed() => Err(broken()),
                }
            }
        }))
    }

    async fn exchange(
        &self,
        server: Server,
        request: Request<Body>,
    ) -> Result<Response<Full<Bytes>>, BoxError> {
        let is_token = request.uri().path() == "/token";
        if let Some(call) = request.headers().get("x-call") {
            let mut sends = self.shared.sends.lock().unwrap();
            *sends.entry(call.clone()).or_default() += 1;
        }
        let asking = is_token.then(|| server.asking());
        sleep(Duration::from_millis(fastrand::u64(1..20))).await;
        if self.shared.is_parted.load(Ordering::Relaxed) {
            return Err(broken());
        }
        let dice = match self.shared.is_well.load(Ordering::Relaxed) {
            true => 100,
            false => fastrand::u32(0..100),
        };
        match (dice, is_token) {
            (0..6, _) => return Err(broken()),
            (6..10, _) => return Ok(answer(StatusCode::SERVICE_UNAVAILABLE, "{}".into())),
            (10..12, _) => return pending().await,
            (12..14, true) => {
                let mut busy = answer(StatusCode::TOO_MANY_REQUESTS, "{}".into());
                busy.headers_mut().insert(header::RETRY_AFTER, 2.into());
                return Ok(busy);
            }
            (14..16, true) => return Ok(answer(StatusCode::OK, "<html>".into())),
            (12..15, false) => return Ok(answer(StatusCode::UNAUTHORIZED, "{}".into())),
            (16..19, _) => sleep(Duration::from_secs(fastrand::u64(1..20))).await,
            _ => {}
        }
        // Lost, until it has arrived: whoever leaves or is cut off does not get it.
        let lost = is_token.then(|| Lost(self));
        let response = server.answer(request).await;
        sleep(Duration::from_millis(fastrand::u64(1..20))).await;
        if (20..28).contains(&dice) {
            return Err(broken());
        }
        if let Some(lost) = lost {
            std::mem::forget(lost);
        }
        drop(asking);
        Ok(response)
    }
}

struct Lost<'a>(&'a Net);

impl Drop for Lost<'_> {
    fn drop(&mut self) {
        self.0.shared.lost_tokens.fetch_add(1, Ordering::Relaxed);
    }
}

fn broken() -> BoxError {
    io::Error::from(io::ErrorKind::ConnectionReset).into()
}

/// What happens to all at once.
pub(crate) async fn trouble(net: Net, server: Server, clock: JumpyClock, session: Session) {
    loop {
        sleep(Duration::from_millis(fastrand::u64(500..8000))).await;
        match fastrand::u32(0..8) {
            0 => server.restart(),
            1 => {
                server.restart();
                net.shared.breaks.send_modify(|breaks| *breaks += 1);
            }
            2 => net.shared.breaks.send_modify(|breaks| *breaks += 1),
            3 | 4 => {
                net.shared.is_parted.store(true, Ordering::Relaxed);
                sleep(Duration::from_secs(fastrand::u64(1..15))).await;
                net.shared.is_parted.store(false, Ordering::Relaxed);
            }
            5 => clock.jump(fastrand::i64(-100_000_000..100_000_000)),
            6 => clock.jump(fastrand::i64(-30..30)),
            // Somebody signs out, or looks whether it works now.
            _ if fastrand::bool() => {
                net.shared.clears.fetch_add(1, Ordering::Relaxed);
                session.clear();
            }
            _ => drop(session.renew().await),
        }
    }
}
