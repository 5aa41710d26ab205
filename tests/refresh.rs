//! A `401` is mended once, or handed on untouched with the reason.

mod common;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use common::{Api, Body, Minter, ORIGIN, collected, get};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use tokio_test::{assert_pending, task};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
use tower_reauth::{
    Error, ErrorKind, Placement, Renewal, Session, Token,
    inspect::Cut,
    layers::{BearerLayer, RefreshLayer},
    replay::{NotReplayed, ReplayBody, ReplayLayer},
};

type Frames = Vec<Result<Frame<Bytes>, BoxError>>;
type Streamed = StreamBody<tokio_stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, BoxError>>>>;

fn stream(frames: Frames) -> Streamed {
    StreamBody::new(tokio_stream::iter(frames))
}

fn data(text: &str) -> Result<Frame<Bytes>, BoxError> {
    Ok(Frame::data(Bytes::copy_from_slice(text.as_bytes())))
}

/// A server that refuses with `refusal` whatever does not carry `t1`; it keeps what it was sent.
#[derive(Clone)]
struct Server {
    refusal: Arc<dyn Fn() -> Response<Streamed> + Send + Sync>,
    seen: Arc<Mutex<Vec<Request<()>>>>,
    bodies: Arc<Mutex<Vec<(Bytes, Option<HeaderMap>)>>>,
}

impl Server {
    fn new(refusal: impl Fn() -> Response<Streamed> + Send + Sync + 'static) -> Self {
        Self {
            refusal: Arc::new(refusal),
            seen: Arc::default(),
            bodies: Arc::default(),
        }
    }

    fn bare() -> Self {
        Self::new(|| unauthorized(&[]))
    }

    fn sends(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    fn service<B>(
        &self,
    ) -> impl Service<Request<B>, Response = Response<Streamed>, Error = BoxError, Future: Send>
    + Clone
    + Send
    + 'static
    where
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
        B::Data: Send,
    {
        let server = self.clone();
        service_fn(move |request: Request<B>| {
            let server = server.clone();
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.map_err(Into::into)?;
                let trailers = body.trailers().cloned();
                server
                    .bodies
                    .lock()
                    .unwrap()
                    .push((body.to_bytes(), trailers));
                let good = head.headers.get(header::AUTHORIZATION)
                    == Some(&HeaderValue::from_static("Bearer t1"));
                server
                    .seen
                    .lock()
                    .unwrap()
                    .push(Request::from_parts(head, ()));
                Ok(if good {
                    Response::new(stream(vec![data("fine")]))
                } else {
                    (server.refusal)()
                })
            }
        })
    }
}

fn unauthorized(challenges: &[&'static str]) -> Response<Streamed> {
    let mut response = Response::new(stream(vec![data("no "), data("entry")]));
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    for challenge in challenges {
        let challenge = HeaderValue::from_static(challenge);
        response
            .headers_mut()
            .append(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

/// A session whose token is dead, and whose next one is good.
fn session(minter: &Minter) -> Session {
    minter
        .builder()
        .token(Token::new("t0").unwrap())
        .build()
        .unwrap()
}

async fn call(server: &Server, session: &Session) -> Response<Bytes> {
    let client = session.layer().layer(server.service());
    collected(client.oneshot(get()).await.unwrap())
        .await
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_is_sent_again_once_as_it_was() {
    let (server, minter) = (Server::bare(), Minter::default());
    let client = session(&minter).layer().layer(server.service());
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", HeaderValue::from_static("42"));
    let frames = vec![
        data("one "),
        data("two"),
        Ok(Frame::trailers(trailers.clone())),
    ];
    let request = Request::put(format!("{ORIGIN}/users?page=2"))
        .header("x-mine", "kept")
        .body(stream(frames))
        .unwrap();
    let answer = collected(client.oneshot(request).await.unwrap())
        .await
        .unwrap();
    assert_eq!(
        (answer.status(), &answer.body()[..]),
        (StatusCode::OK, &b"fine"[..])
    );
    assert_eq!(minter.count(), 1);

    let seen = server.seen.lock().unwrap();
    assert_eq!(seen.len(), 2);
    for request in &*seen {
        assert_eq!(request.method(), "PUT");
        assert_eq!(request.uri(), "https://api.example.com/users?page=2");
        assert_eq!(request.headers()["x-mine"], "kept");
        assert_eq!(
            request
                .headers()
                .get_all(header::AUTHORIZATION)
                .iter()
                .count(),
            1
        );
    }
    let bodies = server.bodies.lock().unwrap();
    let expected = (Bytes::from("one two"), Some(trailers));
    assert_eq!(*bodies, [expected.clone(), expected]);
}

#[tokio::test(start_paused = true)]
async fn a_second_refusal_is_the_callers() {
    let (server, minter) = (Server::bare(), Minter::default());
    let session = session(&minter);
    // What is minted now is no good either.
    session.renew().await.unwrap();
    let answer = call(&server, &session).await;
    assert_eq!(answer.status(), StatusCode::OK, "t1 was good");
    session.renew().await.unwrap();
    let answer = call(&server, &session).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(answer.body(), "no entry");
    assert_eq!(server.sends(), 1 + 2);
    assert_eq!(minter.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_challenge_that_a_new_token_cannot_cure_passes_untouched() {
    for (challenge, code) in [
        (
            "Bearer error=\"insufficient_scope\"",
            Some("insufficient_scope"),
        ),
        (
            "Bearer error=\"insufficient_user_authentication\", max_age=5",
            Some("insufficient_user_authentication"),
        ),
        ("Basic realm=\"other\"", None),
    ] {
        let server = Server::new(move || unauthorized(&[challenge]));
        let minter = Minter::default();
        let answer = call(&server, &session(&minter)).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(answer.headers()[header::WWW_AUTHENTICATE], challenge);
        assert_eq!(answer.body(), "no entry");
        assert_eq!((server.sends(), minter.count()), (1, 0), "{challenge}");
        let told = answer.extensions().get::<Error>();
        assert_eq!(told.and_then(Error::provider_code), code, "{challenge}");
    }
    for status in [400, 403, 407, 409, 419, 500] {
        let server = Server::new(move || {
            let mut response = unauthorized(&[]);
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            response
        });
        let minter = Minter::default();
        assert_eq!(call(&server, &session(&minter)).await.status(), status);
        assert_eq!((server.sends(), minter.count()), (1, 0), "{status}");
    }
}

#[tokio::test]
async fn the_token_service_is_shown_the_challenge() {
    let challenge = "Bearer realm=\"x\", error=\"invalid_token\"";
    let server = Server::new(move || unauthorized(&["Basic realm=\"y\"", challenge]));
    let (tokens, mut calls) = common::calls();
    let dead = Token::new("t0").unwrap();
    let session = Session::builder(tokens)
        .origin(ORIGIN)
        .token(dead)
        .build()
        .unwrap();
    let mut waiting = task::spawn(async move { call(&server, &session).await });
    assert_pending!(waiting.poll());
    let refused = calls.next().await;
    assert_eq!(
        refused.renewal.challenge().unwrap(),
        "Basic realm=\"y\", Bearer realm=\"x\", error=\"invalid_token\""
    );
    assert_eq!(refused.renewal.generation(), Some(1));
    refused.give("t1");
    assert_eq!(waiting.await.status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn if_the_renewal_fails_the_caller_gets_the_refusal_byte_for_byte() {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", HeaderValue::from_static("42"));
    let server = Server::new(move || {
        let mut response = unauthorized(&[]);
        let frames = vec![
            data("no "),
            data("entry"),
            Ok(Frame::trailers(trailers.clone())),
        ];
        *response.body_mut() = stream(frames);
        response
    });
    let minter = Minter::default();
    minter.fail(Some(Error::new(ErrorKind::Transport, "down")));
    let client = session(&minter).layer().layer(server.service());
    let answer = client.oneshot(get()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        answer.extensions().get::<Error>().unwrap().kind(),
        ErrorKind::Transport
    );
    let body = answer.into_body().collect().await.unwrap();
    assert_eq!(body.trailers().unwrap()["x-sum"], "42");
    assert_eq!(body.to_bytes(), "no entry");
    assert_eq!((server.sends(), minter.count()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_too_long_to_keep_is_cut_with_a_typed_error() {
    let long = Bytes::from(vec![b'x'; 200_000]);
    let server = Server::new({
        let long = long.clone();
        move || {
            let frames = long
                .chunks(10_000)
                .map(|chunk| data(std::str::from_utf8(chunk).unwrap()));
            unauthorized(&[]).map(|_| stream(frames.collect()))
        }
    });
    let minter = Minter::default();
    minter.fail(Some(Error::new(ErrorKind::Transport, "down")));
    let client = session(&minter).layer().layer(server.service());
    let mut body = client.oneshot(get()).await.unwrap().into_body();
    let mut read = 0;
    let error = loop {
        match body.frame().await.expect("not an end as if that were all") {
            Ok(frame) => read += frame.into_data().unwrap().len(),
            Err(error) => break error,
        }
    };
    assert!(error.is::<Cut>(), "{error:?}");
    assert!((64 * 1024..=64 * 1024 + 10_000).contains(&read), "{read}");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_trickles_in_is_dropped_after_a_while() {
    // A body that never ends.
    let refusal = || {
        let mut response = Response::new(StreamBody::new(tokio_stream::pending::<
            Result<Frame<Bytes>, BoxError>,
        >()));
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        response
    };
    let sends = Arc::new(AtomicUsize::new(0));
    let server = service_fn({
        let sends = Arc::clone(&sends);
        move |_: Request<ReplayBody<Body>>| {
            let first = sends.fetch_add(1, Ordering::SeqCst) == 0;
            let mut response = refusal();
            if !first {
                *response.status_mut() = StatusCode::OK;
            }
            async move { Ok::<_, BoxError>(response) }
        }
    });
    let started = tokio::time::Instant::now();
    let answer = session(&Minter::default())
        .layer()
        .layer(server)
        .oneshot(get())
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(started.elapsed(), Duration::from_millis(100));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_cannot_be_sent_twice_is_sent_once_and_the_token_renewed() {
    let (server, minter) = (Server::bare(), Minter::default());
    let session = session(&minter);
    let client = (
        ReplayLayer::new().max_body(10),
        RefreshLayer::new(session.clone()),
    )
        .layer(BearerLayer::new(session.clone()).layer(server.service()));
    let request = Request::post(format!("{ORIGIN}/upload"))
        .body(stream(vec![data("longer than "), data("ten bytes")]))
        .unwrap();
    let answer = client.clone().oneshot(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        answer.extensions().get::<NotReplayed>(),
        Some(&NotReplayed::TooLarge)
    );
    assert_eq!(collected(answer).await.unwrap().body(), "no entry");
    assert_eq!(server.bodies.lock().unwrap()[0].0, "longer than ten bytes");
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!((server.sends(), minter.count()), (1, 1));

    // The caller tries again, and all is well.
    let request = Request::post(format!("{ORIGIN}/upload"))
        .body(stream(vec![data("longer than "), data("ten bytes")]))
        .unwrap();
    assert_eq!(
        client.oneshot(request).await.unwrap().status(),
        StatusCode::OK
    );
    assert_eq!((server.sends(), minter.count()), (2, 1));
}

/// A body that says beforehand that it cannot be copied.
struct OneShot(Full<Bytes>);

impl http_body::Body for OneShot {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        std::pin::Pin::new(&mut self.0).poll_frame(cx)
    }
}

impl tower_reauth::replay::ResendBody for OneShot {
    fn try_copy(&self) -> Option<Self> {
        None
    }

    fn poll_released(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<tower_reauth::replay::Released> {
        unreachable!("there is no copy")
    }
}

#[tokio::test]
async fn where_a_refusal_would_be_final_the_clocks_are_read() {
    let clock = tower_reauth::testing::FakeClock::new();
    let minter = Minter::default().lifetime(Duration::from_secs(100));
    let session = minter.builder().clock(clock.clone()).build().unwrap();
    session.token().await.unwrap();
    let server = Server::bare();
    let layers = (
        RefreshLayer::new(session.clone()),
        BearerLayer::new(session.clone()),
    );
    // The flag does not know yet that the token is past its end: no task has run.
    clock.suspend(Duration::from_secs(101));
    let request = Request::post(ORIGIN)
        .body(OneShot(Full::from("x")))
        .unwrap();
    let answer = layers
        .layer(server.service())
        .oneshot(request)
        .await
        .unwrap();
    assert_eq!(
        server.seen.lock().unwrap()[0].headers()[header::AUTHORIZATION],
        "Bearer t2"
    );
    assert_eq!(minter.count(), 2);
    // The server takes t1 only, so that is final, and it is renewed for those who come next.
    assert_eq!(
        answer.extensions().get::<NotReplayed>(),
        Some(&NotReplayed::NotCopyable)
    );
    while minter.count() < 3 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_error_is_never_sent_again() {
    let sends = Arc::new(AtomicUsize::new(0));
    let broken = service_fn({
        let sends = Arc::clone(&sends);
        move |_: Request<ReplayBody<Body>>| {
            sends.fetch_add(1, Ordering::SeqCst);
            async { Err::<Response<Body>, BoxError>("connection reset".into()) }
        }
    });
    let minter = Minter::default();
    let error = session(&minter)
        .layer()
        .layer(broken)
        .oneshot(get())
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "connection reset",
        "and it comes as it is"
    );
    assert_eq!((sends.load(Ordering::SeqCst), minter.count()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_token_in_a_header_of_its_own_is_renewed_as_well() {
    let api_key = || Placement::header(header::HeaderName::from_static("x-api-key"));
    let tokens = service_fn(move |_: Renewal| async move { Token::placed("second", api_key()) });
    let session = Session::builder(tokens)
        .origin(ORIGIN)
        .token(Token::placed("first", api_key()).unwrap())
        .build()
        .unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let server = service_fn({
        let seen = Arc::clone(&seen);
        move |request: Request<ReplayBody<Body>>| {
            let key = request.headers()["x-api-key"].clone();
            assert!(key.is_sensitive());
            assert!(!request.headers().contains_key(header::AUTHORIZATION));
            let good = key == "second";
            seen.lock().unwrap().push(key);
            // Other servers' challenges say nothing about a header of one's own.
            let refusal = || unauthorized(&["Basic realm=\"x\""]);
            let answer = if good {
                Response::new(stream(vec![]))
            } else {
                refusal()
            };
            async move { Ok::<_, BoxError>(answer) }
        }
    });
    let answer = session.layer().layer(server).oneshot(get()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(*seen.lock().unwrap(), ["first", "second"]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_kills_the_token_all_the_time_costs_one_renewal_each() {
    let api = Api::default().latency(Duration::from_millis(3));
    let minter = Minter::default()
        .latency(Duration::from_millis(20))
        .valid_at(&api);
    let session = minter.session();
    let client = api.client(&session);
    session.token().await.unwrap();
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..64 {
        let client = client.clone();
        callers.spawn(async move {
            for _ in 0..200 {
                let answer = client.clone().oneshot(get()).await.unwrap();
                assert_eq!(answer.status(), StatusCode::OK);
                tokio::time::sleep(Duration::from_millis(1 + caller % 7)).await;
            }
        });
    }
    let mut kills = 0;
    while !callers.is_empty() {
        tokio::select! {
            done = callers.join_next() => done.unwrap().unwrap(),
            () = tokio::time::sleep(Duration::from_millis(100)) => {
                api.revoke_all();
                kills += 1;
            }
        }
    }
    // The last kill may have found nobody left to notice it.
    assert!(kills > 5);
    let renewals = minter.count() - 1;
    assert!(
        renewals == kills || renewals + 1 == kills,
        "{renewals} renewals, {kills} kills"
    );
    assert_eq!(api.bare(), 0);
}
