//! The task that watches the clocks for one credential and sets its flags.
//!
//! Nothing depends on it for correctness: without it, or when it is late, a credential is used
//! until the server refuses it.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::runtime::Handle;

use super::cell::{Due, Entry, Phase};
use crate::clock::{Clock, Instant};

/// How often the clocks are looked at: a timer stands still while the machine is suspended, so
/// this is how late a flag can be set after it.
const WATCH: Duration = Duration::from_secs(30);

/// Says that nobody watches any more when the task ends in any way.
struct Watching<C> {
    entry: Weak<Entry<C>>,
    /// The last flag is set.
    done: bool,
}

impl<C> Drop for Watching<C> {
    fn drop(&mut self) {
        if !self.done
            && let Some(entry) = self.entry.upgrade()
        {
            entry.set(Phase::UNSCHEDULED);
        }
    }
}

/// Starts the schedule of `entry` if it needs one and a runtime is here.
pub(super) fn start<C: Send + Sync + 'static>(entry: &Arc<Entry<C>>, clock: &Arc<dyn Clock>) {
    if entry.life.is_none() {
        return;
    }
    let Ok(runtime) = Handle::try_current() else {
        return;
    };
    if !entry.take(Phase::UNSCHEDULED) {
        return;
    }
    let watching = Watching {
        entry: Arc::downgrade(entry),
        done: false,
    };
    let task = runtime.spawn(watch(
        watching,
        Arc::clone(&entry.changed),
        Arc::clone(clock),
    ));
    entry.keep_schedule(task.abort_handle());
}

async fn watch<C>(
    mut watching: Watching<C>,
    changed: Arc<tokio::sync::Notify>,
    clock: Arc<dyn Clock>,
) {
    loop {
        let Some(wait) = watching
            .entry
            .upgrade()
            .and_then(|entry| look(&entry, &*clock))
        else {
            watching.done = true;
            return;
        };
        tokio::select! {
            () = clock.sleep(wait.min(WATCH)) => {}
            () = changed.notified() => {}
        }
    }
}

/// Sets the flags that are due; returns how long until the next, or `None` after the last.
fn look<C>(entry: &Entry<C>, clock: &dyn Clock) -> Option<Duration> {
    let life = entry.life?;
    let now = Instant::now(clock);
    if life.never_use_after.has_passed(now) {
        entry.set(Phase::DEAD);
        return None;
    }
    let end = life.never_use_after.wait(now);
    let next = match entry.due() {
        Due::AtRefreshAfter => life.refresh_after.wait(now),
        Due::At(at) => at.saturating_sub(now.monotonic),
        Due::Given => return Some(end),
    };
    if next.is_zero() {
        entry.give_due();
        return Some(end);
    }
    Some(next.min(end))
}
