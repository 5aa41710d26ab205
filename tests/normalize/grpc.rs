//! gRPC: `grpc-status` in the head, and in trailers.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use http::{Response, StatusCode};
use proptest::prelude::*;
use tokio_test::task;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_reauth::{
    BoxError, Error, ErrorKind, Session, Token,
    layers::{
        BearerLayer, NormalizeLayer, RefreshLayer,
        normalize::{GrpcError, GrpcStatus},
    },
};

use crate::{
    common::{Body, ORIGIN},
    support::{Request0, Script, Step, client, data, get, normalized, said, trailers},
};

/// A response of gRPC with a body of these steps.
fn answer(steps: &[Step]) -> impl Fn() -> Response<Script> + Clone + Send + Sync + 'static {
    let steps = steps.to_vec();
    move || {
        let response = Response::builder().header("content-type", "application/grpc+proto");
        response.body(Script::new(steps.clone())).unwrap()
    }
}

/// A response of this type with its status in the head.
fn refusal(
    kind: &'static str,
    status: &'static str,
) -> impl Fn() -> Response<Body> + Clone + Send + Sync + 'static {
    move || {
        let response = Response::builder().header("content-type", kind);
        let response = response.header("grpc-status", status);
        response.body(Body::default()).unwrap()
    }
}

fn message() -> Step {
    data(b"\0\0\0\0\x05hello")
}

fn ends(status: &'static str) -> Step {
    Step::Trailers(trailers("grpc-status", status))
}

#[tokio::test]
async fn a_refusal_in_the_head_gets_its_status() {
    for (status, expected, name) in [
        ("1", 499, "CANCELLED"),
        ("2", 500, "UNKNOWN"),
        ("3", 400, "INVALID_ARGUMENT"),
        ("4", 504, "DEADLINE_EXCEEDED"),
        ("5", 404, "NOT_FOUND"),
        ("6", 409, "ALREADY_EXISTS"),
        ("7", 403, "PERMISSION_DENIED"),
        ("8", 429, "RESOURCE_EXHAUSTED"),
        ("9", 400, "FAILED_PRECONDITION"),
        ("10", 409, "ABORTED"),
        ("11", 400, "OUT_OF_RANGE"),
        ("12", 501, "UNIMPLEMENTED"),
        ("13", 500, "INTERNAL"),
        ("14", 503, "UNAVAILABLE"),
        ("15", 500, "DATA_LOSS"),
        ("16", 401, "UNAUTHENTICATED"),
        ("99", 500, "UNKNOWN"),
        ("sixteen", 500, "UNKNOWN"),
    ] {
        let response = normalized(GrpcStatus::new(), refusal("application/grpc", status)).await;
        assert_eq!(response.status(), expected, "{status}");
        assert_eq!(response.headers()["grpc-status"], status);
        let error = response.extensions().get::<GrpcError>().unwrap();
        assert_eq!(error.name(), name);
        assert_eq!(error.code(), status.parse().unwrap_or(2));
        let general = response.extensions().get::<Error>().unwrap();
        assert_eq!(general.kind(), ErrorKind::Provider);
        assert_eq!(
            general.provider_code(),
            Some(error.code().to_string().as_str())
        );
    }
}

#[tokio::test]
async fn trailers_without_a_message_count_if_they_are_there_with_the_head() {
    for (frames, expected) in [
        (vec![ends("16")], 401),
        (vec![ends("0")], 200),
        (vec![Step::Pause, ends("16")], 200),
        (vec![message(), ends("16")], 200),
        (vec![message(), ends("0")], 200),
    ] {
        let response = normalized(GrpcStatus::new(), answer(&frames)).await;
        assert_eq!(response.status(), expected);
    }
}

#[tokio::test]
async fn a_head_that_comes_alone_is_not_held_back() {
    let mut client = client(
        NormalizeLayer::new(GrpcStatus::new()),
        answer(&[Step::Hang]),
    );
    let mut call = task::spawn(client.ready().await.unwrap().call(get()));
    assert!(call.poll().is_ready());
}

#[tokio::test]
async fn with_unary_trailers_behind_a_message_count_as_well() {
    for (frames, expected) in [
        (vec![message(), Step::Pause, ends("16")], 401),
        (vec![message(), ends("0")], 200),
        (vec![message()], 200),
        (vec![ends("7")], 403),
    ] {
        let response = normalized(GrpcStatus::new().unary(), answer(&frames)).await;
        assert_eq!(response.status(), expected);
        let sent = said(answer(&frames)().into_body()).await;
        assert_eq!(said(response.into_body()).await, sent);
    }
    // What is longer than may be held back passes.
    let layer = NormalizeLayer::new(GrpcStatus::new().unary()).max_peek(5);
    let client = client(layer, answer(&[message(), ends("16")]));
    assert_eq!(client.oneshot(get()).await.unwrap().status(), 200);
}

#[tokio::test]
async fn what_is_not_grpc_passes() {
    for kind in [
        "application/json",
        "application/grpc-web+proto",
        "application/grpcx",
    ] {
        let response = normalized(GrpcStatus::new(), refusal(kind, "16")).await;
        assert_eq!(response.status(), StatusCode::OK, "{kind}");
    }
    for kind in [
        "application/grpc",
        "application/grpc+json",
        "application/grpc;x=y",
    ] {
        let response = normalized(GrpcStatus::new(), refusal(kind, "16")).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{kind}");
    }
}

#[tokio::test]
async fn an_unauthenticated_call_is_sent_again_with_a_new_token() {
    let sends = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sends);
    let server = service_fn(move |request: Request0| {
        counted.fetch_add(1, Ordering::SeqCst);
        let good = request.headers()["authorization"] == "Bearer second";
        let response = Response::builder()
            .header("content-type", "application/grpc")
            .header("grpc-status", if good { "0" } else { "16" })
            .body(Body::default());
        async move { Ok::<_, BoxError>(response?) }
    });
    let tokens = service_fn(|_: tower_reauth::Renewal| async { Token::new("second") });
    let session = Session::builder(tokens)
        .origin(ORIGIN)
        .token(Token::new("first").unwrap())
        .build()
        .unwrap();
    let stack = (
        RefreshLayer::new(session.clone()),
        BearerLayer::new(session),
        NormalizeLayer::new(GrpcStatus::new()),
    );
    let response = stack.layer(server).oneshot(get()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["grpc-status"], "0");
    assert_eq!(sends.load(Ordering::SeqCst), 2);
}

proptest! {
    #[test]
    fn no_status_panics(value in "[ -~]{0,12}") {
        let value = http::HeaderValue::from_str(&value).unwrap();
        let answer = move || {
            let response = Response::builder().header("content-type", "application/grpc");
            let response = response.header("grpc-status", value.clone());
            response.body(Body::default()).unwrap()
        };
        let response = tokio_test::block_on(normalized(GrpcStatus::new(), answer));
        let status = response.status();
        prop_assert!(status == 200 || status.is_client_error() || status.is_server_error());
    }
}
