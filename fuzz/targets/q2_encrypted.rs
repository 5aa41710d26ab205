//! Encrypted events from somebody who has no key.
#![no_main]

use std::sync::OnceLock;

use aws_lc_rs::{
    encoding::AsDer,
    rsa::{KeyPair, KeySize},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{Request, header};
use http_body_util::Full;
use libfuzzer_sys::fuzz_target;
use tower::ServiceExt;
use tower_reauth::providers::q2::{Webhook, webhook::DecryptionKey};
use tower_reauth_fuzz::{block_on, q2};

fn webhook() -> &'static Webhook {
    static WEBHOOK: OnceLock<Webhook> = OnceLock::new();
    WEBHOOK.get_or_init(|| {
        let q2 = q2();
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key");
        let der = pair.as_der().expect("a key in DER");
        let text = BASE64_STANDARD.encode(der.as_ref());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
        let key = DecryptionKey::from_pem(pem).expect("a key in PEM");
        let webhook = q2.webhook().insecure_unverified().decryption_key(key);
        let webhook = webhook.require_encryption().build();
        webhook.expect("the settings are right")
    })
}

fuzz_target!(|data: &[u8]| {
    let request = Request::post("/events")
        .header(header::CONTENT_TYPE, "application/jose+json")
        .body(Full::new(Bytes::copy_from_slice(data)));
    let response = block_on(webhook().clone().oneshot(request.expect("a request")));
    let Ok(response) = response;
    assert!(response.status().is_client_error(), "{}", response.status());
});
