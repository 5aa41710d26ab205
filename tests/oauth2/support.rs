//! What these tests share: a simulator, and a session with it through a real HTTP client.

use std::{future::Future, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tower::{Layer, ServiceExt, util::BoxCloneSyncService};
use tower_reauth::{
    BoxError, Error, ExposeSecret, Session,
    providers::oauth2::{OAuth2, OAuth2Builder},
    replay::ReplayBody,
    testing::oauth2::{Builder, Counts, Simulator},
};

pub(crate) const ID: &str = "s6BhdRkqt3";
pub(crate) const SECRET: &str = "7Fjfp0ZBr1KtDRbnfVdmIw";

pub(crate) type HttpClient = Client<HttpConnector, ReplayBody<Full<Bytes>>>;
pub(crate) type Api = BoxCloneSyncService<Request<Full<Bytes>>, Response<Bytes>, BoxError>;

/// A simulator and a session with it. When it is dropped, the simulator must have no complaints.
pub(crate) struct Desk {
    pub(crate) server: Simulator,
    pub(crate) session: Session,
    pub(crate) api: Api,
    /// How often a refresh token was presented again, which cannot be helped if an answer was lost.
    pub(crate) reuses: u64,
}

/// A pool of connections, as programs have it.
pub(crate) fn pooled() -> HttpClient {
    Client::builder(TokioExecutor::new()).build_http()
}

/// A new connection for each request: a fault hits one, and the client repeats none.
pub(crate) fn unpooled() -> HttpClient {
    Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(0)
        .retry_canceled_requests(false)
        .build_http()
}

/// One HTTP/2 connection for everything.
pub(crate) fn http2() -> HttpClient {
    Client::builder(TokioExecutor::new())
        .http2_only(true)
        .build_http()
}

/// Ends a test that hangs. No test measures time by it.
pub(crate) async fn guarded<F: Future>(test: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(120), test)
        .await
        .expect("the test hangs")
}

/// Waits until something is so.
pub(crate) async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::task::yield_now().await;
    }
}

// === impl Desk ===

impl Desk {
    /// With a client that signs in as itself, and gets refresh tokens for it.
    pub(crate) async fn open(server: Builder) -> Self {
        Self::with(server, |settings| settings).await
    }

    pub(crate) async fn with(
        server: Builder,
        settings: impl FnOnce(OAuth2Builder) -> OAuth2Builder,
    ) -> Self {
        Self::through(pooled(), server, settings).await
    }

    pub(crate) async fn through(
        client: HttpClient,
        server: Builder,
        settings: impl FnOnce(OAuth2Builder) -> OAuth2Builder,
    ) -> Self {
        let server = server
            .client_credentials_refresh(true)
            .start()
            .await
            .unwrap();
        Self::at(client, server, |builder| {
            settings(builder.client_credentials())
        })
    }

    /// For a user, whose refresh token the server has issued.
    pub(crate) async fn for_user(
        server: Builder,
        settings: impl FnOnce(OAuth2Builder) -> OAuth2Builder,
    ) -> Self {
        let server = server.start().await.unwrap();
        let (_, refresh) = server.issue_tokens(ID, "read");
        Self::at(pooled(), server, |builder| {
            settings(builder.refresh_token(refresh))
        })
    }

    pub(crate) fn at(
        client: HttpClient,
        server: Simulator,
        settings: impl FnOnce(OAuth2Builder) -> OAuth2Builder,
    ) -> Self {
        let oauth2 = OAuth2::builder(client.clone(), server.token_url())
            .client_id(ID)
            .client_secret(SECRET);
        let oauth2 = settings(oauth2).build().unwrap();
        let session = oauth2.session().origin(server.base_url()).build().unwrap();
        let api = session.layer().layer(client);
        Self {
            api: Api::new(api.and_then(collected)),
            server,
            session,
            reuses: 0,
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        self.server.counts()
    }

    /// Requests for tokens, and how many of them brought some: by the client's secret, by a refresh
    /// token.
    pub(crate) fn traffic(&self) -> (u64, u64, u64) {
        let counts = self.counts();
        (
            counts.token_requests,
            counts.client_credentials_ok,
            counts.refreshes_ok,
        )
    }

    pub(crate) fn request(&self, path: &str) -> Request<Full<Bytes>> {
        let url = format!("{}{path}", self.server.base_url());
        Request::post(url).body(Full::from("{}")).unwrap()
    }

    pub(crate) async fn call(&self) -> Result<Response<Bytes>, Error> {
        let called = self.api.clone().oneshot(self.request("/accounts")).await;
        called.map_err(Error::from_boxed)
    }

    /// Makes a call that must succeed.
    pub(crate) async fn works(&self) {
        let response = self.call().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert!(response.extensions().get::<Error>().is_none());
    }

    /// Makes a call that must fail; returns the error, wherever it is.
    pub(crate) async fn fails(&self) -> Error {
        match self.call().await {
            Ok(response) => {
                assert_ne!(response.status(), StatusCode::OK);
                response.extensions().get::<Error>().unwrap().clone()
            }
            Err(error) => error,
        }
    }

    /// The refresh token that the session has.
    pub(crate) fn refresh_token(&self) -> Option<String> {
        let current = self.session.current()?;
        let refresh = current.token().refresh_token()?;
        Some(refresh.expose_secret().to_owned())
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let counts = self.server.counts();
        assert_eq!(counts.reused_refresh_tokens, self.reuses);
        let complaints = self.server.violations();
        assert_eq!(complaints.len() as u64, self.reuses, "{complaints:?}");
        assert_eq!(counts.unknown_tokens, 0);
    }
}

/// Reads the body of a response.
pub(crate) async fn collected<B>(response: Response<B>) -> Result<Response<Bytes>, BoxError>
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>>,
{
    let (head, body) = response.into_parts();
    let body = body.collect().await.map_err(Into::into)?;
    Ok(Response::from_parts(head, body.to_bytes()))
}
