//! Places that keep tokens: implementations of [`TokenStore`](crate::store::TokenStore).
//!
//! | store | shared by | survives |
//! | --- | --- | --- |
//! | [`MemoryStore`] | the sessions of one process | nothing |
//! | `FileStore` (feature `file-store`) | the processes of one machine | restarts, crashes, power loss |

#[cfg(feature = "file-store")]
mod file;
#[cfg(feature = "file-store")]
mod format;
mod memory;

#[cfg(feature = "file-store")]
#[cfg_attr(docsrs, doc(cfg(feature = "file-store")))]
pub use self::file::{Corrupt, FileKey, FileStore};
pub use self::memory::MemoryStore;
