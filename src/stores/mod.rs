//! Places that keep tokens: implementations of [`TokenStore`](crate::store::TokenStore).
//!
//! | store | shared by | survives |
//! | --- | --- | --- |
//! | [`MemoryStore`] | the sessions of one process | nothing |

mod memory;

pub use self::memory::MemoryStore;
