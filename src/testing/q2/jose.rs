//! Signed and encrypted texts: JWS and JWE, compact.
//!
//! Written out by hand, as most of what is needed is what no library would make: forgeries.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    hmac, rand,
    rsa::{OAEP_SHA1_MGF1SHA1, OaepPublicEncryptingKey, PublicEncryptingKey},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::key::RsaKey;

/// To whom events are encrypted.
#[derive(Clone)]
pub(super) struct Recipient {
    kid: String,
    /// X.509 SubjectPublicKeyInfo.
    key: Vec<u8>,
}

pub(super) fn base64(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// Returns a JWS of `claims` with RS256, whatever its header says.
pub(super) fn rs256(key: &RsaKey, header: &Value, claims: &Value) -> String {
    signed(header, claims, |text| key.sign(text))
}

/// Returns a JWS of `claims` with HS256, whatever its header says.
pub(super) fn hs256(secret: &[u8], header: &Value, claims: &Value) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    signed(header, claims, |text| {
        hmac::sign(&key, text).as_ref().to_vec()
    })
}

/// Returns a JWS of `claims` whose signature `sign` makes of header and claims.
pub(super) fn signed(header: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let text = format!(
        "{}.{}",
        base64(header.to_string()),
        base64(claims.to_string())
    );
    let signature = base64(sign(text.as_bytes()));
    format!("{text}.{signature}")
}

// === impl Recipient ===

impl Recipient {
    /// Creates a recipient, or returns `None` if the key is no RSA key in DER.
    pub(super) fn new(kid: String, key: &[u8]) -> Option<Self> {
        PublicEncryptingKey::from_der(key).ok()?;
        let key = key.to_vec();
        Some(Self { kid, key })
    }

    /// Returns a JWE of `plain` with RSA-OAEP and A256GCM.
    pub(super) fn encrypt(&self, plain: &[u8]) -> String {
        let header = json!({ "alg": "RSA-OAEP", "enc": "A256GCM", "kid": self.kid });
        let header = base64(header.to_string());
        let content_key = random::<32>();
        let nonce = random::<12>();
        let encrypted_key = self.wrap(&content_key);

        let mut text = plain.to_vec();
        let tag = LessSafeKey::new(
            UnboundKey::new(&AES_256_GCM, &content_key).expect("the key is 256 bits long"),
        )
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(header.as_bytes()),
            &mut text,
        )
        .expect("an event is far shorter than AES-GCM allows");
        let parts = [encrypted_key, nonce.to_vec(), text, tag.as_ref().to_vec()].map(base64);
        format!("{header}.{}", parts.join("."))
    }

    fn wrap(&self, content_key: &[u8]) -> Vec<u8> {
        let key = PublicEncryptingKey::from_der(&self.key)
            .and_then(|key| OaepPublicEncryptingKey::new(key).map_err(Into::into))
            .expect("the key was looked at when it was given");
        let mut wrapped = vec![0; key.ciphertext_size()];
        key.encrypt(&OAEP_SHA1_MGF1SHA1, content_key, &mut wrapped, None)
            .expect("a key of 2048 bits or more takes 32 bytes");
        wrapped
    }
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}
