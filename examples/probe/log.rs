//! What the crates below log, for those who ask with `RUST_LOG`.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::usage::Usage;

/// Begins to log to standard error what `RUST_LOG` names; nothing if it is not set.
pub(crate) fn start() -> Result<(), Usage> {
    let wanted = std::env::var("RUST_LOG").unwrap_or_default();
    if wanted.trim().is_empty() {
        return Ok(());
    }
    let filter = EnvFilter::builder().parse(wanted).map_err(|_| {
        Usage::new(
            "RUST_LOG is not a filter",
            "Write a level or targets with levels, as in RUST_LOG=info,tower_reauth=debug",
        )
    })?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        // It would report a closed standard error there, and panic.
        .log_internal_errors(false)
        .init();
    Ok(())
}
