use serde_json::value::RawValue;

use crate::{
    Error,
    layers::normalize::{Failure, Verdict},
};

/// Judges a JSON object by its members, one after the other.
///
/// See the [module docs](super) for an example.
pub trait Members {
    /// The typed error.
    type Error: Into<Error> + Clone + Send + Sync + 'static;

    /// Looks at a member, in the order in which they stand in the object.
    ///
    /// `value` is JSON, and whole: `serde_json::from_str(value.get())` reads it into any type. A
    /// name that is given twice comes twice.
    fn member(&mut self, name: &str, value: &RawValue) -> Verdict<Self::Error>;

    /// Decides when there are no more members: the object has ended, or no more of it can be read.
    fn end(&mut self, end: Result<(), Unreadable<'_>>) -> Option<Failure<Self::Error>>;
}

/// Why the members of an object cannot be read, or no more of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unreadable<'a> {
    /// The body is compressed: `Content-Encoding` says so. A layer that decompresses belongs inside.
    Encoded,
    /// The body is of a type that cannot be JSON, by its `Content-Type`.
    ContentType,
    /// The body is empty, but for white space.
    Empty,
    /// The body is something else than an object: a web page, or a list.
    NoObject,
    /// The body is not JSON from here on.
    #[non_exhaustive]
    Malformed {
        /// The member that cannot be read, if that much is known.
        member: Option<&'a str>,
    },
    /// The body ends within the object.
    Truncated,
    /// The object goes on beyond what may be looked at.
    OverCap,
    /// The body failed within the object. The caller meets the error when reading it.
    Broken,
}
