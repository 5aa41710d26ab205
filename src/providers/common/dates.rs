//! Dates as the server writes them, as nanoseconds since 1970, so that no sum can overflow.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, header::DATE};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Nanoseconds since 1970. The years 0 to 9999 use less than a tenth of a billionth of its range.
pub(crate) type Nanos = i128;

/// No date in use is longer; it keeps the work small.
const LONGEST: usize = 64;

/// Reads a date. Unless `strict`, `+0000` and no offset at all (UTC) are read as well.
pub(crate) fn parse(text: &str, strict: bool) -> Option<Nanos> {
    if text.len() > LONGEST || !text.is_ascii() {
        return None;
    }
    let exact = |text: &str| OffsetDateTime::parse(text, &Rfc3339).ok();
    let date = if strict {
        exact(text)
    } else {
        let text = text.trim().replacen(' ', "T", 1);
        exact(&text).or_else(|| exact(&with_offset(&text)))
    }?;
    Some(date.unix_timestamp_nanos())
}

/// Gives `text`, which is ASCII, the offset that RFC 3339 asks for.
fn with_offset(text: &str) -> String {
    // An offset's sign stands behind the `T`; the hyphens before it belong to the date.
    let clock = text.find(['T', 't']).unwrap_or(text.len());
    let Some(sign) = text[clock..].find(['+', '-']).map(|at| clock + at) else {
        return format!("{text}Z");
    };
    let (time, offset) = text.split_at(sign);
    match offset.len() {
        3 => format!("{time}{offset}:00"),
        5 => format!("{time}{}:{}", &offset[..3], &offset[3..]),
        _ => text.into(),
    }
}

/// Returns the server's own time when it sent an answer with these headers.
pub(crate) fn sent_at(headers: &HeaderMap) -> Option<Nanos> {
    http_date(headers.get(DATE)?.to_str().ok()?)
}

pub(crate) fn http_date(text: &str) -> Option<Nanos> {
    httpdate::parse_http_date(text.trim()).ok().map(wall)
}

/// Returns the local time in the same unit.
pub(crate) fn wall(time: SystemTime) -> Nanos {
    let nanos = |span: Duration| Nanos::try_from(span.as_nanos()).unwrap_or(Nanos::MAX);
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => nanos(after),
        Err(before) => -nanos(before.duration()),
    }
}

/// Returns the time from `start` to `end`, if that is any.
pub(crate) fn between(start: Nanos, end: Nanos) -> Option<Duration> {
    const SECOND: Nanos = 1_000_000_000;
    let nanos = end.checked_sub(start).filter(|&nanos| nanos > 0)?;
    let seconds = u64::try_from(nanos / SECOND).ok()?;
    let rest = u32::try_from(nanos % SECOND).ok()?;
    Some(Duration::new(seconds, rest))
}

/// Returns how long something lives from now that was `created` and ends at `end`, if that is any
/// time: by the `server`'s own clock where it is known, and else by the `local` one, less `skew`.
pub(crate) fn lifetime(
    created: Option<Nanos>,
    end: Nanos,
    server: Option<Nanos>,
    local: Nanos,
    skew: Duration,
) -> Option<Duration> {
    let whole = created.and_then(|start| between(start, end));
    match (whole, server) {
        // The server's clock now: the token may have been issued before.
        (whole, Some(now)) => {
            let left = between(now, end)?;
            Some(whole.map_or(left, |whole| whole.min(left)))
        }
        (Some(whole), None) => Some(whole),
        (None, None) => between(local, end)?
            .checked_sub(skew)
            .filter(|left| !left.is_zero()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NEW_YEAR_2022: Nanos = 1_640_995_200_000_000_000;

    #[test]
    fn reads_every_form_of_rfc_3339() {
        for text in [
            "2022-01-01T00:00:00+00:00",
            "2022-01-01T00:00:00Z",
            "2022-01-01T00:00:00.000000Z",
            "2022-01-01T05:30:00+05:30",
            "2021-12-31T16:00:00-08:00",
        ] {
            assert_eq!(parse(text, true), Some(NEW_YEAR_2022), "{text}");
            assert_eq!(parse(text, false), Some(NEW_YEAR_2022), "{text}");
        }
        let half = parse("2022-01-01T00:00:00.5Z", true).unwrap();
        assert_eq!(half - NEW_YEAR_2022, 500_000_000);
    }

    #[test]
    fn reads_missing_offsets_and_colons_unless_strict() {
        for text in [
            "2022-01-01T00:00:00",
            "2022-01-01 00:00:00",
            "2022-01-01T00:00:00.000",
            "2022-01-01T00:00:00+0000",
            "2022-01-01T00:00:00+00",
            "2022-01-01T05:30:00+0530",
            "2021-12-31T16:00:00-0800",
            " 2022-01-01T00:00:00Z ",
        ] {
            assert_eq!(parse(text, true), None, "{text}");
            assert_eq!(parse(text, false), Some(NEW_YEAR_2022), "{text}");
        }
    }

    #[test]
    fn survives_dates_at_the_edge() {
        let leap = parse("2016-12-31T23:59:60Z", true).unwrap();
        assert_eq!(leap / 1_000_000_000, 1_483_228_799);
        let last = parse("9999-12-31T23:59:59-23:59", false).unwrap();
        let first = parse("0000-01-01T00:00:00+23:59", false).unwrap();
        assert!(between(first, last).unwrap() > Duration::from_secs(315_000_000_000));
        assert_eq!(between(last, first), None);
        assert_eq!(between(Nanos::MIN, Nanos::MAX), None);
        for text in [
            "",
            "T",
            "2022-02-30T00:00:00Z",
            "2022-01-01T00:00:00+24:00",
            "now",
            "0",
        ] {
            assert_eq!(parse(text, false), None, "{text}");
        }
    }

    #[test]
    fn local_time_before_1970_is_negative() {
        let before = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(wall(before), -1_000_000_000);
    }

    proptest! {
        #[test]
        fn never_panics(text in "[0-9TtZz :.+é-]{0,40}", strict: bool) {
            let _ = parse(&text, strict);
        }

        #[test]
        fn never_panics_on_anything(text in ".{0,70}", strict: bool) {
            let _ = parse(&text, strict);
        }
    }
}
