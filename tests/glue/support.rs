//! What these tests share: a simulator, and a session with codes through a real HTTP client.

use std::{
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tower::{Layer, ServiceExt, service_fn, util::BoxCloneSyncService};
use tower_reauth::{
    BoxError, Code, CodeRequest, Error, ErrorKind, Session,
    layers::{Mfa, mfa::MfaBuilder},
    providers::glue::{Glue, GlueBuilder, MfaErrorCode, MfaTypes},
    replay::ReplayBody,
    testing::glue::{Builder, Counts, Simulator},
};

pub(crate) const USERNAME: &str = "sonia@example.com";
pub(crate) const PASSWORD: &str = "Secret123";

pub(crate) type HttpClient = Client<HttpConnector, ReplayBody<Full<Bytes>>>;
pub(crate) type Api = BoxCloneSyncService<Request<Full<Bytes>>, Response<Bytes>, BoxError>;

/// A simulator and a session with it. When it is dropped, the simulator must have no complaints.
pub(crate) struct Shop {
    pub(crate) server: Arc<Simulator>,
    pub(crate) glue: Glue,
    pub(crate) session: Session,
    pub(crate) mfa: Mfa,
    pub(crate) api: Api,
    /// Codes that somebody types in place of those that were sent.
    pub(crate) mistyped: Arc<Mutex<Vec<&'static str>>>,
    prompts: Arc<Mutex<Vec<CodeRequest>>>,
}

/// A pool of connections, as programs have it.
pub(crate) fn pooled() -> HttpClient {
    Client::builder(TokioExecutor::new()).build_http()
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

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The status, and the kind and code of the error in the extensions.
pub(crate) fn outcome(response: &Response<Bytes>) -> (u16, Option<(ErrorKind, Option<u16>)>) {
    let error = response.extensions().get::<Error>();
    let number = |error: &Error| MfaErrorCode::of(error).map(MfaErrorCode::number);
    let error = error.map(|error| (error.kind(), number(error)));
    (response.status().as_u16(), error)
}

// === impl Shop ===

impl Shop {
    pub(crate) async fn open(server: Builder) -> Self {
        Self::with(server, |glue| glue, |mfa| mfa).await
    }

    pub(crate) async fn with(
        server: Builder,
        settings: impl FnOnce(GlueBuilder) -> GlueBuilder,
        codes: impl FnOnce(MfaBuilder) -> MfaBuilder,
    ) -> Self {
        Self::through(pooled(), server, settings, codes).await
    }

    /// With codes from the simulator's own mailbox, unless `settings` say otherwise.
    pub(crate) async fn through(
        client: HttpClient,
        server: Builder,
        settings: impl FnOnce(GlueBuilder) -> GlueBuilder,
        codes: impl FnOnce(MfaBuilder) -> MfaBuilder,
    ) -> Self {
        let server = Arc::new(server.start().await.unwrap());
        let prompts = Arc::<Mutex<Vec<_>>>::default();
        let mistyped = Arc::<Mutex<Vec<&'static str>>>::default();
        let mailbox = (
            Arc::clone(&server),
            Arc::clone(&prompts),
            Arc::clone(&mistyped),
        );
        let people = service_fn(move |request: CodeRequest| {
            let (server, prompts, mistyped) = mailbox.clone();
            async move {
                prompts.lock().unwrap().push(request);
                let sent = server.next_code(USERNAME).await;
                let typed = mistyped.lock().unwrap().pop();
                let code = typed.map_or(sent, str::to_owned);
                Ok::<_, BoxError>(Code::new(code)?)
            }
        });
        let builder = Glue::builder(client.clone(), server.base_url())
            .credentials(USERNAME, PASSWORD)
            .code_service(people);
        let glue = settings(builder).build().unwrap();
        let session = glue.session().build().unwrap();
        let mfa = codes(glue.mfa(&session)).build().unwrap();
        let api = session.layer().mfa(&mfa).layer(client);
        Self {
            api: Api::new(api.and_then(collected)),
            server,
            glue,
            session,
            mfa,
            mistyped,
            prompts,
        }
    }

    /// How often somebody was asked for a code.
    pub(crate) fn prompts(&self) -> usize {
        self.prompts.lock().unwrap().len()
    }

    pub(crate) fn asked(&self) -> Vec<CodeRequest> {
        self.prompts.lock().unwrap().clone()
    }

    pub(crate) fn counts(&self) -> Counts {
        self.server.counts()
    }

    pub(crate) fn types(&self) -> MfaTypes {
        self.glue.mfa_types(&self.session, &self.mfa)
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> Request<Full<Bytes>> {
        let url = format!("{}{path}", self.server.base_url());
        let body = match method {
            Method::GET => Full::default(),
            _ => Full::from(format!("{{\"data\":{{\"path\":\"{path}\"}}}}")),
        };
        Request::builder()
            .method(method)
            .uri(url)
            .header("content-type", "application/vnd.api+json")
            .body(body)
            .unwrap()
    }

    /// A call that needs a code.
    pub(crate) fn protected(&self) -> Request<Full<Bytes>> {
        self.request(Method::PATCH, "/customers/DE--42")
    }

    pub(crate) async fn call(&self, request: Request<Full<Bytes>>) -> Response<Bytes> {
        self.api.clone().oneshot(request).await.unwrap()
    }

    /// Makes a call that needs a code and must succeed.
    pub(crate) async fn works(&self) {
        let response = self.call(self.protected()).await;
        assert_eq!(outcome(&response), (200, None));
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let violations = self.server.violations();
        assert!(violations.is_empty(), "{violations:?}");
        let counts = self.server.counts();
        assert_eq!(counts.reused_refresh_tokens, 0);
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
