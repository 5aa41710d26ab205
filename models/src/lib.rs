//! The crate's own code under shuttle, and the models that search its schedules.

mod search;

#[cfg(test)]
mod models;

include!(concat!(env!("OUT_DIR"), "/src/lib.rs"));
