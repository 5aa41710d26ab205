//! Sessions at the server, and requests to it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt;
use tower::{BoxError, ServiceExt, service_fn};
use tower_reauth::{Placement, Renewal, Session, Token, clients::BoxResponseBody};

use crate::{
    kinds::{Body, Kind, TestClient},
    server::Server,
};

/// A server, a session there, and a client of one kind with its layers.
pub(crate) struct World {
    pub(crate) server: Arc<Server>,
    pub(crate) session: Session,
    pub(crate) client: TestClient,
    minted: Arc<AtomicUsize>,
}

impl World {
    /// The token service answers at once, and all that it mints is good.
    pub(crate) async fn new(kind: Kind) -> Self {
        Self::with_tokens_in(kind, Placement::bearer()).await
    }

    pub(crate) async fn with_tokens_in(kind: Kind, placement: Placement) -> Self {
        let server = Arc::new(Server::start().await);
        if !placement.is_bearer() {
            server.token_in(placement.header_name().clone());
        }
        let minted = Arc::new(AtomicUsize::new(0));
        let tokens = service_fn({
            let (server, minted) = (Arc::clone(&server), Arc::clone(&minted));
            move |_: Renewal| {
                let number = minted.fetch_add(1, Ordering::SeqCst) + 1;
                let token = format!("the-token-number-{number}");
                server.accept(&token);
                let token = Token::placed(token, placement.clone());
                async { token }
            }
        });
        let session = Session::builder(tokens)
            .origin(server.url(""))
            .build()
            .unwrap();
        Self {
            client: kind.signed_in(session.layer()),
            server,
            session,
            minted,
        }
    }

    /// How many tokens there were.
    pub(crate) fn minted(&self) -> usize {
        self.minted.load(Ordering::SeqCst)
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Result<Answer, BoxError> {
        send(&self.client, request).await
    }

    pub(crate) fn get(&self, path: &str) -> Request<Body> {
        get(&self.server, path)
    }

    pub(crate) fn post(&self, body: impl Into<Body>) -> Request<Body> {
        let request = Request::post(self.server.url("/things"));
        request.body(body.into()).unwrap()
    }
}

pub(crate) fn get(server: &Server, path: &str) -> Request<Body> {
    Request::get(server.url(path))
        .body(Body::default())
        .unwrap()
}

/// A response, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) extensions: http::Extensions,
    pub(crate) body: Bytes,
    pub(crate) trailers: Option<HeaderMap>,
}

pub(crate) async fn send(client: &TestClient, request: Request<Body>) -> Result<Answer, BoxError> {
    read(client.clone().oneshot(request).await?).await
}

pub(crate) async fn read(response: Response<BoxResponseBody>) -> Result<Answer, BoxError> {
    let (head, body) = response.into_parts();
    let body = body.collect().await?;
    Ok(Answer {
        status: head.status,
        headers: head.headers,
        extensions: head.extensions,
        trailers: body.trailers().cloned(),
        body: body.to_bytes(),
    })
}
