//! The example `probe` keeps its contract: command line, JSON lines and exit status, against the
//! simulators and through real sockets.

#![cfg(all(feature = "full", feature = "testing"))]

mod calls;
mod clients;
mod codes;
#[path = "../common/example.rs"]
mod example;
mod failures;
mod fintiv;
mod glue;
#[cfg(unix)]
mod interrupts;
mod leaks;
mod my2n;
mod oauth2;
mod program;
mod q2;
#[path = "../stores/server.rs"]
#[allow(dead_code, reason = "shared with the tests of the stores")]
mod redis_server;
mod stores;
mod tls;
mod usage;
