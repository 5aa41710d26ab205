use std::task::{Context, Poll};

use bytes::Bytes;
use http::Request;
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use super::{ReplayBody, ReplayLayer, budget::Limits};
use crate::BoxError;

/// Middleware that makes request bodies sendable twice.
///
/// See the [module docs](super) for what it promises and what it costs.
#[derive(Clone, Debug)]
pub struct Replay<S> {
    inner: S,
    limits: Limits,
}

impl<S> Replay<S> {
    /// Creates the service with the settings of [`ReplayLayer::new`].
    pub fn new(inner: S) -> Self {
        ReplayLayer::new().layer(inner)
    }

    pub(super) fn with_limits(inner: S, limits: Limits) -> Self {
        Self { inner, limits }
    }

    /// Returns the service inside.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<S, B> Service<Request<B>> for Replay<S>
where
    S: Service<Request<ReplayBody<B>>>,
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.inner
            .call(request.map(|body| ReplayBody::with_limits(body, &self.limits)))
    }
}
