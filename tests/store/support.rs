//! A token service that counts and rotates, and a store that fails when told to.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tower::{service_fn, util::BoxCloneService};
use tower_reauth::{
    Error, ErrorKind, ExposeSecret, Renewal, Renewed, Session, SessionBuilder, Token,
    store::{Changes, Lease, Record, Saved, StoreFuture, StoreKey, StoreLayer, TokenStore},
    stores::MemoryStore,
};

pub(crate) const ORIGIN: &str = "https://api.example.com";
pub(crate) const LIFE: Duration = Duration::from_secs(1000);

/// A server with single-use refresh tokens `r1`, `r2`, … and access tokens `a1`, `a2`, …
#[derive(Clone, Default)]
pub(crate) struct Server {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    issued: AtomicU64,
    sign_ins: AtomicU64,
    refreshes: AtomicU64,
    /// Refresh tokens that came again after they were spent.
    reuses: AtomicU64,
    spent: Mutex<Vec<String>>,
    failures: Mutex<VecDeque<Error>>,
    /// Closed: the server processes, and does not answer until it is opened.
    gate: Mutex<Option<Arc<Semaphore>>>,
    /// How requests came: `sign-in` or the refresh token.
    log: Mutex<Vec<String>>,
}

impl Server {
    pub(crate) fn sign_ins(&self) -> u64 {
        self.shared.sign_ins.load(Ordering::Relaxed)
    }

    pub(crate) fn refreshes(&self) -> u64 {
        self.shared.refreshes.load(Ordering::Relaxed)
    }

    pub(crate) fn reuses(&self) -> u64 {
        self.shared.reuses.load(Ordering::Relaxed)
    }

    pub(crate) fn log(&self) -> Vec<String> {
        self.shared.log.lock().unwrap().clone()
    }

    pub(crate) fn fail_once(&self, kind: ErrorKind) {
        let error = Error::with_message(kind, "as ordered");
        self.shared.failures.lock().unwrap().push_back(error);
    }

    /// Holds answers back from now on: each takes a permit of the gate.
    pub(crate) fn close(&self) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        *self.shared.gate.lock().unwrap() = Some(Arc::clone(&gate));
        gate
    }

    /// Lets what comes from now on through. What is held back stays so until its gate is opened.
    pub(crate) fn open(&self) {
        *self.shared.gate.lock().unwrap() = None;
    }

    async fn renew(self, renewal: Renewal) -> Result<Renewed, Error> {
        let refresh = renewal.previous().and_then(Token::refresh_token);
        let refresh = refresh.map(|refresh| refresh.expose_secret().to_owned());
        let shared = &self.shared;
        let asked = refresh.clone().unwrap_or_else(|| "sign-in".into());
        shared.log.lock().unwrap().push(asked);
        if let Some(error) = shared.failures.lock().unwrap().pop_front() {
            return Err(error);
        }
        match &refresh {
            Some(refresh) => {
                let mut spent = shared.spent.lock().unwrap();
                if spent.contains(refresh) {
                    shared.reuses.fetch_add(1, Ordering::Relaxed);
                    return Err(Error::with_message(ErrorKind::Rejected, "spent"));
                }
                spent.push(refresh.clone());
                shared.refreshes.fetch_add(1, Ordering::Relaxed);
            }
            None => {
                shared.sign_ins.fetch_add(1, Ordering::Relaxed);
            }
        }
        let number = shared.issued.fetch_add(1, Ordering::Relaxed) + 1;
        let gate = shared.gate.lock().unwrap().clone();
        if let Some(gate) = gate {
            gate.acquire().await.expect("never closed").forget();
        }
        let token = Token::new(format!("a{number}"))?
            .with_refresh_token(format!("r{number}"))?
            .with_lifetime(LIFE);
        Ok(Renewed::new(token).signed_in(refresh.is_none()))
    }

    pub(crate) fn tokens(&self) -> BoxCloneService<Renewal, Renewed, Error> {
        let server = self.clone();
        BoxCloneService::new(service_fn(move |renewal| server.clone().renew(renewal)))
    }

    /// A session of one "process" that shares `store`.
    pub(crate) fn session(&self, store: impl TokenStore) -> Session {
        self.builder(StoreLayer::new(store, key())).build().unwrap()
    }

    pub(crate) fn builder(&self, layer: StoreLayer) -> SessionBuilder {
        Session::builder(self.tokens()).origin(ORIGIN).store(layer)
    }
}

pub(crate) fn key() -> StoreKey {
    StoreKey::new("test", ORIGIN, "foo@bar.com")
}

/// A memory store that can be made to fail.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flaky {
    inner: MemoryStore,
    /// What is there once it was emptied.
    after: MemoryStore,
    pub(crate) is_emptied: Arc<AtomicBool>,
    pub(crate) down: Arc<AtomicBool>,
    pub(crate) saves_fail: Arc<AtomicBool>,
    pub(crate) saves: Arc<AtomicU64>,
    /// Whether leases are given to anybody who asks, as if they ran out at once.
    pub(crate) leases_run_out: Arc<AtomicBool>,
    /// The notices of changes for the next who wants them, if the test gives them itself.
    notices: Arc<Mutex<Option<mpsc::UnboundedReceiver<()>>>>,
}

impl Flaky {
    /// Gives the next session notices of changes only as the test says.
    pub(crate) fn notices(&self) -> mpsc::UnboundedSender<()> {
        let (sender, receiver) = mpsc::unbounded_channel();
        *self.notices.lock().unwrap() = Some(receiver);
        sender
    }

    pub(crate) fn set(flag: &AtomicBool, value: bool) {
        flag.store(value, Ordering::Relaxed);
    }

    fn place(&self) -> &MemoryStore {
        match self.is_emptied.load(Ordering::Relaxed) {
            true => &self.after,
            false => &self.inner,
        }
    }

    fn check(&self) -> Result<(), Error> {
        if self.down.load(Ordering::Relaxed) {
            return Err(Error::with_message(ErrorKind::Store, "the store is down"));
        }
        Ok(())
    }

    pub(crate) async fn record(&self) -> Option<Record> {
        self.place().load(&key()).await.unwrap()
    }
}

impl TokenStore for Flaky {
    fn load<'a>(&'a self, key: &'a StoreKey) -> StoreFuture<'a, Option<Record>> {
        Box::pin(async move {
            self.check()?;
            self.place().load(key).await
        })
    }

    fn lease<'a>(&'a self, key: &'a StoreKey, ttl: Duration) -> StoreFuture<'a, Lease> {
        Box::pin(async move {
            self.check()?;
            if self.leases_run_out.load(Ordering::Relaxed) {
                return MemoryStore::new().lease(key, ttl).await;
            }
            self.place().lease(key, ttl).await
        })
    }

    fn save<'a>(&'a self, key: &'a StoreKey, record: &'a Record) -> StoreFuture<'a, Saved> {
        Box::pin(async move {
            self.check()?;
            if self.saves_fail.load(Ordering::Relaxed) {
                return Err(Error::with_message(ErrorKind::Store, "no space left"));
            }
            self.saves.fetch_add(1, Ordering::Relaxed);
            self.place().save(key, record).await
        })
    }

    fn changes(&self, key: &StoreKey) -> Changes {
        match self.notices.lock().unwrap().take() {
            Some(notices) => Box::pin(UnboundedReceiverStream::new(notices)),
            None => self.place().changes(key),
        }
    }
}

/// Lets background tasks run. Time is paused, so this takes none.
pub(crate) async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

pub(crate) async fn access(session: &Session) -> String {
    let current = session.token().await.expect("a token");
    current.token().expose().to_owned()
}
