use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Extensions, Request, Response};
use http_body::Body;
use reqwest_middleware::Next;
use tower_service::Service;

use super::error::unwrap;
use crate::{
    BoxError,
    clients::reqwest::{into_http, into_reqwest},
};

/// The rest of a chain of middlewares as an HTTP service, for as long as one request takes.
///
/// [`LayerMiddleware`](super::LayerMiddleware) puts its layer around one.
#[derive(Clone)]
pub struct NextService<'a> {
    next: Next<'a>,
    chain: ChainExtensions,
}

/// Response future of [`NextService`].
pub struct NextFuture<'a> {
    future: Pin<Box<dyn Future<Output = Result<Response<reqwest::Body>, BoxError>> + Send + 'a>>,
}

/// The extensions that the rest of the chain leaves behind.
#[derive(Clone, Default)]
pub(super) struct ChainExtensions(Arc<Mutex<Option<Extensions>>>);

// === impl NextService ===

impl<'a> NextService<'a> {
    pub(super) fn new(next: Next<'a>) -> (Self, ChainExtensions) {
        let chain = ChainExtensions::default();
        let service = Self {
            next,
            chain: chain.clone(),
        };
        (service, chain)
    }
}

impl<'a, B> Service<Request<B>> for NextService<'a>
where
    B: Body + Send + Sync + 'static,
    B::Data: Into<Bytes>,
    B::Error: Into<BoxError>,
{
    type Response = Response<reqwest::Body>;
    type Error = BoxError;
    type Future = NextFuture<'a>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let mut extensions = request.extensions().clone();
        let request = into_reqwest(request);
        let Self { next, chain } = self.clone();
        let future = Box::pin(async move {
            let response = next.run(request?, &mut extensions).await;
            chain.put(extensions);
            response.map(into_http).map_err(unwrap)
        });
        NextFuture { future }
    }
}

impl fmt::Debug for NextService<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NextService").finish_non_exhaustive()
    }
}

// === impl NextFuture ===

impl Future for NextFuture<'_> {
    type Output = Result<Response<reqwest::Body>, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.future.as_mut().poll(cx)
    }
}

impl fmt::Debug for NextFuture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NextFuture").finish_non_exhaustive()
    }
}

// === impl ChainExtensions ===

impl ChainExtensions {
    fn put(&self, extensions: Extensions) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(extensions);
    }

    /// Takes what the last send left behind; `None` if nothing was sent.
    pub(super) fn take(&self) -> Option<Extensions> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
