//! The Back Office provider, the session and its layers through a real HTTP client, against a
//! strict server on real sockets.
#![cfg(all(feature = "back-office", feature = "testing"))]

mod answers;
mod dates;
mod limits;
mod lost_answers;
mod outage;
mod refresh_tokens;
mod settings;
mod sign_in;
mod storms;
mod support;
