use std::sync::Arc;

use tower_layer::Layer;

#[cfg(feature = "reqwest-middleware")]
use super::ReplayBody;
use super::{
    Replay,
    budget::{Budget, DEFAULT_MAX_BODY, DEFAULT_MAX_TOTAL, Limits},
};

/// Layer that makes request bodies sendable twice.
///
/// See the [module docs](super) for what it promises and what it costs.
#[derive(Clone, Debug)]
#[must_use]
pub struct ReplayLayer {
    max_body: usize,
    budget: Arc<Budget>,
}

impl ReplayLayer {
    /// Creates a layer that keeps up to 8 MiB a request and 64 MiB in all.
    pub fn new() -> Self {
        Self {
            max_body: DEFAULT_MAX_BODY,
            budget: Arc::new(Budget::new(DEFAULT_MAX_TOTAL)),
        }
    }

    /// Sets how many bytes are kept for one request, 8 MiB by default. Longer streams are sent once.
    ///
    /// Each frame counts 128 bytes more than its length, so a stream of exactly this size is over.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// Sets how many bytes are kept for all requests through this layer, its clones and their
    /// services, 64 MiB by default. While they are used up, streams are sent once.
    ///
    /// Clones and services made before this call keep the memory they shared.
    pub fn max_total(mut self, bytes: usize) -> Self {
        self.budget = Arc::new(Budget::new(bytes));
        self
    }

    /// Wraps `body` as a service of this layer does.
    #[cfg(feature = "reqwest-middleware")]
    pub(crate) fn wrap<B>(&self, body: B) -> ReplayBody<B>
    where
        B: http_body::Body<Data = bytes::Bytes> + 'static,
    {
        ReplayBody::with_limits(body, &self.limits())
    }

    fn limits(&self) -> Limits {
        Limits {
            max_body: self.max_body,
            budget: Some(Arc::clone(&self.budget)),
        }
    }

    #[cfg(test)]
    pub(super) fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }
}

impl Default for ReplayLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for ReplayLayer {
    type Service = Replay<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Replay::with_limits(inner, self.limits())
    }
}
