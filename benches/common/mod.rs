//! What the benches share: a service that does nothing, requests for it, and the peers.
#![allow(dead_code, unreachable_pub, reason = "each bench uses a part of it")]

pub mod chains;
pub mod linkerd;
pub mod peers;
pub mod pieces;
pub mod stacks;

use std::{
    convert::Infallible,
    future::{Future, Ready, ready},
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use tower::Service;

pub type Body = Full<Bytes>;

/// As long as a JWT usually is.
pub const TOKEN_BYTES: usize = 600;

/// A client that answers at once with a body, which is empty by default.
#[derive(Clone, Debug, Default)]
pub struct Sink(pub Bytes);

impl<B> Service<Request<B>> for Sink {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        drop(black_box(request));
        let mut response = Response::new(Full::new(self.0.clone()));
        if !self.0.is_empty() {
            let json = HeaderValue::from_static("application/json");
            response.headers_mut().insert("content-type", json);
        }
        ready(Ok(response))
    }
}

pub fn token() -> String {
    "t".repeat(TOKEN_BYTES)
}

/// Returns the value of an `Authorization` header.
pub fn bearer() -> HeaderValue {
    let mut value = HeaderValue::try_from(format!("Bearer {}", token())).expect("visible ASCII");
    value.set_sensitive(true);
    value
}

pub fn uri() -> Uri {
    Uri::from_static("https://api.example.com/users")
}

pub fn request<B>(body: B) -> Request<B> {
    let mut request = Request::new(body);
    *request.uri_mut() = uri();
    let json = HeaderValue::from_static("application/json");
    request.headers_mut().insert("accept", json);
    request
}

/// Makes one call of a service that answers at once. Inlined for each contestant alike.
#[inline(always)]
pub fn call<S, B>(service: &mut S, request: Request<B>) -> S::Response
where
    S: Service<Request<B>>,
{
    let mut cx = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut cx).is_ready());
    match pin!(service.call(request)).poll(&mut cx) {
        Poll::Ready(Ok(response)) => response,
        Poll::Ready(Err(_)) => panic!("the call failed"),
        Poll::Pending => panic!("the call is not answered at once"),
    }
}

/// Returns what a future that is ready at once comes to.
#[inline(always)]
pub fn now<F: Future>(future: F) -> F::Output {
    let mut cx = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut cx) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the future is not ready at once"),
    }
}

/// A runtime for the schedule of a session's token.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime starts")
}

/// Reads a body to its end, piece by piece.
pub fn read<B: http_body::Body + Unpin>(mut body: B) {
    while let Some(frame) = now(body.frame()) {
        drop(black_box(frame));
    }
}

/// Makes a call, and waits for the first frame of the answer.
pub fn first_frame<S, B>(service: &mut S)
where
    S: Service<Request<Body>, Response = Response<B>>,
    B: http_body::Body + Unpin,
{
    let mut body = call(service, request(Body::default())).into_body();
    drop(black_box(now(body.frame())));
}

/// An answer of Fintiv's with this code, of about this size.
pub fn envelope(code: &str, size: usize) -> Bytes {
    let mut text = format!(
        r#"{{"contextResponse":{{"tenantName":"JANUS","statusCode":"{code}","statusMessage":null,"additionalStatusCode":null,"additionalStatusMessage":null}},"responseData":{{"items":["#
    );
    let end = "null]}}";
    while text.len() + end.len() < size {
        text.push_str("{\"name\":\"x\",\"n\":1},");
    }
    text.push_str(end);
    text.into()
}
