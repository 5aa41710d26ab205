use std::{
    fmt, io,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use tokio_stream::{StreamExt, wrappers::IntervalStream};

use super::{
    contents::Contents,
    disk::{Disk, Stamp},
    lock::Lock,
    sealed::FileKey,
};
use crate::{
    Error, ErrorKind,
    store::{Changes, Lease, Record, Release, Saved, StoreFuture, StoreKey, TokenStore},
};

/// How long to wait between two tries to take a lease, at least and at most.
const PATIENCE: [u64; 2] = [5, 25];

/// A store in a file, shared by the processes of one machine. Clones share everything.
///
/// One file holds the tokens of many keys. It is written anew each time: to a temporary file beside
/// it, flushed to the disk, put in its place in one step, and the directory flushed as well. So
/// whoever is killed, and wherever the power fails, what is there is the old or the new one. It is
/// readable by its owner alone from its first byte (mode 0600; wider ones are narrowed).
///
/// The lease is a lock of the kernel's on `FILE.<number>.lock`: it ends with the process that holds
/// it, and what lies around after a crash means nothing. Do not delete these files while processes
/// run. `lease_ttl` means nothing here. A file system without such locks (some network file systems)
/// will not do.
///
/// | setting | default |
/// | --- | --- |
/// | [`encrypted`](Self::encrypted) | off: the file holds the tokens as they are |
/// | [`on_corrupt`](Self::on_corrupt) | [`Corrupt::Fail`] |
/// | [`poll_interval`](Self::poll_interval) | 1 s |
///
/// # Example
///
/// ```no_run
/// use tower_reauth::{BoxError, store::{StoreKey, StoreLayer}, stores::FileStore};
///
/// # fn main() -> Result<(), BoxError> {
/// let store = FileStore::new("/var/lib/example/tokens");
/// let key = StoreKey::new("example", "https://api.example.com", "foo@bar.com");
/// // For `Session::builder(..).store(..)`:
/// let layer = StoreLayer::new(store, key);
/// # let _ = layer;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// What fails is of kind [`Store`](ErrorKind::Store) and names the file. A symbolic link, a
/// directory, a pipe and the like in its place are refused, and not touched.
#[derive(Clone)]
#[must_use]
pub struct FileStore {
    settings: Arc<Settings>,
}

#[derive(Clone)]
struct Settings {
    disk: Disk,
    key: Option<FileKey>,
    corrupt: Corrupt,
    poll_interval: Duration,
}

/// What to do about a file that cannot be read: it was cut short, damaged or edited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Corrupt {
    /// Fail, and leave it to somebody who can look.
    #[default]
    Fail,
    /// Keep it as `FILE.corrupt-<number>`, and begin with an empty one: everybody signs in anew.
    ///
    /// A file of a newer format, or one that is encrypted with another key, is not corrupt.
    SetAside,
}

struct Held(Lock);

// === impl FileStore ===

impl FileStore {
    /// Creates a store in the file at `path`. Nothing is touched yet: the file, and the directories
    /// to it, are made by the first save.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            settings: Arc::new(Settings {
                disk: Disk::new(path.into()),
                key: None,
                corrupt: Corrupt::default(),
                poll_interval: Duration::from_secs(1),
            }),
        }
    }

    /// Encrypts the file with `key` (XChaCha20-Poly1305), so that a copy of it is worth nothing
    /// without the key. A file that is not encrypted yet is read, and encrypted by the next save.
    pub fn encrypted(self, key: FileKey) -> Self {
        self.edit(|settings| settings.key = Some(key))
    }

    /// Sets what to do about a file that cannot be read.
    pub fn on_corrupt(self, corrupt: Corrupt) -> Self {
        self.edit(|settings| settings.corrupt = corrupt)
    }

    /// Sets how often to look whether others have written.
    ///
    /// It bounds how long a token is used that others have replaced. A renewal always looks.
    pub fn poll_interval(self, interval: Duration) -> Self {
        // tokio's timer takes no zero.
        let interval = interval.max(Duration::from_millis(1));
        self.edit(|settings| settings.poll_interval = interval)
    }

    /// Returns the path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.settings.disk.path()
    }

    fn edit(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }
}

impl TokenStore for FileStore {
    fn load<'a>(&'a self, key: &'a StoreKey) -> StoreFuture<'a, Option<Record>> {
        let (settings, key) = (Arc::clone(&self.settings), key.clone());
        blocking(move || match settings.read()?.get(&key) {
            Some(written) => written.read().map(Some),
            None => Ok(None),
        })
    }

    fn lease<'a>(&'a self, key: &'a StoreKey, _: Duration) -> StoreFuture<'a, Lease> {
        Box::pin(async move {
            loop {
                let (settings, key) = (Arc::clone(&self.settings), key.clone());
                let lock = blocking(move || settings.disk.try_lease(key.as_str())).await?;
                if let Some(lock) = lock {
                    return Ok(Lease::new(Held(lock)));
                }
                let wait = fastrand::u64(PATIENCE[0]..PATIENCE[1]);
                tokio::time::sleep(Duration::from_millis(wait)).await;
            }
        })
    }

    fn save<'a>(&'a self, key: &'a StoreKey, record: &'a Record) -> StoreFuture<'a, Saved> {
        let settings = Arc::clone(&self.settings);
        let (key, record) = (key.clone(), record.clone());
        blocking(move || settings.save(&key, &record))
    }

    fn changes(&self, _: &StoreKey) -> Changes {
        let interval = self.settings.poll_interval;
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let settings = Arc::clone(&self.settings);
        let mut last = Stamp::default();
        Box::pin(IntervalStream::new(ticks).filter_map(move |_| {
            // One look at a directory entry, which is as good as never on a disk.
            let stamp = settings.disk.stamp();
            let has_changed = stamp != last;
            last = stamp;
            has_changed.then_some(())
        }))
    }
}

impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStore")
            .field("path", &self.settings.disk.path())
            .field("encrypted", &self.settings.key.is_some())
            .field("on_corrupt", &self.settings.corrupt)
            .finish_non_exhaustive()
    }
}

// === impl Settings ===

impl Settings {
    fn read(&self) -> Result<Contents, Error> {
        match self.disk.read()? {
            Some(bytes) => Contents::parse(&bytes, self.key.as_ref()).or_else(|unreadable| {
                if unreadable.is_corrupt && self.corrupt == Corrupt::SetAside {
                    self.set_aside()
                } else {
                    Err(unreadable.into_error(self.disk.path()))
                }
            }),
            None => Ok(Contents::default()),
        }
    }

    /// Keeps the file under another name, unless somebody has replaced it by a good one meanwhile.
    fn set_aside(&self) -> Result<Contents, Error> {
        let _lock = self.disk.lock()?;
        let Some(bytes) = self.disk.read()? else {
            return Ok(Contents::default());
        };
        if let Ok(contents) = Contents::parse(&bytes, self.key.as_ref()) {
            return Ok(contents);
        }
        self.disk.set_aside()?;
        Ok(Contents::default())
    }

    fn save(&self, key: &StoreKey, record: &Record) -> Result<Saved, Error> {
        // Before the lock: setting aside takes it as well.
        drop(self.read()?);
        let _lock = self.disk.lock()?;
        let mut contents = match self.disk.read()? {
            Some(bytes) => Contents::parse(&bytes, self.key.as_ref())
                .map_err(|unreadable| unreadable.into_error(self.disk.path()))?,
            None => Contents::default(),
        };
        let version = contents
            .get(key)
            .map_or(0, super::super::format::Written::version);
        if version.checked_add(1) != Some(record.version()) {
            return Ok(Saved::Conflict);
        }
        contents.set(key, record);
        self.disk.write(&contents.to_bytes(self.key.as_ref())?)?;
        Ok(Saved::Done)
    }
}

// === impl Held ===

impl Release for Held {
    fn release(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        // Closing the file is all, and takes no time.
        drop(self.0);
        Box::pin(std::future::ready(()))
    }
}

/// Runs `work` where it may block. It is finished even if nobody waits for it any more.
fn blocking<T, F>(work: F) -> StoreFuture<'static, T>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, Error> + Send + 'static,
{
    Box::pin(async move {
        match tokio::task::spawn_blocking(work).await {
            Ok(result) => result,
            Err(_) => Err(Error::new(
                ErrorKind::Store,
                io::Error::other("the runtime is ending"),
            )),
        }
    })
}
