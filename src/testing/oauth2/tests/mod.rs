//! Each rule of the simulator, over real sockets.

mod answers;
mod api;
mod clients;
mod grants;
mod refresh;
mod revoke;
mod rules;

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use http_body_util::Full;

use super::{Builder, Counts, Simulator};
use crate::testing::server::client::{Answer, Client, client, send};

const ID: &str = "s6BhdRkqt3";
const SECRET: &str = "7Fjfp0ZBr1KtDRbnfVdmIw";

/// A simulator and a client of it.
struct Pair {
    server: Simulator,
    client: Client,
}

async fn start(builder: Builder) -> Pair {
    Pair {
        server: builder.start().await.unwrap(),
        client: client(false),
    }
}

async fn start_default() -> Pair {
    start(Simulator::builder()).await
}

fn basic(id: &str, secret: &str) -> HeaderValue {
    let text = BASE64_STANDARD.encode(format!("{id}:{secret}"));
    HeaderValue::from_str(&format!("Basic {text}")).unwrap()
}

impl Pair {
    /// Returns a request that keeps all rules but those about clients.
    fn bare(&self, path: &str, form: &str) -> Request<Full<Bytes>> {
        Request::post(self.server.base_url() + path)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .body(Full::from(form.to_owned()))
            .unwrap()
    }

    /// Returns a request of the client that is known by default.
    fn request(&self, path: &str, form: &str) -> Request<Full<Bytes>> {
        let mut request = self.bare(path, form);
        let headers = request.headers_mut();
        headers.insert(header::AUTHORIZATION, basic(ID, SECRET));
        request
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        send(&self.client, request).await
    }

    async fn token(&self, form: &str) -> Answer {
        self.send(self.request("/token", form)).await
    }

    async fn refresh(&self, token: &str) -> Answer {
        let form = format!("grant_type=refresh_token&refresh_token={token}");
        self.token(&form).await
    }

    async fn client_credentials(&self) -> Answer {
        self.token("grant_type=client_credentials").await
    }

    fn bearer(&self, method: Method, path: &str, token: &str, body: &str) -> Request<Full<Bytes>> {
        Request::builder()
            .method(method)
            .uri(self.server.base_url() + path)
            .header("authorization", format!("Bearer {token}"))
            .body(Full::from(body.to_owned()))
            .unwrap()
    }

    async fn get(&self, path: &str, token: &str) -> Answer {
        self.send(self.bearer(Method::GET, path, token, "")).await
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

/// Asserts that an answer is this error, with this status.
fn assert_error(answer: &Answer, status: u16, error: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.text("/error"), error);
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.headers["content-type"], "application/json");
}
