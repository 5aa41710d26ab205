//! Bodies that stream, and go out twice.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header::EXPECT};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::sync::mpsc;
use tokio_stream::{StreamExt, wrappers::UnboundedReceiverStream};
use tower::{BoxError, ServiceExt};
use tower_reauth::replay::NotReplayed;

use crate::{
    kinds::{Body, Kind, on_each_client},
    server::Act,
    support::{World, send},
};

on_each_client!(
    an_upload_refused_early_is_sent_again_byte_for_byte,
    over_the_cap_it_is_sent_once_and_handed_back_as_not_replayed,
    a_body_that_expects_100_continue_is_sent_whole_or_not_at_all,
    bodies_in_memory_are_sent_with_their_length,
    both_directions_stream,
);

const CHUNK: usize = 16 * 1024;

/// A stream of unknown length, with trailers.
fn upload(chunks: usize) -> Body {
    let chunks = (0..chunks).map(|number| Frame::data(chunk(number)));
    let frames = chunks
        .chain([Frame::trailers(trailers())])
        .map(Ok::<_, BoxError>);
    Body::wrap(StreamBody::new(tokio_stream::iter(frames)))
}

fn chunk(number: usize) -> Bytes {
    (0..CHUNK)
        .map(|at| (number * 31 + at * 7 + at / 256) as u8)
        .collect()
}

fn trailers() -> HeaderMap {
    let value = HeaderValue::from_static("none");
    [(http::HeaderName::from_static("x-checksum"), value)]
        .into_iter()
        .collect()
}

fn content(chunks: usize) -> Bytes {
    (0..chunks).flat_map(chunk).collect()
}

async fn an_upload_refused_early_is_sent_again_byte_for_byte(kind: Kind) {
    const CHUNKS: usize = 100;
    let world = World::new(kind).await;
    world.send(world.get("/")).await.unwrap();
    world.server.next(Act::RefuseEarly);
    let answer = world.send(world.post(upload(CHUNKS))).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.body == content(CHUNKS));
    if kind.is_h2() {
        assert_eq!(answer.trailers, Some(trailers()));
    }
    let counts = world.server.counts();
    assert_eq!((counts.sends, counts.refused, counts.effects), (3, 1, 2));
    assert_eq!(world.minted(), 2);
    let second = &world.server.seen()[1];
    assert!(second.body == content(CHUNKS));
    // On a connection that has been used hyper sends no trailers over HTTP/1.1.
    assert_eq!(second.trailers, kind.is_h2().then(trailers));
}

async fn over_the_cap_it_is_sent_once_and_handed_back_as_not_replayed(kind: Kind) {
    let world = World::new(kind).await;
    let client = kind.signed_in(world.session.layer().max_body(CHUNK));
    world.send(world.get("/")).await.unwrap();
    world.server.revoke_all();
    let answer = send(&client, world.post(upload(4))).await.unwrap();
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.body, "401 Unauthorized");
    let why = answer.extensions.get::<NotReplayed>();
    assert_eq!(why, Some(&NotReplayed::TooLarge));
    world.session.settled().await;
    assert_eq!(world.minted(), 2, "for those who come next");

    // In memory already, there is no cap.
    world.server.revoke_all();
    let answer = send(&client, world.post(content(4))).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.body == content(4));
    let counts = world.server.counts();
    assert_eq!((counts.sends, counts.refused, counts.effects), (4, 2, 2));
}

/// RFC 9110 section 10.1.1: the answer to it may come before the body is sent.
async fn a_body_that_expects_100_continue_is_sent_whole_or_not_at_all(kind: Kind) {
    const CHUNKS: usize = 4;
    let expecting = |world: &World| {
        let mut request = world.post(upload(CHUNKS));
        let expect = HeaderValue::from_static("100-continue");
        request.headers_mut().insert(EXPECT, expect);
        request
    };
    for (cap, status, sends) in [
        (CHUNK * 8, StatusCode::OK, 3),
        (CHUNK, StatusCode::UNAUTHORIZED, 2),
    ] {
        let world = World::new(kind).await;
        let client = kind.signed_in(world.session.layer().max_body(cap));
        world.send(world.get("/")).await.unwrap();
        world.server.next(Act::RefuseEarly);
        let answer = send(&client, expecting(&world)).await.unwrap();
        assert_eq!(answer.status, status);
        let why = answer.extensions.get::<NotReplayed>();
        assert_eq!(why.is_some(), cap == CHUNK);
        world.session.settled().await;
        let counts = world.server.counts();
        assert_eq!((counts.sends, counts.refused), (sends, 1));
        if status == StatusCode::OK {
            assert!(world.server.seen()[1].body == content(CHUNKS));
        }
        // The next one has the new token.
        assert_eq!(
            send(&client, world.get("/")).await.unwrap().status,
            StatusCode::OK
        );
        assert_eq!(world.minted(), 2);
    }
}

async fn bodies_in_memory_are_sent_with_their_length(kind: Kind) {
    let world = World::new(kind).await;
    world.send(world.post("hello")).await.unwrap();
    world.send(world.get("/")).await.unwrap();
    world.send(world.post(upload(1))).await.unwrap();
    let seen = world.server.seen();
    let lengths = seen.iter().map(|seen| seen.headers.get("content-length"));
    let lengths: Vec<_> = lengths
        .map(|length| length.map(HeaderValue::as_bytes))
        .collect();
    assert_eq!(lengths, [Some(&b"5"[..]), None, None]);
}

async fn both_directions_stream(kind: Kind) {
    let world = World::new(kind).await;
    let (answer, frames) = mpsc::unbounded_channel();
    world.server.next(Act::Stream(frames));
    let response = world.client.clone().oneshot(world.get("/")).await.unwrap();
    let mut body = response.into_body();
    // Each frame is there before the next is sent.
    for text in ["one", "two", "three"] {
        answer.send(Frame::data(Bytes::from(text))).unwrap();
        let frame = body.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), text);
    }
    drop(answer);
    // Over HTTP/2 the end comes in a frame of its own.
    assert!(body.collect().await.unwrap().to_bytes().is_empty());

    // And the server has the first frame of a request before there is a second.
    let (upload, frames) = mpsc::unbounded_channel();
    let frames = UnboundedReceiverStream::new(frames).map(Ok::<_, BoxError>);
    let request = world.post(Body::wrap(StreamBody::new(frames)));
    world.server.next(Act::EchoFrames);
    upload.send(Frame::data(Bytes::from("one"))).unwrap();
    let response = world.client.clone().oneshot(request).await.unwrap();
    let mut body = response.into_body();
    for next in ["two", "three"] {
        let frame = body.frame().await.unwrap().unwrap();
        assert!(frame.is_data());
        upload.send(Frame::data(Bytes::from(next))).unwrap();
    }
    assert_eq!(
        body.frame().await.unwrap().unwrap().into_data().unwrap(),
        "three"
    );
    drop(upload);
    assert!(body.collect().await.unwrap().to_bytes().is_empty());
    assert_eq!(world.server.counts().sends, 2);
}
