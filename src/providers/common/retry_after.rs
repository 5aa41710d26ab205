//! `Retry-After`: RFC 9110 section 10.2.3.

use std::time::Duration;

use http::{HeaderMap, header::RETRY_AFTER};

use super::dates;
use crate::ErrorKind;

const HOUR: Duration = Duration::from_secs(60 * 60);

/// Says how long `Retry-After` asks to wait: in seconds, or until a date by the server's own clock.
///
/// The longest of several counts, up to an hour, or a day for an account that is locked. No wait at all (0, or a date in the past)
/// is as good as no header: a server that has just refused for coming too often does not mean "now".
pub(crate) fn retry_after(
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
