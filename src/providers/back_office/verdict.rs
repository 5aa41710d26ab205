//! What an answer means.

use std::{fmt, time::Duration};

use http::{HeaderMap, StatusCode, header::RETRY_AFTER};

use super::dates;
use crate::ErrorKind;

const HOUR: Duration = Duration::from_secs(60 * 60);

/// An endpoint of the Back Office API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// `POST /api/v2/signin`.
    SignIn,
    /// `POST /api/v2/2fa/confirm`.
    Confirm,
    /// `POST /api/v2/refresh`.
    Refresh,
    /// `POST /api/v2/signout`.
    SignOut,
}

/// An answer of the API, for a [classifier](super::BackOfficeBuilder::classifier) to judge.
///
/// `Debug` shows neither headers nor body, as both can hold secrets.
#[derive(Clone, Copy)]
pub struct Answer<'a> {
    pub(super) endpoint: Endpoint,
    pub(super) status: StatusCode,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
}

// === impl Endpoint ===

impl Endpoint {
    /// Returns what an error's text calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::SignIn => "sign-in",
            Self::Confirm => "confirmation of the code",
            Self::Refresh => "refresh",
            Self::SignOut => "sign-out",
        }
    }

    /// Returns what a limit counts.
    pub(super) fn plural(self) -> &'static str {
        match self {
            Self::SignIn => "sign-ins",
            Self::Confirm => "confirmations of a code",
            Self::Refresh => "refreshes",
            Self::SignOut => "sign-outs",
        }
    }
}

// === impl Answer ===

impl<'a> Answer<'a> {
    /// Returns the endpoint that answered.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    /// Returns the status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the headers.
    #[must_use]
    pub fn headers(&self) -> &'a HeaderMap {
        self.headers
    }

    /// Returns the body, as far as it was read: all of it for a 2xx, nothing for a 3xx, and for
    /// others what came within the limits of size and time. Do not log it.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// Says what is wrong, if anything, where the vendor's documentation is silent: by the status.
    pub(super) fn default_verdict(&self) -> Option<ErrorKind> {
        use Endpoint::{Confirm, Refresh, SignIn, SignOut};

        match (self.endpoint, self.status.as_u16()) {
            (_, 200..=299) => None,
            (SignOut, 401) => None,
            (_, 423) => Some(ErrorKind::Locked),
            (_, 429) => Some(ErrorKind::RateLimited),
            (_, 408 | 425 | 500..=599) => Some(ErrorKind::Transport),
            (SignIn, 400 | 401 | 422) => Some(ErrorKind::Rejected),
            (Refresh, 400 | 401 | 403 | 422) => Some(ErrorKind::Rejected),
            (Confirm, 400 | 401 | 403 | 422) => Some(ErrorKind::CodeRejected),
            (Confirm, 404 | 410) => Some(ErrorKind::FlowExpired),
            (_, 404 | 405) => Some(ErrorKind::Config),
            _ => Some(ErrorKind::Protocol),
        }
    }
}

impl fmt::Debug for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("endpoint", &self.endpoint)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// Says how long `Retry-After` asks to wait: in seconds, or until a date by the server's own clock.
///
/// The longest of several counts, up to an hour, or a day for an account that is locked. No wait at all (0, or a date in the past) is as
/// good as no header: a server that has just refused for coming too often does not mean "now".
pub(super) fn retry_after(
    headers: &HeaderMap,
    local: dates::Nanos,
    kind: ErrorKind,
) -> Option<Duration> {
    let longest = match kind {
        ErrorKind::Locked => HOUR * 24,
        _ => HOUR,
    };
    let now = dates::sent_at(headers).unwrap_or(local);
    let wait = |text: &str| match text.trim() {
        digits if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            // More digits than fit are a long time.
            Some(Duration::from_secs(digits.parse().unwrap_or(u64::MAX)))
        }
        date => dates::between(now, dates::http_date(date)?),
    };
    headers
        .get_all(RETRY_AFTER)
        .iter()
        .filter_map(|value| wait(value.to_str().ok()?))
        .max()
        .filter(|wait| !wait.is_zero())
        .map(|wait| wait.min(longest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_in_every_form() {
        let date = "Sat, 01 Jan 2022 00:00:00 GMT";
        let local = dates::parse("2022-01-01T00:00:30Z", true).unwrap();
        let hour = HOUR.as_secs();
        for (values, with_date, expected) in [
            (&[][..], true, None),
            (&["120"], true, Some(120)),
            (&[" 120 "], true, Some(120)),
            (&["0"], true, None),
            (&["-5"], true, None),
            (&["1.5"], true, None),
            (&["soon"], true, None),
            (&[""], true, None),
            (&["315360000"], true, Some(hour)),
            (&["99999999999999999999999999"], true, Some(hour)),
            (&["10", "20"], true, Some(20)),
            (&["soon", "20"], true, Some(20)),
            (&["Sat, 01 Jan 2022 00:01:00 GMT"], true, Some(60)),
            (&["Sat, 01 Jan 2022 00:01:00 GMT"], false, Some(30)),
            (&["Fri, 31 Dec 2021 00:01:00 GMT"], true, None),
            (&["Thu, 01 Jan 2032 00:01:00 GMT"], true, Some(hour)),
        ] {
            let mut headers = HeaderMap::new();
            if with_date {
                headers.insert("date", date.parse().unwrap());
            }
            for value in values {
                headers.append(RETRY_AFTER, value.parse().unwrap());
            }
            let wait = |kind| retry_after(&headers, local, kind).map(|wait| wait.as_secs());
            for kind in [ErrorKind::RateLimited, ErrorKind::Transport] {
                assert_eq!(wait(kind), expected, "{values:?} {with_date}");
            }
            let expected = match expected {
                Some(seconds) if seconds == hour => Some(24 * hour),
                other => other,
            };
            assert_eq!(wait(ErrorKind::Locked), expected, "{values:?} {with_date}");
        }
    }
}
