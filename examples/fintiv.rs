//! Fintiv: an API that answers `200` to what fails as well, behind a client that does not.
//!
//! It talks to a stand-in for the server within this process, which signs on, forgets a token in the
//! middle, and refuses what is not valid:
//!
//! ```sh
//! cargo run --example fintiv
//! ```

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use tower_reauth::{
    BoxError, Event,
    providers::fintiv::{Fintiv, FintivError, TokenPlacement},
    replay::ReplayBody,
};

const BASE: &str = "https://api-dev.fintiv.co:8080/auth";

type Body = ReplayBody<Full<Bytes>>;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let server = Arc::new(Server::default());
    // In its place a program has the client of hyper-util or reqwest.
    let client = {
        let server = Arc::clone(&server);
        service_fn(move |request: Request<Body>| Arc::clone(&server).answer(request))
    };

    let fintiv = Fintiv::builder(client.clone(), BASE)
        .api_key("0a1b2c3d")
        .tenant("JANUS")
        .credentials("cashier", "Secret123")
        // This generation of the API wants the token in the JSON body.
        .token_placement(TokenPlacement::body())
        .build()?;
    let session = fintiv.session().build()?;
    let mut events = session.events();
    let mut client = ServiceBuilder::new()
        .layer(fintiv.layer(&session))
        .service(client);

    for (what, path, body) in [
        (
            "a call that is in order",
            "/validatepin",
            r#"{"pin":"1234"}"#,
        ),
        ("one that is not valid", "/validatepin", r#"{"pin":"12"}"#),
        ("the server forgets the token", "/forget", "{}"),
        (
            "and the next call is sent twice",
            "/validatepin",
            r#"{"pin":"1234"}"#,
        ),
        ("a page from a proxy", "/portal", "{}"),
    ] {
        let sends = server.sends();
        let request = Request::post(format!("{BASE}{path}")).body(Full::from(body))?;
        let response = client.ready().await?.call(request).await?;
        let status = response.status().to_string();
        let error = response.extensions().get::<FintivError>();
        let error = error.map(ToString::to_string).unwrap_or_default();
        // The body is what the server sent, to the last byte.
        response.into_body().collect().await?;
        let sends = server.sends() - sends;
        println!("{what:<32} {status:<24} sent {sends}x  {error}");
    }

    drop((client, session));
    let mut sign_ons = 0;
    while let Some(event) = events.next().await {
        sign_ons += usize::from(matches!(
            event,
            Event::SignedIn { .. } | Event::Renewed { .. }
        ));
    }
    println!("\nsign-ons: {sign_ons}");
    if sign_ons != 2 {
        return Err("there should have been one sign-on, and one more for the lost token".into());
    }
    Ok(())
}

/// A stand-in for the server.
#[derive(Default)]
struct Server {
    sends: AtomicU32,
    sign_ons: AtomicU32,
    /// Tokens up to this number are forgotten.
    forgotten: AtomicU32,
}

impl Server {
    fn sends(&self) -> u32 {
        self.sends.load(Ordering::Relaxed)
    }

    async fn answer(
        self: Arc<Self>,
        request: Request<Body>,
    ) -> Result<Response<Full<Bytes>>, BoxError> {
        let (head, body) = request.into_parts();
        let sent: Value = serde_json::from_slice(&body.collect().await?.to_bytes())?;
        if head
            .headers
            .get("api-key")
            .is_none_or(|key| key != "0a1b2c3d")
        {
            return answer(StatusCode::UNAUTHORIZED, "no valid API key provided");
        }
        if head.uri.path() == "/auth/signon" {
            let number = self.sign_ons.fetch_add(1, Ordering::Relaxed) + 1;
            return success(json!({"token": format!("token-{number}")}));
        }
        self.sends.fetch_add(1, Ordering::Relaxed);
        let token = sent["contextRequest"]["token"].as_str().unwrap_or_default();
        let number: u32 = token
            .strip_prefix("token-")
            .unwrap_or_default()
            .parse()
            .unwrap_or(0);
        match (head.uri.path(), sent["pin"].as_str()) {
            _ if number <= self.forgotten.load(Ordering::Relaxed) => {
                failure("SECURITY", "The session is not valid.")
            }
            ("/auth/forget", _) => {
                self.forgotten.store(number, Ordering::Relaxed);
                success(json!({}))
            }
            ("/auth/validatepin", Some(pin)) if pin.len() == 4 => success(json!({})),
            ("/auth/validatepin", _) => {
                failure("VALIDATION", "The request parameters were not valid!")
            }
            _ => answer(StatusCode::OK, "<html>Under maintenance</html>"),
        }
    }
}

fn success(mut context: Value) -> Result<Response<Full<Bytes>>, BoxError> {
    context["statusCode"] = "SUCCESS".into();
    let body = json!({"contextResponse": context, "responseData": {"pinValidated": true}});
    answer(StatusCode::OK, &body.to_string())
}

/// A failure, with 200 as the vendor has it.
fn failure(code: &str, message: &str) -> Result<Response<Full<Bytes>>, BoxError> {
    let context = json!({"tenantName": "JANUS", "statusCode": code, "statusMessage": message});
    let body = json!({"contextResponse": context, "responseData": null});
    answer(StatusCode::OK, &body.to_string())
}

fn answer(status: StatusCode, body: &str) -> Result<Response<Full<Bytes>>, BoxError> {
    let body = Full::from(body.to_owned());
    Ok(Response::builder().status(status).body(body)?)
}
