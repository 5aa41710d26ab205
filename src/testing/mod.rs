//! Servers and services for tests: simulators of the providers, and a clock that obeys.

pub mod back_office;
mod clock;
mod server;
pub mod store_conformance;

pub use self::{
    clock::FakeClock,
    server::{Fault, Upload},
};
