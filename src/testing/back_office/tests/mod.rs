//! Each rule of the simulator, over real sockets.

mod api;
mod faults;
mod rules;
mod sign_in;

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::{Builder, Counts, Simulator};
use crate::testing::server::client::{self, Answer, Client};

const EMAIL: &str = "foo@bar.com";
const PASSWORD: &str = "Secret123";
const SIGN_IN: &str = "/api/v2/signin";
const CONFIRM: &str = "/api/v2/2fa/confirm";
const REFRESH: &str = "/api/v2/refresh";
const SIGN_OUT: &str = "/api/v2/signout";

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

    /// Returns a request that keeps all rules of sign-in traffic.
    fn auth(&self, path: &str, body: &Value) -> Request<Full<Bytes>> {
        Request::post(self.server.base_url() + path)
            .header("content-type", "application/json")
            .header("accept", "application/json")
            .body(Full::from(body.to_string()))
            .unwrap()
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.auth(path, body)).await
    }

    async fn sign_in(&self) -> Answer {
        let body = json!({ "email": EMAIL, "password": PASSWORD });
        self.post(SIGN_IN, &body).await
    }

    async fn confirm(&self, token: &str, code: &str) -> Answer {
        let body = json!({ "token": token, "code": code });
        self.post(CONFIRM, &body).await
    }

    async fn refresh(&self, token: &str) -> Answer {
        let body = json!({ "refreshToken": token });
        self.post(REFRESH, &body).await
    }

    fn bearer(&self, method: Method, path: &str, token: &str, body: &str) -> Request<Full<Bytes>> {
        Request::builder()
            .method(method)
            .uri(self.server.base_url() + path)
            .header("authorization", format!("Bearer {token}"))
            .body(Full::from(body.to_owned()))
            .unwrap()
    }

    async fn get(&self, token: &str) -> Answer {
        self.send(self.bearer(Method::GET, "/accounts", token, ""))
            .await
    }

    async fn sign_out(&self, token: &str) -> Answer {
        self.send(self.bearer(Method::POST, SIGN_OUT, token, ""))
            .await
    }

    fn counts(&self) -> Counts {
        self.server.counts()
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.server.address()).await.unwrap()
    }

    /// Sends `request` and returns all that comes back until the end, and how it ended.
    async fn raw(&self, request: &str) -> (String, std::io::Result<()>) {
        client::raw(self.server.address(), request).await
    }
}

impl Answer {
    fn access(&self) -> String {
        self.text("/accessToken/token")
    }

    fn refresh(&self) -> String {
        self.text("/refreshToken/token")
    }
}

/// Whether no rule was broken, no limit reached and no strange token seen.
fn clean(counts: Counts) -> bool {
    counts.violations == 0 && counts.unknown_tokens == 0 && counts.locked_out == 0
}
