//! Several recoveries in one engine: each may have a request sent again once, from one copy.

#[path = "../common/mod.rs"]
mod common;

mod readers;
mod sends;
mod support;
