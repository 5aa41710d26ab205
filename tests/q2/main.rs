//! Q2 Open: auths that end by webhook, and the receiver of their events.
#![cfg(all(feature = "q2", feature = "testing"))]

mod calls;
mod deliveries;
mod encryption;
mod keys;
mod memory;
mod mfa;
mod orders;
mod outcomes;
mod polling;
mod settings;
mod signing;
mod simulator;
mod sockets;
mod support;
mod token_endpoint;
