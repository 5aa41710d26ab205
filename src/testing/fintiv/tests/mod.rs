//! Each rule of the simulator, over real sockets.

mod calls;
mod envelopes;
mod rules;
mod sign_on;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use serde_json::{Value, json};

use super::{Builder, Counts, Denial, Endpoint, Quirk, Simulator, Spelling, TokenAt, TokenIn};
use crate::testing::{
    FakeClock, Fault,
    server::client::{self, Answer, Client},
};

const USER: &str = "merchant@example.com";
const PASSWORD: &str = "Secret123";
const KEY: &str = "app-key-of-tests";
const CODE: &str = "/contextResponse/statusCode";

/// A simulator and a client of it.
struct Pair {
    server: Simulator,
    client: Client,
}

async fn start(builder: Builder) -> Pair {
    Pair {
        server: builder.start().await.unwrap(),
        client: client::client(false),
    }
}

async fn start_default() -> Pair {
    start(Simulator::builder()).await
}

impl Pair {
    async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        client::send(&self.client, request).await
    }

    /// Returns a request with a key and nothing else.
    fn request(&self, method: Method, path: &str, body: &str) -> Request<Full<Bytes>> {
        Request::builder()
            .method(method)
            .uri(self.server.base_url() + path)
            .header("api-key", KEY)
            .header("content-type", "application/json")
            .body(Full::from(body.to_owned()))
            .unwrap()
    }

    fn sign_on_with(&self, sent: &Value) -> Request<Full<Bytes>> {
        self.request(Method::POST, "/signon", &sent.to_string())
    }

    async fn sign_on(&self, password: &str) -> Answer {
        self.send(self.sign_on_with(&camel(password))).await
    }

    /// Returns a call with a token.
    fn call(&self, method: Method, path: &str, token: &str, body: &str) -> Request<Full<Bytes>> {
        let mut request = self.request(method, path, body);
        let value = format!("Bearer {token}").parse().unwrap();
        request.headers_mut().insert("authorization", value);
        request
    }

    async fn get(&self, token: &str) -> Answer {
        self.send(self.call(Method::GET, "/users", token, "")).await
    }

    fn token(&self) -> String {
        self.server.issue_token(USER)
    }

    fn counts(&self) -> Counts {
        self.server.counts()
    }

    fn last_violation(&self) -> String {
        self.server.violations().last().cloned().unwrap_or_default()
    }
}

fn camel(password: &str) -> Value {
    json!({
        "contextRequest": { "tenantName": "JANUS" },
        "login": { "credentialType": "EMAIL", "value": USER },
        "pass": { "securityElementType": "password", "value": password },
    })
}

fn page(password: &str) -> Value {
    json!({
        "contextrequest": { "tenantName": "JANUS" },
        "login": { "credentialType": "USER", "value": USER },
        "Pass": { "securityElementType": "password", "value": password },
    })
}
