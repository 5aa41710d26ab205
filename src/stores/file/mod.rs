//! A store in a file: see [`FileStore`].

mod contents;
mod disk;
mod lock;
mod sealed;
mod store;

pub use self::{
    sealed::FileKey,
    store::{Corrupt, FileStore},
};
