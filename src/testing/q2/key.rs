//! RSA keys that are made for a test.

use std::fmt;

use aws_lc_rs::{
    digest,
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};

/// An RSA key of 2048 bits that lives as long as a test does.
///
/// Give its public half to the [`Builder`](super::Builder), and its private half to the client:
/// to [sign requests](super::Builder::request_signing), or to
/// [read encrypted events](super::Builder::encrypt_events).
///
/// # Example
///
/// ```
/// use tower_reauth::testing::q2::RsaKey;
///
/// let key = RsaKey::generate();
/// assert!(key.public_pem().starts_with("-----BEGIN PUBLIC KEY-----\n"));
/// assert!(key.private_pem().starts_with("-----BEGIN PRIVATE KEY-----\n"));
/// ```
pub struct RsaKey {
    pair: KeyPair,
    /// X.509 SubjectPublicKeyInfo.
    public: Vec<u8>,
}

impl RsaKey {
    /// Makes a key. That takes some tens of milliseconds.
    ///
    /// # Panics
    ///
    /// Panics if the operating system gives no random bytes.
    #[must_use]
    pub fn generate() -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("random bytes are all it takes");
        let public: PublicKeyX509Der<'_> = as_der(pair.public_key());
        let public = public.as_ref().to_vec();
        Self { pair, public }
    }

    /// Returns the public half as X.509 SubjectPublicKeyInfo in DER.
    #[must_use]
    pub fn public_der(&self) -> &[u8] {
        &self.public
    }

    /// Returns the public half as X.509 SubjectPublicKeyInfo in PEM.
    #[must_use]
    pub fn public_pem(&self) -> String {
        pem("PUBLIC KEY", &self.public)
    }

    /// Returns the private half as PKCS #8 in DER.
    #[must_use]
    pub fn private_der(&self) -> Vec<u8> {
        let private: Pkcs8V1Der<'_> = as_der(&self.pair);
        private.as_ref().to_vec()
    }

    /// Returns the private half as PKCS #8 in PEM.
    #[must_use]
    pub fn private_pem(&self) -> String {
        pem("PRIVATE KEY", &self.private_der())
    }

    /// Returns the public half as a JSON Web Key without a name: `kty`, `n` and `e`.
    #[must_use]
    pub fn public_jwk(&self) -> String {
        self.jwk().to_string()
    }

    pub(super) fn jwk(&self) -> Value {
        let (modulus, exponent) = self.numbers();
        let text = |bytes: Vec<u8>| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        json!({ "kty": "RSA", "n": text(modulus), "e": text(exponent) })
    }

    /// Returns the modulus and the exponent, each big-endian and without leading zeros.
    pub(super) fn numbers(&self) -> (Vec<u8>, Vec<u8>) {
        let public = self.pair.public_key();
        let bytes =
            |number: aws_lc_rs::io::Positive<'_>| number.big_endian_without_leading_zero().to_vec();
        (bytes(public.modulus()), bytes(public.exponent()))
    }

    /// Returns the RSASSA-PKCS1-v1_5 signature with SHA-256.
    pub(super) fn sign(&self, text: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                text,
                &mut signature,
            )
            .expect("the buffer is as long as the modulus");
        signature
    }

    /// Returns what stands in `x5t`. There is no certificate, so it is the thumbprint of the key.
    pub(super) fn thumbprint(&self) -> String {
        let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &self.public);
        BASE64_URL_SAFE_NO_PAD.encode(hash)
    }
}

impl fmt::Debug for RsaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RsaKey").finish_non_exhaustive()
    }
}

fn as_der<D>(key: &impl AsDer<D>) -> D {
    key.as_der()
        .expect("a key that was just made can be written")
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let lines = text.as_bytes().chunks(64);
    let lines = lines.map(|line| std::str::from_utf8(line).expect("base64 is ASCII"));
    let body: String = lines.flat_map(|line| [line, "\n"]).collect();
    format!("-----BEGIN {label}-----\n{body}-----END {label}-----\n")
}
