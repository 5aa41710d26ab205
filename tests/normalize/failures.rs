//! What a caller gets of a failure inside a `200`.

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Full};
use tower::ServiceExt;
use tower_reauth::{
    Error, ErrorKind,
    layers::normalize::{Failure, NormalizeLayer, Normalized},
};

use crate::support::{Acme, AcmeError, client, get, normalized};

fn answer(body: &'static str) -> Response<Full<Bytes>> {
    Response::builder()
        .header("content-type", "application/json")
        .header("content-length", body.len())
        .header("x-request-id", "7")
        .body(body.into())
        .unwrap()
}

#[tokio::test]
async fn a_failure_has_its_status_and_its_errors_and_the_rest_stays() {
    let body = r#"{"data":[1,2],"status":"no funds","more":null}"#;
    let response = normalized(Acme::default(), move || answer(body)).await;
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(response.headers()["content-length"], body.len().to_string());
    assert_eq!(response.headers()["x-request-id"], "7");
    assert_eq!(response.headers().len(), 3);

    let extensions = response.extensions();
    let typed: &AcmeError = extensions.get().expect("the typed error");
    assert_eq!(typed.0, r#""no funds""#);
    let general: &Error = extensions.get().expect("the error");
    assert_eq!(general.kind(), ErrorKind::Provider);
    assert_eq!(general.provider_code(), Some(r#""no funds""#));
    let normalized: &Normalized = extensions.get().expect("what it was");
    assert_eq!(normalized.original_status(), StatusCode::OK);

    let read = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(read, body);
}

#[tokio::test]
async fn a_success_passes_as_it_is() {
    let body = r#"{"status":"ok","data":[1,2]}"#;
    let response = normalized(Acme::default(), move || answer(body)).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.extensions().get::<Error>().is_none());
    assert!(response.extensions().get::<AcmeError>().is_none());
    assert!(response.extensions().get::<Normalized>().is_none());
    let read = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(read, body);
}

#[tokio::test]
async fn a_failure_is_an_err_if_set_so_but_a_401_stays_a_response() {
    let layer = NormalizeLayer::new(Acme::default()).as_err(true);
    let failing = client(layer.clone(), || answer(r#"{"status":"no funds"}"#));
    let error = failing.oneshot(get()).await.expect_err("an error");
    let error = error.downcast::<Error>().expect("our error");
    assert_eq!(error.provider_code(), Some(r#""no funds""#));

    let signed_out = client(layer.clone(), || answer(r#"{"status":"signed out"}"#));
    let response = signed_out.oneshot(get()).await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert!(response.extensions().get::<Error>().is_some());

    let succeeding = client(layer, || answer(r#"{"status":"ok"}"#));
    let response = succeeding.oneshot(get()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
}

#[test]
fn a_status_that_is_no_error_is_taken_for_a_502() {
    for status in [100, 200, 204, 304, 399, 600] {
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(Failure::new(status, ()).status(), StatusCode::BAD_GATEWAY);
    }
    for status in [400, 401, 499, 500, 599] {
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(Failure::new(status, ()).status(), status);
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_the_envelopes_to_judge() {
    for (body, why) in [
        ("", "Err(Empty)"),
        ("<html>", "Err(NoObject)"),
        (r#"{"data":1}"#, "Ok(())"),
        (r#"{"data":"#, "Err(Truncated)"),
        (r#"{"data":1]"#, "Err(Malformed { member: None })"),
    ] {
        let lenient = normalized(Acme { strict: false }, move || answer(body)).await;
        assert_eq!(lenient.status(), StatusCode::OK, "{body}");
        let strict = normalized(Acme { strict: true }, move || answer(body)).await;
        assert_eq!(strict.status(), StatusCode::BAD_GATEWAY, "{body}");
        assert_eq!(strict.extensions().get::<AcmeError>().unwrap().0, why);
        for response in [lenient, strict] {
            let read = response.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(read, body);
        }
    }
}

#[tokio::test]
async fn a_compressed_body_is_not_looked_into() {
    // Gzip, as the header says: the layer must not stumble over it.
    let gzip = Bytes::from_static(&[0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0xFF, 3, 0]);
    let answer = {
        let gzip = gzip.clone();
        move || {
            let response = Response::builder().header("content-encoding", "gzip");
            response.body(Full::new(gzip.clone())).unwrap()
        }
    };
    for strict in [false, true] {
        let response = normalized(Acme { strict }, answer.clone()).await;
        let expected = match strict {
            true => StatusCode::BAD_GATEWAY,
            false => StatusCode::OK,
        };
        assert_eq!(response.status(), expected);
        let typed = response.extensions().get::<AcmeError>();
        assert_eq!(
            typed.map(|error| error.0.as_str()),
            strict.then_some("Err(Encoded)")
        );
        let read = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(read, gzip);
    }
}
