//! Fintiv through its whole stack, against a server that follows the vendor's documentation as far as
//! there is one.

#![cfg(feature = "fintiv")]

#[path = "../common/contract.rs"]
mod contract;
#[path = "../common/json_vectors.rs"]
mod json_vectors;
#[path = "../common/vectors.rs"]
mod vectors_of_others;

mod body_tokens;
mod compression;
mod envelopes;
mod keys;
mod renewals;
mod simulator;
mod support;
mod vectors;
