//! JOSE against the vectors of others, and what is particular to us.

mod claims;
mod vectors;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::Value;

use super::{
    DecryptionKey, KeyEncryption, Refusal, SignatureAlgorithm, SignatureError, jwe::Decryptor,
    jwt::Rules, keys::KeySet,
};
use crate::{Error, providers::common::dates};

const ALGORITHMS: [SignatureAlgorithm; 6] = [
    SignatureAlgorithm::Rs256,
    SignatureAlgorithm::Rs384,
    SignatureAlgorithm::Rs512,
    SignatureAlgorithm::Ps256,
    SignatureAlgorithm::Ps384,
    SignatureAlgorithm::Ps512,
];

/// Checks `token` as a receiver does. What is signed need not be claims: then it is refused as such,
/// but only after the signature was found good.
fn verify(rules: &Rules, token: &str, keys: &KeySet) -> Result<(), SignatureError> {
    let now = dates::parse("2026-01-01T00:00:00Z", true).unwrap();
    let (token, kid) = rules.read(token)?;
    match rules.verify(&token, kid.as_deref(), keys, now) {
        Err(SignatureError::Claims) => Ok(()),
        other => other,
    }
}

fn rules(algorithm: SignatureAlgorithm) -> Rules {
    Rules {
        algorithm,
        ..Rules::default()
    }
}

/// Makes PEM of the private RSA key in `jwk`, as RFC 8017 section A.1.2 has it.
fn pem(jwk: &Value) -> String {
    fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = content.len().to_be_bytes();
        let length = &length[content.len().leading_zeros() as usize / 8..];
        let mut der = vec![tag];
        if content.len() >= 128 {
            der.push(0x80 | u8::try_from(length.len()).unwrap());
        }
        der.extend(length);
        der.extend(content);
        der
    }
    let mut content = tagged(2, &[0]);
    for name in ["n", "e", "d", "p", "q", "dp", "dq", "qi"] {
        let number = URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
        // Without needless zeros, and with one where it would be negative.
        let number: Vec<_> = number.into_iter().skip_while(|byte| *byte == 0).collect();
        let sign = if number[0] >= 0x80 { vec![0] } else { vec![] };
        content.extend(tagged(2, &[sign, number].concat()));
    }
    let der = STANDARD.encode(tagged(0x30, &content));
    let lines: Vec<_> = der
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    let lines = lines.join("\n");
    format!("-----BEGIN RSA PRIVATE KEY-----\n{lines}\n-----END RSA PRIVATE KEY-----\n")
}

/// The folder of the vectors, or a loud word that they were left out.
fn folder(name: &str) -> Option<std::path::PathBuf> {
    let Some(root) = std::env::var_os("REAUTH_VECTORS") else {
        eprintln!("LEFT OUT: REAUTH_VECTORS is not set, so {name} was not tested");
        return None;
    };
    Some(std::path::Path::new(&root).join(name))
}

fn read(path: &std::path::Path) -> Value {
    let text = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap()
}

fn key(jwk: &Value) -> Result<DecryptionKey, Error> {
    DecryptionKey::from_pem(pem(jwk))
}

fn decryptor(jwk: &Value, algorithm: KeyEncryption) -> Option<Decryptor> {
    let keys = vec![key(jwk).ok()?];
    Some(Decryptor { keys, algorithm })
}
