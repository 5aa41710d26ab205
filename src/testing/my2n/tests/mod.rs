//! Each rule of the simulator, over real sockets.

mod api;
mod flows;
mod quirks;
mod rules;
mod v1;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};
use http_body_util::Full;
use serde_json::{Value, json};

use super::{Builder, Counts, Endpoint, Quirk, Simulator};
use crate::testing::{
    FakeClock, Fault,
    server::client::{self, Answer, Client},
};

const USER: &str = "api@example.com";
const PASSWORD: &str = "Secret123";
const INIT: &str = "/self-service/login/api";
const SUBMIT: &str = "/self-service/login";
const LOGOUT: &str = "/self-service/logout/api";
const GENERIC: u32 = 4_000_001;

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

/// Starts a simulator with an account that is migrated.
async fn migrated() -> Pair {
    start(Simulator::builder().migrated_account(USER, PASSWORD)).await
}

impl Pair {
    async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        client::send(&self.client, request).await
    }

    /// Returns a request to the login host that keeps all rules.
    fn login(&self, method: Method, path: &str, body: &str) -> Request<Full<Bytes>> {
        let mut request = Request::builder()
            .method(method)
            .uri(self.server.login_url() + path)
            .header("accept", "application/json");
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        request.body(Full::from(body.to_owned())).unwrap()
    }

    fn init_request(&self) -> Request<Full<Bytes>> {
        self.login(Method::GET, INIT, "")
    }

    fn submit_request(&self, flow: &str, body: &Value) -> Request<Full<Bytes>> {
        let path = format!("{SUBMIT}?flow={flow}");
        self.login(Method::POST, &path, &body.to_string())
    }

    /// Begins a flow and returns its id.
    async fn init(&self) -> String {
        let answer = self.send(self.init_request()).await;
        assert_eq!(answer.status, 200);
        answer.text("/id")
    }

    async fn submit(&self, flow: &str, password: &str) -> Answer {
        self.send(self.submit_request(flow, &credentials(password)))
            .await
    }

    async fn log_in(&self) -> Answer {
        let flow = self.init().await;
        self.submit(&flow, PASSWORD).await
    }

    /// Logs in the v2 way and returns the session token.
    async fn session(&self) -> String {
        self.log_in().await.text("/session_token")
    }

    fn v1_request(&self, body: &Value) -> Request<Full<Bytes>> {
        Request::post(self.server.base_url() + "/auth")
            .header("content-type", "application/json")
            .body(Full::from(body.to_string()))
            .unwrap()
    }

    async fn log_in_v1(&self, password: &str) -> Answer {
        let body = json!({ "username": USER, "password": password });
        self.send(self.v1_request(&body)).await
    }

    /// Returns an API call with these credentials.
    fn call(&self, path: &str, credentials: &[(&'static str, &str)]) -> Request<Full<Bytes>> {
        let request = Request::get(self.server.base_url() + path).body(Full::default());
        let mut request = request.unwrap();
        for (name, value) in credentials {
            add(request.headers_mut(), name, value);
        }
        request
    }

    async fn bearer(&self, token: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        self.send(self.call("/doors", &[("authorization", &bearer)]))
            .await
    }

    async fn api_key(&self, token: &str) -> Answer {
        self.send(self.call("/doors", &[("x-api-key", token)]))
            .await
    }

    async fn log_out(&self, token: &str) -> Answer {
        let body = json!({ "session_token": token }).to_string();
        self.send(self.login(Method::DELETE, LOGOUT, &body)).await
    }

    fn counts(&self) -> Counts {
        self.server.counts()
    }

    fn last_violation(&self) -> String {
        self.server.violations().last().cloned().unwrap_or_default()
    }
}

fn credentials(password: &str) -> Value {
    json!({ "identifier": USER, "password": password, "method": "password" })
}

fn add(headers: &mut HeaderMap, name: &'static str, value: &str) {
    let value = HeaderValue::from_str(value).unwrap();
    headers.append(HeaderName::from_static(name), value);
}

/// Returns the id of the one message that a flow came back with, and whether it stands at a field.
fn message(answer: &Answer) -> (u64, bool) {
    let flow = answer.json();
    let at_form = flow["ui"]["messages"].as_array().unwrap();
    let nodes = flow["ui"]["nodes"].as_array().unwrap();
    let at_nodes = nodes
        .iter()
        .flat_map(|node| node["messages"].as_array().unwrap());
    let at_nodes: Vec<_> = at_nodes.collect();
    assert_eq!(at_form.len() + at_nodes.len(), 1, "{flow}");
    let (message, at_node) = match at_nodes.first() {
        Some(message) => (*message, true),
        None => (&at_form[0], false),
    };
    assert_eq!(message["type"], "error");
    (message["id"].as_u64().unwrap(), at_node)
}
