//! When to come again.

use std::time::{Duration, SystemTime};

use super::Now;

/// What the refusal of too many attempts says about when to come again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RetryAfter {
    /// Nothing.
    #[default]
    None,
    /// `Retry-After` in seconds, rounded up.
    Seconds,
    /// `Retry-After` as an HTTP date, rounded up to the second.
    HttpDate,
}

impl RetryAfter {
    /// Returns the value of `Retry-After` for the time that is `left`, rounded up, so that whoever
    /// comes back as told does not come too early.
    pub(crate) fn value(self, now: Now, left: Duration) -> Option<String> {
        match self {
            Self::None => None,
            Self::Seconds => Some(seconds_up(left).to_string()),
            Self::HttpDate => {
                let since = now.later(left).duration_since(SystemTime::UNIX_EPOCH);
                let at = Duration::from_secs(seconds_up(since.unwrap_or_default()));
                Some(httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + at))
            }
        }
    }
}

fn seconds_up(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}
