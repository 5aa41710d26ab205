//! What these tests share: a simulator, and a session with it through a real HTTP client.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tower::{Layer, Service, ServiceExt, service_fn, util::BoxCloneSyncService};
use tower_reauth::{
    BoxError, Code, CodeRequest, Error, Session,
    providers::back_office::{BackOffice, BackOfficeBuilder},
    replay::ReplayBody,
    testing::back_office::{Builder, Counts, Simulator},
};

pub(crate) const EMAIL: &str = "foo@bar.com";
pub(crate) const PASSWORD: &str = "Secret123";

pub(crate) type HttpClient = Client<HttpConnector, ReplayBody<Full<Bytes>>>;
pub(crate) type Api = BoxCloneSyncService<Request<Full<Bytes>>, Response<Bytes>, BoxError>;

/// A simulator and a session with it. When it is dropped, the simulator must have no complaints.
pub(crate) struct Desk {
    pub(crate) server: Arc<Simulator>,
    pub(crate) session: Session,
    pub(crate) api: Api,
    /// How often a spent refresh token is meant to be presented.
    pub(crate) reuses: u64,
    prompts: Arc<Mutex<Vec<CodeRequest>>>,
}

/// Polls a future as often as allowed, each time when it is really woken.
pub(crate) struct Polls<F> {
    pub(crate) future: F,
    pub(crate) left: usize,
}

/// A pool of connections, as programs have it.
pub(crate) fn pooled() -> HttpClient {
    Client::builder(TokioExecutor::new()).build_http()
}

/// A connection for each request, so that one that is cut touches no other request.
pub(crate) fn unpooled() -> HttpClient {
    Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(0)
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

/// Lets other tasks and I/O go on until `condition` holds.
pub(crate) async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::task::yield_now().await;
    }
}

/// The error that a refused response carries.
#[track_caller]
pub(crate) fn error_in(response: &Response<Bytes>) -> Error {
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let error = response.extensions().get::<Error>();
    error.expect("the 401 says what is wrong").clone()
}

// === impl Desk ===

impl Desk {
    pub(crate) async fn open(
        server: Builder,
        settings: impl FnOnce(BackOfficeBuilder) -> BackOfficeBuilder,
    ) -> Self {
        Self::through(pooled(), server, settings).await
    }

    /// With codes from the simulator's own mailbox, unless `settings` say otherwise.
    pub(crate) async fn through(
        client: HttpClient,
        server: Builder,
        settings: impl FnOnce(BackOfficeBuilder) -> BackOfficeBuilder,
    ) -> Self {
        let server = server.account(EMAIL, PASSWORD).start().await.unwrap();
        let server = Arc::new(server);
        let prompts = Arc::<Mutex<Vec<_>>>::default();
        let mailbox = (Arc::clone(&server), Arc::clone(&prompts));
        let codes = service_fn(move |request: CodeRequest| {
            let (server, prompts) = mailbox.clone();
            async move {
                prompts.lock().unwrap().push(request);
                Ok::<_, BoxError>(Code::new(server.next_code(EMAIL).await)?)
            }
        });
        let builder = BackOffice::builder(client.clone(), server.base_url())
            .credentials(EMAIL, PASSWORD)
            .code_service(codes);
        let session = settings(builder).build().unwrap().session();
        let session = session.build().unwrap();
        let api = Api::new(session.layer().layer(client).and_then(collected));
        Self {
            server,
            session,
            api,
            reuses: 0,
            prompts,
        }
    }

    pub(crate) fn request(&self) -> Request<Full<Bytes>> {
        let url = format!("{}/api/v2/accounts", self.server.base_url());
        Request::get(url).body(Full::default()).unwrap()
    }

    pub(crate) async fn call(&self) -> Result<Response<Bytes>, Error> {
        let called = self.api.clone().oneshot(self.request()).await;
        called.map_err(Error::from_boxed)
    }

    /// Makes a call that must succeed.
    pub(crate) async fn works(&self) {
        let response = self.call().await.unwrap();
        let error = response.extensions().get::<Error>();
        assert_eq!(response.status(), StatusCode::OK, "{error:?}");
    }

    /// Makes a call that is refused, and returns why no new token could be had.
    pub(crate) async fn refused(&self) -> Error {
        error_in(&self.call().await.unwrap())
    }

    /// Begins `count` calls: each carries the token of this moment.
    pub(crate) fn begin(
        &self,
        count: usize,
    ) -> Vec<impl Future<Output = Result<Response<Bytes>, BoxError>> + Send + use<>> {
        let begin = |_| {
            // A `BoxCloneSyncService` over the HTTP client is always ready.
            let mut api = self.api.clone();
            let mut cx = Context::from_waker(std::task::Waker::noop());
            assert!(matches!(api.poll_ready(&mut cx), Poll::Ready(Ok(()))));
            api.call(self.request())
        };
        (0..count).map(begin).collect()
    }

    pub(crate) fn counts(&self) -> Counts {
        self.server.counts()
    }

    /// How many requests came to sign in, to confirm a code and to refresh.
    pub(crate) fn traffic(&self) -> (u64, u64, u64) {
        let counts = self.counts();
        (counts.sign_ins, counts.confirms, counts.refreshes)
    }

    /// What the code service was asked.
    pub(crate) fn prompts(&self) -> Vec<CodeRequest> {
        self.prompts.lock().unwrap().clone()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let counts = self.counts();
        let violations = self.server.violations();
        assert_eq!(counts.violations, self.reuses, "{violations:?}");
        assert_eq!(counts.reused_refresh_tokens, self.reuses);
        assert_eq!(counts.limit_exceeded, 0);
        assert_eq!(counts.unknown_tokens, 0);
    }
}

/// Reads the body of a response.
async fn collected<B>(response: Response<B>) -> Result<Response<Bytes>, BoxError>
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>>,
{
    let (head, body) = response.into_parts();
    let body = body.collect().await.map_err(Into::into)?;
    Ok(Response::from_parts(head, body.to_bytes()))
}

// === impl Polls ===

impl<F: Future + Unpin> Future for Polls<F> {
    /// Nothing if it needs more polls than that.
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.left > 0 {
            self.left -= 1;
            if let Poll::Ready(output) = Pin::new(&mut self.future).poll(cx) {
                return Poll::Ready(Some(output));
            }
        }
        if self.left == 0 {
            return Poll::Ready(None);
        }
        Poll::Pending
    }
}
