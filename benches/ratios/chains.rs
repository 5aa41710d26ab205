//! In a chain of reqwest-middleware: row 12.

use http::{Extensions, HeaderValue, header::AUTHORIZATION};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Middleware, Next};
use tower_reauth::clients::reqwest_middleware::LayerMiddleware;

use crate::{
    common::{bearer, now, stacks},
    table::Row,
    turns::{self, single},
};

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

fn send(client: &ClientWithMiddleware) {
    let url = "https://api.example.com/users";
    let response = now(client.post(url).body("{}").send());
    drop(response.expect("an answer"));
}

pub(crate) fn rows() -> Vec<Row> {
    // No request goes that far, but a client wants to know how TLS is done.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let session = stacks::session();
    let chain = || ClientBuilder::new(reqwest::Client::new());
    let bare = chain().with(Ends).build();
    let by_hand = chain().with(ByHand(bearer())).with(Ends).build();
    let bearer_layer = tower_reauth::layers::BearerLayer::new(session.clone());
    let ours = chain()
        .with(LayerMiddleware::new(bearer_layer))
        .with(Ends)
        .build();
    let stack = chain()
        .with(LayerMiddleware::new(session.layer()))
        .with(Ends)
        .build();
    let [none, hand, bearer, stacked] = turns::take([
        single(|| send(&bare)),
        single(|| send(&by_hand)),
        single(|| send(&ours)),
        single(|| send(&stack)),
    ]);
    vec![
        Row::ratio(
            "12",
            "in reqwest-middleware: Bearer against one written by hand, in all",
            bearer / hand,
            1.15,
        ),
        Row::ratio(
            "12",
            "the same for the session's stack (Replay, Refresh, Bearer)",
            stacked / hand,
            1.15,
        ),
        Row::told(
            "12",
            "the empty chain against one written by hand",
            format!("{:.2}", none / hand),
        ),
    ]
}
