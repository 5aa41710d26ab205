//! The token in the JSON body of each request.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use serde_json::{Value, json};
use tokio_test::{assert_pending, task};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_reauth::{
    BoxError, Error, ErrorKind,
    providers::fintiv::{FintivBuilder, TokenPlacement},
    replay::{NotReplayed, ReplayBody},
};

use crate::{
    contract::Contracts,
    support::{self, BASE, Client, Server, client_of, envelope, post, send},
};

fn in_the_body(server: &Server) -> Client {
    client_with(server, |builder| builder)
}

fn client_with(server: &Server, change: impl FnOnce(FintivBuilder) -> FintivBuilder) -> Client {
    let builder = support::builder(server).token_placement(TokenPlacement::body());
    client_of(&change(builder).build().unwrap(), server).0
}

#[track_caller]
fn config_error(answer: Result<Response<impl Sized>, BoxError>) -> String {
    let error = Error::from_boxed(answer.err().expect("an error"));
    assert_eq!(error.kind(), ErrorKind::Config);
    error.to_string()
}

#[tokio::test]
async fn it_is_placed_and_the_rest_stays_to_the_letter() {
    for (sent, expected) in [
        (
            r#"{ "b":1.50 , "a":{"x" : [ ]} }"#,
            r#"{"contextRequest":{"tenantName":"JANUS","token":"t1"},"b":1.50,"a":{"x" : [ ]}}"#,
        ),
        (
            "{}",
            r#"{"contextRequest":{"tenantName":"JANUS","token":"t1"}}"#,
        ),
        (
            "",
            r#"{"contextRequest":{"tenantName":"JANUS","token":"t1"}}"#,
        ),
        (
            " \n",
            r#"{"contextRequest":{"tenantName":"JANUS","token":"t1"}}"#,
        ),
        (
            r#"{"a":1.000000000000000000001,"contextRequest":{"token":"mine","tenantName":"OTHER","x":1},"b":"\u00e9"}"#,
            r#"{"contextRequest":{"tenantName":"OTHER","x":1,"token":"t1"},"a":1.000000000000000000001,"b":"\u00e9"}"#,
        ),
        (
            r#"{"contextRequest":null,"q\"":2}"#,
            r#"{"contextRequest":{"tenantName":"JANUS","token":"t1"},"q\"":2}"#,
        ),
    ] {
        let server = Server::default();
        let response = send(&in_the_body(&server), post(sent)).await;
        assert_eq!(response.status(), StatusCode::OK);
        let seen = &server.seen()[0];
        assert_eq!(seen.body, expected);
        assert_eq!(seen.headers["content-length"], expected.len().to_string());
        assert_eq!(seen.headers["content-type"], "application/json");
        assert!(!seen.headers.contains_key("authorization"));
        assert!(
            !seen
                .headers
                .keys()
                .any(|name| name.as_str().contains("token"))
        );
        assert_eq!(seen.headers["api-key"], support::KEY);
    }
}

#[tokio::test]
async fn a_renewed_token_goes_into_the_second_send() {
    let server = Server::default();
    let client = in_the_body(&server);
    send(&client, post("{}")).await;
    server.revoke();
    let response = send(&client, post(r#"{"a":1}"#)).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!((server.sign_ons(), server.sends()), (2, 3));
    let tokens: Vec<_> = server.seen().iter().map(token_in).collect();
    assert_eq!(tokens, ["t1", "t1", "t2"]);
    for seen in server.seen() {
        assert_eq!(seen.headers["content-length"], seen.body.len().to_string());
    }
}

fn token_in(seen: &support::Seen) -> String {
    let body: Value = serde_json::from_slice(&seen.body).unwrap();
    body["contextRequest"]["token"].as_str().unwrap().into()
}

#[tokio::test]
async fn a_hundred_callers_whose_token_is_refused_sign_on_once() {
    let server = Server::default();
    let client = in_the_body(&server);
    send(&client, post("{}")).await;
    server.revoke();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..100 {
        calls.spawn(client.clone().oneshot(post("{}")));
    }
    for answer in calls.join_all().await {
        assert_eq!(answer.unwrap().status(), StatusCode::OK);
    }
    assert_eq!(server.sign_ons(), 2);
}

#[tokio::test]
async fn the_copy_for_the_second_send_does_not_have_it() {
    // Above the layer that places it, nobody ever sees the token in a body.
    let server = Server::default();
    let fintiv = support::builder(&server).token_placement(TokenPlacement::body());
    let fintiv = fintiv.build().unwrap();
    let session = fintiv.session().build().unwrap();
    let kept = Arc::new(std::sync::Mutex::new(Vec::new()));
    let copies = Arc::clone(&kept);
    let inner = (fintiv.body_token_layer(), fintiv.normalize_layer(&session)).layer(server.plain());
    let watched = service_fn(move |request: Request<ReplayBody<Full<Bytes>>>| {
        let (inner, copies) = (inner.clone(), Arc::clone(&copies));
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            copies.lock().unwrap().push(body.clone());
            let request = Request::from_parts(head, ReplayBody::from(body));
            inner.oneshot(request).await
        }
    });
    let client = session.layer().layer(watched);
    client.clone().oneshot(post(r#"{"a":1}"#)).await.unwrap();
    server.revoke();
    let response = client.oneshot(post(r#"{"a":1}"#)).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(*kept.lock().unwrap(), [r#"{"a":1}"#; 3]);
    assert_eq!(server.sends(), 3);
}

#[tokio::test]
async fn a_streamed_body_is_read_placed_and_sent_again() {
    let server = Server::default();
    let fintiv = support::builder(&server).token_placement(TokenPlacement::body());
    let fintiv = fintiv.build().unwrap();
    let session = fintiv.session().build().unwrap();
    let answering = server.clone();
    let plain = service_fn(move |request: Request<ReplayBody<_>>| {
        let plain = answering.plain();
        async move {
            let (head, body) = request.into_parts();
            let body = BodyExt::collect(body).await?.to_bytes();
            plain
                .oneshot(Request::from_parts(head, ReplayBody::from(body)))
                .await
        }
    });
    let client = fintiv.layer(&session).layer(plain);
    for round in 0..2 {
        let frames =
            [r#"{"a":"#, "1", "}"].map(|piece| Ok::<_, BoxError>(Frame::data(Bytes::from(piece))));
        let body = StreamBody::new(tokio_stream::iter(frames));
        let request = Request::post(format!("{BASE}/x"))
            .header("transfer-encoding", "chunked")
            .body(body)
            .unwrap();
        let response = client.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{round}");
        assert!(response.extensions().get::<NotReplayed>().is_none());
        server.revoke();
    }
    let bodies: Vec<_> = server.seen().iter().map(|seen| seen.body.clone()).collect();
    let with = |token: &str| {
        format!(r#"{{"contextRequest":{{"tenantName":"JANUS","token":"{token}"}},"a":1}}"#)
    };
    assert_eq!(bodies, [with("t1"), with("t1"), with("t2")]);
    for seen in server.seen() {
        assert!(!seen.headers.contains_key("transfer-encoding"));
        assert_eq!(seen.headers["content-type"], "application/json");
    }
}

#[tokio::test]
async fn where_it_cannot_be_placed_nothing_is_sent() {
    for (method, sent, expected) in [
        (
            Method::GET,
            "",
            "a GET has none: place it in a header, or send a body",
        ),
        (
            Method::HEAD,
            "",
            "a HEAD has none: place it in a header, or send a body",
        ),
        (Method::POST, "[1]", "it is no JSON object"),
        (Method::POST, "a=1&b=2", "it is no JSON object"),
        (Method::POST, r#"{"a":1"#, "it is no JSON object"),
        (
            Method::POST,
            r#"{"contextRequest":[]}"#,
            "its `contextRequest` is no object",
        ),
        (
            Method::POST,
            r#"{"contextRequest":{},"contextRequest":{}}"#,
            "that is there twice",
        ),
        (
            Method::POST,
            r#"{"a":"01234567890123456789012345678901234567890123456789"}"#,
            "it is longer than 45 bytes: see `max_request_body`",
        ),
    ] {
        let server = Server::default();
        let client = client_with(&server, |builder| builder.max_request_body(45));
        let request = Request::builder().method(method).uri(format!("{BASE}/x"));
        let answer = client
            .oneshot(request.body(Full::from(sent)).unwrap())
            .await;
        let start = "the token cannot be placed in `contextRequest` of the request's body: ";
        assert_eq!(config_error(answer), format!("{start}{expected}"));
        assert_eq!(server.sends(), 0);
    }
    // A GET with a body is as good as any other.
    let server = Server::default();
    let request = Request::get(format!("{BASE}/x"))
        .body(Full::from("{}"))
        .unwrap();
    assert_eq!(send(&in_the_body(&server), request).await.status(), 200);
}

#[tokio::test]
async fn the_object_can_be_called_otherwise_and_there_may_be_no_tenant() {
    let server = Server::default().answers(200, envelope("SUCCESS", "ok"));
    let fintiv = tower_reauth::providers::fintiv::Fintiv::builder(server.plain(), BASE)
        .api_key("key")
        .credentials("a", "b")
        .token_placement(TokenPlacement::body_in("contextrequest\n"))
        .build()
        .unwrap();
    let (client, _session) = client_of(&fintiv, &server);
    send(&client, post(r#"{"a":1}"#)).await;
    let body: Value = serde_json::from_slice(&server.seen()[0].body).unwrap();
    assert_eq!(body, json!({"contextrequest\n": {"token": "t1"}, "a": 1}));
}

#[tokio::test]
async fn a_token_in_a_header_leaves_the_body_alone() {
    let server = Server::default();
    let (client, _session) = support::client(&server);
    let mut request = post("not json");
    request
        .headers_mut()
        .insert("x-token-for-the-body", "mine".parse().unwrap());
    send(&client, request).await;
    let seen = &server.seen()[0];
    assert_eq!(seen.body, "not json");
    assert_eq!(seen.headers["authorization"], "Bearer t1");
    assert_eq!(seen.headers["x-token-for-the-body"], "mine");
}

#[tokio::test]
async fn elsewhere_nothing_is_placed() {
    let server = Server::default().answers(200, "ok");
    let client = in_the_body(&server);
    let request = Request::post("https://evil.example/x")
        .body(Full::from("{}"))
        .unwrap();
    send(&client, request).await;
    assert_eq!(server.seen()[0].body, "{}");
    assert_eq!(server.sign_ons(), 0);
}

#[tokio::test(start_paused = true)]
async fn readiness_is_not_held_while_the_body_is_read() {
    let open = Arc::new(AtomicUsize::new(0));
    let server = Server::default();
    let fintiv = support::builder(&server).token_placement(TokenPlacement::body());
    let fintiv = fintiv.build().unwrap();
    let session = fintiv.session().build().unwrap();
    session.token().await.unwrap();
    let (sender, frames) = tokio::sync::mpsc::unbounded_channel();
    let frames = tokio_stream::wrappers::UnboundedReceiverStream::new(frames);
    let frames = tokio_stream::StreamExt::map(frames, |data: &'static str| {
        Ok::<_, BoxError>(Frame::data(Bytes::from(data)))
    });
    let answering = server.clone();
    let plain = service_fn(move |request: Request<ReplayBody<_>>| {
        let plain = answering.plain();
        async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let (head, body) = request.into_parts();
            let body = BodyExt::collect(body).await?.to_bytes();
            plain
                .oneshot(Request::from_parts(head, ReplayBody::from(body)))
                .await
        }
    });
    let mut client = fintiv
        .layer(&session)
        .layer(Contracts(Arc::clone(&open)).layer(plain));
    client.ready().await.unwrap();
    assert_eq!(open.load(Ordering::SeqCst), 1);
    let request = Request::post(format!("{BASE}/x"))
        .body(StreamBody::new(frames))
        .unwrap();
    let mut call = task::spawn(client.call(request));
    assert_pending!(call.poll());
    assert_eq!(open.load(Ordering::SeqCst), 0, "given back");
    sender.send("{}").unwrap();
    drop(sender);
    let response = call.await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(open.load(Ordering::SeqCst), 0);
    assert_eq!(server.sends(), 1);
}

#[tokio::test(start_paused = true)]
async fn calls_and_sign_ons_share_a_limit_of_one() {
    let server = Server::default();
    let limit = tower::limit::ConcurrencyLimitLayer::new(1);
    let limited = limit.layer(server.plain());
    let fintiv = tower_reauth::providers::fintiv::Fintiv::builder(limited.clone(), BASE)
        .api_key("key")
        .credentials("a", "b")
        .token_placement(TokenPlacement::body())
        .build()
        .unwrap();
    let session = fintiv.session().build().unwrap();
    let client = fintiv.layer(&session).layer(limited);
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..20 {
        calls.spawn(client.clone().oneshot(post("{}")));
    }
    let answers = tokio::time::timeout(Duration::from_secs(3600), calls.join_all()).await;
    let answers = answers.expect("no deadlock");
    assert!(
        answers
            .iter()
            .all(|answer| answer.as_ref().unwrap().status() == 200)
    );
    assert_eq!((server.sign_ons(), server.sends()), (1, 20));
}

#[tokio::test]
async fn a_body_that_fails_is_the_callers_error() {
    let server = Server::default();
    let fintiv = support::builder(&server).token_placement(TokenPlacement::body());
    let fintiv = fintiv.build().unwrap();
    let session = fintiv.session().build().unwrap();
    let plain = service_fn(|_: Request<ReplayBody<_>>| async {
        Err::<support::Answer, BoxError>("must not be sent".into())
    });
    let frames = [Ok(Frame::data(Bytes::from("{"))), Err("the disk is gone")];
    let body = StreamBody::new(tokio_stream::iter(frames));
    let client = fintiv.layer(&session).layer(plain);
    let request = Request::post(format!("{BASE}/x")).body(body).unwrap();
    let error = client.oneshot(request).await.unwrap_err();
    assert!(error.to_string().contains("the disk is gone"), "{error}");
}
