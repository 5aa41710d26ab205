use std::borrow::Cow;

use http::{
    HeaderMap, StatusCode,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
    response,
};
use serde_json::value::RawValue;

use super::{
    Members, Unreadable, pieces,
    scan::{Found, Scan, trim_start},
};
use crate::layers::normalize::{End, Failure, Reader, Verdict};

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// [`Reader`] of a JSON object, which hands its members to a [`Members`].
///
/// It is for [`Envelope::reader`](super::super::Envelope::reader) to return. See the
/// [module docs](super) for what it looks at.
#[derive(Debug)]
pub struct JsonReader<M> {
    members: M,
    scan: Scan,
}

// === impl JsonReader ===

impl<M: Members> JsonReader<M> {
    /// Creates a reader that hands the members of one response's object to `members`.
    #[must_use]
    pub fn new(members: M) -> Self {
        Self {
            members,
            scan: Scan::default(),
        }
    }

    #[cfg(test)]
    pub(super) fn into_members(self) -> M {
        self.members
    }

    fn unreadable(&mut self, why: Unreadable<'_>) -> Verdict<M::Error> {
        match self.members.end(Err(why)) {
            Some(failure) => Verdict::Fail(failure),
            None => Verdict::Pass,
        }
    }

    /// Hands on the members that are there as a whole, as long as they are as they usually are; the scan
    /// goes on behind them. Most often that is all there is, and each byte was looked at once.
    fn usual_members(&mut self, text: &[u8]) -> Verdict<M::Error> {
        let mut next = pieces::behind(text, b'{');
        while let Some(member) = next {
            let Some((name, value, rest)) = usual_member(member) else {
                break;
            };
            self.scan.skip_to(text.len() - rest.len());
            let verdict = self.members.member(name, value);
            if !matches!(verdict, Verdict::More) {
                return verdict;
            }
            next = pieces::behind(rest, b',');
        }
        Verdict::More
    }

    fn member(&mut self, text: &[u8]) -> Verdict<M::Error> {
        let Some((name, value)) = split(text) else {
            return self.unreadable(Unreadable::Malformed { member: None });
        };
        let name = match serde_json::from_str::<&str>(name.get()) {
            Ok(name) => Cow::Borrowed(name),
            // With escapes it cannot be borrowed.
            Err(_) => match serde_json::from_str::<String>(name.get()) {
                Ok(name) => Cow::Owned(name),
                Err(_) => return self.unreadable(Unreadable::Malformed { member: None }),
            },
        };
        match serde_json::from_slice::<&RawValue>(value) {
            Ok(value) => self.members.member(&name, value),
            Err(_) => self.unreadable(Unreadable::Malformed {
                member: Some(&name),
            }),
        }
    }
}

impl<M: Members> Reader for JsonReader<M> {
    type Error = M::Error;

    fn head(&mut self, response: &response::Parts) -> Verdict<M::Error> {
        if !response.status.is_success() || response.status == StatusCode::PARTIAL_CONTENT {
            return Verdict::Pass;
        }
        if is_encoded(&response.headers) {
            return self.unreadable(Unreadable::Encoded);
        }
        if !may_be_json(&response.headers) {
            return self.unreadable(Unreadable::ContentType);
        }
        Verdict::More
    }

    fn body(&mut self, start: &[u8]) -> Verdict<M::Error> {
        if start.len() < BYTE_ORDER_MARK.len() && BYTE_ORDER_MARK.starts_with(start) {
            return Verdict::More;
        }
        let text = start.strip_prefix(BYTE_ORDER_MARK).unwrap_or(start);
        if self.scan.is_fresh() {
            let verdict = self.usual_members(text);
            if !matches!(verdict, Verdict::More) {
                return verdict;
            }
        }
        loop {
            let verdict = match self.scan.next(text) {
                Found::Member(range) => self.member(&text[range]),
                Found::End => match self.members.end(Ok(())) {
                    Some(failure) => Verdict::Fail(failure),
                    None => Verdict::Pass,
                },
                Found::NoObject => self.unreadable(Unreadable::NoObject),
                Found::Misplaced => self.unreadable(Unreadable::Malformed { member: None }),
                Found::Nothing => return Verdict::More,
            };
            if !matches!(verdict, Verdict::More) {
                return verdict;
            }
        }
    }

    fn end(&mut self, start: &[u8], end: End<'_>) -> Option<Failure<M::Error>> {
        let text = start.strip_prefix(BYTE_ORDER_MARK).unwrap_or(start);
        self.members.end(Err(match end {
            End::Whole { .. } if trim_start(text).is_empty() => Unreadable::Empty,
            End::Whole { .. } => Unreadable::Truncated,
            End::OverCap => Unreadable::OverCap,
            End::Broken | End::NotThere => Unreadable::Broken,
        }))
    }
}

/// Reads a member whose name has no escapes, and what stands behind it. That must be a mark, for a
/// number might go on.
fn usual_member(text: &[u8]) -> Option<(&str, &RawValue, &[u8])> {
    let (name, rest) = pieces::value::<&str>(text)?;
    let (value, rest) = pieces::value::<&RawValue>(pieces::behind(rest, b':')?)?;
    matches!(trim_start(rest).first(), Some(b',' | b'}')).then_some((name, value, rest))
}

/// Splits a member into its name and what stands behind the colon.
fn split(member: &[u8]) -> Option<(&RawValue, &[u8])> {
    let (name, rest) = pieces::value(member)?;
    Some((name, pieces::behind(rest, b':')?))
}

fn is_encoded(headers: &HeaderMap) -> bool {
    let mut encodings = headers.get_all(CONTENT_ENCODING).iter();
    encodings.any(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// Whether a body of this type may be JSON. Servers call it text of any kind, a web page above all.
fn may_be_json(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(CONTENT_TYPE) else {
        return true;
    };
    let kind = kind.as_bytes();
    if kind == b"application/json" {
        return true;
    }
    let end = kind.iter().position(|&byte| byte == b';');
    let kind = kind[..end.unwrap_or(kind.len())].trim_ascii();
    let is = |part: &[u8], name: &[u8]| part.eq_ignore_ascii_case(name);
    match kind.split_first_chunk::<5>() {
        Some((start, text)) if is(start, b"text/") => !is(text, b"event-stream"),
        _ => kind
            .split_last_chunk::<5>()
            .is_some_and(|(_, end)| is(end, b"/json") || is(end, b"+json")),
    }
}
