use std::{fmt, pin::Pin, sync::Arc, time::Duration};

use redis::{FromRedisValue, RedisError, ScriptInvocation};
use tokio::{
    sync::{Mutex, mpsc},
    task::AbortHandle,
    time::{Instant, MissedTickBehavior, interval, timeout},
};
use tokio_stream::{StreamExt, wrappers::ReceiverStream};
use zeroize::Zeroizing;

use super::{
    scripts,
    target::{Connection, Target},
};
use crate::{
    Error, ErrorKind,
    store::{Changes, Lease, Record, Release, Saved, StoreFuture, StoreKey, TokenStore},
    stores::format::Written,
};

/// How long to wait between two tries to take a lease, at least and at most, in milliseconds.
const PATIENCE: [u64; 2] = [20, 80];

/// A store in Redis or Valkey, shared by the processes of many machines. Clones share everything.
///
/// | URL | what |
/// | --- | --- |
/// | `redis://[user:password@]host[:port][/database]`, `rediss://` with TLS; `valkey://`, `valkeys://` | one server |
/// | `redis+sentinel://[user:password@]host:port,…/master[/database]`, `rediss+sentinel://` | the master that the sentinels name; user and password are the server's |
/// | `redis+cluster://[user:password@]host:port,…`, `rediss+cluster://` | a cluster |
/// | `unix:///path` | one server, by its socket |
///
/// TLS is rustls's, with the system's certificate authorities. A program that builds rustls with
/// several cryptography providers must install one as the default.
///
/// Nothing is connected before it is needed, and a connection that was lost is made again. Every
/// step is bounded by [`timeout`](Self::timeout).
///
/// A lease is a key with the name of its owner, which its owner alone gives back, and prolongs while
/// it lives: one that dies is noticed after [`dead_after`](Self::dead_after). After the layer's
/// [`lease_ttl`](crate::store::StoreLayer::lease_ttl) it is prolonged no more. A save is a compare-and-set of the version, in one step, so an owner who slept through its lease changes
/// nothing. Changes are told by publish and subscribe, and looked for every
/// [`poll_interval`](Self::poll_interval) as well.
///
/// | setting | default |
/// | --- | --- |
/// | [`prefix`](Self::prefix) | `tower-reauth` |
/// | [`timeout`](Self::timeout) | 2 s |
/// | [`dead_after`](Self::dead_after) | 5 s |
/// | [`poll_interval`](Self::poll_interval) | 5 s |
///
/// # What Redis cannot promise
///
/// Redis answers before replicas have what was written, and by default before its disk has. If the
/// master dies then, the last save and the lease are lost with it: a refresh token may be presented
/// once more by whoever renews next. Ask for persistence (`appendfsync always`) if that matters, and
/// for `min-replicas-to-write` against two masters at once. Tokens are stored as they are: who may
/// read the keys may use them.
///
/// # Example
///
/// ```no_run
/// use tower_reauth::{BoxError, store::{StoreKey, StoreLayer}, stores::RedisStore};
///
/// # fn main() -> Result<(), BoxError> {
/// let store = RedisStore::new("rediss://user:password@redis.example.com")?;
/// let key = StoreKey::new("example", "https://api.example.com", "foo@bar.com");
/// // For `Session::builder(..).store(..)`:
/// let layer = StoreLayer::new(store, key);
/// # let _ = layer;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct RedisStore {
    server: Arc<Server>,
    prefix: Box<str>,
    timeout: Duration,
    dead_after: Duration,
    poll_interval: Duration,
}

struct Server {
    target: Target,
    connection: Mutex<Option<Connection>>,
}

/// Gives a lease back; also when it is dropped, as far as there is a runtime to do it.
struct Held {
    store: RedisStore,
    key: String,
    owner: String,
    is_given_back: bool,
    /// Prolongs it.
    heart: Option<AbortHandle>,
}

// === impl RedisStore ===

impl RedisStore {
    /// Creates a store at `url`. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// Fails as [`ErrorKind::Config`] if `url` is none of the above.
    pub fn new(url: &str) -> Result<Self, Error> {
        let timeout = Duration::from_secs(2);
        Ok(Self {
            server: Arc::new(Server {
                target: Target::parse(url, timeout)?,
                connection: Mutex::new(None),
            }),
            prefix: "tower-reauth".into(),
            timeout,
            dead_after: Duration::from_secs(5),
            poll_interval: Duration::from_secs(5),
        })
    }

    /// Sets what the keys begin with.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into().into();
        self
    }

    /// Sets how long one step may take: to connect, or to have an answer.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets after how long without a sign of life the holder of a lease counts as dead, so that others
    /// may renew. A process that stands still for longer loses its lease, and can save no more.
    pub fn dead_after(mut self, silence: Duration) -> Self {
        self.dead_after = silence.max(Duration::from_millis(30));
        self
    }

    /// Sets how often to look for changes of which no notice came.
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        // tokio's timer takes no zero.
        self.poll_interval = interval.max(Duration::from_millis(1));
        self
    }

    /// Returns the name of what is kept for `key`. What stands in braces decides the node.
    fn name(&self, key: &StoreKey, ending: &str) -> String {
        format!("{}:{{{key}}}{ending}", self.prefix)
    }

    /// Runs `script`; a second time on a new connection if the first was found to be dead and
    /// `again` allows it.
    async fn run<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
        again: bool,
    ) -> Result<T, Error> {
        match self.run_once(script).await {
            Err(failed) if again && failed.is_dead => self.run_once(script).await,
            result => result,
        }
        .map_err(|failed| failed.error)
    }

    async fn run_once<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T, Run> {
        // Connecting and asking have the time each, since both have their own limits inside.
        let connecting = timeout(self.timeout, self.connection()).await;
        let mut connection = connecting
            .map_err(|_| Run::dead(slow("connect to")))?
            .map_err(|error| Run::dead(failed(&error)))?;
        let asking = timeout(self.timeout, connection.invoke(script)).await;
        let result = asking.map_err(|_| Run::dead(slow("ask")));
        let result = match result {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => Run {
                is_dead: error.is_io_error() || error.is_unrecoverable_error(),
                // A master that has become a replica is left for the new one.
                is_left: error.code() == Some("READONLY"),
                error: failed(&error),
            },
            Err(run) => run,
        };
        if result.is_dead || result.is_left {
            *self.server.connection.lock().await = None;
        }
        Err(result)
    }

    /// Takes or prolongs a lease. Doing it twice under one name is as good as once.
    async fn take(&self, key: &str, owner: &str, ttl: Duration) -> Result<bool, Error> {
        let life = ttl.min(self.dead_after).as_millis();
        let mut script = scripts::TAKE.prepare_invoke();
        script
            .key(key)
            .arg(owner)
            .arg(u64::try_from(life).unwrap_or(u64::MAX).max(1));
        self.run(&script, true).await
    }

    async fn connection(&self) -> Result<Connection, RedisError> {
        let mut connection = self.server.connection.lock().await;
        if let Some(connection) = &*connection {
            return Ok(connection.clone());
        }
        let new = self.server.target.connect(self.timeout).await?;
        *connection = Some(new.clone());
        Ok(new)
    }

    /// Hands on notices of `channel` until nobody listens any more.
    async fn listen(self, channel: String, notices: mpsc::Sender<()>) {
        let mut ticks = interval(self.poll_interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut subscribed = None;
        loop {
            if subscribed.is_none() {
                subscribed = timeout(self.timeout, self.subscribe(&channel))
                    .await
                    .ok()
                    .flatten();
            }
            tokio::select! {
                _ = ticks.tick() => {}
                notice = next(&mut subscribed) => if notice.is_none() {
                    // The connection is lost. Until the next tick there is none.
                    subscribed = None;
                    ticks.tick().await;
                },
                () = notices.closed() => return,
            }
            // One that waits already says it as well.
            if let Err(mpsc::error::TrySendError::Closed(())) = notices.try_send(()) {
                return;
            }
        }
    }

    async fn subscribe(&self, channel: &str) -> Option<redis::aio::PubSubStream> {
        let (mut sink, stream) = self.server.target.listen().await.ok()?.split();
        sink.subscribe(channel).await.ok()?;
        Some(stream)
    }
}

impl TokenStore for RedisStore {
    fn load<'a>(&'a self, key: &'a StoreKey) -> StoreFuture<'a, Option<Record>> {
        Box::pin(async move {
            let mut script = scripts::LOAD.prepare_invoke();
            script.key(self.name(key, ""));
            let text: Option<String> = self.run(&script, true).await?;
            let Some(text) = text.map(Zeroizing::new) else {
                return Ok(None);
            };
            let written: Written = serde_json::from_str(&text).map_err(|_| unreadable())?;
            written.read().map(Some)
        })
    }

    fn lease<'a>(&'a self, key: &'a StoreKey, ttl: Duration) -> StoreFuture<'a, Lease> {
        Box::pin(async move {
            // Dropped while it waits, it gives back what an answer that was not awaited may have brought.
            let mut held = Held {
                store: self.clone(),
                key: self.name(key, ":lease"),
                owner: format!("{:032x}", fastrand::u128(..)),
                is_given_back: false,
                heart: None,
            };
            loop {
                if self.take(&held.key, &held.owner, ttl).await? {
                    held.keep_alive(ttl);
                    return Ok(Lease::new(held));
                }
                let wait = fastrand::u64(PATIENCE[0]..PATIENCE[1]);
                tokio::time::sleep(Duration::from_millis(wait)).await;
            }
        })
    }

    fn save<'a>(&'a self, key: &'a StoreKey, record: &'a Record) -> StoreFuture<'a, Saved> {
        Box::pin(async move {
            let text = serde_json::to_string(&Written::of(record)).map(Zeroizing::new);
            let text = text.map_err(|_| unreadable())?;
            let Some(before) = record.version().checked_sub(1) else {
                return Ok(Saved::Conflict);
            };
            let mut script = scripts::SAVE.prepare_invoke();
            script
                .key(self.name(key, ""))
                .key(self.name(key, ":changes"))
                .arg(before)
                .arg(record.version())
                .arg(text.as_str());
            // Never twice: if the first was done, the second would call it a conflict.
            Ok(if self.run(&script, false).await? {
                Saved::Done
            } else {
                Saved::Conflict
            })
        })
    }

    fn changes(&self, key: &StoreKey) -> Changes {
        let (notices, noticed) = mpsc::channel(1);
        let listening = self.clone().listen(self.name(key, ":changes"), notices);
        tokio::spawn(listening);
        Box::pin(ReceiverStream::new(noticed))
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("target", &self.server.target)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

// === impl Held ===

impl Held {
    /// Prolongs the lease until it is given back, but no longer than `ttl` in all.
    fn keep_alive(&mut self, ttl: Duration) {
        let (store, key, owner) = (self.store.clone(), self.key.clone(), self.owner.clone());
        let beating = async move {
            let end = Instant::now() + ttl;
            loop {
                tokio::time::sleep(store.dead_after / 3).await;
                let left = end.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return;
                }
                // If it is another's by now there is nothing to prolong. A server that does not
                // answer is asked again.
                if let Ok(false) = store.take(&key, &owner, left).await {
                    return;
                }
            }
        };
        self.heart = Some(tokio::spawn(beating).abort_handle());
    }

    fn stop(&mut self) {
        if let Some(heart) = self.heart.take() {
            heart.abort();
        }
    }

    async fn give_back(store: RedisStore, key: String, owner: String) {
        let mut script = scripts::GIVE_BACK.prepare_invoke();
        script.key(key).arg(owner);
        // If that fails it expires.
        let _: Result<u64, Error> = store.run(&script, true).await;
    }
}

impl Release for Held {
    fn release(mut self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            self.stop();
            let (key, owner) = (self.key.clone(), self.owner.clone());
            Self::give_back(self.store.clone(), key, owner).await;
            // If this future is dropped before, the lease is given back by the drop.
            self.is_given_back = true;
        })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.stop();
        if self.is_given_back {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (key, owner) = (self.key.clone(), self.owner.clone());
            runtime.spawn(Self::give_back(self.store.clone(), key, owner));
        }
    }
}

/// Why a script did not run.
struct Run {
    error: Error,
    /// The connection is of no use any more.
    is_dead: bool,
    /// The server is the wrong one.
    is_left: bool,
}

impl Run {
    fn dead(error: Error) -> Self {
        Self {
            error,
            is_dead: true,
            is_left: false,
        }
    }
}

/// Waits for the next notice, without end if there are none to be had.
async fn next(subscribed: &mut Option<redis::aio::PubSubStream>) -> Option<()> {
    match subscribed {
        Some(stream) => stream.next().await.map(drop),
        None => std::future::pending().await,
    }
}

/// Says what may be said of a failure: never the text of the server, nor the URL.
fn failed(error: &RedisError) -> Error {
    let below = match error.code() {
        _ if error.is_connection_refusal() => "connection refused".to_owned(),
        Some(code) => format!("{} ({code})", error.category()),
        None => error.category().to_owned(),
    };
    Error::with_message(
        ErrorKind::Store,
        "Redis could not be used: is it there, and are user and password right?",
    )
    .caused_by(below)
}

fn slow(what: &str) -> Error {
    Error::with_message(
        ErrorKind::Store,
        format!("Redis took too long to {what}: is it there? timeout() sets how long it may take"),
    )
}

fn unreadable() -> Error {
    Error::with_message(
        ErrorKind::Store,
        "the record in Redis is none of ours, or of a newer version: look at the key, or delete it \
         to sign in anew",
    )
}
