//! Pages to read: nothing in here but documentation.
//!
//! - [`order`]: in which order the layers stand, why, and what another order does.
//! - [`troubleshooting`]: what you see, why, and what to do.

pub mod order;
pub mod troubleshooting;
