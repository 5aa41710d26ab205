//! The file itself: read, written in one step, and locked.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant, SystemTime},
};

use zeroize::Zeroizing;

use super::lock::Lock;
use crate::{Error, ErrorKind};

/// No file of ours is longer.
const LONGEST: u64 = 16 * 1024 * 1024;

/// How long to wait for others to finish one write.
const WRITE_PATIENCE: Duration = Duration::from_secs(10);

/// The place of a token file.
#[derive(Clone, Debug)]
pub(super) struct Disk {
    path: PathBuf,
}

/// What tells one state of the file from another, as far as it can be told without reading it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    number: u64,
}

// === impl Disk ===

impl Disk {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file; `None` if there is none.
    pub(super) fn read(&self) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        match read(&self.path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed("read", error)),
        }
    }

    /// Replaces the file by `bytes`, for good: it is there after a power failure.
    pub(super) fn write(&self, bytes: &[u8]) -> Result<(), Error> {
        write(&self.path, bytes).map_err(|error| self.failed("written", error))
    }

    /// Keeps the file under another name.
    pub(super) fn set_aside(&self) -> Result<(), Error> {
        let aside = (1..)
            .map(|number| self.beside(&format!("corrupt-{number}")))
            .find(|path| fs::symlink_metadata(path).is_err())
            .expect("a directory holds less files than there are numbers");
        fs::rename(&self.path, aside).map_err(|error| self.failed("put aside", error))
    }

    /// Takes the lock that writers hold for one write.
    pub(super) fn lock(&self) -> Result<Lock, Error> {
        let begun = Instant::now();
        loop {
            if let Some(lock) = self.try_lock("lock")? {
                return Ok(lock);
            }
            if begun.elapsed() > WRITE_PATIENCE {
                let busy = io::Error::new(io::ErrorKind::TimedOut, "others keep writing to it");
                return Err(self.failed("locked", busy));
            }
            thread::sleep(Duration::from_millis(fastrand::u64(1..10)));
        }
    }

    /// Takes the lock under which the token of `key` is renewed; `None` if somebody has it.
    pub(super) fn try_lease(&self, key: &str) -> Result<Option<Lock>, Error> {
        self.try_lock(&format!("{:016x}.lock", number_of(key)))
    }

    pub(super) fn stamp(&self) -> Stamp {
        fs::symlink_metadata(&self.path).map_or_else(|_| Stamp::default(), Stamp::of)
    }

    fn try_lock(&self, ending: &str) -> Result<Option<Lock>, Error> {
        let path = self.beside(ending);
        make_directory(&path)
            .and_then(|()| Lock::try_take(&path))
            .map_err(|error| self.failed("locked", error))
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(".");
        name.push(ending);
        name.into()
    }

    fn failed(&self, what: &str, error: io::Error) -> Error {
        let path = self.path.display();
        let message = format!("the token file `{path}` could not be {what}");
        Error::with_message(ErrorKind::Store, message).caused_by(error)
    }
}

// === impl Stamp ===

impl Stamp {
    fn of(metadata: fs::Metadata) -> Self {
        #[cfg(unix)]
        let number = std::os::unix::fs::MetadataExt::ino(&metadata);
        #[cfg(not(unix))]
        let number = 0;
        Self {
            modified: metadata.modified().ok(),
            length: metadata.len(),
            number,
        }
    }
}

/// Opens the file that a lock is taken on.
pub(super) fn open_lock(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let file = private(&mut options).open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(not_a_file())
    }
}

/// Whether `file` is still the one that is found at `path`.
pub(super) fn is_at(file: &File, path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;

        let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
        match (file.metadata(), fs::symlink_metadata(path)) {
            (Ok(ours), Ok(found)) => identity(ours) == identity(found),
            _ => false,
        }
    }
    #[cfg(not(unix))]
    {
        let _ = (file, path);
        true
    }
}

fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let file = private(OpenOptions::new().read(true)).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(not_a_file());
    }
    narrow(&file, &metadata)?;
    let length = metadata.len();
    if length > LONGEST {
        return Err(too_long());
    }
    // Sized once: a buffer that grows would leave copies behind that are not wiped.
    let mut bytes = Zeroizing::new(Vec::with_capacity(length as usize + 1));
    file.take(LONGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST {
        return Err(too_long());
    }
    Ok(bytes)
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    make_directory(path)?;
    if fs::symlink_metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(not_a_file());
    }
    let directory = directory_of(path);
    // With mode 0600 from the start. Deleted if anything fails.
    let mut temporary = tempfile::Builder::new()
        .prefix(".token-")
        .suffix(".tmp")
        .tempfile_in(directory)?;
    temporary.write_all(bytes)?;
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|error| error.error)?;
    #[cfg(unix)]
    File::open(directory)?.sync_all()?;
    Ok(())
}

fn make_directory(path: &Path) -> io::Result<()> {
    let directory = directory_of(path);
    if directory.is_dir() {
        return Ok(());
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    }
}

/// Opens for the owner alone, follows no link, and waits for nobody at the other end of a pipe.
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;

        use rustix::fs::OFlags;

        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        options
            .mode(0o600)
            .custom_flags(i32::try_from(flags.bits()).expect("flags of open fit"));
    }
    options
}

/// Takes away what others may do with the file.
fn narrow(file: &File, metadata: &fs::Metadata) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;

        if metadata.permissions().mode() & 0o077 != 0 {
            file.set_permissions(fs::Permissions::from_mode(0o600))?;
        }
    }
    #[cfg(not(unix))]
    let _ = (file, metadata);
    Ok(())
}

/// A number of `key`, the same in all processes and versions: FNV-1a. Two keys with the same number
/// share a lock, which only makes them wait for each other.
fn number_of(key: &str) -> u64 {
    key.bytes().fold(0xcbf2_9ce4_8422_2325, |number, byte| {
        (number ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

fn not_a_file() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "it is not a file: name one, or a path where there is nothing yet",
    )
}

fn too_long() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "it is longer than any token file",
    )
}
