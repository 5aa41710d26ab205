//! Codes: who is asked for one and how often, which requests carry it, and what the caller gets.

#[path = "../common/mod.rs"]
mod common;

mod challenges;
mod origins;
mod policies;
mod refusals;
mod services;
mod support;
mod with_session;
