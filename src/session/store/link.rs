//! What the layer, the session and the background share of one key in a store.

use std::{
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
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
    wishes: Mutex<Wishes>,
    /// The session's renewer, if the layer serves a session.
    renewer: OnceLock<WeakRenewer<Token>>,
    watcher: Mutex<Option<AbortHandle>>,
    writer: Mutex<Option<AbortHandle>>,
}

/// What is still to be written.
#[derive(Default)]
struct Wishes {
    /// The number of the last wish.
    last: u64,
    /// The number of the last wish that was made by hand: a token was set or cleared.
    by_hand: u64,
    wish: Option<Wish>,
}

/// Something to write, as soon as the store takes it.
#[derive(Clone)]
struct Wish {
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
            wishes: Mutex::default(),
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
        self.wish_for(Record::of(token, 0, &*self.clock));
        self.write();
    }

    /// Writes that there is no token any more.
    pub(crate) fn forget(self: &Arc<Self>) {
        self.forget_later();
        self.write();
    }

    /// Lets the next who writes write that there is no token any more.
    pub(crate) fn forget_later(&self) {
        self.wish_for(Record::none(0));
    }

    /// Writes that there is no token any more, and waits for it. Returns the token that lives at
    /// the server: what others have written since the last look, or else `ours`.
    pub(crate) async fn take(&self, ours: Option<Token>) -> Result<Option<Token>, Error> {
        let mut seen = self.seen.lock().await;
        let stored = self.store.load(&self.key).await?;
        let is_news = stored.as_ref().is_some_and(|stored| stored.version > *seen);
        self.flush_over(&mut seen).await?;
        let theirs = stored.and_then(|stored| stored.token);
        Ok(if is_news {
            theirs.or(ours)
        } else {
            // It may be newer than what is stored, and not saved.
            ours.or(theirs)
        })
    }

    /// Keeps `record`, which could not be saved, to be written when the store is there again;
    /// unless something was set or cleared by hand [since](Self::by_hand).
    pub(super) fn keep(self: &Arc<Self>, record: Record, since: u64) {
        {
            let mut wishes = self.wishes();
            if wishes.by_hand != since {
                return;
            }
            // What it comes from may be waiting itself, and may be meant for whatever is there.
            let over = match &wishes.wish {
                Some(wish) if wish.over.is_none() => None,
                _ => Some(record.version.saturating_sub(1)),
            };
            wishes.add(record, over);
        }
        self.write();
    }

    /// Tells when something was set or cleared by hand: it changes then.
    pub(super) fn by_hand(&self) -> u64 {
        self.wishes().by_hand
    }

    /// Writes what is to be written, and waits for it.
    pub(crate) async fn flush(&self) -> Result<(), Error> {
        let mut seen = self.seen.lock().await;
        self.flush_over(&mut seen).await
    }

    /// As [`flush`](Self::flush), for those who hold `seen` already.
    pub(super) async fn flush_over(&self, seen: &mut u64) -> Result<(), Error> {
        for _ in 0..MOST_CONFLICTS {
            let Some(wish) = self.wishes().wish.clone() else {
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
        match self.wishes().wish {
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
            // If somebody has emptied the store, its versions begin anew.
            *seen = 0;
            return Ok(News::Nothing);
        };
        if record.version <= *seen || self.wishes().wish.is_some() {
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

    /// Wishes for `record`, whatever is there: it was set or cleared by hand.
    fn wish_for(&self, record: Record) {
        let mut wishes = self.wishes();
        wishes.add(record, None);
        wishes.by_hand = wishes.last;
    }

    fn granted(&self, granted: &Wish) {
        self.wishes()
            .wish
            .take_if(|wish| wish.number == granted.number);
    }

    fn wishes(&self) -> MutexGuard<'_, Wishes> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the writer, unless it runs already. Without a runtime the next renewal writes.
    pub(crate) fn write(self: &Arc<Self>) {
        start(&self.writer, || write(Arc::clone(self)));
    }

    /// Whether all is written, so that the writer ends.
    fn is_written(&self) -> bool {
        // Under the lock under which a writer is started: what is wished for later finds none.
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let is_written = self.wishes().wish.is_none();
        if is_written {
            *writer = None;
        }
        is_written
    }
}

impl Wishes {
    fn add(&mut self, record: Record, over: Option<u64>) {
        self.last += 1;
        self.wish = Some(Wish {
            number: self.last,
            record,
            over,
        });
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
async fn write(link: Arc<Link>) {
    let session = Arc::downgrade(&link);
    // The first attempt is made though the session may be gone by then; the others are not.
    let mut link = Some(link);
    let mut pause = FIRST_PAUSE;
    loop {
        let wait = {
            let Some(link) = link.take().or_else(|| session.upgrade()) else {
                return;
            };
            let error = loop {
                match link.flush().await {
                    Ok(()) if link.is_written() => return,
                    Ok(()) => {}
                    Err(error) => break error,
                }
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
