//! What the server sends arrives as it would without the layers.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body::{Body as _, Frame};
use http_body_util::BodyExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::mpsc,
};
use tower::{ServiceExt, service_fn};
use tower_reauth::{Error, ErrorKind, Renewal, Session, Token};

use crate::{
    kinds::{Body, Kind, TestClient, on_each_client},
    server::{Act, Server},
    support::{World, send},
};

on_each_client!(
    responses_of_every_shape_arrive_unchanged,
    trailers_arrive,
    a_failed_renewal_is_told_in_the_extensions,
    a_protocol_can_be_switched,
);

/// All that can be seen of a response.
async fn shape(
    client: &TestClient,
    request: Request<Body>,
) -> (StatusCode, HeaderMap, Option<u64>, Bytes) {
    let response = client.clone().oneshot(request).await.unwrap();
    let (mut head, body) = response.into_parts();
    head.headers.remove(header::DATE);
    let length = body.size_hint().exact();
    let body = body.collect().await.unwrap().to_bytes();
    (head.status, head.headers, length, body)
}

async fn responses_of_every_shape_arrive_unchanged(kind: Kind) {
    let world = World::new(kind).await;
    world.send(world.get("/")).await.unwrap();
    let plain = kind.plain();
    let shapes = [
        ("GET", 200, "content-length", "5", "hello"),
        ("GET", 200, "x-many", "a, b", ""),
        ("HEAD", 200, "content-length", "5", ""),
        ("HEAD", 204, "x-empty", "yes", ""),
        ("POST", 201, "location", "/things/1", "{}"),
        ("DELETE", 204, "x-empty", "yes", ""),
        ("GET", 205, "x-empty", "yes", ""),
        ("GET", 304, "etag", "\"a\"", ""),
        (
            "GET",
            403,
            "www-authenticate",
            "Bearer error=\"insufficient_scope\"",
            "no",
        ),
        ("GET", 429, "retry-after", "5", "slow down"),
        ("GET", 503, "retry-after", "5", "come again"),
    ];
    for (method, status, name, value, body) in shapes {
        let answer = || {
            let answer = Response::builder().status(status).header(name, value);
            world
                .server
                .next(Act::Answer(answer.body(body.into()).unwrap()));
            let request = Request::builder().method(method).uri(world.server.url("/"));
            request.body(Body::default()).unwrap()
        };
        let with = shape(&world.client, answer()).await;
        let without = shape(&plain, answer()).await;
        assert_eq!(with, without, "{method} {status}");
        assert_eq!(with.0.as_u16(), status);
    }
    assert_eq!(world.minted(), 1);
}

async fn trailers_arrive(kind: Kind) {
    let world = World::new(kind).await;
    let trailers: HeaderMap = [(header::ETAG, HeaderValue::from_static("\"a\""))]
        .into_iter()
        .collect();
    for refused in [false, true] {
        if refused {
            world.server.next(Act::RefuseEarly);
        }
        let (answer, frames) = mpsc::unbounded_channel();
        world.server.next(Act::Stream(frames));
        answer.send(Frame::data(Bytes::from("data"))).unwrap();
        answer.send(Frame::trailers(trailers.clone())).unwrap();
        drop(answer);
        let mut request = world.get("/");
        request
            .headers_mut()
            .insert(header::TE, HeaderValue::from_static("trailers"));
        let answer = world.send(request).await.unwrap();
        assert_eq!(answer.body, "data");
        // Over HTTP/1.1 hyper would need them announced.
        assert_eq!(answer.trailers.as_ref(), kind.is_h2().then_some(&trailers));
    }
}

async fn a_failed_renewal_is_told_in_the_extensions(kind: Kind) {
    let server = Server::start().await;
    let tokens = service_fn(|_: Renewal| async {
        Err::<Token, _>(Error::new(ErrorKind::Locked, "for a while"))
    });
    let session = Session::builder(tokens)
        .origin(server.url(""))
        .token(Token::new("dead").unwrap())
        .build()
        .unwrap();
    let client = kind.signed_in(session.layer());
    let request = || Request::get(server.url("/")).body(Body::default()).unwrap();
    let answer = send(&client, request()).await.unwrap();
    assert_eq!(
        (answer.status, answer.body),
        (StatusCode::UNAUTHORIZED, "401 Unauthorized".into())
    );
    let error = answer.extensions.get::<Error>().unwrap();
    assert_eq!(error.kind(), ErrorKind::Locked);

    // Without any token there is no response to carry it.
    session.clear();
    let error = send(&client, request()).await.unwrap_err();
    assert_eq!(Error::from_boxed(error).kind(), ErrorKind::Locked);
    assert_eq!(server.counts().sends, 1);
}

async fn a_protocol_can_be_switched(kind: Kind) {
    if kind.is_h2() {
        return;
    }
    let world = World::new(kind).await;
    world.server.next(Act::RefuseEarly);
    world.server.next(Act::Upgrade);
    let mut request = world.get("/");
    let headers = request.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("echo"));
    let response = world.client.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    let upgraded = hyper::upgrade::on(response).await.unwrap();
    let mut io = hyper_util::rt::TokioIo::new(upgraded);
    io.write_all(b"ping").await.unwrap();
    let mut echo = [0; 4];
    io.read_exact(&mut echo).await.unwrap();
    assert_eq!(&echo, b"ping");
}
