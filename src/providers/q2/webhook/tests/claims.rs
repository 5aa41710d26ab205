//! What a signature says about itself, and what it must not decide.

use std::time::Duration;

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use serde_json::json;

use super::*;

const NOW: i64 = 1_767_225_600;

struct Signer {
    pair: RsaKeyPair,
    /// Its public half, as a JWK.
    public: Value,
}

fn signer(kid: &str) -> Signer {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let public = json!({
        "kty": "RSA", "use": "enc", "kid": kid, "x5c": "a text, as the vendor shows it",
        "n": part(pair.public_key().modulus().big_endian_without_leading_zero()),
        "e": part(pair.public_key().exponent().big_endian_without_leading_zero()),
    });
    Signer { pair, public }
}

/// What is signed: the header and the claims.
fn input(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

impl Signer {
    /// Signs with RS256, whatever the header says.
    fn sign(&self, header: Value, claims: &Value) -> String {
        let input = input(&header, claims);
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let random = SystemRandom::new();
        self.pair
            .sign(&RSA_PKCS1_SHA256, &random, input.as_bytes(), &mut signature)
            .unwrap();
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn keys(&self) -> KeySet {
        KeySet::parse(json!({"keys": [self.public]}).to_string().as_bytes()).unwrap()
    }
}

fn check(rules: &Rules, token: &str, keys: &KeySet) -> Result<(), SignatureError> {
    let (token, kid) = rules.read(token)?;
    let now = i128::from(NOW) * 1_000_000_000;
    rules.verify(&token, kid.as_deref(), keys, now)
}

#[test]
fn claims_are_looked_at_where_they_are_there_or_asked_for() {
    use SignatureError::{Audience, Claims, Early, Expired, Issuer};

    let signer = signer("k1");
    let keys = signer.keys();
    let plain = Rules::default();
    let strict = Rules {
        issuer: Some("q2".into()),
        audience: Some("us".into()),
        max_age: Some(Duration::from_secs(300)),
        ..Rules::default()
    };
    let good = json!({"iss": "q2", "aud": "us", "iat": NOW});
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims
    };
    let without = |name: &str| {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(name);
        claims
    };
    for (claims, by_plain, by_strict) in [
        (json!({}), Ok(()), Err(Issuer)),
        (good.clone(), Ok(()), Ok(())),
        (with("aud", json!(["them", "us"])), Ok(()), Ok(())),
        (with("iss", json!("q3")), Ok(()), Err(Issuer)),
        (with("aud", json!("them")), Ok(()), Err(Audience)),
        (with("aud", json!([])), Ok(()), Err(Audience)),
        (without("iss"), Ok(()), Err(Issuer)),
        (without("aud"), Ok(()), Err(Audience)),
        (without("iat"), Ok(()), Err(Claims)),
        (with("exp", json!(NOW + 1)), Ok(()), Ok(())),
        (with("exp", json!(NOW as f64 + 0.5)), Ok(()), Ok(())),
        (with("exp", json!(NOW - 59)), Ok(()), Ok(())),
        (with("exp", json!(NOW - 60)), Err(Expired), Err(Expired)),
        (with("exp", json!(-1)), Err(Expired), Err(Expired)),
        (with("exp", json!(1e300)), Err(Claims), Err(Claims)),
        (with("exp", json!("soon")), Err(Claims), Err(Claims)),
        (with("nbf", json!(NOW + 60)), Ok(()), Ok(())),
        (with("nbf", json!(NOW + 61)), Err(Early), Err(Early)),
        (with("iat", json!(NOW + 61)), Err(Early), Err(Early)),
        (with("iat", json!(NOW - 360)), Ok(()), Ok(())),
        (with("iat", json!(NOW - 361)), Ok(()), Err(Expired)),
    ] {
        let token = signer.sign(json!({"alg": "RS256", "kid": "k1"}), &claims);
        assert_eq!(check(&plain, &token, &keys), by_plain, "{claims}");
        assert_eq!(check(&strict, &token, &keys), by_strict, "{claims}");
    }
}

#[test]
fn a_token_does_not_choose_how_it_is_checked() {
    use SignatureError::{Algorithm, Critical, Malformed, UnknownKey, Wrong};

    let (signer, forger) = (signer("k1"), signer("k1"));
    let keys = signer.keys();
    let rules = Rules::default();
    let claims = json!({"iss": "q2"});
    let header = |more: Value| {
        let mut header = json!({"alg": "RS256", "kid": "k1"});
        header
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        header
    };
    // HS256 with the public key for a secret, as a receiver that reads `alg` would take it.
    let secret = hmac::Key::new(hmac::HMAC_SHA256, signer.public.to_string().as_bytes());
    let hmac_input = input(&json!({"alg": "HS256", "kid": "k1"}), &claims);
    let tag = hmac::sign(&secret, hmac_input.as_bytes());
    let hmac = format!("{hmac_input}.{}", URL_SAFE_NO_PAD.encode(tag));
    let good = signer.sign(header(json!({})), &claims);
    let (_, rest) = good.split_once('.').unwrap();
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","kid":"k1"}"#);
    let twice = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","alg":"none","kid":"k1"}"#);
    let embedded = json!({"jwk": forger.public, "jku": "https://evil.example/keys"});

    for (token, expected) in [
        (good.clone(), Ok(())),
        (signer.sign(json!({"alg": "RS256"}), &claims), Ok(())),
        (hmac, Err(Algorithm)),
        (
            signer.sign(header(json!({"alg": "RS384"})), &claims),
            Err(Algorithm),
        ),
        (format!("{none}.{rest}"), Err(Algorithm)),
        (
            format!("{none}.{}.", rest.split_once('.').unwrap().0),
            Err(Algorithm),
        ),
        (format!("{twice}.{rest}"), Err(Malformed)),
        (forger.sign(header(json!({})), &claims), Err(Wrong)),
        (forger.sign(header(embedded), &claims), Err(Wrong)),
        (
            signer.sign(header(json!({"kid": "k2"})), &claims),
            Err(UnknownKey),
        ),
        (
            signer.sign(header(json!({"crit": ["exp"]})), &claims),
            Err(Critical),
        ),
        (format!("{good}."), Err(Malformed)),
        (format!(".{good}"), Err(Malformed)),
        (good.replace('.', ""), Err(Malformed)),
        (String::new(), Err(Malformed)),
        (format!("{good}{}", "A".repeat(8192)), Err(Malformed)),
    ] {
        assert_eq!(check(&rules, &token, &keys), expected, "{token}");
    }
}

#[test]
fn the_set_of_keys_is_read_leniently_and_never_ambiguously() {
    let (one, two) = (signer("k1"), signer("k2"));
    let token = one.sign(json!({"alg": "RS256", "kid": "k1"}), &json!({}));
    let mut other = two.public.clone();
    other["kid"] = "k1".into();
    let mut for_others = one.public.clone();
    for_others["alg"] = "RSA-OAEP".into();
    let mut same = one.public.clone();
    same["use"] = "sig".into();
    let odd = json!({"kty": "oct", "k": "AAAA", "kid": "k1"});
    for (set, expected) in [
        (json!({"keys": [one.public, two.public]}), Some(Ok(()))),
        (
            json!({"keys": [two.public, one.public, odd, 7]}),
            Some(Ok(())),
        ),
        (one.public.clone(), Some(Ok(()))),
        // The same key twice is one key; two of one name are none.
        (json!({"keys": [one.public, same]}), Some(Ok(()))),
        (json!({"keys": [one.public, other]}), None),
        (
            json!({"keys": [two.public]}),
            Some(Err(SignatureError::UnknownKey)),
        ),
        (
            json!({"keys": [for_others]}),
            Some(Err(SignatureError::UnknownKey)),
        ),
        (json!({"keys": [odd]}), None),
        (json!({"keys": []}), None),
        (json!({}), None),
    ] {
        let keys = KeySet::parse(set.to_string().as_bytes());
        let found = keys
            .ok()
            .map(|keys| check(&Rules::default(), &token, &keys));
        assert_eq!(found, expected, "{set}");
    }
    assert!(KeySet::parse(b"<html>").is_err());
}
