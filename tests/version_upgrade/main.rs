//! The switch from one version of a sign-in to the next: once, for good, and nobody sees it.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/contract.rs"]
mod contract;

mod bodies;
mod http_services;
mod readiness;
mod support;
mod token_services;
