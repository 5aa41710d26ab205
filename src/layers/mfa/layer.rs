use std::time::Duration;

use tower_layer::Layer;

use super::{Mfa, MfaRecovery};
use crate::layers::recover::{Recover, RecoverLayer};

/// Layer that attaches the current code, and gets a new one when the server asks for it.
///
/// See the [module docs](self::super) for more details.
#[derive(Clone, Debug)]
#[must_use]
pub struct MfaLayer {
    engine: RecoverLayer<MfaRecovery>,
}

impl MfaLayer {
    /// Creates a layer that uses the codes of `mfa`.
    pub fn new(mfa: Mfa) -> Self {
        Self {
            engine: RecoverLayer::new(MfaRecovery::new(mfa)),
        }
    }

    /// Sets how long to wait for the client to let go of the first body, 1 s by default: see
    /// [`RecoverLayer::body_release`].
    pub fn body_release(mut self, wait: Duration) -> Self {
        self.engine = self.engine.body_release(wait);
        self
    }
}

impl<S> Layer<S> for MfaLayer {
    type Service = Recover<S, MfaRecovery>;

    fn layer(&self, inner: S) -> Self::Service {
        self.engine.layer(inner)
    }
}
