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
use http::{HeaderValue, Request, Response, StatusCode, header};
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

/// Counts how often the request is sent that carries it.
#[derive(Clone, Default)]
pub(crate) struct Sends(Arc<AtomicU32>);

impl Sends {
    pub(crate) fn count<B>(request: Request<B>) -> Request<B> {
        if let Some(sends) = request.extensions().get::<Self>() {
            sends.0.fetch_add(1, Ordering::Relaxed);
        }
        request
    }
}

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
    let settings = Arc::new(settings);
    Arc::new(move |call| {
        let service = service.clone();
        let settings = Arc::clone(&settings);
        Box::pin(async move { make(call, &settings, service).await })
    })
}

async fn make<S, B, R>(call: u64, settings: &Settings, service: S) -> Ended
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: Into<BoxError>,
    B: From<Bytes>,
    R: Body,
    R::Error: Into<BoxError>,
{
    let sends = Sends::default();
    let mut request = Request::new(B::from(settings.body.clone().unwrap_or_default()));
    *request.method_mut() = settings.method.clone();
    *request.uri_mut() = settings.uri.clone();
    request.extensions_mut().insert(sends.clone());
    let headers = request.headers_mut();
    let agent = concat!("tower-reauth-probe/", env!("CARGO_PKG_VERSION"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static(agent));
    let accept = "application/json, */*;q=0.8";
    headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
    if settings.body.is_some() {
        headers.insert(header::CONTENT_TYPE, settings.content_type.clone());
    }

    let begun = Instant::now();
    let result = tokio::time::timeout(settings.plan.timeout, exchange(service, request)).await;
    let took = begun.elapsed();
    let (status, error) = match result {
        Ok(Ok((status, error))) => (Some(status), error),
        Ok(Err(error)) => (None, Some(Error::from_boxed(error))),
        Err(_) => (None, Some(too_slow(settings.plan.timeout))),
    };
    Ended {
        call,
        status,
        took,
        error,
        sends: sends.0.load(Ordering::Relaxed),
    }
}

async fn exchange<S, B, R>(
    service: S,
    request: Request<B>,
) -> Result<(StatusCode, Option<Error>), BoxError>
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
    Ok((head.status, head.extensions.get::<Error>().cloned()))
}

fn too_slow(timeout: Duration) -> Error {
    let millis = timeout.as_millis();
    let message = format!(
        "the call was not over within {millis} ms: raise --timeout if the server is slow, or if a \
         person gives the code"
    );
    Error::with_message(ErrorKind::Timeout, message)
}
