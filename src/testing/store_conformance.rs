//! What every store must do: a suite that a store of your own can run.
//!
//! # Example
//!
//! ```
//! use tower_reauth::{stores::MemoryStore, testing::store_conformance};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let store = MemoryStore::new();
//! // Each call opens the same, empty place, as another process would.
//! store_conformance::check(|| store.clone()).await;
//! # }
//! ```

use std::{
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::Poll,
    time::{Duration, SystemTime},
};

use http::HeaderName;
use secrecy::ExposeSecret;
use tokio::task::JoinSet;

use crate::{
    Placement, Token,
    store::{Record, Saved, StoreKey, TokenStore},
};

/// Longer than any test takes.
const TTL: Duration = Duration::from_secs(600);
const WRITERS: u64 = 8;
const ROUNDS: u64 = 20;

/// Checks a store, of which `open` makes one handle after the other.
///
/// All of them must lead to one place, which must be empty at first. It needs a tokio runtime, best
/// one with several threads, and takes a few seconds on a store that goes to a disk or a network.
///
/// # Panics
///
/// Panics with a sentence about the first promise of [`TokenStore`] that is not kept.
pub async fn check<S: TokenStore>(open: impl Fn() -> S) {
    keeps_records(&open).await;
    compares_versions(&open).await;
    leases_have_one_holder(&open).await;
    leases_are_given_back(&open).await;
    dropped_futures_do_no_harm(&open).await;
    tells_changes(&open).await;
    shows_no_token(&open).await;
}

/// Checks that a lease whose holder died unseen ends when its time is over. Not for stores whose
/// leases end with their holder.
///
/// # Panics
///
/// Panics if it does not.
pub async fn check_expiry<S: TokenStore>(open: impl Fn() -> S) {
    let key = key("expiry");
    let held = open().lease(&key, Duration::from_millis(50)).await;
    // As if this process had died: nothing is given back.
    std::mem::forget(good(held, "lease"));
    drop(good(
        open().lease(&key, TTL).await,
        "lease of a dead holder",
    ));
}

async fn keeps_records<S: TokenStore>(open: &impl Fn() -> S) {
    let key = key("records");
    let is_empty = good(open().load(&key).await, "load").is_none();
    assert!(is_empty, "the place was not empty at first");
    let end = SystemTime::UNIX_EPOCH + Duration::from_millis(1_800_000_000_123);
    let long = "x".repeat(64 * 1024);
    let tokens = [
        Token::new("a").ok(),
        Token::placed("a!\"\\~", Placement::scheme("Token")).ok(),
        Token::placed(
            &*long,
            Placement::header(HeaderName::from_static("x-api-key")),
        )
        .ok(),
        Token::new("a")
            .and_then(|token| token.with_refresh_token("r \"ü\u{1F511}"))
            .ok(),
        Token::new("a")
            .ok()
            .map(|token| token.with_lifetime(Duration::from_millis(1_234))),
        None,
    ];
    for (version, token) in (1..).zip(tokens) {
        let expires_at = token.as_ref().and_then(Token::lifetime).map(|_| end);
        let record = Record::new(version, token, expires_at, u32::from(version == 4));
        let saved = good(open().save(&key, &record).await, "save");
        assert_eq!(saved, Saved::Done, "the next version was not saved");
        let loaded = good(open().load(&key).await, "load").expect("what was saved is there");
        assert_eq!(
            shape(&loaded),
            shape(&record),
            "a record was not kept as it is"
        );
    }
    let other = key_with(&key, "of another scope");
    let is_other = good(open().load(&other).await, "load").is_none();
    assert!(is_other, "two keys share a record");
}

async fn compares_versions<S: TokenStore>(open: &impl Fn() -> S) {
    let key = key("versions");
    for (version, expected) in [
        (2, Saved::Conflict),
        (0, Saved::Conflict),
        (1, Saved::Done),
        (1, Saved::Conflict),
        (3, Saved::Conflict),
        (2, Saved::Done),
        (1, Saved::Conflict),
        (u64::MAX, Saved::Conflict),
    ] {
        let saved = good(open().save(&key, &record(version)).await, "save");
        assert_eq!(
            saved, expected,
            "version {version} over another than its predecessor"
        );
    }
    // Of all who save over one version, one does.
    let key = key_with(&key, "race");
    let mut writers = JoinSet::new();
    for _ in 0..WRITERS {
        let (store, key) = (open(), key.clone());
        writers.spawn(async move {
            let mut done = 0;
            for version in 1..=ROUNDS {
                let saved = good(store.save(&key, &record(version)).await, "save");
                done += u64::from(saved == Saved::Done);
            }
            done
        });
    }
    let done: u64 = writers.join_all().await.into_iter().sum();
    let stored = good(open().load(&key).await, "load").map_or(0, |record| record.version());
    assert_eq!(
        done, stored,
        "two saved the same version, or a save was lost"
    );
}

async fn leases_have_one_holder<S: TokenStore>(open: &impl Fn() -> S) {
    let key = key("leases");
    let holders = Arc::new(AtomicU32::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..WRITERS {
        let (store, key, holders) = (open(), key.clone(), Arc::clone(&holders));
        tasks.spawn(async move {
            for _ in 0..ROUNDS / 4 {
                let lease = good(store.lease(&key, TTL).await, "lease");
                let before = holders.fetch_add(1, Ordering::SeqCst);
                assert_eq!(before, 0, "two hold the lease at once");
                tokio::task::yield_now().await;
                holders.fetch_sub(1, Ordering::SeqCst);
                lease.release().await;
            }
        });
    }
    tasks.join_all().await;
    // Other keys are not held up.
    let lease = good(open().lease(&key, TTL).await, "lease");
    let other = key_with(&key, "another");
    drop(good(
        open().lease(&other, TTL).await,
        "lease of another key",
    ));
    drop(lease);
}

async fn leases_are_given_back<S: TokenStore>(open: &impl Fn() -> S) {
    let key = key("given back");
    drop(good(open().lease(&key, TTL).await, "lease"));
    let lease = good(
        open().lease(&key, TTL).await,
        "lease after one that was dropped",
    );
    let releasing = lease.release();
    // Dropped before it was polled.
    drop(releasing);
    let lease = good(
        open().lease(&key, TTL).await,
        "lease after a dropped release",
    );
    // Those who wait and leave take nothing with them.
    for polls in 0..10 {
        let store = open();
        poll_times(store.lease(&key, TTL), polls).await;
    }
    lease.release().await;
    drop(good(
        open().lease(&key, TTL).await,
        "lease after waiters that left",
    ));
}

async fn dropped_futures_do_no_harm<S: TokenStore>(open: &impl Fn() -> S) {
    let key = key("dropped");
    let mut version = 0;
    for polls in 0..10 {
        let store = open();
        poll_times(store.save(&key, &record(version + 1)), polls).await;
        poll_times(store.load(&key), polls).await;
        // It may be finished later than it was dropped, so only the next save tells.
        let stored = loop {
            let stored = good(store.load(&key).await, "load after a dropped save");
            let stored = stored.map_or(0, |record| record.version());
            let next = good(store.save(&key, &record(stored + 1)).await, "save");
            if next == Saved::Done {
                break stored;
            }
        };
        let is_good = stored == version || stored == version + 1;
        assert!(
            is_good,
            "a dropped save left version {stored} over {version}"
        );
        version = stored + 1;
        drop(good(
            store.lease(&key, TTL).await,
            "lease after dropped futures",
        ));
    }
}

async fn tells_changes<S: TokenStore>(open: &impl Fn() -> S) {
    let key = key("changes");
    let mut changes = open().changes(&key);
    for version in 1..4 {
        good(open().save(&key, &record(version)).await, "save");
        loop {
            let notice = poll_fn(|cx| changes.as_mut().poll_next(cx)).await;
            assert!(notice.is_some(), "the changes ended");
            let stored = good(open().load(&key).await, "load");
            if stored.is_some_and(|stored| stored.version() == version) {
                break;
            }
        }
    }
}

async fn shows_no_token<S: TokenStore>(open: &impl Fn() -> S) {
    const SECRET: &str = "conformance-secret";
    let key = key("secrets");
    let token = Token::new(SECRET).ok();
    let record = Record::new(1, token, None, 0);
    let store = open();
    good(store.save(&key, &record).await, "save");
    let lease = good(store.lease(&key, TTL).await, "lease");
    let shown = format!("{store:?} {store:#?} {lease:?}");
    assert!(!shown.contains(SECRET), "Debug shows a token");
}

fn key(name: &str) -> StoreKey {
    StoreKey::new("conformance", "https://api.example.com", name)
}

fn key_with(key: &StoreKey, scope: &str) -> StoreKey {
    key.clone().scope(scope)
}

fn record(version: u64) -> Record {
    Record::new(version, Token::new(format!("a{version}")).ok(), None, 0)
}

/// All of a record, to be compared.
fn shape(record: &Record) -> impl PartialEq + fmt::Debug + use<> {
    let token = record.token().map(|token| {
        let refresh = token.refresh_token();
        (
            token.expose().to_owned(),
            token.placement().clone(),
            refresh.map(|refresh| refresh.expose_secret().to_owned()),
            token.lifetime(),
        )
    });
    (record.version(), token, record.expires_at(), record.begun())
}

fn good<T>(result: Result<T, crate::Error>, what: &str) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{what} failed: {error}: {error:?}"),
    }
}

/// Polls `future` so often, with time for others in between, and drops it.
async fn poll_times<T>(future: Pin<Box<dyn Future<Output = T> + Send + '_>>, times: usize) {
    let mut future = future;
    for _ in 0..times {
        let polled = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
        if polled.is_ready() {
            return;
        }
        tokio::task::yield_now().await;
    }
}
