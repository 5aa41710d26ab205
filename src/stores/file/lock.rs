//! Locks of the kernel's, which end with their holder.

use std::{fs::File, io, path::Path};

use fs4::TryLockError;

use super::disk;

/// A lock that is held. Dropping it lets it go.
#[derive(Debug)]
pub(super) struct Lock {
    /// Closing it lets the lock go.
    _file: File,
}

impl Lock {
    /// Takes the lock on the file at `path`, which is made if need be; `None` if somebody has it.
    pub(super) fn try_take(path: &Path) -> io::Result<Option<Self>> {
        let file = disk::open_lock(path)?;
        match fs4::FileExt::try_lock(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // Somebody may have deleted the file meanwhile, and others lock the one that came after.
        Ok(disk::is_at(&file, path).then_some(Self { _file: file }))
    }
}
