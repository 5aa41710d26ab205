//! What the layers promise holds around each HTTP client, over real sockets.

#[path = "../common/mod.rs"]
mod common;

mod cancellation;
mod connections;
mod cuts;
mod drops;
mod goaway;
mod kinds;
mod redirects;
mod reqwest;
mod reqwest_middleware;
mod responses;
mod server;
mod sign_in;
mod storms;
mod support;
mod uploads;
