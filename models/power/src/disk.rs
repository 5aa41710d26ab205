//! The disk: turmoil's, which forgets what was not flushed, and where the power may fail before each
//! step.

use std::{
    cell::Cell,
    io::{self, Write},
    panic,
    path::Path,
};

pub(crate) use turmoil::fs::shim::std::fs;

thread_local! {
    /// How many steps there are until the power fails.
    static LEFT: Cell<usize> = const { Cell::new(usize::MAX) };
    /// The twin that is searched. A simulation is on one thread.
    static TWIN: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// What is thrown when the power fails.
pub(crate) struct Failed;

pub(crate) fn fail_after(steps: usize) {
    LEFT.set(steps);
}

pub(crate) fn choose(twin: Option<&'static str>) {
    TWIN.set(twin);
}

pub(crate) fn is(twin: &str) -> bool {
    TWIN.get() == Some(twin)
}

pub(crate) fn flush(directory: &Path) -> io::Result<()> {
    step();
    fs::sync_dir(directory)
}

pub(crate) fn write_in_place(path: &Path, bytes: &[u8]) -> io::Result<()> {
    step();
    let mut file = fs::File::create(path)?;
    step();
    file.write_all(bytes)?;
    step();
    file.sync_all()?;
    flush(path.parent().expect("a directory"))
}

/// The power may fail here.
fn step() {
    match LEFT.get() {
        0 => panic::resume_unwind(Box::new(Failed)),
        left => LEFT.set(left - 1),
    }
}

/// As much of the crate of this name as the store uses.
pub(crate) mod tempfile {
    use std::{
        io::{self, Write},
        path::{Path, PathBuf},
        thread,
    };

    use super::{fs, step};

    #[derive(Default)]
    pub(crate) struct Builder {
        prefix: String,
        suffix: String,
    }

    pub(crate) struct NamedTempFile {
        file: fs::File,
        path: PathBuf,
        is_kept: bool,
    }

    pub(crate) struct PersistError {
        pub(crate) error: io::Error,
    }

    impl Builder {
        pub(crate) fn new() -> Self {
            Self::default()
        }

        pub(crate) fn prefix(&mut self, prefix: &str) -> &mut Self {
            prefix.clone_into(&mut self.prefix);
            self
        }

        pub(crate) fn suffix(&mut self, suffix: &str) -> &mut Self {
            suffix.clone_into(&mut self.suffix);
            self
        }

        pub(crate) fn tempfile_in(&self, directory: &Path) -> io::Result<NamedTempFile> {
            step();
            let name = format!("{}{:x}{}", self.prefix, fastrand::u64(..), self.suffix);
            let path = directory.join(name);
            let file = fs::OpenOptions::new()
                .read(true)
                .write(true)
                .create_new(true)
                .open(&path)?;
            Ok(NamedTempFile {
                file,
                path,
                is_kept: false,
            })
        }
    }

    impl NamedTempFile {
        pub(crate) fn as_file(&self) -> &fs::File {
            step();
            &self.file
        }

        pub(crate) fn persist(mut self, path: &Path) -> Result<(), PersistError> {
            step();
            fs::rename(&self.path, path).map_err(|error| PersistError { error })?;
            self.is_kept = true;
            Ok(())
        }
    }

    impl Write for NamedTempFile {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            step();
            self.file.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Drop for NamedTempFile {
        fn drop(&mut self) {
            // Without power nobody deletes it.
            if !self.is_kept && !thread::panicking() {
                drop(fs::remove_file(&self.path));
            }
        }
    }
}
