//! Responses that are nobody's business: not looked at, and as they were.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use http::{Method, Request, Response, StatusCode, response};
use tower::Layer;
use tower::{ServiceExt, service_fn};
use tower_reauth::{
    BoxError, Error,
    layers::normalize::{End, Envelope, Failure, NormalizeLayer, Reader, Verdict},
};

use crate::{
    common::Body,
    support::{Script, Step, data, said, trailers},
};

/// Takes every response that it sees for a failure, and counts them.
#[derive(Clone, Default)]
struct Suspicious {
    seen: Arc<AtomicUsize>,
}

impl Envelope for Suspicious {
    type Reader = Self;

    fn reader<B>(&self, request: &Request<B>) -> Option<Self> {
        (request.uri().path() != "/none-of-its-business").then(|| self.clone())
    }
}

impl Reader for Suspicious {
    type Error = Error;

    fn head(&mut self, _: &response::Parts) -> Verdict<Error> {
        self.seen.fetch_add(1, Ordering::SeqCst);
        Verdict::More
    }

    fn body(&mut self, _: &[u8]) -> Verdict<Error> {
        Verdict::More
    }

    fn end(&mut self, _: &[u8], _: End<'_>) -> Option<Failure<Error>> {
        let error = Error::with_message(tower_reauth::ErrorKind::Provider, "suspicious");
        Some(Failure::new(StatusCode::IM_A_TEAPOT, error))
    }
}

/// How many responses were looked at, and the status that came out.
async fn sent(method: Method, path: &str, status: u16) -> (usize, u16) {
    let envelope = Suspicious::default();
    let seen = Arc::clone(&envelope.seen);
    let polls = Arc::new(AtomicUsize::new(0));
    let server = {
        let polls = Arc::clone(&polls);
        service_fn(move |_: Request<Body>| {
            let mut body =
                Script::new([data(b"whatever"), Step::Trailers(trailers("etag", "\"a\""))]);
            body.polls = Arc::clone(&polls);
            let response = Response::builder().status(status).body(body).unwrap();
            async move { Ok::<_, BoxError>(response) }
        })
    };
    let client = NormalizeLayer::new(envelope).layer(server);
    let request = Request::builder().method(method).uri(path);
    let response = client.oneshot(request.body(Body::default()).unwrap()).await;
    let response = response.unwrap();
    let status = response.status().as_u16();
    if seen.load(Ordering::SeqCst) == 0 {
        assert_eq!(polls.load(Ordering::SeqCst), 0, "its body was asked");
    }
    let expected = (b"whatever".to_vec(), vec![trailers("etag", "\"a\"")], None);
    assert_eq!(said(response.into_body()).await, expected);
    (seen.load(Ordering::SeqCst), status)
}

#[tokio::test]
async fn what_has_no_body_is_not_looked_at() {
    for status in [100, 101, 102, 103, 204, 205, 304] {
        assert_eq!(sent(Method::GET, "/", status).await, (0, status));
    }
    for status in [200, 401, 500] {
        assert_eq!(sent(Method::HEAD, "/", status).await, (0, status));
        assert_eq!(sent(Method::CONNECT, "/", status).await, (0, status));
    }
}

#[tokio::test]
async fn everything_else_is_if_the_envelope_wants() {
    for status in [200, 201, 202, 203, 206, 207, 226, 300, 302, 400, 401, 500] {
        assert_eq!(sent(Method::GET, "/", status).await, (1, 418));
        let path = "/none-of-its-business";
        assert_eq!(sent(Method::GET, path, status).await, (0, status));
    }
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        assert_eq!(sent(method, "/", 200).await, (1, 418));
    }
}

#[tokio::test]
async fn the_error_of_the_client_is_the_callers() {
    let broken = service_fn(|_: Request<Body>| async {
        Err::<Response<Script>, BoxError>("connection refused".into())
    });
    let client = NormalizeLayer::new(Suspicious::default()).layer(broken);
    let error = client.oneshot(crate::support::get()).await.unwrap_err();
    assert_eq!(error.to_string(), "connection refused");
}
