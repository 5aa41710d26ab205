//! Responses with an error inside get an honest status, and every body goes on byte for byte.

#![cfg(feature = "json")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/contract.rs"]
mod contract;
#[path = "../common/json_vectors.rs"]
mod json_vectors;
#[path = "../common/vectors.rs"]
mod vectors_of_others;

mod bodies;
mod failures;
mod grpc;
mod oauth;
mod readiness;
mod streams;
mod support;
mod untouched;
mod vectors;
