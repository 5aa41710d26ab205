//! The My2N provider: both logins, the upgrade between them, and what each failure means.
#![cfg(all(feature = "my2n", feature = "testing"))]

mod api_calls;
mod drop_in;
mod drop_in_limits;
mod failures;
mod program;
mod requests;
mod script;
mod sequences;
mod simulator;
mod tokens;
mod upgrade;
