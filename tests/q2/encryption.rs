//! Encrypted deliveries.

use std::sync::{Arc, Mutex};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    encoding::AsDer,
    rsa::{OAEP_SHA1_MGF1SHA1, OaepPublicEncryptingKey, PublicEncryptingKey},
    signature::KeyPair,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};
use tower_reauth::providers::q2::{
    Webhook, WebhookBuilder,
    webhook::{DecryptionKey, Refusal},
};

use crate::{
    keys::{Key, NEW, OLD},
    support::*,
};

/// Encrypts as the vendor documents: RSA-OAEP and A256GCM, in the compact form.
fn encrypt(key: &Key, header: &Value, plain: &[u8]) -> String {
    let content_key = [7u8; 32];
    let iv = [9u8; 12];
    let public = key.pair.public_key().as_der().unwrap();
    let public = PublicEncryptingKey::from_der(public.as_ref()).unwrap();
    let public = OaepPublicEncryptingKey::new(public).unwrap();
    let mut encrypted = vec![0; public.ciphertext_size()];
    let encrypted = public
        .encrypt(&OAEP_SHA1_MGF1SHA1, &content_key, &mut encrypted, None)
        .unwrap();
    let head = URL_SAFE_NO_PAD.encode(header.to_string());
    let cipher = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &content_key).unwrap());
    let mut content = plain.to_vec();
    let aad = Aad::from(head.as_bytes());
    let tag = cipher
        .seal_in_place_separate_tag(Nonce::assume_unique_for_key(iv), aad, &mut content)
        .unwrap();
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    [
        head,
        part(encrypted),
        part(&iv),
        part(&content),
        part(tag.as_ref()),
    ]
    .join(".")
}

fn header(kid: &str) -> Value {
    json!({"alg": "RSA-OAEP", "enc": "A256GCM", "kid": kid})
}

fn encrypted(body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::post("/events")
        .header("content-type", "application/jose+json; charset=utf-8")
        .body(Full::new(body.into()))
        .unwrap()
}

type Refusals = Arc<Mutex<Vec<Refusal>>>;

fn receiver(adapt: impl FnOnce(WebhookBuilder) -> WebhookBuilder) -> (Desk, Webhook, Refusals) {
    let desk = desk();
    let refusals = Refusals::default();
    let noted = Arc::clone(&refusals);
    let builder = open(&desk.q2).on_refusal(move |refusal| noted.lock().unwrap().push(refusal));
    let webhook = adapt(builder).build().unwrap();
    (desk, webhook, refusals)
}

fn decryption_key(key: &Key) -> DecryptionKey {
    DecryptionKey::from_pem(key.pem()).unwrap()
}

#[tokio::test]
async fn an_encrypted_event_is_read_with_the_key_it_names() {
    let plain = success().to_string();
    for (keys, is_good) in [
        (vec![decryption_key(&OLD)], true),
        (vec![decryption_key(&NEW), decryption_key(&OLD)], true),
        (
            vec![
                decryption_key(&NEW).named("x"),
                decryption_key(&OLD).named("k-old"),
            ],
            true,
        ),
        (vec![decryption_key(&OLD).named("other")], false),
        (vec![decryption_key(&NEW)], false),
    ] {
        let (desk, webhook, _) = receiver(|builder| {
            keys.iter()
                .fold(builder, |builder, key| builder.decryption_key(key.clone()))
        });
        let body = encrypt(&OLD, &header("k-old"), plain.as_bytes());
        let status = call(&webhook, encrypted(body)).await.status();
        assert_eq!(status, if is_good { 200 } else { 400 });
        assert_eq!(desk.q2.counts().unclaimed, u64::from(is_good));
    }
}

#[tokio::test]
async fn there_is_one_reason_for_all_that_can_be_wrong() {
    let (desk, webhook, refusals) =
        receiver(|builder| builder.decryption_key(decryption_key(&OLD)));
    let good = encrypt(&OLD, &header("k-old"), success().to_string().as_bytes());
    let parts: Vec<_> = good.split('.').collect();
    let with = |index: usize, part: &str| {
        let mut parts = parts.clone();
        parts[index] = part;
        parts.join(".")
    };
    let flipped = |index: usize| {
        let mut bytes = URL_SAFE_NO_PAD.decode(parts[index]).unwrap();
        bytes[0] ^= 1;
        with(index, &URL_SAFE_NO_PAD.encode(bytes))
    };
    let short_tag = URL_SAFE_NO_PAD.encode(&URL_SAFE_NO_PAD.decode(parts[4]).unwrap()[..12]);
    for body in [
        String::new(),
        "{}".into(),
        success().to_string(),
        parts[..4].join("."),
        format!("{good}."),
        flipped(1),
        flipped(2),
        flipped(3),
        flipped(4),
        with(1, ""),
        with(1, "AAAA"),
        with(2, ""),
        with(2, &URL_SAFE_NO_PAD.encode([9u8; 16])),
        with(4, &short_tag),
        with(4, ""),
        with(3, "!!!!"),
        // Encrypted to somebody else.
        encrypt(&NEW, &header("k-old"), b"{}"),
        // A key of another length inside.
        good.replace('A', "B"),
    ] {
        let answer = call(&webhook, encrypted(body.clone())).await;
        assert_eq!(answer.status(), 400, "{body}");
        let refusal = refusals.lock().unwrap().pop();
        assert_eq!(refusal, Some(Refusal::Undecryptable), "{body}");
    }
    for header in [
        json!({"alg": "RSA1_5", "enc": "A256GCM"}),
        json!({"alg": "RSA-OAEP-256", "enc": "A256GCM"}),
        json!({"alg": "dir", "enc": "A256GCM"}),
        json!({"alg": "RSA-OAEP", "enc": "A128CBC-HS256"}),
        json!({"alg": "RSA-OAEP", "enc": "A256GCM", "zip": "DEF"}),
        json!({"alg": "RSA-OAEP", "enc": "A256GCM", "crit": ["exp"]}),
    ] {
        let body = encrypt(&OLD, &header, b"{}");
        assert_eq!(call(&webhook, encrypted(body)).await.status(), 400);
        let refusal = refusals.lock().unwrap().pop();
        assert_eq!(refusal, Some(Refusal::UnsupportedEncryption), "{header}");
    }
    // Well encrypted, and no event.
    let body = encrypt(&OLD, &header("k-old"), b"{}");
    assert_eq!(call(&webhook, encrypted(body)).await.status(), 400);
    assert_eq!(refusals.lock().unwrap().pop(), Some(Refusal::Malformed));
    assert_eq!(desk.q2.counts().delivered, 0);
    assert_eq!(call(&webhook, encrypted(good)).await.status(), 200);
}

#[tokio::test]
async fn plain_deliveries_are_refused_if_they_must_be_encrypted() {
    let (_desk, webhook, refusals) = receiver(|builder| {
        builder
            .decryption_key(decryption_key(&OLD))
            .require_encryption()
    });
    assert_eq!(send(&webhook, success()).await, 400);
    assert_eq!(refusals.lock().unwrap().pop(), Some(Refusal::NotEncrypted));

    let (_desk, webhook, refusals) = receiver(|builder| builder);
    let body = encrypt(&OLD, &header("k-old"), b"{}");
    assert_eq!(call(&webhook, encrypted(body)).await.status(), 415);
    assert_eq!(
        refusals.lock().unwrap().pop(),
        Some(Refusal::NoDecryptionKey)
    );

    // Both kinds are good where both may come.
    let (desk, webhook, _) = receiver(|builder| builder.decryption_key(decryption_key(&OLD)));
    assert_eq!(send(&webhook, success()).await, 200);
    assert_eq!(desk.q2.counts().unclaimed, 1);
}
