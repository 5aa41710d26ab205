//! Each rule of the simulator, over real sockets.

mod codes;
mod errors;
mod rules;
mod tokens;
mod types;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};
use http_body_util::Full;
use serde_json::{Value, json};

use super::{Builder, Counts, Endpoint, ErrorShape, Quirk, Simulator, TokenShape, TypeStatus};
use crate::testing::{
    FakeClock, Fault,
    server::client::{self, Answer, Client},
};

const USER: &str = "sonia@example.com";
const PASSWORD: &str = "Secret123";
const PROTECTED: &str = "/customer-password/DE--42";

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

    /// Returns a JSON:API request without a token.
    fn document(&self, resource: &str, attributes: &Value) -> Request<Full<Bytes>> {
        let body = json!({ "data": { "type": resource, "attributes": attributes } });
        Request::post(format!("{}/{resource}", self.server.base_url()))
            .header("content-type", "application/vnd.api+json")
            .body(Full::from(body.to_string()))
            .unwrap()
    }

    async fn log_in(&self, password: &str) -> Answer {
        let attributes = json!({ "username": USER, "password": password });
        self.send(self.document("access-tokens", &attributes)).await
    }

    async fn refresh(&self, token: &str) -> Answer {
        let attributes = json!({ "refreshToken": token });
        self.send(self.document("refresh-tokens", &attributes))
            .await
    }

    fn form(&self, form: &str) -> Request<Full<Bytes>> {
        Request::post(self.server.base_url() + "/token")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Full::from(form.to_owned()))
            .unwrap()
    }

    async fn token(&self, form: &str) -> Answer {
        self.send(self.form(form)).await
    }

    /// Returns a call with a token, and with a code if there is one.
    fn call(&self, method: Method, path: &str, token: &str, code: &str) -> Request<Full<Bytes>> {
        let request = Request::builder()
            .method(method)
            .uri(self.server.base_url() + path)
            .body(Full::from("{}"));
        signed(request.unwrap(), token, code)
    }

    async fn change_password(&self, token: &str, code: &str) -> Answer {
        self.send(self.call(Method::PATCH, PROTECTED, token, code))
            .await
    }

    /// Sends a request to one of the MFA endpoints.
    async fn mfa(&self, resource: &str, kind: &str, token: &str, code: &str) -> Answer {
        let request = self.document(resource, &json!({ "type": kind }));
        self.send(signed(request, token, code)).await
    }

    /// Triggers a code and returns it.
    async fn trigger(&self, token: &str) -> String {
        let answer = self
            .mfa("multi-factor-auth-trigger", "email", token, "")
            .await;
        assert_eq!(
            (answer.status, answer.body.len()),
            (204.try_into().unwrap(), 0)
        );
        self.server.next_code(USER).await
    }

    fn access(&self) -> String {
        self.server.issue_access_token(USER).0
    }

    fn counts(&self) -> Counts {
        self.server.counts()
    }

    fn last_violation(&self) -> String {
        self.server.violations().last().cloned().unwrap_or_default()
    }
}

fn signed(mut request: Request<Full<Bytes>>, token: &str, code: &str) -> Request<Full<Bytes>> {
    if !token.is_empty() {
        add(
            request.headers_mut(),
            "authorization",
            &format!("Bearer {token}"),
        );
    }
    if !code.is_empty() {
        add(request.headers_mut(), "x-mfa-code", code);
    }
    request
}

fn add(headers: &mut HeaderMap, name: &'static str, value: &str) {
    let value = HeaderValue::from_str(value).unwrap();
    headers.append(HeaderName::from_static(name), value);
}

/// Asserts that an answer is this error, in the classic shape.
fn is_error(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.text("/errors/0/code"), code);
    assert_eq!(answer.json()["errors"][0]["status"], status);
}
