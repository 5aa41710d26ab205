//! One call: from the request to the last byte of the answer.

use std::{
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Extensions, HeaderValue, Request, Response, StatusCode, header};
use http_body::Body;
use http_body_util::BodyExt;
use tower::{Service, ServiceExt};
use tower_reauth::{BoxError, Error, ErrorKind};

use crate::settings::Settings;

/// Makes the call of this number. Whoever makes many of them need not know of what services and
/// bodies they are.
pub(crate) type Caller =
    Arc<dyn Fn(u64) -> Pin<Box<dyn Future<Output = Ended> + Send>> + Send + Sync>;

/// How a call ended.
pub(crate) struct Ended {
    /// In the order of start, from 1.
    pub(crate) call: u64,
    pub(crate) status: Option<StatusCode>,
    pub(crate) took: Duration,
    pub(crate) error: Option<Error>,
    /// How often it was sent: 0 if it never came to that.
    pub(crate) sends: u32,
}

/// What a call was answered.
pub(crate) struct Answer {
    status: StatusCode,
    error: Option<Error>,
}

/// Counts how often the request is sent that carries it.
#[derive(Clone, Default)]
pub(crate) struct Sends(Arc<AtomicU32>);

impl Sends {
    pub(crate) fn count<B>(request: Request<B>) -> Request<B> {
        Self::count_in(request.extensions());
        request
    }

    pub(crate) fn count_in(extensions: &Extensions) {
        if let Some(sends) = extensions.get::<Self>() {
            sends.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Answer {
    pub(crate) fn new(status: StatusCode) -> Self {
        Self {
            status,
            error: None,
        }
    }
}

/// Makes calls of anything that can be answered, none of which takes longer than `timeout`.
pub(crate) fn caller_of<F>(
    timeout: Duration,
    make: impl Fn(Sends) -> F + Send + Sync + 'static,
) -> Caller
where
    F: Future<Output = Result<Answer, BoxError>> + Send + 'static,
{
    Arc::new(move |call| {
        let sends = Sends::default();
        let making = make(sends.clone());
        Box::pin(async move {
            let begun = Instant::now();
            let result = tokio::time::timeout(timeout, making).await;
            let took = begun.elapsed();
            let (answer, error) = match result {
                Ok(Ok(answer)) => (Some(answer), None),
                Ok(Err(error)) => (None, Some(Error::from_boxed(error))),
                Err(_) => (None, Some(too_slow(timeout))),
            };
            Ended {
                call,
                status: answer.as_ref().map(|answer| answer.status),
                took,
                error: error.or(answer.and_then(|answer| answer.error)),
                sends: sends.0.load(Ordering::Relaxed),
            }
        })
    })
}

/// Makes calls as `settings` say.
pub(crate) fn caller<S, B, R>(settings: Settings, service: S) -> Caller
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: From<Bytes> + Send + 'static,
    R: Body + Send + 'static,
    R::Data: Send,
    R::Error: Into<BoxError>,
{
    let timeout = settings.plan.timeout;
    caller_of(timeout, move |sends| {
        let request = request(&settings, sends);
        exchange(service.clone(), request)
    })
}

fn request<B: From<Bytes>>(settings: &Settings, sends: Sends) -> Request<B> {
    let mut request = Request::new(B::from(settings.body.clone().unwrap_or_default()));
    *request.method_mut() = settings.method.clone();
    *request.uri_mut() = settings.uri.clone();
    request.extensions_mut().insert(sends);
    let headers = request.headers_mut();
    let agent = concat!("tower-reauth-probe/", env!("CARGO_PKG_VERSION"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static(agent));
    let accept = "application/json, */*;q=0.8";
    headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
    if settings.body.is_some() {
        headers.insert(header::CONTENT_TYPE, settings.content_type.clone());
    }
    request
}

async fn exchange<S, B, R>(service: S, request: Request<B>) -> Result<Answer, BoxError>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: Into<BoxError>,
    R: Body,
    R::Error: Into<BoxError>,
{
    let response = service.oneshot(request).await.map_err(Into::into)?;
    let (head, body) = response.into_parts();
    // Read to the end, frame by frame, and kept nowhere.
    let mut body = pin!(body);
    while let Some(frame) = body.frame().await {
        frame.map_err(Into::into)?;
    }
    Ok(Answer {
        status: head.status,
        error: head.extensions.get::<Error>().cloned(),
    })
}

fn too_slow(timeout: Duration) -> Error {
    let millis = timeout.as_millis();
    let message = format!(
        "the call was not over within {millis} ms: raise --timeout if the server is slow, or if a \
         person gives the code"
    );
    Error::with_message(ErrorKind::Timeout, message)
}
