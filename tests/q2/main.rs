//! Q2 Open: auths that end by webhook, and the receiver of their events.
#![cfg(all(feature = "q2", feature = "testing"))]

mod mfa;
mod orders;
mod outcomes;
mod support;
