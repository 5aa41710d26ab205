//! The layers that providers bring, called directly.

use std::sync::LazyLock;

use aws_lc_rs::{encoding::AsDer, rsa::KeySize, signature::RsaKeyPair};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer, limit::ConcurrencyLimit, util::BoxCloneSyncService};
use tower_reauth::{
    BoxError,
    providers::{
        fintiv::{Fintiv, TokenPlacement},
        my2n::My2n,
        q2::{Q2, SigningKey},
    },
};

use crate::{
    calls::{Case, World, status},
    sweep::{Body, Log, answer, limited, server},
};

type Answer = Response<Full<Bytes>>;
type Client = BoxCloneSyncService<Request<Body>, Answer, BoxError>;

/// What a layer makes of a server that takes one call at a time. Sign-ins go to the same server,
/// past its limit.
fn world<L>(
    answer: fn(&Request<()>, usize) -> Answer,
    layer: impl FnOnce(Client) -> L,
) -> World<L::Service>
where
    L: Layer<ConcurrencyLimit<Client>>,
{
    let log = Log::default();
    let client = Client::new(server(&log, answer));
    let (limited, permits) = limited(client.clone());
    World {
        service: layer(client).layer(limited),
        log,
        permits: vec![permits],
    }
}

#[tokio::test(start_paused = true)]
async fn fintiv_with_the_token_in_the_body() {
    let api = |request: &Request<()>, before: usize| -> Answer {
        match request.uri().path() {
            // The first token is refused, in its way.
            "/auth/call" if before == 0 => {
                answer(200, r#"{"contextResponse":{"statusCode":"SECURITY"}}"#)
            }
            _ => answer(
                200,
                r#"{"contextResponse":{"statusCode":"SUCCESS","token":"t"}}"#,
            ),
        }
    };
    let stack = |client| {
        let fintiv = Fintiv::builder(client, "https://api.example.com/auth")
            .api_key("key")
            .tenant("tenant")
            .credentials("user@example.com", "Secret123")
            .token_placement(TokenPlacement::body())
            .build()
            .unwrap();
        fintiv.layer(&fintiv.session().build().unwrap())
    };
    let case = Case {
        make: || world(api, stack),
        request: || {
            let request = Request::post("https://api.example.com/auth/call")
                .header("content-type", "application/json");
            request.body(Full::new(Bytes::from("{}"))).unwrap()
        },
        told: status,
        once: &["/auth/signon"],
    };
    // A sign-on, a call, another sign-on and the call again.
    let polls = case.holds("200").await;
    assert!(polls > 3 * 4, "{polls}");
}

#[tokio::test(start_paused = true)]
async fn q2_signs_and_sends() {
    static KEY: LazyLock<SigningKey> = LazyLock::new(|| {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let text = STANDARD.encode(pair.as_der().unwrap().as_ref());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
        SigningKey::from_pem(pem).unwrap()
    });
    let signed = |request: &Request<()>, _: usize| -> Answer {
        let is_signed = request.headers().contains_key("signature");
        answer(if is_signed { 200 } else { 400 }, "{}")
    };
    let layer = |client| {
        let q2 = Q2::builder(client, "https://api.q2open.io/v1")
            .api_key("key")
            .signing_key(KEY.clone());
        q2.build().unwrap().signing_layer()
    };
    let case = Case {
        make: || world(signed, layer),
        request: || {
            let request = Request::get("https://api.q2open.io/v1/company/search?q=x");
            request.body(Body::from("")).unwrap()
        },
        told: status,
        once: &[],
    };
    assert!(case.holds("200").await > 3);
}

#[tokio::test(start_paused = true)]
async fn my2n_answers_the_login_of_a_program() {
    const LOGIN: &str = "/middleware/api/partner/v1/auth";
    let api = |_: &Request<()>, _: usize| answer(200, r#"{"accessToken":"t"}"#);
    let layer = |client| {
        let base = "https://my2n.com/middleware/api/partner/v1";
        My2n::builder(client, base).drop_in().unwrap()
    };
    let case = Case {
        make: || world(api, layer),
        request: || {
            let request = Request::post(format!("https://my2n.com{LOGIN}"));
            let login = r#"{"username":"me","password":"Secret123"}"#;
            request.body(Full::new(Bytes::from(login))).unwrap()
        },
        told: status,
        once: &[LOGIN],
    };
    assert!(case.holds("200").await > 3);
}
