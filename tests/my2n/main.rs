//! The My2N provider: both logins, the upgrade between them, and what each failure means.
#![cfg(all(feature = "my2n", feature = "testing"))]

mod api_calls;
mod failures;
mod requests;
mod script;
mod sequences;
mod tokens;
mod upgrade;
