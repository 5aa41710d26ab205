//! Signatures on deliveries, and where their keys come from.

use std::{
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use aws_lc_rs::{
    encoding::AsDer,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use bytes::Bytes;
use http::{HeaderName, Request, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};
use tower::service_fn;
use tower_reauth::{
    BoxError,
    providers::q2::{
        Q2, Webhook, WebhookBuilder,
        webhook::{Refusal, SignatureError},
    },
    testing::FakeClock,
};

use crate::support::*;

/// A key that signs deliveries.
pub(crate) struct Key {
    pub(crate) kid: &'static str,
    pub(crate) pair: RsaKeyPair,
}

impl Key {
    pub(crate) fn new(kid: &'static str) -> Self {
        Self {
            kid,
            pair: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
        }
    }

    pub(crate) fn jwk(&self) -> Value {
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let public = self.pair.public_key();
        json!({
            "kty": "RSA", "use": "enc", "kid": self.kid,
            "n": part(public.modulus().big_endian_without_leading_zero()),
            "e": part(public.exponent().big_endian_without_leading_zero()),
        })
    }

    pub(crate) fn pem(&self) -> String {
        let der = self.pair.as_der().unwrap();
        let text = STANDARD.encode(der.as_ref());
        format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_as(self.kid, claims)
    }

    pub(crate) fn sign_as(&self, kid: &str, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let header = json!({"alg": "RS256", "kid": kid, "x5t": "abc"});
        let input = format!("{}.{}", part(&header), part(claims));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let random = SystemRandom::new();
        self.pair
            .sign(&RSA_PKCS1_SHA256, &random, input.as_bytes(), &mut signature)
            .unwrap();
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// The vendor's two keys.
pub(crate) static OLD: LazyLock<Key> = LazyLock::new(|| Key::new("k-old"));
pub(crate) static NEW: LazyLock<Key> = LazyLock::new(|| Key::new("k-new"));

/// What publishes keys, and counts.
#[derive(Clone)]
struct Publisher {
    keys: Arc<Mutex<Option<Value>>>,
    fetches: Count,
    clock: FakeClock,
}

impl Publisher {
    fn new(keys: &[&Key]) -> Self {
        let publisher = Self {
            keys: Arc::default(),
            fetches: Count::default(),
            clock: FakeClock::new(),
        };
        publisher.publish(keys);
        publisher
    }

    fn publish(&self, keys: &[&Key]) {
        let keys: Vec<_> = keys.iter().map(|key| key.jwk()).collect();
        *self.keys.lock().unwrap() = Some(json!({"keys": keys}));
    }

    fn fail(&self) {
        *self.keys.lock().unwrap() = None;
    }

    fn q2(&self) -> Q2 {
        let publisher = self.clone();
        let client = service_fn(move |request: Request<Full<Bytes>>| {
            let publisher = publisher.clone();
            async move {
                assert_eq!(request.uri().path(), "/v1/partner/public-keys");
                assert_eq!(
                    request.headers()["authorization"],
                    format!("Bearer {API_KEY}")
                );
                publisher.fetches.add();
                tokio::task::yield_now().await;
                let keys = publisher.keys.lock().unwrap().clone();
                let keys = keys.ok_or("the server is down")?;
                Ok::<_, BoxError>(http::Response::new(Full::<Bytes>::from(keys.to_string())))
            }
        });
        Q2::builder(client, BASE)
            .api_key(API_KEY)
            .clock(self.clock.clone())
            .build()
            .unwrap()
    }

    fn webhook(&self) -> Webhook {
        self.q2().webhook().published_keys().build().unwrap()
    }
}

pub(crate) fn signed(token: &str) -> Request<Full<Bytes>> {
    Request::post("/events")
        .header("signature", token)
        .header("content-type", "application/json")
        .body(Full::from(success().to_string()))
        .unwrap()
}

async fn deliver(webhook: &Webhook, token: &str) -> StatusCode {
    call(webhook, signed(token)).await.status()
}

#[tokio::test]
async fn both_published_keys_are_good_and_are_fetched_once() {
    let publisher = Publisher::new(&[&OLD, &NEW]);
    let webhook = publisher.webhook();
    assert_eq!(publisher.fetches.get(), 0);
    for key in [&OLD, &NEW, &OLD] {
        assert_eq!(deliver(&webhook, &key.sign(&json!({}))).await, 200);
    }
    assert_eq!(publisher.fetches.get(), 1);
}

#[tokio::test]
async fn ten_thousand_unknown_names_fetch_the_keys_once_a_minute() {
    let publisher = Publisher::new(&[&OLD]);
    let webhook = publisher.webhook();
    assert_eq!(deliver(&webhook, &OLD.sign(&json!({}))).await, 200);
    // The signature is never looked at, so one will do for all names.
    let token = NEW.sign(&json!({}));
    let rest = token.split_once('.').unwrap().1;
    for number in 0..10_000 {
        let header = json!({"alg": "RS256", "kid": format!("k{number}")}).to_string();
        let token = format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header));
        assert_eq!(deliver(&webhook, &token).await, 401);
        publisher.clock.advance(Duration::from_millis(60));
    }
    // 10 minutes have passed: one fetch at the beginning, and one for each minute.
    assert_eq!(publisher.fetches.get(), 1 + 9);
}

#[tokio::test]
async fn many_at_once_share_one_fetch() {
    let publisher = Publisher::new(&[&OLD]);
    let webhook = publisher.webhook();
    let token = OLD.sign(&json!({}));
    let deliveries = (0..100).map(|_| {
        let (webhook, token) = (webhook.clone(), token.clone());
        tokio::spawn(async move { deliver(&webhook, &token).await })
    });
    for delivery in deliveries.collect::<Vec<_>>() {
        assert_eq!(delivery.await.unwrap(), 200);
    }
    assert_eq!(publisher.fetches.get(), 1);
}

#[tokio::test]
async fn a_key_that_is_new_is_found_and_one_that_was_withdrawn_is_forgotten() {
    let publisher = Publisher::new(&[&OLD]);
    let webhook = publisher.webhook();
    assert_eq!(deliver(&webhook, &OLD.sign(&json!({}))).await, 200);
    publisher.publish(&[&NEW]);
    // Within a minute of the last fetch it is not known yet.
    let token = NEW.sign(&json!({}));
    assert_eq!(deliver(&webhook, &token).await, 401);
    publisher.clock.advance(Duration::from_secs(60));
    assert_eq!(deliver(&webhook, &token).await, 200);
    assert_eq!(publisher.fetches.get(), 2);
    assert_eq!(deliver(&webhook, &OLD.sign(&json!({}))).await, 401);

    // Without any unknown name, a day later.
    publisher.publish(&[&OLD]);
    publisher
        .clock
        .advance(Duration::from_secs(24 * 60 * 60 - 1));
    assert_eq!(deliver(&webhook, &token).await, 200);
    assert_eq!(publisher.fetches.get(), 2);
    publisher.clock.advance(Duration::from_secs(1));
    assert_eq!(deliver(&webhook, &token).await, 401);
    assert_eq!(publisher.fetches.get(), 3);
}

#[tokio::test]
async fn keys_that_cannot_be_had_are_not_held_against_the_sender() {
    let publisher = Publisher::new(&[&OLD]);
    publisher.fail();
    let webhook = publisher.webhook();
    let token = OLD.sign(&json!({}));
    for _ in 0..10 {
        let answer = call(&webhook, signed(&token)).await;
        assert_eq!(answer.status(), 503);
        assert_eq!(answer.headers()["retry-after"], "60");
    }
    assert_eq!(publisher.fetches.get(), 1);
    publisher.publish(&[&OLD]);
    publisher.clock.advance(Duration::from_secs(60));
    assert_eq!(deliver(&webhook, &token).await, 200);
    // Once there, they are used when they cannot be fetched again.
    publisher.fail();
    publisher
        .clock
        .advance(Duration::from_secs(2 * 24 * 60 * 60));
    assert_eq!(deliver(&webhook, &token).await, 200);
    assert_eq!(publisher.fetches.get(), 3);
    assert_eq!(deliver(&webhook, &token).await, 200);
    assert_eq!(publisher.fetches.get(), 3);
}

#[tokio::test]
async fn a_sender_that_hangs_up_does_not_spend_the_fetch() {
    let publisher = Publisher::new(&[&OLD]);
    let webhook = publisher.webhook();
    let token = OLD.sign(&json!({}));
    // Dropped after each number of polls, at a cold start.
    for polls in 1..6 {
        let mut task = tokio_test::task::spawn(call(&webhook, signed(&token)));
        for _ in 0..polls {
            if task.poll().is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(task);
        while publisher.fetches.get() == 0 {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(deliver(&webhook, &token).await, 200);
    assert_eq!(publisher.fetches.get(), 1);
}

/// Answers of a receiver with a key of its own, and why it refused.
fn given(
    adapt: impl FnOnce(WebhookBuilder) -> WebhookBuilder,
) -> (Webhook, Arc<Mutex<Vec<Refusal>>>) {
    let refusals = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&refusals);
    let q2 = Publisher::new(&[]).q2();
    let builder = q2
        .webhook()
        .public_keys(json!({"keys": [OLD.jwk()]}).to_string())
        .on_refusal(move |refusal| noted.lock().unwrap().push(refusal));
    (adapt(builder).build().unwrap(), refusals)
}

#[tokio::test]
async fn a_forged_delivery_is_refused_before_its_body_is_read() {
    /// A body that nobody may touch.
    struct Untouched;
    impl http_body::Body for Untouched {
        type Data = Bytes;
        type Error = BoxError;
        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, BoxError>>> {
            panic!("the body was read");
        }
    }
    let (webhook, refusals) = given(|builder| builder.audience("us"));
    let good = OLD.sign(&json!({"aud": "us"}));
    let tokens = [
        (vec![], Refusal::NoSignature),
        (vec![good.clone(), good.clone()], Refusal::NoSignature),
        (
            vec!["".into()],
            Refusal::Signature(SignatureError::Malformed),
        ),
        (
            vec!["a.b.c".into()],
            Refusal::Signature(SignatureError::Malformed),
        ),
        (
            vec![NEW.sign(&json!({}))],
            Refusal::Signature(SignatureError::UnknownKey),
        ),
        (
            vec![NEW.sign_as(OLD.kid, &json!({"aud": "us"}))],
            Refusal::Signature(SignatureError::Wrong),
        ),
        (
            vec![OLD.sign(&json!({}))],
            Refusal::Signature(SignatureError::Audience),
        ),
        (
            vec![OLD.sign(&json!({"aud": "us", "exp": 1_767_225_000}))],
            Refusal::Signature(SignatureError::Expired),
        ),
    ];
    for (tokens, expected) in tokens {
        let mut request = Request::post("/events");
        for token in &tokens {
            request = request.header("signature", token);
        }
        let answer = call(&webhook, request.body(Untouched).unwrap()).await;
        assert_eq!(answer.status(), 401, "{expected:?}");
        assert!(answer.headers().contains_key("www-authenticate"));
        assert_eq!(refusals.lock().unwrap().pop(), Some(expected));
    }
    assert_eq!(call(&webhook, signed(&good)).await.status(), 200);
}

#[tokio::test]
async fn the_header_can_have_another_name() {
    let name = HeaderName::from_static("x-q2-signature");
    let (webhook, _) = given(|builder| builder.signature_header(name.clone()));
    let token = OLD.sign(&json!({}));
    assert_eq!(deliver(&webhook, &token).await, 401);
    let mut request = signed(&token);
    let value = request.headers_mut().remove("signature").unwrap();
    request.headers_mut().insert(name, value);
    assert_eq!(call(&webhook, request).await.status(), 200);
}

#[tokio::test]
async fn keys_at_another_origin_do_not_get_the_api_key() {
    for (url, has_key) in [
        ("https://keys.example/jwks?tenant=1", false),
        ("http://127.0.0.1:9/jwks", false),
        ("https://api.q2open.io/other/keys", true),
    ] {
        let (client, mut server) = server();
        let q2 = Q2::builder(client, BASE).api_key(API_KEY).build().unwrap();
        let webhook = q2.webhook().published_keys_at(url).build().unwrap();
        let token = OLD.sign(&json!({}));
        let delivery = tokio::spawn(async move { deliver(&webhook, &token).await });
        let call = server.next().await;
        assert_eq!(call.uri.to_string(), url);
        assert_eq!(call.headers.contains_key("authorization"), has_key, "{url}");
        call.ok(json!({"keys": [OLD.jwk()]}));
        assert_eq!(delivery.await.unwrap(), 200);
    }
}
