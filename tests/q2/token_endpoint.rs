//! The token endpoint for Q2's deliveries.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use secrecy::SecretString;
use serde_json::Value;
use tower::ServiceExt;
use tower_reauth::{providers::q2::webhook::TokenEndpoint, testing::FakeClock};

use crate::support::*;

const SECRET: &str = "s3cret/with+marks=& and:colon";

fn endpoint(clock: &FakeClock) -> TokenEndpoint {
    TokenEndpoint::new("q2", SECRET)
        .unwrap()
        .clock(clock.clone())
}

fn form(body: &str) -> Request<Full<Bytes>> {
    Request::post("/token")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Full::from(body.to_owned()))
        .unwrap()
}

fn with_basic(body: &str, pair: &str) -> Request<Full<Bytes>> {
    let mut request = form(body);
    let value = format!("Basic {}", STANDARD.encode(pair)).parse().unwrap();
    request.headers_mut().insert("authorization", value);
    request
}

async fn ask(endpoint: &TokenEndpoint, request: Request<Full<Bytes>>) -> (Response<()>, Value) {
    let answer = endpoint.clone().oneshot(request).await.unwrap();
    let (head, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let answer = Response::from_parts(head, ());
    (answer, serde_json::from_slice(&body).unwrap())
}

async fn is_good(endpoint: &TokenEndpoint, token: &str) -> bool {
    let token = SecretString::from(token);
    endpoint.clone().oneshot(token).await.unwrap()
}

fn in_form() -> String {
    let secret: String = form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
    format!("grant_type=client_credentials&client_id=q2&client_secret={secret}&scope=x")
}

#[tokio::test]
async fn a_token_is_issued_in_every_usual_way_and_lives_an_hour() {
    let clock = FakeClock::new();
    let endpoint = endpoint(&clock);
    let grant = "grant_type=client_credentials";
    let encoded: String = form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
    for request in [
        form(&in_form()),
        with_basic(grant, &format!("q2:{SECRET}")),
        with_basic(grant, &format!("q2:{encoded}")),
    ] {
        let (answer, body) = ask(&endpoint, request).await;
        assert_eq!(answer.status(), 200, "{body}");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        assert_eq!(answer.headers()["content-type"], "application/json");
        assert_eq!(body["token_type"], "Bearer");
        assert_eq!(body["expires_in"], 3600);
        let token = body["access_token"].as_str().unwrap();
        assert!(token.len() >= 43);
        assert!(is_good(&endpoint, token).await);
        assert!(!is_good(&endpoint, &token[1..]).await);
        clock.advance(Duration::from_secs(3599));
        assert!(is_good(&endpoint, token).await);
        clock.advance(Duration::from_secs(1));
        assert!(!is_good(&endpoint, token).await);
    }
}

#[tokio::test]
async fn refusals_are_those_of_rfc_6749() {
    let endpoint = endpoint(&FakeClock::new());
    let good = in_form();
    let grant = "grant_type=client_credentials";
    for (request, status, error) in [
        (form(grant), 401, "invalid_client"),
        (form(&good.replace("q2", "q3")), 401, "invalid_client"),
        (
            form(&format!("{good}x").replace("&scope=x", "")),
            401,
            "invalid_client",
        ),
        (with_basic(grant, "q2:wrong"), 401, "invalid_client"),
        (with_basic(grant, "no colon"), 401, "invalid_client"),
        (
            form(&good.replace("client_credentials", "password")),
            400,
            "unsupported_grant_type",
        ),
        (
            form(&good.replace("grant_type", "grant")),
            400,
            "invalid_request",
        ),
        (
            form(&format!("{good}&client_id=q2")),
            400,
            "invalid_request",
        ),
        (form(&"x".repeat(20_000)), 400, "invalid_request"),
        (form(""), 401, "invalid_client"),
        (
            Request::get("/token").body(Full::default()).unwrap(),
            405,
            "invalid_request",
        ),
    ] {
        let (answer, body) = ask(&endpoint, request).await;
        assert_eq!(
            (answer.status().as_u16(), &body["error"]),
            (status, &error.into())
        );
        let is_challenged = answer.headers().contains_key("www-authenticate");
        assert_eq!(is_challenged, status == 401);
    }
}

#[tokio::test]
async fn memory_is_bounded_and_a_weak_secret_refused() {
    let endpoint = endpoint(&FakeClock::new());
    let mut tokens = Vec::new();
    for _ in 0..1_100 {
        let (_, body) = ask(&endpoint, form(&in_form())).await;
        tokens.push(body["access_token"].as_str().unwrap().to_owned());
    }
    let mut good = 0;
    for token in &tokens {
        good += usize::from(is_good(&endpoint, token).await);
    }
    assert_eq!(good, 1024);
    assert!(is_good(&endpoint, tokens.last().unwrap()).await);
    assert!(TokenEndpoint::new("q2", "short").is_err());
    assert!(TokenEndpoint::new("", SECRET).is_err());
    assert!(!format!("{endpoint:?}").contains(SECRET));
}

#[tokio::test]
async fn a_receiver_takes_what_it_issued() {
    let endpoint = endpoint(&FakeClock::new());
    let desk = desk();
    let webhook = desk.q2.webhook().bearer(endpoint.clone()).build().unwrap();
    let (_, body) = ask(&endpoint, form(&in_form())).await;
    let token = body["access_token"].as_str().unwrap().to_owned();
    for (token, status) in [(token.as_str(), 200), ("guess", 401)] {
        let request = Request::post("/")
            .header("authorization", format!("Bearer {token}"))
            .body(Full::<Bytes>::from(success().to_string()))
            .unwrap();
        assert_eq!(call(&webhook, request).await.status(), status);
    }
}
