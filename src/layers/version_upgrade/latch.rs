use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};

use tokio::sync::Notify;

/// Whether v2 is in use. Once it is set it stays set; clones are one latch.
///
/// # Example
///
/// ```
/// use tower_reauth::layers::version_upgrade::UpgradeLatch;
///
/// # fn read_from_the_settings_file() -> bool { true }
/// # fn write_to_the_settings_file(_: bool) {}
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let latch = UpgradeLatch::new();
/// if read_from_the_settings_file() {
///     latch.set();
/// }
/// assert!(latch.is_set() && !latch.has_tripped());
///
/// // In a task of its own:
/// latch.wait().await;
/// write_to_the_settings_file(true);
/// # }
/// ```
#[derive(Clone, Default)]
pub struct UpgradeLatch {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    state: AtomicU8,
    changed: Notify,
}

const OPEN: u8 = 0;
const SET: u8 = 1;
const TRIPPED: u8 = 2;

// === impl UpgradeLatch ===

impl UpgradeLatch {
    /// Creates a latch that is not set: v1 is in use.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the latch, as an earlier run did: v2 is in use from now on.
    pub fn set(&self) {
        self.close(SET);
    }

    /// Whether the latch is set: v2 is in use.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.inner.state.load(Ordering::Acquire) != OPEN
    }

    /// Whether it was a server's answer that set the latch, and not [`set`](Self::set).
    #[must_use]
    pub fn has_tripped(&self) -> bool {
        self.inner.state.load(Ordering::Acquire) == TRIPPED
    }

    /// Waits until the latch is set.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: it only looks on.
    pub async fn wait(&self) {
        // Before looking, so that nothing is missed in between.
        let changed = self.inner.changed.notified();
        if !self.is_set() {
            changed.await;
        }
    }

    /// Sets the latch because a server said so.
    pub(super) fn trip(&self) {
        if self.close(TRIPPED) {
            #[cfg(feature = "tracing")]
            tracing::info!("the server asked for the next version of the login: it is used now");
        }
    }

    fn close(&self, state: u8) -> bool {
        let closed =
            self.inner
                .state
                .compare_exchange(OPEN, state, Ordering::AcqRel, Ordering::Acquire);
        if closed.is_ok() {
            self.inner.changed.notify_waiters();
        }
        closed.is_ok()
    }
}

impl fmt::Debug for UpgradeLatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpgradeLatch")
            .field("set", &self.is_set())
            .field("tripped", &self.has_tripped())
            .finish()
    }
}
