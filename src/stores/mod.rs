//! Places that keep tokens: implementations of [`TokenStore`](crate::store::TokenStore).
//!
//! | store | shared by | survives |
//! | --- | --- | --- |
//! | [`MemoryStore`] | the sessions of one process | nothing |
//! | `FileStore` (feature `file-store`) | the processes of one machine | restarts, crashes, power loss |
//! | `RedisStore` (feature `redis-store`) | the processes of many machines | what Redis survives |

#[cfg(feature = "file-store")]
mod file;
#[cfg(any(feature = "file-store", feature = "redis-store"))]
mod format;
mod memory;
#[cfg(feature = "redis-store")]
mod redis;

#[cfg(feature = "file-store")]
#[cfg_attr(docsrs, doc(cfg(feature = "file-store")))]
pub use self::file::{Corrupt, FileKey, FileStore};
pub use self::memory::MemoryStore;
#[cfg(feature = "redis-store")]
#[cfg_attr(docsrs, doc(cfg(feature = "redis-store")))]
pub use self::redis::RedisStore;
