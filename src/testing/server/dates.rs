//! How dates are written.

use std::time::SystemTime;

use time::{Duration, OffsetDateTime};

/// How a simulator writes the dates of tokens.
///
/// The samples of the Back Office API all have the form of [`Offset`](Self::Offset); the others are
/// what servers are known to send. All but [`Fraction`](Self::Fraction) are cut to the second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DateFormat {
    /// `2022-01-01T00:00:00+00:00`
    #[default]
    Offset,
    /// `2022-01-01T00:00:00Z`
    Zulu,
    /// `2022-01-01T02:00:00+02:00`: the same instant, two hours east.
    East,
    /// `2022-01-01T00:00:00.123456Z`, with the microseconds as they are.
    Fraction,
    /// `2022-01-01T00:00:00+0000`: not RFC 3339, for want of the colon.
    NoColon,
    /// `2022-01-01T00:00:00`: not RFC 3339 either, and meant as UTC.
    NoOffset,
}

impl DateFormat {
    pub(crate) fn write(self, at: SystemTime) -> String {
        let at = OffsetDateTime::from(at);
        match self {
            Self::Offset => second(at) + "+00:00",
            Self::Zulu => second(at) + "Z",
            Self::East => second(at + Duration::hours(2)) + "+02:00",
            Self::Fraction => format!("{}.{:06}Z", second(at), at.microsecond()),
            Self::NoColon => second(at) + "+0000",
            Self::NoOffset => second(at),
        }
    }
}

fn second(at: OffsetDateTime) -> String {
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_format_says_the_same_instant() {
        // 2021-12-31T23:30:05.000123Z
        let at = SystemTime::UNIX_EPOCH + Duration::from_micros(1_640_993_405_000_123);
        for (format, text) in [
            (DateFormat::Offset, "2021-12-31T23:30:05+00:00"),
            (DateFormat::Zulu, "2021-12-31T23:30:05Z"),
            (DateFormat::East, "2022-01-01T01:30:05+02:00"),
            (DateFormat::Fraction, "2021-12-31T23:30:05.000123Z"),
            (DateFormat::NoColon, "2021-12-31T23:30:05+0000"),
            (DateFormat::NoOffset, "2021-12-31T23:30:05"),
        ] {
            assert_eq!(format.write(at), text);
        }
    }
}
