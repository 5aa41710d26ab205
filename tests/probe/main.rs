//! The example `probe` keeps its contract: command line, JSON lines and exit status, against the
//! simulator and through real sockets.

#![cfg(all(feature = "back-office", feature = "testing"))]

mod calls;
mod codes;
#[path = "../common/example.rs"]
mod example;
#[cfg(unix)]
mod failures;
mod interrupts;
mod leaks;
mod program;
mod tls;
mod usage;
