//! A status of gRPC in headers and trailers.
#![no_main]

use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use libfuzzer_sys::fuzz_target;
use tower::{BoxError, Layer, ServiceExt, service_fn};
use tower_reauth::{
    Error,
    layers::{NormalizeLayer, normalize::GrpcStatus},
};
use tower_reauth_fuzz::{block_on, shows_no_secret};

fuzz_target!(|data: &[u8]| {
    let mut lines = data.split(|byte| *byte == b'\n');
    let mut map = || {
        let mut map = HeaderMap::new();
        for name in ["grpc-status", "grpc-message"] {
            let value = lines
                .next()
                .and_then(|line| HeaderValue::from_bytes(line).ok());
            if let Some(value) = value {
                map.insert(HeaderName::from_static(name), value);
            }
        }
        map
    };
    let (headers, trailers) = (map(), map());
    let expected = trailers.clone();
    let server = service_fn(move |_: Request<()>| {
        let frames =
            Full::new(Bytes::from("message")).with_trailers(std::future::ready(Some(Ok::<
                _,
                Infallible,
            >(
                trailers.clone(),
            ))));
        let mut response = Response::new(frames);
        *response.headers_mut() = headers.clone();
        let grpc = HeaderValue::from_static("application/grpc");
        response.headers_mut().insert("content-type", grpc);
        async move { Ok::<_, BoxError>(response) }
    });
    let client = NormalizeLayer::new(GrpcStatus::new().unary()).layer(server);
    block_on(async {
        let request = Request::post("https://api.example.com/greeter/hello").body(());
        let response = client.oneshot(request.expect("a request")).await;
        let response = response.expect("an answer");
        if let Some(error) = response.extensions().get::<Error>() {
            shows_no_secret(error);
        }
        let read = response
            .into_body()
            .collect()
            .await
            .expect("nothing is cut");
        assert_eq!(*read.trailers().unwrap_or(&HeaderMap::new()), expected);
        assert_eq!(read.to_bytes(), "message");
    });
});
