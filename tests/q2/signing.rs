//! The signature on requests.

use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use serde_json::json;
use tokio_test::assert_pending;
use tower::{Layer, ServiceExt};
use tower_reauth::{
    providers::q2::{Q2, SigningKey},
    testing::FakeClock,
};

use crate::{keys::Key, support::*};

fn verify(key: &Key, call: &Call) -> String {
    let date = call.headers["date"].to_str().unwrap().to_owned();
    let path = call.uri.path_and_query().unwrap();
    let text = format!("{}:{path}:{API_KEY}:{date}", call.method);
    let signature = &call.headers["signature"];
    assert!(signature.is_sensitive());
    let signature = STANDARD.decode(signature).unwrap();
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.pair.public_key())
        .verify(text.as_bytes(), &signature)
        .expect("the signature fits");
    date
}

fn signed(clock: &FakeClock) -> (Q2, Client, Server, Key) {
    let key = Key::new("k1");
    let (client, server) = server();
    let q2 = Q2::builder(client.clone(), BASE)
        .api_key(API_KEY)
        .signing_key(SigningKey::from_pem(key.pem()).unwrap())
        .clock(clock.clone())
        .build()
        .unwrap();
    (q2, client, server, key)
}

#[tokio::test]
async fn own_calls_are_signed_each_anew() {
    let clock = FakeClock::new();
    let (q2, _, mut server, key) = signed(&clock);
    let mut task = tokio_test::task::spawn(q2.list_auths("c1"));
    assert_pending!(task.poll());
    let call = server.next().await;
    assert_eq!(verify(&key, &call), "2026-01-01T00:00:00.000Z");
    call.ok(json!({"data": []}));
    assert!(task.poll().is_ready());
    clock.advance(std::time::Duration::from_millis(61_234));
    let mut task = begin(&q2);
    let call = server.next().await;
    assert_eq!(call.method, Method::POST);
    assert_eq!(verify(&key, &call), "2026-01-01T00:01:01.234Z");
    call.status(401, json!({}));
    let std::task::Poll::Ready(Err(error)) = task.poll() else {
        panic!("it is refused");
    };
    assert!(
        error.to_string().contains("this machine's clock"),
        "{error}"
    );
}

#[tokio::test]
async fn plain_calls_are_signed_by_the_layer_and_others_are_left_alone() {
    let clock = FakeClock::new();
    let (q2, client, mut server, key) = signed(&clock);
    let client = q2.signing_layer().layer(client);
    let send = |uri: String| {
        let request = Request::get(uri).body(Full::<Bytes>::default()).unwrap();
        tokio::spawn(client.clone().oneshot(request))
    };
    let task = send(format!("{BASE}/company/search?q=a%20b&x=1"));
    let call = server.next().await;
    verify(&key, &call);
    assert!(call.uri.query().is_some());
    call.ok(json!({}));
    task.await.unwrap().unwrap();

    for elsewhere in [
        "https://elsewhere.example/v1/company",
        "http://api.q2open.io/v1/company",
        "https://api.q2open.io:8443/v1/company",
    ] {
        let task = send(elsewhere.into());
        let call = server.next().await;
        assert!(!call.headers.contains_key("signature"), "{elsewhere}");
        assert!(!call.headers.contains_key("date"), "{elsewhere}");
        call.ok(json!({}));
        task.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn without_a_key_the_layer_does_nothing() {
    let (client, mut server) = server();
    let q2 = Q2::builder(client.clone(), BASE)
        .api_key(API_KEY)
        .build()
        .unwrap();
    let request = Request::get(format!("{BASE}/x"))
        .body(Full::default())
        .unwrap();
    let task = tokio::spawn(q2.signing_layer().layer(client).oneshot(request));
    let call = server.next().await;
    assert!(!call.headers.contains_key("signature"));
    call.ok(json!({}));
    task.await.unwrap().unwrap();
}
