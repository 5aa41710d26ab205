//! One token for all who share a store: what they adopt, what they renew, and what becomes of it
//! when the store or one of them fails.

mod faults;
mod sharing;
mod support;
mod writing;
