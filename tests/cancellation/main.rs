//! Whoever is called may be dropped: each layer and each provider's flow is dropped after every
//! number of polls. Whatever had begun by itself goes on, what comes next finds all in order, and
//! nobody is asked for anything twice.
//!
//! Futures are polled each virtual millisecond, whether they were woken or not.

mod calls;
mod layers;
mod polls;
mod provider_layers;
mod providers;
mod services;
mod sweep;
mod worlds;
