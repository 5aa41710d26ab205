//! An upload that is refused before it was read is sent again byte for byte, over real sockets.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tower::{BoxError, Layer, ServiceExt, service_fn};
use tower_reauth::{
    Renewal, Session, Token,
    layers::{BearerLayer, RefreshLayer},
    replay::{NotReplayed, ReplayBody, ReplayLayer},
    testing::back_office::{Endpoint, Fault, Simulator},
};

const CHUNK: usize = 16 * 1024;
const MIB: usize = 1024 * 1024;

/// A stream of unknown length, with trailers, that knows how much of it is in memory.
struct Upload {
    sent: usize,
    length: usize,
    trailers: bool,
    memory: Arc<Memory>,
}

/// How many bytes of chunks are alive, and how many were at most.
#[derive(Default)]
struct Memory {
    now: AtomicUsize,
    peak: AtomicUsize,
}

struct Chunk {
    bytes: Vec<u8>,
    memory: Arc<Memory>,
}

impl Drop for Chunk {
    fn drop(&mut self) {
        self.memory
            .now
            .fetch_sub(self.bytes.len(), Ordering::SeqCst);
    }
}

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The bytes from `start` on. No two places look alike.
fn content(start: usize, length: usize) -> Vec<u8> {
    (start..start + length)
        .map(|at| (at ^ (at >> 8) ^ (at >> 16) ^ (at >> 24)) as u8)
        .collect()
}

impl Body for Upload {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.sent < self.length {
            let bytes = content(self.sent, CHUNK.min(self.length - self.sent));
            self.sent += bytes.len();
            let now = self.memory.now.fetch_add(bytes.len(), Ordering::SeqCst) + bytes.len();
            self.memory.peak.fetch_max(now, Ordering::SeqCst);
            let chunk = Chunk {
                bytes,
                memory: Arc::clone(&self.memory),
            };
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from_owner(chunk)))));
        }
        if std::mem::take(&mut self.trailers) {
            let mut trailers = HeaderMap::new();
            trailers.insert("x-checksum", HeaderValue::from_static("none"));
            return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
        }
        Poll::Ready(None)
    }
}

type HyperClient = Client<HttpConnector, ReplayBody<Upload>>;

fn client(http2: bool) -> HyperClient {
    Client::builder(TokioExecutor::new())
        .http2_only(http2)
        .build_http()
}

/// A session that gets its tokens from the server without a sign-in, and how often it did.
fn session(server: &Arc<Simulator>) -> (Session, Arc<AtomicUsize>) {
    let renewals = Arc::new(AtomicUsize::new(0));
    let tokens = service_fn({
        let (server, renewals) = (Arc::clone(server), Arc::clone(&renewals));
        move |_: Renewal| {
            renewals.fetch_add(1, Ordering::SeqCst);
            let (access, _) = server.issue_access_token("foo@bar.com");
            async { Token::new(access) }
        }
    });
    let session = Session::builder(tokens)
        .origin(server.base_url())
        .build()
        .unwrap();
    (session, renewals)
}

struct World {
    server: Arc<Simulator>,
    renewals: Arc<AtomicUsize>,
    memory: Arc<Memory>,
}

impl World {
    /// Sends an upload of `length` bytes that the server refuses before it reads it.
    async fn refused_upload(
        length: usize,
        replay: ReplayLayer,
        http2: bool,
    ) -> (Self, Response<Result<Bytes, BoxError>>) {
        let server = Simulator::builder()
            .account("foo@bar.com", "Secret123")
            .start()
            .await;
        let server = Arc::new(server.unwrap());
        let (session, renewals) = session(&server);
        session.token().await.unwrap();
        server.inject(Endpoint::Api, Fault::EarlyUnauthorized);
        let memory = Arc::new(Memory::default());
        let upload = Upload {
            sent: 0,
            length,
            trailers: true,
            memory: Arc::clone(&memory),
        };
        let request = Request::put(format!("{}/upload", server.base_url()))
            .body(upload)
            .unwrap();
        let stack = (
            replay,
            RefreshLayer::new(session.clone()).body_release(Duration::from_secs(30)),
            BearerLayer::new(session.clone()),
        );
        let response = stack.layer(client(http2)).oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes());
        session.settled().await;
        (
            Self {
                server,
                renewals,
                memory,
            },
            Response::from_parts(head, body),
        )
    }

    fn renewals(&self) -> usize {
        self.renewals.load(Ordering::SeqCst) - 1
    }

    fn peak(&self) -> usize {
        self.memory.peak.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn five_mib_answered_early_are_sent_again_byte_for_byte() {
    for http2 in [false, true] {
        let length = 5 * MIB + 123;
        let (world, answer) = World::refused_upload(length, ReplayLayer::new(), http2).await;
        assert_eq!(answer.status(), StatusCode::OK, "http2: {http2}");
        // The server echoes what it got, and remembers it.
        assert!(answer.into_body().unwrap() == content(0, length));
        let uploads = world.server.uploads();
        assert_eq!(uploads.len(), 1);
        assert!(uploads[0].body == content(0, length));
        // On a connection that has been used hyper sends no trailers over HTTP/1.1.
        let trailers = uploads[0].trailers.as_ref();
        assert_eq!(trailers.map(HeaderMap::len), http2.then_some(1));
        let counts = world.server.counts();
        assert_eq!(
            (counts.api_calls, counts.unauthorized, counts.api_ok),
            (2, 1, 1)
        );
        assert_eq!(world.renewals(), 1);
        assert!(world.peak() <= 8 * MIB, "{}", world.peak());
        assert!(world.server.violations().is_empty());
    }
}

#[tokio::test]
async fn over_the_cap_it_is_handed_back_once_as_not_replayed() {
    for http2 in [false, true] {
        let cap = MIB;
        let replay = ReplayLayer::new().max_body(cap);
        let (world, answer) = World::refused_upload(5 * MIB, replay, http2).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(
            answer.extensions().get::<NotReplayed>(),
            Some(&NotReplayed::TooLarge)
        );
        let counts = world.server.counts();
        assert_eq!(
            (counts.api_calls, counts.unauthorized, counts.api_ok),
            (1, 1, 0)
        );
        assert_eq!(world.renewals(), 1, "for those who come next");
        // What the client buffers by itself comes on top: a megabyte for HTTP/2 streams.
        assert!(world.peak() <= cap + 2 * MIB, "{}", world.peak());
        assert!(world.server.violations().is_empty());
    }
}

#[tokio::test]
async fn over_the_budget_of_all_requests_it_is_handed_back_as_well() {
    let replay = ReplayLayer::new().max_total(MIB);
    let (world, answer) = World::refused_upload(5 * MIB, replay, false).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        answer.extensions().get::<NotReplayed>(),
        Some(&NotReplayed::OverBudget)
    );
    assert_eq!(world.server.counts().api_calls, 1);
    assert!(world.server.violations().is_empty());
}

#[tokio::test]
async fn the_connection_of_a_refused_call_is_used_again() {
    let server = Arc::new(Simulator::builder().start().await.unwrap());
    let (session, renewals) = session(&server);
    let stack = session.layer().layer(client(false));
    for _ in 0..100 {
        server.revoke_access_tokens();
        let upload = Upload {
            sent: 0,
            length: 0,
            trailers: false,
            memory: Arc::default(),
        };
        let request = Request::get(server.base_url()).body(upload).unwrap();
        let answer = stack.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        answer.into_body().collect().await.unwrap();
    }
    let counts = server.counts();
    // The very first call had no token to revoke.
    assert_eq!((counts.api_calls, counts.unauthorized), (199, 99));
    assert_eq!(renewals.load(Ordering::SeqCst), 100);
    assert_eq!(counts.connections, 1);
    assert!(server.violations().is_empty());
}
