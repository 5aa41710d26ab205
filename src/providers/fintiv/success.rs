//! The short way to the usual verdict.

use std::fmt;

use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::status::SUCCESS;

/// Whether `text` is the beginning of an answer whose first `contextResponse` has `SUCCESS` for its
/// first `statusCode`. What stands behind that is not looked at, so the answer may have any length.
pub(super) fn begins(text: &[u8]) -> bool {
    let mut found = false;
    let mut reader = serde_json::Deserializer::from_slice(text);
    // Stopped in the middle, the parser complains. What counts is what was found.
    drop(reader.deserialize_map(Object {
        path: &["contextResponse", "statusCode"],
        found: &mut found,
    }));
    found
}

/// Looks for the first member of a name in an object, and for the rest of the path in its value.
struct Object<'a> {
    path: &'static [&'static str],
    found: &'a mut bool,
}

/// Tells whether a name or a text is the one.
struct Is(&'static str);

impl<'de> Visitor<'de> for Object<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        let Some((name, path)) = self.path.split_first() else {
            return Ok(());
        };
        while let Some(is_it) = map.next_key_seed(Is(name))? {
            if is_it {
                return map.next_value_seed(Object { path, ..self });
            }
            // As a raw value, because that must be whole and UTF-8.
            map.next_value::<&RawValue>()?;
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        if self.path.is_empty() {
            *self.found = Is(SUCCESS).deserialize(value)?;
            return Ok(());
        }
        value.deserialize_map(self)
    }
}

impl<'de> DeserializeSeed<'de> for Is {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, text: D) -> Result<bool, D::Error> {
        text.deserialize_str(self)
    }
}

impl Visitor<'_> for Is {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<bool, E> {
        Ok(text == self.0)
    }
}
