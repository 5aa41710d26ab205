use aws_lc_rs::{rand::SystemRandom, rsa::KeyPair, signature::RSA_PKCS1_SHA256};
use base64::{Engine, prelude::BASE64_STANDARD};
use http::HeaderValue;

use super::*;
use crate::testing::{FakeClock, q2::RsaKey};

const NOW: &str = "2026-01-01T00:00:00.000Z";

/// Signs as the documentation says.
fn sign(key: &RsaKey, text: &str) -> String {
    let pair = KeyPair::from_pkcs8(&key.private_der()).unwrap();
    let mut signature = vec![0; pair.public_modulus_len()];
    let random = SystemRandom::new();
    pair.sign(&RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut signature)
        .unwrap();
    BASE64_STANDARD.encode(signature)
}

#[tokio::test]
async fn once_it_is_on_every_request_is_signed() {
    let key = RsaKey::generate();
    let builder = Simulator::builder()
        .clock(FakeClock::new())
        .request_signing(key.public_der());
    let trio = start(builder).await;
    let post = "POST:/v1/auth";
    let right = sign(&key, &format!("{post}:{KEY}:{NOW}"));
    let of = |text: &str, date: &str| Some(sign(&key, &format!("{text}:{KEY}:{date}")));
    let other = Some(sign(&RsaKey::generate(), &format!("{post}:{KEY}:{NOW}")));
    let iso = "the Date is not in ISO format with milliseconds and Z";
    let wrong = "the Signature is wrong";
    let http = "Thu, 01 Jan 2026 00:00:00 GMT";
    let early = "2025-12-31T23:54:59.999Z";
    let late = "2026-01-01T00:05:00.001Z";
    for (date, signature, sentence) in [
        (
            None,
            Some(right.clone()),
            "there is not one Date, as signed requests have it",
        ),
        (Some(NOW), None, "there is not one Signature"),
        (
            Some(NOW),
            Some("!".to_owned()),
            "the Signature is not base64",
        ),
        (Some(NOW), other, wrong),
        (Some(NOW), of("GET:/v1/auth", NOW), wrong),
        (Some(NOW), of("post:/v1/auth", NOW), wrong),
        (Some(NOW), of("POST:/auth", NOW), wrong),
        (
            Some(NOW),
            Some(sign(&key, &format!("{post}:other:{NOW}"))),
            wrong,
        ),
        (Some("2026-01-01T00:00:01.000Z"), Some(right.clone()), wrong),
        (Some(http), of(post, http), iso),
        (
            Some("2026-01-01T00:00:00Z"),
            of(post, "2026-01-01T00:00:00Z"),
            iso,
        ),
        (Some(early), of(post, early), "the Date is too far from now"),
        (Some(late), of(post, late), "the Date is too far from now"),
    ] {
        let before = trio.counts();
        let mut request = trio.request(Method::POST, "/auth", &create("test"));
        let headers = request.headers_mut();
        for (name, value) in [("date", date), ("signature", signature.as_deref())] {
            if let Some(value) = value {
                headers.insert(name, HeaderValue::from_str(value).unwrap());
            }
        }
        assert_eq!(trio.send(request).await.status, 401, "{sentence}");
        let told = trio.server.violations().pop().unwrap();
        assert_eq!(told, format!("create auth: {sentence}"));
        assert_eq!(trio.counts().violations, before.violations + 1);
    }
    for name in ["date", "signature"] {
        let mut request = trio.request(Method::POST, "/auth", &create("test"));
        let headers = request.headers_mut();
        for (name, value) in [("date", NOW), ("signature", &*right)] {
            headers.insert(name, HeaderValue::from_str(value).unwrap());
        }
        let again = headers[name].clone();
        headers.append(name, again);
        assert_eq!(trio.send(request).await.status, 401, "{name} twice");
    }
    assert_eq!(trio.counts().creates_ok, 0);

    for (method, path, body) in [
        (Method::POST, "/auth", create("test")),
        (Method::GET, "/x?y=z&a=%20", Value::Null),
    ] {
        let mut request = trio.request(method.clone(), path, &body);
        let signature = of(&format!("{method}:/v1{path}"), NOW).unwrap();
        let headers = request.headers_mut();
        headers.insert("date", HeaderValue::from_static(NOW));
        headers.insert("signature", HeaderValue::from_str(&signature).unwrap());
        assert_eq!(trio.send(request).await.status, 200);
    }
}

#[tokio::test]
#[should_panic(expected = "the key is an RSA key")]
async fn requests_are_signed_with_an_rsa_key() {
    let _ = Simulator::builder().request_signing(b"no key");
}
