//! The gateway of the examples, asked with real requests, between simulators of both providers.

#[path = "../../examples/gateway/gateway.rs"]
mod gateway;

mod calls;
mod cards;
mod hang_ups;
mod support;
