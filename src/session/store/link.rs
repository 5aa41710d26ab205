//! What the layer, the session and the background share of one key in a store.

use std::{
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
    time::Duration,
};

use tokio::{runtime::Handle, sync::Mutex as AsyncMutex, task::AbortHandle};

use super::{LostAnswer, Record, Saved, StoreKey, TokenStore, watch};
use crate::{Clock, Error, ErrorKind, Token, clock::has_timer, renew::WeakRenewer};

/// How often a write is begun anew because others wrote at the same time.
const MOST_CONFLICTS: usize = 8;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// One key in a store, as one session sees it.
pub(crate) struct Link {
    pub(super) store: Arc<dyn TokenStore>,
    pub(super) key: StoreKey,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) lease_ttl: Duration,
    pub(super) fail_open: bool,
    pub(super) lost_answer: LostAnswer,
    /// The newest version that this session has seen. Held while it looks or writes, so that the
    /// watcher does not take the session's own record for news.
    pub(super) seen: AsyncMutex<u64>,
    /// What is still to be written.
    wish: Mutex<Option<Wish>>,
    /// The session's renewer, if the layer serves a session.
    renewer: OnceLock<WeakRenewer<Token>>,
    watcher: Mutex<Option<AbortHandle>>,
    writer: Mutex<Option<AbortHandle>>,
}

/// Something to write, as soon as the store takes it.
#[derive(Clone)]
struct Wish {
    /// Tells wishes apart.
    number: u64,
    /// The record, whose version is found when it is written.
    record: Record,
    /// Only over this version: whatever came after it is better.
    over: Option<u64>,
}

/// What others have written.
pub(super) enum News {
    Token(Token),
    Gone,
    Nothing,
}

// === impl Link ===

impl Link {
    pub(super) fn new(
        store: Arc<dyn TokenStore>,
        key: StoreKey,
        clock: Arc<dyn Clock>,
        (lease_ttl, fail_open, lost_answer): (Duration, bool, LostAnswer),
    ) -> Self {
        Self {
            store,
            key,
            clock,
            lease_ttl,
            fail_open,
            lost_answer,
            seen: AsyncMutex::new(0),
            wish: Mutex::new(None),
            renewer: OnceLock::new(),
            watcher: Mutex::new(None),
            writer: Mutex::new(None),
        }
    }

    /// Lets the session of `renewer` know what others write, from now on.
    pub(crate) fn serve(self: &Arc<Self>, renewer: WeakRenewer<Token>) {
        // A layer serves one session: a second one would have been given a link of its own.
        drop(self.renewer.set(renewer));
        self.watch();
    }

    /// Starts the watcher, unless it runs already. Without a runtime it is left for later.
    pub(super) fn watch(self: &Arc<Self>) {
        let Some(renewer) = self.renewer.get() else {
            return;
        };
        start(&self.watcher, || {
            watch::watch(Arc::downgrade(self), renewer.clone())
        });
    }

    /// Writes `token` over whatever is there: it was set by hand.
    pub(crate) fn put(self: &Arc<Self>, token: Token) {
        self.wish_for(Record::of(token, 0, &*self.clock), None);
        self.write();
    }

    /// Writes that there is no token any more.
    pub(crate) fn forget(self: &Arc<Self>) {
        self.forget_later();
        self.write();
    }

    /// Lets the next who writes write that there is no token any more.
    pub(crate) fn forget_later(&self) {
        self.wish_for(Record::none(0), None);
    }

    /// Writes that there is no token any more, waits for it, and returns the token that was there.
    pub(crate) async fn take(&self) -> Result<Option<Token>, Error> {
        let mut seen = self.seen.lock().await;
        let taken = self.store.load(&self.key).await?;
        self.flush_over(&mut seen).await?;
        Ok(taken.and_then(|record| record.token))
    }

    /// Keeps `record`, which could not be saved, to be written when the store is there again.
    pub(super) fn keep(self: &Arc<Self>, record: Record) {
        let over = record.version.saturating_sub(1);
        self.wish_for(record, Some(over));
        self.write();
    }

    /// Writes what is to be written, and waits for it.
    pub(crate) async fn flush(&self) -> Result<(), Error> {
        let mut seen = self.seen.lock().await;
        self.flush_over(&mut seen).await
    }

    /// As [`flush`](Self::flush), for those who hold `seen` already.
    pub(super) async fn flush_over(&self, seen: &mut u64) -> Result<(), Error> {
        for _ in 0..MOST_CONFLICTS {
            let Some(wish) = self.wish().clone() else {
                return Ok(());
            };
            let stored = self.store.load(&self.key).await?;
            let version = stored.map_or(0, |record| record.version);
            if wish.over.is_some_and(|over| over != version) {
                self.granted(&wish);
                continue;
            }
            let mut record = wish.record.clone();
            record.version = version.saturating_add(1);
            if self.store.save(&self.key, &record).await? == Saved::Done {
                *seen = record.version;
                self.granted(&wish);
            }
        }
        match *self.wish() {
            None => Ok(()),
            Some(_) => Err(Error::with_message(
                ErrorKind::Store,
                "others write under the same key all the time: is the key shared by mistake?",
            )),
        }
    }

    /// Looks for what others have written since the last look.
    pub(super) async fn news(&self) -> Result<News, Error> {
        let mut seen = self.seen.lock().await;
        let Some(record) = self.store.load(&self.key).await? else {
            return Ok(News::Nothing);
        };
        if record.version <= *seen || self.wish().is_some() {
            return Ok(News::Nothing);
        }
        let is_first = std::mem::replace(&mut *seen, record.version) == 0;
        Ok(match (record.token(), record.live(&*self.clock)) {
            // What was forgotten before this session began was none of its own.
            (None, _) if is_first => News::Nothing,
            (None, _) => News::Gone,
            (Some(_), Some(token)) => News::Token(token),
            (Some(_), None) => News::Nothing,
        })
    }

    fn wish_for(&self, record: Record, over: Option<u64>) {
        let mut wish = self.wish();
        if over.is_some() && wish.is_some() {
            // What was set or cleared by hand since is newer.
            return;
        }
        let number = wish.as_ref().map_or(0, |wish| wish.number) + 1;
        *wish = Some(Wish {
            number,
            record,
            over,
        });
    }

    fn granted(&self, granted: &Wish) {
        let mut wish = self.wish();
        if wish
            .as_ref()
            .is_some_and(|wish| wish.number == granted.number)
        {
            *wish = None;
        }
    }

    fn wish(&self) -> MutexGuard<'_, Option<Wish>> {
        self.wish.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the writer, unless it runs already. Without a runtime the next renewal writes.
    fn write(self: &Arc<Self>) {
        start(&self.writer, || write(Arc::downgrade(self)));
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let watcher = self
            .watcher
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(watcher) = watcher.take() {
            watcher.abort();
        }
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("store", &self.store)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// Spawns what `task` makes, unless the one in `slot` still runs.
fn start<F>(slot: &Mutex<Option<AbortHandle>>, task: impl FnOnce() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let runtime = match Handle::try_current() {
        Ok(runtime) if has_timer() => runtime,
        _ => return,
    };
    let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
    if slot.as_ref().is_none_or(AbortHandle::is_finished) {
        *slot = Some(runtime.spawn(task()).abort_handle());
    }
}

/// Writes what is to be written, again and again with growing pauses until the store takes it.
async fn write(link: Weak<Link>) {
    let mut pause = FIRST_PAUSE;
    loop {
        let wait = {
            let Some(link) = link.upgrade() else { return };
            let Err(error) = link.flush().await else {
                if link.wish().is_none() {
                    return;
                }
                continue;
            };
            if let Some(renewer) = link.renewer.get() {
                renewer.warn(unsaved(error));
            }
            link.clock.sleep(pause)
        };
        wait.await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Says that the token in use is good, but not saved.
pub(super) fn unsaved(error: Error) -> Error {
    Error::with_message(
        ErrorKind::Store,
        "the store does not hold what this process does: it is tried again until it does",
    )
    .caused_by(error)
}
