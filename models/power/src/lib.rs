//! The file store's own code for its file, on a disk whose power fails, and a search for a failure
//! that loses what was reported saved.

#[allow(
    clippy::all,
    clippy::pedantic,
    reason = "it is checked where it stands"
)]
mod store {
    include!(concat!(env!("OUT_DIR"), "/store.rs"));
}

mod disk;
#[cfg(test)]
mod search;

use std::{fs::File, io};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ErrorKind {
    Store,
}

/// What the crate's own error is made of.
#[derive(Debug)]
struct Error(String);

/// Locks are not what this is about.
#[derive(Debug)]
struct Lock;

impl Error {
    fn with_message(_: ErrorKind, message: impl Into<String>) -> Self {
        Self(message.into())
    }

    fn caused_by(self, error: io::Error) -> Self {
        Self(format!("{}: {error}", self.0))
    }
}

impl Lock {
    fn try_take(_: &std::path::Path) -> io::Result<Option<Self>> {
        unreachable!("nobody locks here")
    }
}
