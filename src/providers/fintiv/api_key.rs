use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use http::{HeaderName, HeaderValue, Request};
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    Token,
    layers::headers::take_out,
    origin::{Destination, Origins},
};

/// Layer that attaches the `api-key` and the `tenantName`.
///
/// [`Fintiv::api_key_layer`](super::Fintiv::api_key_layer) makes it. The values go to the session's
/// origins alone; a value of the caller's own is replaced there. Elsewhere nothing is added, and the
/// key is taken out should it be there.
#[derive(Clone)]
#[must_use]
pub struct ApiKeyLayer {
    origins: Origins,
    keys: Arc<Keys>,
}

/// Middleware that attaches the `api-key` and the `tenantName`.
///
/// See [`ApiKeyLayer`] for more details.
#[derive(Clone)]
pub struct ApiKey<S> {
    inner: S,
    origins: Origins,
    keys: Arc<Keys>,
}

/// What every request carries.
pub(super) struct Keys {
    /// Checked, marked sensitive and wiped, as a token is.
    pub(super) api_key: Token,
    pub(super) tenant: Option<(HeaderName, HeaderValue)>,
}

// === impl ApiKeyLayer ===

impl ApiKeyLayer {
    pub(super) fn new(origins: Origins, keys: Arc<Keys>) -> Self {
        Self { origins, keys }
    }
}

impl<S> Layer<S> for ApiKeyLayer {
    type Service = ApiKey<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ApiKey {
            inner,
            origins: self.origins.clone(),
            keys: Arc::clone(&self.keys),
        }
    }
}

impl fmt::Debug for ApiKeyLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeyLayer").finish_non_exhaustive()
    }
}

// === impl ApiKey ===

impl<S> ApiKey<S> {
    /// Returns the inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<S, B> Service<Request<B>> for ApiKey<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        match self.origins.check(request.uri()) {
            Destination::Ours => self.keys.attach(&mut request),
            Destination::Foreign | Destination::Unknown => self.keys.take_out(&mut request),
        }
        self.inner.call(request)
    }
}

impl<S: fmt::Debug> fmt::Debug for ApiKey<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

// === impl Keys ===

impl Keys {
    pub(super) fn attach<B>(&self, request: &mut Request<B>) {
        let headers = request.headers_mut();
        let (name, value) = self.api_key.header();
        headers.insert(name, value.clone());
        if let Some((name, value)) = &self.tenant {
            headers.insert(name, value.clone());
        }
    }

    fn take_out<B>(&self, request: &mut Request<B>) {
        let (name, ours) = self.api_key.header();
        take_out(request.headers_mut(), name, |value| value == ours);
    }
}
