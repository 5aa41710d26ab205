use std::{fmt, time::Duration};

use tower_layer::Layer;

use super::{UpgradeLatch, VersionGone, VersionUpgrade};

/// Layer that moves a sign-in to its next version when the server says that the old one is gone.
///
/// See the [module docs](self::super) for more details.
#[derive(Clone)]
#[must_use]
pub struct VersionUpgradeLayer<V2, F = VersionGone> {
    v2: V2,
    latch: UpgradeLatch,
    signal: F,
    body_release: Duration,
}

// === impl VersionUpgradeLayer ===

impl<V2> VersionUpgradeLayer<V2> {
    /// Creates a layer that moves to `v2` on the default signal, [`VersionGone`].
    pub fn new(v2: V2) -> Self {
        Self {
            v2,
            latch: UpgradeLatch::new(),
            signal: VersionGone,
            body_release: Duration::from_secs(1),
        }
    }
}

impl<V2, F> VersionUpgradeLayer<V2, F> {
    /// Sets what tells that v2 must be used, [`VersionGone`] by default: any
    /// `Fn(&Result<T, E>) -> bool`.
    pub fn signal<G>(self, signal: G) -> VersionUpgradeLayer<V2, G> {
        VersionUpgradeLayer {
            v2: self.v2,
            latch: self.latch,
            signal,
            body_release: self.body_release,
        }
    }

    /// Sets the latch: one that was set from stored state, is looked at from outside, or is shared
    /// with other layers. By default each layer has one of its own.
    ///
    /// Clones and services made before this call keep the one they had.
    pub fn latch(mut self, latch: UpgradeLatch) -> Self {
        self.latch = latch;
        self
    }

    /// Sets how long to wait for the client to let go of the first body, 1 s by default.
    ///
    /// It matters when a server answers an upload before it has read all of it. If the client
    /// still sends by then the request is not sent again.
    pub fn body_release(mut self, wait: Duration) -> Self {
        self.body_release = wait;
        self
    }
}

impl<V1, V2: Clone, F: Clone> Layer<V1> for VersionUpgradeLayer<V2, F> {
    type Service = VersionUpgrade<V1, V2, F>;

    fn layer(&self, v1: V1) -> Self::Service {
        VersionUpgrade::with_settings(
            v1,
            self.v2.clone(),
            self.latch.clone(),
            self.signal.clone(),
            self.body_release,
        )
    }
}

// By hand: the signal can be a closure.
impl<V2: fmt::Debug, F> fmt::Debug for VersionUpgradeLayer<V2, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VersionUpgradeLayer")
            .field("v2", &self.v2)
            .field("latch", &self.latch)
            .field("body_release", &self.body_release)
            .finish_non_exhaustive()
    }
}
