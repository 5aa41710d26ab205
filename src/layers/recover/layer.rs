use std::time::Duration;

use tower_layer::Layer;

use super::Recover;

/// Layer that answers challenges and sends requests again.
///
/// See the [module docs](self::super) for more details.
#[derive(Clone, Debug)]
#[must_use]
pub struct RecoverLayer<P> {
    recovery: P,
    body_release: Duration,
}

impl<P> RecoverLayer<P> {
    /// Creates a layer that recovers as `recovery` says.
    pub fn new(recovery: P) -> Self {
        Self {
            recovery,
            body_release: Duration::from_secs(1),
        }
    }

    /// Sets how long to wait for the client to let go of the first body, 1 s by default.
    ///
    /// It matters when a server answers an upload before it has read all of it. If the client
    /// still sends by then the request is not sent again.
    pub fn body_release(mut self, wait: Duration) -> Self {
        self.body_release = wait;
        self
    }

    pub(crate) fn map<Q>(self, recovery: impl FnOnce(P) -> Q) -> RecoverLayer<Q> {
        RecoverLayer {
            recovery: recovery(self.recovery),
            body_release: self.body_release,
        }
    }
}

impl<S, P: Clone> Layer<S> for RecoverLayer<P> {
    type Service = Recover<S, P>;

    fn layer(&self, inner: S) -> Self::Service {
        Recover {
            inner,
            recovery: self.recovery.clone(),
            body_release: self.body_release,
        }
    }
}
