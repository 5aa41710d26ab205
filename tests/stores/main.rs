//! The stores keep what every store must, on real files and a real Redis.

mod conformance;
mod failovers;
mod redis;
mod server;
mod tls;
