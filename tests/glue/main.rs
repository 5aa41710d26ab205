//! The Glue provider, its session, its codes and their layers through a real HTTP client, against a
//! strict server on real sockets.
#![cfg(all(feature = "glue", feature = "testing"))]

mod challenges;
mod codes;
mod leaks;
mod sign_in;
mod storms;
mod support;
mod types;
