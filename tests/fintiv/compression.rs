//! Compressed answers: looked into only if a layer that decompresses stands inside.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header::ACCEPT_ENCODING};
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt, service_fn};
use tower_http::{compression::CompressionLayer, decompression::DecompressionLayer};
use tower_reauth::{
    Error, ErrorKind,
    layers::NormalizeLayer,
    providers::fintiv::{FintivEnvelope, FintivError, OnMissing},
};

use crate::support::envelope;

type Body = Full<Bytes>;

fn request() -> Request<Body> {
    let request = Request::get("/user").header(ACCEPT_ENCODING, "gzip");
    request.body(Body::default()).unwrap()
}

/// An answer long enough to be compressed.
fn body() -> String {
    envelope("SECURITY", &"The session is not valid. ".repeat(20)).to_string()
}

/// A server that compresses what it answers.
fn server() -> impl tower::Service<
    Request<Body>,
    Response = Response<tower_http::compression::CompressionBody<Body>>,
    Error = Infallible,
    Future: Send,
> + Clone {
    CompressionLayer::new()
        .gzip(true)
        .layer(service_fn(|_: Request<Body>| async {
            let response = Response::builder().header("content-type", "application/json");
            Ok::<_, Infallible>(response.body(Body::from(body())).unwrap())
        }))
}

#[tokio::test]
async fn with_a_layer_inside_that_decompresses_it_is_judged() {
    let normalize = NormalizeLayer::new(FintivEnvelope::new());
    let client = (normalize, DecompressionLayer::new()).layer(server());
    let response = client.oneshot(request()).await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let read = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(read, body());
}

#[tokio::test]
async fn without_one_it_has_no_envelope() {
    let sent = server().oneshot(request()).await.unwrap();
    assert_eq!(sent.headers()["content-encoding"], "gzip");
    let sent = sent.into_body().collect().await.unwrap().to_bytes();
    assert!(sent.starts_with(b"\x1F\x8B"));

    let strict = NormalizeLayer::new(FintivEnvelope::new()).layer(server());
    let response = strict.oneshot(request()).await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
    let error: &Error = response.extensions().get().unwrap();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    let typed: &FintivError = response.extensions().get().unwrap();
    let expected = "the body is compressed: a layer that decompresses belongs inside this one";
    assert_eq!(typed.to_string(), expected);
    let read = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(read, sent);

    let lenient = FintivEnvelope::new().on_missing_envelope(OnMissing::Pass);
    let lenient = NormalizeLayer::new(lenient).layer(server());
    let response = lenient.oneshot(request()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-encoding"], "gzip");
    let read = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(read, sent);
}
