use std::{fmt, pin::Pin, time::Duration};

use futures_core::Stream;

use super::{Record, StoreKey};
use crate::Error;

/// A boxed future, as stores return it.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// A boxed stream of notices that something was saved, as stores return it.
pub type Changes = Pin<Box<dyn Stream<Item = ()> + Send>>;

/// A place that keeps tokens for several processes, or from one run to the next.
///
/// It is small, because the [transaction](super) is not the store's: [`StoreLayer`] takes the
/// lease, reads, renews and saves.
///
/// # What an implementation must guarantee
///
/// - [`lease`](Self::lease) gives one holder at a time the right to renew what is under a key, also
///   across processes. A holder that dies loses it: at once, or when `ttl` is over.
/// - [`save`](Self::save) is a compare-and-set: of two who save over the same version one gets
///   [`Saved::Conflict`]. That is what keeps a holder who was asleep for longer than its lease from
///   writing over what came after it; a lease alone cannot.
/// - What `save` has called saved is there after a crash, if the store outlives one at all.
/// - A record that cannot be read is an error of kind [`Store`](crate::ErrorKind::Store), never
///   "there is none".
/// - No error, log line or `Debug` shows a token.
///
/// With the feature `testing` there is a suite that checks all this: `testing::store_conformance::check`.
///
/// # Cancel safety
///
/// The futures may be dropped at any point. A `save` that is dropped may have saved or not.
///
/// [`StoreLayer`]: super::StoreLayer
pub trait TokenStore: fmt::Debug + Send + Sync + 'static {
    /// Loads the record under `key`, if there is one.
    fn load<'a>(&'a self, key: &'a StoreKey) -> StoreFuture<'a, Option<Record>>;

    /// Waits until nobody else may renew what is under `key`, and takes that right.
    ///
    /// It lasts until the [`Lease`] is released or dropped; a store that cannot see its holder die
    /// ends it after `ttl`.
    fn lease<'a>(&'a self, key: &'a StoreKey, ttl: Duration) -> StoreFuture<'a, Lease>;

    /// Saves `record` under `key`, if what is there has the version before it: `record.version()`
    /// less 1, where 0 is nothing at all.
    fn save<'a>(&'a self, key: &'a StoreKey, record: &'a Record) -> StoreFuture<'a, Saved>;

    /// Returns a stream with an item whenever what is under `key` may have changed. It may miss
    /// changes that others overtake, and may give too many items; it must not miss the last.
    ///
    /// It is called within a tokio runtime, and may use it.
    fn changes(&self, key: &StoreKey) -> Changes;
}

/// What came of a [`save`](TokenStore::save).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Saved {
    /// It is saved.
    Done,
    /// Another record is there than the one that was to be replaced. Nothing was changed.
    Conflict,
}

/// The right to renew what is under a key. Dropped, it is given back as soon as may be.
#[must_use = "a lease is given back when it is dropped"]
pub struct Lease {
    guard: Box<dyn Release>,
}

/// How a [`Lease`] is given back; dropping it must give it back as well.
pub trait Release: Send + Sync + 'static {
    /// Gives the lease back, and waits until that is done. A failure is the store's to mend: the
    /// lease ends by itself then.
    fn release(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

// === impl Lease ===

impl Lease {
    /// Creates a lease that is given back by `guard`.
    pub fn new(guard: impl Release) -> Self {
        Self {
            guard: Box::new(guard),
        }
    }

    /// Gives the lease back.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped the lease is given back as well.
    pub async fn release(self) {
        self.guard.release().await;
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn _obj_safe(_: Box<dyn TokenStore>, _: Box<dyn Release>) {}
}
