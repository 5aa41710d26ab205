use std::{
    collections::HashMap,
    fmt,
    future::ready,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, watch};
use tokio_stream::{StreamExt, wrappers::WatchStream};

use crate::store::{Changes, Lease, Record, Release, Saved, StoreFuture, StoreKey, TokenStore};

/// A store in memory, for sessions of one process that share a token. Clones share everything.
///
/// It keeps one record for each key that was ever used. Its lease ends when it is dropped, so
/// `lease_ttl` means nothing here.
#[derive(Clone, Default)]
pub struct MemoryStore {
    slots: Arc<Mutex<HashMap<StoreKey, Arc<Slot>>>>,
}

struct Slot {
    record: watch::Sender<Option<Record>>,
    lease: Arc<AsyncMutex<()>>,
}

struct Held(OwnedMutexGuard<()>);

impl MemoryStore {
    /// Creates an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn slot(&self, key: &StoreKey) -> Arc<Slot> {
        let mut slots = self.slots();
        if let Some(slot) = slots.get(key) {
            return Arc::clone(slot);
        }
        let slot = Arc::new(Slot {
            record: watch::Sender::new(None),
            lease: Arc::default(),
        });
        slots.insert(key.clone(), Arc::clone(&slot));
        slot
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<StoreKey, Arc<Slot>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TokenStore for MemoryStore {
    fn load<'a>(&'a self, key: &'a StoreKey) -> StoreFuture<'a, Option<Record>> {
        let record = self.slot(key).record.borrow().clone();
        Box::pin(ready(Ok(record)))
    }

    fn lease<'a>(&'a self, key: &'a StoreKey, _: Duration) -> StoreFuture<'a, Lease> {
        let lease = Arc::clone(&self.slot(key).lease);
        Box::pin(async move { Ok(Lease::new(Held(lease.lock_owned().await))) })
    }

    fn save<'a>(&'a self, key: &'a StoreKey, record: &'a Record) -> StoreFuture<'a, Saved> {
        let is_saved = self.slot(key).record.send_if_modified(|stored| {
            let version = stored.as_ref().map_or(0, Record::version);
            let is_next = version.checked_add(1) == Some(record.version());
            if is_next {
                *stored = Some(record.clone());
            }
            is_next
        });
        let saved = if is_saved {
            Saved::Done
        } else {
            Saved::Conflict
        };
        Box::pin(ready(Ok(saved)))
    }

    fn changes(&self, key: &StoreKey) -> Changes {
        let changes = WatchStream::from_changes(self.slot(key).record.subscribe());
        Box::pin(changes.map(drop))
    }
}

impl Release for Held {
    fn release(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        drop(self.0);
        Box::pin(ready(()))
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("keys", &self.slots().len())
            .finish_non_exhaustive()
    }
}
