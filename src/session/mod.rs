//! The handle in the middle: [`Session`] holds the token, renews it, and tells what happens.

mod builder;
mod events;
mod handle;
pub mod store;

pub use self::{
    builder::{ConfigError, SessionBuilder},
    events::Events,
    handle::{Current, Session, SignOut},
};
