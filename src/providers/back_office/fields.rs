//! JSON objects, read field by field: what is wrong with one does no harm to another.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::providers::common::json;

/// The fields that mean something, of all objects in all answers.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(field_identifier)]
pub(super) enum Name {
    #[serde(rename = "2faRequired")]
    TwoFactorRequired,
    #[serde(rename = "2faDetails")]
    TwoFactorDetails,
    #[serde(rename = "accessToken")]
    AccessToken,
    #[serde(rename = "refreshToken")]
    RefreshToken,
    #[serde(rename = "token")]
    Token,
    #[serde(rename = "provider")]
    Provider,
    #[serde(rename = "createdAt")]
    CreatedAt,
    #[serde(rename = "expiresAt")]
    ExpiresAt,
    #[serde(other)]
    Other,
}

/// The fields of one object, as they were sent: borrowed from the body, which is wiped.
#[derive(Default)]
pub(super) struct Fields<'a> {
    values: [Option<&'a RawValue>; Name::Other as usize],
    /// A field was given twice. The last one counts that is not null.
    pub(super) is_repeated: bool,
    /// Something stood behind the object.
    pub(super) has_tail: bool,
}

// === impl Fields ===

impl<'a> Fields<'a> {
    /// Reads the object at the beginning of `body`.
    pub(super) fn first_of(body: &'a [u8]) -> Result<Self, serde_json::Error> {
        let mut reader = serde_json::Deserializer::from_slice(body);
        let mut fields = Self::deserialize(&mut reader)?;
        fields.has_tail = reader.end().is_err();
        Ok(fields)
    }

    /// Reads `raw`, if it is an object.
    pub(super) fn of(raw: &'a RawValue) -> Option<Self> {
        serde_json::from_str(raw.get()).ok()
    }

    /// Returns what was sent as `name`, unless it is null.
    pub(super) fn get(&self, name: Name) -> Option<&'a RawValue> {
        self.values.get(name as usize).copied().flatten()
    }

    /// Returns what was sent as `name`, if it is a text.
    pub(super) fn text(&self, name: Name) -> Option<Zeroizing<String>> {
        json::text(self.get(name)?)
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut fields = Fields::default();
                let mut seen = [false; Name::Other as usize];
                while let Some(name) = map.next_key::<Name>()? {
                    let Some(seen) = seen.get_mut(name as usize) else {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    };
                    fields.is_repeated |= std::mem::replace(seen, true);
                    let value: &RawValue = map.next_value()?;
                    if value.get() != "null" {
                        fields.values[name as usize] = Some(value);
                    }
                }
                Ok(fields)
            }
        }

        deserializer.deserialize_map(Reader)
    }
}

impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fields").finish_non_exhaustive()
    }
}
