//! Servers and services for tests: simulators of the providers, and a clock that obeys.

pub mod back_office;
mod clock;
pub mod my2n;
mod server;
pub mod store_conformance;

pub use self::{
    clock::FakeClock,
    server::{DateFormat, Fault, Upload},
};
