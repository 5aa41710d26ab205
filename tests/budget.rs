//! Ten thousand uploads at once keep no more than the budget of all, and give it back.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header::AUTHORIZATION};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use tokio::{sync::Barrier, task::JoinSet};
use tower::{BoxError, Layer, ServiceExt, service_fn};
use tower_reauth::{
    Renewal, Session, Token,
    layers::{BearerLayer, RefreshLayer},
    replay::{NotReplayed, ReplayBody, ReplayLayer},
};

const UPLOADS: usize = 10_000;
const FRAMES: usize = 2;
const FRAME: usize = 2048;
const BUDGET: usize = 16 * 1024 * 1024;

/// What a kept frame counts besides its bytes, as the docs of `max_total` have it.
const OVERHEAD: usize = 128;

/// Bytes of frames that are somewhere.
#[derive(Clone, Default)]
struct Alive {
    now: Arc<AtomicUsize>,
    peak: Arc<AtomicUsize>,
}

struct Piece(Vec<u8>, Alive);

struct Upload(usize, Alive);

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.1.now.fetch_sub(self.0.len(), Ordering::SeqCst);
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.0 == 0 {
            return Poll::Ready(None);
        }
        self.0 -= 1;
        let now = self.1.now.fetch_add(FRAME, Ordering::SeqCst) + FRAME;
        self.1.peak.fetch_max(now, Ordering::SeqCst);
        let piece = Piece(vec![b'x'; FRAME], self.1.clone());
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_owner(piece)))))
    }
}

#[tokio::test]
async fn ten_thousand_uploads_keep_no_more_than_the_budget() {
    let alive = Alive::default();
    let tokens = service_fn(|_: Renewal| async { Token::new("new") });
    let session = Session::builder(tokens)
        .origin("https://api.example.com")
        .token(Token::new("old").unwrap())
        .build()
        .unwrap();
    // All are read before any is answered, so all that is kept is kept at once.
    let all_are_here = Arc::new(Barrier::new(UPLOADS));
    let server = service_fn(move |request: Request<ReplayBody<Upload>>| {
        let all_are_here = Arc::clone(&all_are_here);
        async move {
            let is_new = request.headers()[AUTHORIZATION] == "Bearer new";
            let mut body = request.into_body();
            let mut length = 0;
            while let Some(frame) = body.frame().await {
                length += frame?.into_data().map_or(0, |data| data.len());
            }
            assert_eq!(length, FRAMES * FRAME);
            drop(body);
            if !is_new {
                all_are_here.wait().await;
            }
            let mut response = Response::new(Full::<Bytes>::default());
            if !is_new {
                *response.status_mut() = StatusCode::UNAUTHORIZED;
            }
            Ok::<_, BoxError>(response)
        }
    });
    let layers = (
        ReplayLayer::new().max_total(BUDGET),
        RefreshLayer::new(session.clone()),
        BearerLayer::new(session),
    );
    let client = layers.layer(server);

    let mut calls = JoinSet::new();
    for _ in 0..UPLOADS {
        let request = Request::post("https://api.example.com/uploads");
        let request = request.body(Upload(FRAMES, alive.clone())).unwrap();
        calls.spawn(client.clone().oneshot(request));
    }
    let (mut resent, mut over_budget) = (0, 0);
    while let Some(answer) = calls.join_next().await {
        let answer = answer.unwrap().unwrap();
        match answer.extensions().get() {
            None => {
                assert_eq!(answer.status(), StatusCode::OK);
                resent += 1;
            }
            Some(NotReplayed::OverBudget) => {
                assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
                over_budget += 1;
            }
            Some(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(resent, BUDGET / (FRAMES * (FRAME + OVERHEAD)));
    assert_eq!(over_budget, UPLOADS - resent);
    // What is kept, and the frame that one of them is reading.
    let peak = alive.peak.load(Ordering::SeqCst);
    assert!(peak <= BUDGET + FRAME, "{peak} bytes at once");
    drop(client);
    assert_eq!(alive.now.load(Ordering::SeqCst), 0, "all is freed");
}
