//! Servers and services for tests: simulators of the providers, and a clock that obeys.

pub mod back_office;
mod clock;
pub mod fintiv;
pub mod glue;
pub mod my2n;
pub mod oauth2;
pub mod q2;
mod server;
pub mod store_conformance;

pub use self::{
    clock::FakeClock,
    server::{DateFormat, Fault, RetryAfter, Upload},
};
