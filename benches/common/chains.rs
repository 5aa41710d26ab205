//! Chains of reqwest-middleware that end before the network.

use http::{Extensions, HeaderValue, header::AUTHORIZATION};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Middleware, Next};
use tower_reauth::{
    Session,
    clients::reqwest_middleware::{LayerMiddleware, MiddlewareLayer},
    layers::BearerLayer,
};

use super::{bearer, now};

/// What people write by hand.
struct ByHand(HeaderValue);

#[async_trait::async_trait]
impl Middleware for ByHand {
    async fn handle(
        &self,
        mut request: reqwest::Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<reqwest::Response> {
        request.headers_mut().insert(AUTHORIZATION, self.0.clone());
        next.run(request, extensions).await
    }
}

/// Answers in place of the network.
struct Ends;

#[async_trait::async_trait]
impl Middleware for Ends {
    async fn handle(
        &self,
        _: reqwest::Request,
        _: &mut Extensions,
        _: Next<'_>,
    ) -> reqwest_middleware::Result<reqwest::Response> {
        Ok(http::Response::new("").into())
    }
}

pub fn send(client: &ClientWithMiddleware) {
    let url = "https://api.example.com/users";
    let response = now(client.post(url).body("{}").send());
    drop(response.expect("an answer"));
}

fn begin() -> ClientBuilder {
    // No request goes that far, but a client wants to know how TLS is done.
    let _ = rustls::crypto::ring::default_provider().install_default();
    ClientBuilder::new(reqwest::Client::new())
}

pub fn empty() -> ClientWithMiddleware {
    begin().with(Ends).build()
}

pub fn by_hand() -> ClientWithMiddleware {
    begin().with(ByHand(bearer())).with(Ends).build()
}

pub fn with<L: MiddlewareLayer>(layer: L) -> ClientWithMiddleware {
    begin().with(LayerMiddleware::new(layer)).with(Ends).build()
}

pub fn with_bearer(session: &Session) -> ClientWithMiddleware {
    with(BearerLayer::new(session.clone()))
}
