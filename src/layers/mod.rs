//! The layers.

pub mod bearer;

pub use self::bearer::{Bearer, BearerLayer};
