//! The store that all replicas share: in memory, behind a network, and sometimes away.

use std::time::Duration;

use tokio::time::Instant;
use tower_reauth::{
    Error, ErrorKind,
    store::{Changes, Lease, Record, Saved, StoreFuture, StoreKey, TokenStore},
    stores::MemoryStore,
};

use crate::{Shared, network};

#[derive(Clone, Debug, Default)]
pub(crate) struct Store {
    inner: MemoryStore,
    outage: Shared<Outage>,
}

#[derive(Debug, Default)]
enum Outage {
    #[default]
    Never,
    Now,
    Until(Instant),
}

/// The longest pause of a session after a failure: so long an outage is felt after its end.
const FELT_FOR: Duration = Duration::from_secs(75);

impl Store {
    pub(crate) fn go_away(&self) {
        *self.outage.lock().expect("nothing panics under it") = Outage::Now;
    }

    pub(crate) fn come_back(&self) {
        *self.outage.lock().expect("nothing panics under it") = Outage::Until(Instant::now());
    }

    fn is_away(&self) -> bool {
        let outage = self.outage.lock().expect("nothing panics under it");
        matches!(*outage, Outage::Now)
    }

    /// Whether it is away, or was until just now.
    pub(crate) fn is_missed(&self) -> bool {
        match *self.outage.lock().expect("nothing panics under it") {
            Outage::Never => false,
            Outage::Now => true,
            Outage::Until(end) => end.elapsed() < FELT_FOR,
        }
    }

    async fn reach(&self) -> Result<(), Error> {
        network().await;
        if self.is_away() {
            return Err(Error::with_message(ErrorKind::Store, "the store is away"));
        }
        Ok(())
    }
}

impl TokenStore for Store {
    fn load<'a>(&'a self, key: &'a StoreKey) -> StoreFuture<'a, Option<Record>> {
        Box::pin(async move {
            self.reach().await?;
            self.inner.load(key).await
        })
    }

    fn lease<'a>(&'a self, key: &'a StoreKey, ttl: Duration) -> StoreFuture<'a, Lease> {
        Box::pin(async move {
            self.reach().await?;
            self.inner.lease(key, ttl).await
        })
    }

    fn save<'a>(&'a self, key: &'a StoreKey, record: &'a Record) -> StoreFuture<'a, Saved> {
        Box::pin(async move {
            self.reach().await?;
            self.inner.save(key, record).await
        })
    }

    fn changes(&self, key: &StoreKey) -> Changes {
        self.inner.changes(key)
    }
}
