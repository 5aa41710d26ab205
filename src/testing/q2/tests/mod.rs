//! Each rule of the simulator, over real sockets.

mod auths;
mod deliveries;
mod faults;
mod mfa;
mod rules;
mod security;
mod signed_requests;

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, request::Parts};
use http_body_util::Full;
use serde_json::{Value, json};

use super::{Builder, Counts, Simulator};
use crate::{
    SystemClock,
    testing::{
        Fault,
        server::{
            Arrived, Desk, Listening, Refused, Reply, Site,
            client::{Answer, Client, client, send},
            json_text,
        },
    },
};

const KEY: &str = "dc220490-e6ee-11e5-8a94-e7385a8d929e";
const CLIENT: &str = "579b695decfa11012711875d";
const COMPANY: &str = "579b695decea110719b1874d";
const HOOK: &str = "hook";
const TOKEN: &str = "token";

/// A simulator, a client of it, and a webhook that takes everything.
struct Trio {
    server: Simulator,
    client: Client,
    webhook: Webhook,
}

/// A webhook at `/hook`, and a token endpoint at `/token`.
struct Webhook {
    inbox: Arc<Inbox>,
    listening: Listening,
}

struct Inbox {
    desk: Desk<&'static str, Infallible>,
    received: Mutex<Vec<(HeaderMap, Bytes)>>,
    token_requests: Mutex<Vec<Bytes>>,
}

async fn start(builder: Builder) -> Trio {
    let webhook = Webhook::start().await;
    let server = builder.start().await.unwrap();
    server.set_webhook(webhook.url(HOOK));
    Trio {
        server,
        client: client(false),
        webhook,
    }
}

async fn start_default() -> Trio {
    start(Simulator::builder()).await
}

fn create(login: &str) -> Value {
    json!({
        "clientId": CLIENT,
        "companyId": COMPANY,
        "items": ["swap"],
        "form": { "username": login, "password": "correct horse" },
    })
}

impl Trio {
    fn request(&self, method: Method, path: &str, body: &Value) -> Request<Full<Bytes>> {
        let mut request = Request::builder()
            .method(method)
            .uri(self.server.base_url() + path)
            .header("authorization", format!("Bearer {KEY}"));
        let mut bytes = String::new();
        if !body.is_null() {
            request = request.header("content-type", "application/json");
            bytes = body.to_string();
        }
        request.body(Full::from(bytes)).unwrap()
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        send(&self.client, request).await
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path, body)).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path, &Value::Null))
            .await
    }

    /// Creates an auth and returns its id.
    async fn create(&self, login: &str) -> String {
        let answer = self.post("/auth", &create(login)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.text("/authId")
    }

    async fn step(&self, token: &str, mfa: Value) -> Answer {
        let body = json!({ "token": token, "mfa": mfa });
        self.post("/auth/step", &body).await
    }

    /// Returns the status of the first auth in the list.
    async fn status(&self) -> Value {
        let list = self.get(&format!("/auth/list/{CLIENT}")).await;
        list.json()["data"][0]["status"].clone()
    }

    /// Waits for this many deliveries in all, and returns the events of this type among them.
    async fn events(&self, deliveries: usize, kind: &str) -> Vec<Value> {
        self.server.wait_for_deliveries(deliveries).await;
        let events = self.webhook.events().into_iter();
        events.filter(|event| event["type"] == kind).collect()
    }

    /// Waits for this many deliveries in all, and returns the types of the events, in order.
    async fn kinds(&self, deliveries: usize) -> Vec<String> {
        self.server.wait_for_deliveries(deliveries).await;
        let kind = |event: Value| event["type"].as_str().unwrap().to_owned();
        self.webhook.events().into_iter().map(kind).collect()
    }

    fn counts(&self) -> Counts {
        self.server.counts()
    }

    /// Asserts that no rule was broken.
    fn assert_clean(&self) {
        assert_eq!(self.server.violations(), [""; 0]);
        assert_eq!(self.counts().violations, 0);
    }
}

impl Webhook {
    async fn start() -> Self {
        let inbox = Arc::new(Inbox {
            desk: Desk::new(Arc::new(SystemClock::new())),
            received: Mutex::default(),
            token_requests: Mutex::default(),
        });
        let listening = Listening::start(inbox.clone()).await.unwrap();
        Self { inbox, listening }
    }

    fn url(&self, name: &str) -> String {
        format!("{}/{name}", self.listening.base_url())
    }

    /// Lets the next delivery go wrong.
    fn inject(&self, fault: Fault) {
        self.inbox.desk.push(HOOK, fault.into());
    }

    fn received(&self) -> Vec<(HeaderMap, Bytes)> {
        self.inbox.received.lock().unwrap().clone()
    }

    /// Returns the events that came, out of their envelopes.
    fn events(&self) -> Vec<Value> {
        let read = |(_, body): (HeaderMap, Bytes)| {
            let body: Value = serde_json::from_slice(&body).unwrap();
            body.get("event").cloned().unwrap_or(body)
        };
        self.received().into_iter().map(read).collect()
    }
}

impl Site for Inbox {
    type Endpoint = &'static str;
    type Odd = Infallible;
    type Verdict = ();

    fn desk(&self) -> &Desk<&'static str, Infallible> {
        &self.desk
    }

    fn endpoint(&self, head: &Parts) -> &'static str {
        if head.uri.path() == "/hook" {
            HOOK
        } else {
            TOKEN
        }
    }

    fn admit(&self, _: &'static str, _: &Parts) -> Result<(), Refused> {
        Ok(())
    }

    fn settle(&self, _: &'static str, _: &Parts) {}

    fn process(&self, request: Arrived<'_, Self>) -> Response<Reply> {
        if request.endpoint == HOOK {
            let received = (request.head.headers.clone(), request.body);
            self.received.lock().unwrap().push(received);
            return json_text(204, String::new());
        }
        let mut requests = self.token_requests.lock().unwrap();
        requests.push(request.body);
        let token = format!("hook-token-{}", requests.len());
        let answer = json!({ "access_token": token, "token_type": "Bearer", "expires_in": 100 });
        json_text(200, answer.to_string())
    }

    fn ordered(&self, _: &'static str, _: &Parts, status: u16) -> Response<Reply> {
        json_text(status, String::new())
    }

    fn most_bytes(&self, _: &'static str) -> usize {
        1 << 20
    }
}
