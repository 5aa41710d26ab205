//! Waiting in a renewal for as long as it is wanted.

use std::future::Future;

use tokio::sync::{Mutex, MutexGuard};

use crate::{Error, ErrorKind, Renewal};

/// Waits for `future`, as long as somebody wants the result of `renewal`.
///
/// Exchanges are never under it: a token that has been issued must come home.
pub(crate) async fn unless_abandoned<F: Future>(
    renewal: &Renewal,
    future: F,
) -> Result<F::Output, Error> {
    tokio::select! {
        biased;
        () = renewal.abandoned() => Err(Error::with_message(
            ErrorKind::Cleared,
            "the session was cleared, signed out or given another token meanwhile",
        )),
        output = future => Ok(output),
    }
}

/// Waits for the turn that `mutex` gives, as long as somebody wants the result of `renewal`.
pub(crate) async fn turn<'a>(
    mutex: &'a Mutex<()>,
    renewal: &Renewal,
) -> Result<MutexGuard<'a, ()>, Error> {
    unless_abandoned(renewal, mutex.lock()).await
}
