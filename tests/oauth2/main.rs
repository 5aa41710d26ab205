//! The OAuth 2.0 provider, its session and their layers through a real HTTP client, against a strict
//! authorization server and API on real sockets.
#![cfg(all(feature = "oauth2", feature = "testing"))]

mod api;
mod errors;
mod lost_answers;
mod refresh;
mod sign_in;
mod sign_out;
mod storms;
mod support;
