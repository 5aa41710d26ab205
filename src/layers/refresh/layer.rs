use std::time::Duration;

use tower_layer::Layer;

use super::{Refresh, RefreshRecovery};
use crate::{Session, layers::recover::RecoverLayer};

/// Layer that renews the token when the server answers `401`, and sends the request again.
///
/// See the [module docs](self::super) for more details.
#[derive(Clone, Debug)]
#[must_use]
pub struct RefreshLayer {
    engine: RecoverLayer<RefreshRecovery>,
}

impl RefreshLayer {
    /// Creates a layer that renews the token of `session`.
    pub fn new(session: Session) -> Self {
        Self {
            engine: RecoverLayer::new(RefreshRecovery::new(session)),
        }
    }

    /// Sets how long to wait for the client to let go of the first body, 1 s by default: see
    /// [`RecoverLayer::body_release`].
    pub fn body_release(mut self, wait: Duration) -> Self {
        self.engine = self.engine.body_release(wait);
        self
    }
}

impl<S> Layer<S> for RefreshLayer {
    type Service = Refresh<S>;

    fn layer(&self, inner: S) -> Self::Service {
        self.engine.layer(inner)
    }
}
