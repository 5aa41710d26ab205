//! The coordination of renewals. It knows no HTTP.

mod renewal;

pub use self::renewal::{Reason, Renewal, Renewed};
