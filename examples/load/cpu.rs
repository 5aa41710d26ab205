//! What the client's thread costs, where the system tells.

use std::time::Duration;

/// The processor time of this thread so far; zero where nobody knows.
pub(crate) fn of_this_thread() -> Duration {
    #[cfg(unix)]
    {
        use rustix::time::{ClockId, clock_gettime};
        let now = clock_gettime(ClockId::ThreadCPUTime);
        Duration::try_from(now).unwrap_or_default()
    }
    #[cfg(not(unix))]
    Duration::ZERO
}

/// A thousand callers have two thousand sockets here, and systems allow a thousand by default.
pub(crate) fn allow_many_sockets() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        // If it cannot be, connections will fail and say so.
        let _ = setrlimit(Resource::Nofile, limit);
    }
}
