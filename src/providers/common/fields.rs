//! JSON objects, read field by field: what is wrong with one does no harm to another.

use std::fmt;

use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::json;

/// Some fields of one object, as they were sent: borrowed from the body, which is wiped.
pub(crate) struct Fields<'a> {
    values: Vec<(&'static str, &'a RawValue)>,
    /// A field was given twice. The last one counts that is not null.
    pub(crate) is_repeated: bool,
    /// Something stood behind the object.
    pub(crate) has_tail: bool,
}

/// The names of the fields that mean something; others are passed over.
#[derive(Clone, Copy)]
struct Names(&'static [&'static str]);

/// Finds a name among those that mean something.
struct Known(Names);

// === impl Fields ===

impl<'a> Fields<'a> {
    /// Reads the fields of these `names` in the object at the beginning of `body`.
    pub(crate) fn first_of(
        body: &'a [u8],
        names: &'static [&'static str],
    ) -> Result<Self, serde_json::Error> {
        let mut reader = serde_json::Deserializer::from_slice(body);
        let mut fields = Names(names).deserialize(&mut reader)?;
        fields.has_tail = reader.end().is_err();
        Ok(fields)
    }

    /// Reads the fields of these `names` in `raw`, if it is an object.
    pub(crate) fn of(raw: &'a RawValue, names: &'static [&'static str]) -> Option<Self> {
        let mut reader = serde_json::Deserializer::from_str(raw.get());
        Names(names).deserialize(&mut reader).ok()
    }

    /// Returns what was sent as `name`, unless it is null.
    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        let mut values = self.values.iter();
        values.find_map(|&(known, value)| (known == name).then_some(value))
    }

    /// Returns what was sent as `name`, if it is a text.
    pub(crate) fn text(&self, name: &str) -> Option<Zeroizing<String>> {
        json::text(self.get(name)?)
    }
}

impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fields").finish_non_exhaustive()
    }
}

// === impl Names ===

impl<'de> DeserializeSeed<'de> for Names {
    type Value = Fields<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Names {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut fields = Fields {
            values: Vec::with_capacity(self.0.len()),
            is_repeated: false,
            has_tail: false,
        };
        let mut seen = Vec::with_capacity(self.0.len());
        while let Some(name) = map.next_key_seed(Known(self))? {
            let Some(name) = name else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if seen.contains(&name) {
                fields.is_repeated = true;
            } else {
                seen.push(name);
            }
            let value: &RawValue = map.next_value()?;
            if value.get() != "null" {
                fields.values.retain(|&(known, _)| known != name);
                fields.values.push((name, value));
            }
        }
        Ok(fields)
    }
}

// === impl Known ===

impl<'de> DeserializeSeed<'de> for Known {
    type Value = Option<&'static str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Known {
    type Value = Option<&'static str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.0.iter().copied().find(|&known| known == name))
    }
}
