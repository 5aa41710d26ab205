use std::time::Duration;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    rsa::{OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, PrivateDecryptingKey},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, errors::ErrorKind};

use rustls_pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer, pem::PemObject};

use super::*;
use crate::testing::{
    FakeClock,
    q2::{Delivery, Event, Forgery, RsaKey, Signature},
};

const AUDIENCE: &str = "https://me.example/hooks";
const ISSUER: &str = "https://api.q2open.io";

fn signed() -> Builder {
    Simulator::builder().sign_events(Signature::new().audience(AUDIENCE))
}

async fn keys(trio: &Trio) -> Vec<Value> {
    let keys = trio.get("/partner/public-keys").await.json();
    keys["keys"].as_array().unwrap().clone()
}

fn validation() -> Validation {
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&[AUDIENCE]);
    validation.set_issuer(&[ISSUER]);
    validation.leeway = 0;
    validation
}

/// Verifies a JWT as a careful receiver does.
fn verify(jwt: &str, keys: &[Value]) -> Result<Value, ErrorKind> {
    let header = decode_header(jwt).map_err(|error| error.into_kind())?;
    let key = keys
        .iter()
        .find(|key| key["kid"] == header.kid.as_deref().unwrap());
    let key = key.ok_or(ErrorKind::InvalidSignature)?;
    let (n, e) = (key["n"].as_str().unwrap(), key["e"].as_str().unwrap());
    let key = DecodingKey::from_rsa_components(n, e).unwrap();
    let claims = decode::<Value>(jwt, &key, &validation());
    claims
        .map(|data| data.claims)
        .map_err(|error| error.into_kind())
}

/// Delivers an event and returns its `signature`.
async fn signature(trio: &Trio, forgery: Option<Forgery>) -> Option<String> {
    let event = Event::new("auth.success");
    let status = match forgery {
        None => trio.server.deliver(&event).await,
        Some(forgery) => trio.server.deliver_forged(&event, forgery).await,
    };
    assert_eq!(status, Some(204));
    let (headers, _) = trio.webhook.received().pop().unwrap();
    let jwt = headers.get("signature")?;
    Some(jwt.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn events_are_signed_with_the_published_key() {
    let trio = start(signed()).await;
    let keys = keys(&trio).await;
    assert_eq!(keys.len(), 1);
    let key = &keys[0];
    assert_eq!((&key["kty"], &key["use"]), (&json!("RSA"), &json!("enc")));
    assert_eq!(key["e"], "AQAB");
    let jwt = signature(&trio, None).await.unwrap();
    let claims = verify(&jwt, &keys).unwrap();
    let names: Vec<_> = claims.as_object().unwrap().keys().collect();
    assert_eq!(names, ["aud", "exp", "iss"]);
    let header = decode_header(&jwt).unwrap();
    assert_eq!(header.kid.as_deref(), key["kid"].as_str());
    assert_eq!(header.x5t.as_deref(), key["x5t"].as_str());
    assert_eq!(header.typ.as_deref(), Some("JWT"));
    trio.assert_clean();
}

#[tokio::test]
async fn the_signature_is_as_the_settings_say() {
    let clock = FakeClock::new();
    let signature = Signature::new()
        .header("x-signed")
        .issuer("me")
        .lifetime(Duration::from_secs(60));
    let bare = Signature::new().without_issuer().without_expiry();
    for (signature, name, claims) in [
        (
            signature,
            "x-signed",
            json!({ "iss": "me", "exp": 1_767_225_660 }),
        ),
        (bare, "signature", json!({})),
    ] {
        let builder = Simulator::builder().sign_events(signature);
        let trio = start(builder.clock(clock.clone())).await;
        trio.server.deliver(&Event::new("auth.success")).await;
        let (headers, _) = &trio.webhook.received()[0];
        let jwt = headers[name].to_str().unwrap();
        let told = jwt.split('.').nth(1).unwrap();
        let told = BASE64_URL_SAFE_NO_PAD.decode(told).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&told).unwrap(), claims);
    }
}

#[tokio::test]
async fn keys_are_had_one_by_one() {
    let trio = start(signed()).await;
    trio.server.rotate_keys();
    let keys = keys(&trio).await;
    assert_eq!(keys.len(), 2);
    let latest = trio.get("/partner/public-keys/latest").await.json();
    assert_eq!(latest, keys[1]);
    for key in &keys {
        let path = format!("/partner/public-keys/{}", key["kid"].as_str().unwrap());
        assert_eq!(&trio.get(&path).await.json(), key);
    }
    let unknown = trio.get("/partner/public-keys/unknown").await;
    assert_eq!(unknown.status, 404);
    let counts = trio.counts();
    assert_eq!((counts.key_fetches, counts.key_fetches_ok), (5, 4));
    trio.assert_clean();

    let trio = start_default().await;
    assert_eq!(
        trio.get("/partner/public-keys/latest").await.status,
        404,
        "nothing is signed, and so there is no key"
    );
}

#[tokio::test]
async fn the_older_of_two_keys_signs() {
    let trio = start(signed()).await;
    let first = keys(&trio).await;
    trio.server.rotate_keys();
    let both = keys(&trio).await;
    assert_eq!(both[0], first[0]);
    let jwt = signature(&trio, None).await.unwrap();
    assert!(verify(&jwt, &both[..1]).is_ok());

    trio.server.rotate_keys();
    let next = keys(&trio).await;
    assert_eq!((next.len(), &next[0]), (2, &both[1]));
    let jwt = signature(&trio, None).await.unwrap();
    assert!(verify(&jwt, &next[..1]).is_ok());

    for _ in 0..2 {
        trio.server.retire_key();
        assert_eq!(keys(&trio).await, next[1..]);
    }
    let jwt = signature(&trio, None).await.unwrap();
    assert!(verify(&jwt, &next[1..]).is_ok());
}

#[tokio::test]
async fn every_forgery_is_refused_by_a_careful_receiver() {
    let trio = start(signed()).await;
    let keys = keys(&trio).await;
    for forgery in Forgery::ALL {
        let Some(jwt) = signature(&trio, Some(forgery)).await else {
            assert_eq!(forgery, Forgery::Missing);
            continue;
        };
        let refused = verify(&jwt, &keys).expect_err(&format!("{forgery:?}"));
        let right = match forgery {
            Forgery::Expired => refused == ErrorKind::ExpiredSignature,
            Forgery::WrongAudience => refused == ErrorKind::InvalidAudience,
            Forgery::WrongIssuer => refused == ErrorKind::InvalidIssuer,
            // `none` is none of the algorithms it knows.
            Forgery::AlgNone => matches!(refused, ErrorKind::Json(_)),
            Forgery::HmacOfDer | Forgery::HmacOfPem | Forgery::HmacOfModulus => {
                refused == ErrorKind::InvalidAlgorithm
            }
            _ => refused == ErrorKind::InvalidSignature,
        };
        assert!(right, "{forgery:?}: {refused:?}");
    }
    let counts = trio.counts();
    assert_eq!((counts.forged, counts.deliveries), (14, 14));
    // Of which this receiver, which takes everything, took all.
    assert_eq!((counts.forged_accepted, counts.violations), (14, 14));
    assert_eq!(counts.delivered, 0);
    assert_eq!(
        trio.server.violations()[0],
        "webhook: a forged event is accepted (Missing)"
    );
}

/// Every forgery but those whose claims are wrong would pass with the key that it is made for.
#[tokio::test]
async fn forgeries_are_good_ones() {
    let trio = start(signed()).await;
    let key = &keys(&trio).await[0];
    let modulus = BASE64_URL_SAFE_NO_PAD.decode(key["n"].as_str().unwrap());
    let jwt = signature(&trio, Some(Forgery::HmacOfModulus))
        .await
        .unwrap();
    let mut lax = validation();
    lax.algorithms = vec![Algorithm::HS256];
    let secret = DecodingKey::from_secret(&modulus.unwrap());
    assert!(decode::<Value>(&jwt, &secret, &lax).is_ok());

    let jwt = signature(&trio, Some(Forgery::EmbeddedJwk)).await.unwrap();
    let mut header = decode_header(&jwt).unwrap();
    assert_eq!(header.kid.as_deref(), key["kid"].as_str());
    let jwk = header.jwk.take().unwrap();
    let own = DecodingKey::from_jwk(&jwk).unwrap();
    assert!(decode::<Value>(&jwt, &own, &validation()).is_ok());

    let jwt = signature(&trio, Some(Forgery::KeyUrl)).await.unwrap();
    let header = decode_header(&jwt).unwrap();
    let url = trio.server.base_url().replace("/v1", "/forged-keys");
    assert_eq!(header.jku.as_deref(), Some(&*url));
    assert_eq!(header.x5u.as_deref(), Some(&*url));

    let jwt = signature(&trio, Some(Forgery::UnknownKid)).await.unwrap();
    assert_ne!(
        decode_header(&jwt).unwrap().kid.as_deref(),
        key["kid"].as_str()
    );
}

#[tokio::test]
async fn a_forged_event_comes_before_the_genuine_one() {
    let trio = start(signed().created_events(false)).await;
    let forged = Delivery::Forged(Forgery::WrongKey);
    trio.server.script("auth.success", forged);
    trio.webhook.inject(Fault::Status(401));
    trio.create("test").await;
    let events = trio.events(2, "auth.success").await;
    assert_eq!(events.len(), 1);
    let delivered = trio.server.deliveries();
    assert_eq!(delivered[0].forgery, Some(Forgery::WrongKey));
    assert_eq!(delivered[0].status, Some(401));
    assert_eq!(delivered[1].forgery, None);
    assert_eq!(delivered[0].id, delivered[1].id);
    let counts = trio.counts();
    assert_eq!((counts.forged, counts.forged_accepted), (1, 0));
    assert_eq!((counts.delivered, counts.refused_deliveries), (1, 0));
    trio.assert_clean();
}

#[tokio::test]
#[should_panic(expected = "events are not signed: see `sign_events`")]
async fn what_is_not_signed_cannot_be_forged() {
    let trio = start_default().await;
    let forged = Delivery::Forged(Forgery::AlgNone);
    trio.server.script("auth.success", forged);
}

#[tokio::test]
async fn events_are_encrypted_to_the_receiver() {
    let key = RsaKey::generate();
    let trio = start(signed().encrypt_events("the-key", key.public_der())).await;
    let event = Event::new("auth.success").client("me");
    for _ in 0..2 {
        assert_eq!(trio.server.deliver(&event).await, Some(204));
    }
    let received = trio.webhook.received();
    assert_ne!(received[0].1, received[1].1);
    let keys = keys(&trio).await;
    for (headers, body) in received {
        assert_eq!(headers["content-type"], "application/jose+json");
        assert!(verify(headers["signature"].to_str().unwrap(), &keys).is_ok());
        let (header, plain) = decrypt(&key, std::str::from_utf8(&body).unwrap());
        let told = json!({ "alg": "RSA-OAEP", "enc": "A256GCM", "kid": "the-key" });
        assert_eq!(header, told);
        assert_eq!(plain["event"]["clientId"], "me");
    }
}

/// Decrypts a JWE as RFC 7516, section 5.2 says.
fn decrypt(key: &RsaKey, jwe: &str) -> (Value, Value) {
    let part = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).unwrap();
    let parts: Vec<_> = jwe.split('.').collect();
    let [header, wrapped, nonce, text, tag] = parts[..] else {
        panic!("a compact JWE has five parts: {jwe}");
    };
    let private = PrivateDecryptingKey::from_pkcs8(&key.private_der()).unwrap();
    let private = OaepPrivateDecryptingKey::new(private).unwrap();
    let mut room = vec![0; private.min_output_size()];
    let wrapped = part(wrapped);
    let content = private.decrypt(&OAEP_SHA1_MGF1SHA1, &wrapped, &mut room, None);
    let content = UnboundKey::new(&AES_256_GCM, content.unwrap()).unwrap();
    let nonce = Nonce::try_assume_unique_for_key(&part(nonce)).unwrap();
    let mut text = [part(text), part(tag)].concat();
    let plain = LessSafeKey::new(content)
        .open_in_place(nonce, Aad::from(header.as_bytes()), &mut text)
        .unwrap();
    let json = |bytes: &[u8]| serde_json::from_slice(bytes).unwrap();
    (json(&part(header)), json(plain))
}

#[tokio::test]
async fn events_carry_a_token_from_the_receivers_own_endpoint() {
    let clock = FakeClock::new();
    let webhook = Webhook::start().await;
    let payload = "grant_type=client_credentials&client_id=q2&client_secret=s3cret";
    let server = Simulator::builder()
        .clock(clock.clone())
        .webhook(webhook.url(HOOK))
        .webhook_oauth(webhook.url(TOKEN), payload)
        .start()
        .await
        .unwrap();
    let event = Event::new("auth.success");
    let bearer = async || {
        assert_eq!(server.deliver(&event).await, Some(204));
        let (headers, _) = webhook.received().pop().unwrap();
        headers["authorization"].to_str().unwrap().to_owned()
    };
    assert_eq!(bearer().await, "Bearer hook-token-1");
    assert_eq!(webhook.inbox.token_requests.lock().unwrap()[0], payload);
    // It is good for 100 s, of which the last 30 are not used.
    clock.advance(Duration::from_secs(69));
    assert_eq!(bearer().await, "Bearer hook-token-1");
    clock.advance(Duration::from_secs(1));
    assert_eq!(bearer().await, "Bearer hook-token-2");

    // What is refused is not sent again.
    webhook.inject(Fault::Status(401));
    assert_eq!(server.deliver(&event).await, Some(401));
    assert_eq!(bearer().await, "Bearer hook-token-3");
    assert_eq!(server.counts().webhook_tokens, 3);

    webhook.inbox.desk.push(TOKEN, Fault::Status(500).into());
    clock.advance(Duration::from_secs(3600));
    assert_eq!(server.deliver(&event).await, None);
    assert_eq!(server.counts().unanswered_deliveries, 1);
}

#[tokio::test]
async fn keys_are_written_in_the_usual_forms() {
    let key = RsaKey::generate();
    let jwk: Value = serde_json::from_str(&key.public_jwk()).unwrap();
    assert_eq!(jwk["kty"], "RSA");
    let public = SubjectPublicKeyInfoDer::from_pem_slice(key.public_pem().as_bytes());
    assert_eq!(&*public.unwrap(), key.public_der());
    let private = PrivatePkcs8KeyDer::from_pem_slice(key.private_pem().as_bytes());
    let private = private.unwrap();
    assert_eq!(private.secret_pkcs8_der(), key.private_der());
    assert_eq!(format!("{key:?}"), "RsaKey { .. }");
}
