//! Signatures and encrypted events from somebody who has no key.
#![no_main]

use std::sync::OnceLock;

use bytes::Bytes;
use http::{HeaderValue, Request};
use http_body_util::Full;
use libfuzzer_sys::fuzz_target;
use tower::ServiceExt;
use tower_reauth::providers::q2::Webhook;
use tower_reauth_fuzz::{block_on, q2};

/// An RSA key of RFC 7520, section 3.3: its other half is not here.
const KEYS: &str = include_str!("../seeds/q2_keys/rfc7520.json");

fn webhook() -> &'static Webhook {
    static WEBHOOK: OnceLock<Webhook> = OnceLock::new();
    WEBHOOK.get_or_init(|| {
        let q2 = q2();
        let webhook = q2.webhook().public_keys(KEYS).build();
        webhook.expect("the settings are right")
    })
}

fuzz_target!(|data: &[u8]| {
    let end = data.iter().position(|byte| *byte == b'\n');
    let (signature, body) = data.split_at(end.unwrap_or(data.len()));
    let Ok(signature) = HeaderValue::from_bytes(signature) else {
        return;
    };
    let mut request = Request::new(Full::new(Bytes::copy_from_slice(body)));
    *request.method_mut() = http::Method::POST;
    request.headers_mut().insert("signature", signature);
    let Ok(response) = block_on(webhook().clone().oneshot(request));
    assert!(response.status().is_client_error(), "{}", response.status());
});
