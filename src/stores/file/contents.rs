//! What is in the file.

use std::{collections::BTreeMap, path::Path};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::sealed::{FileKey, MAGIC};
use crate::{
    Error, ErrorKind,
    store::{Record, StoreKey},
    stores::format::Written,
};

/// The format that is written, and the newest that is read.
const FORMAT: u32 = 1;

/// The records of a file, by their keys.
#[derive(Default)]
pub(super) struct Contents {
    records: BTreeMap<String, Written>,
}

/// Why a file cannot be read.
#[derive(Debug)]
pub(super) struct Unreadable {
    why: &'static str,
    /// Nobody can read it, with any key or version.
    pub(super) is_corrupt: bool,
}

#[derive(Serialize)]
struct ToWrite<'a> {
    format: u32,
    records: &'a BTreeMap<String, Written>,
}

#[derive(Deserialize)]
struct Format {
    format: u32,
}

#[derive(Deserialize)]
struct ToRead {
    records: BTreeMap<String, Written>,
}

// === impl Contents ===

impl Contents {
    pub(super) fn parse(bytes: &[u8], key: Option<&FileKey>) -> Result<Self, Unreadable> {
        let Some(sealed) = bytes.strip_prefix(MAGIC) else {
            return Self::parse_text(bytes);
        };
        let key = key.ok_or(Unreadable {
            why: "it is encrypted, and no key was given: set encrypted()",
            is_corrupt: false,
        })?;
        let text = key.open(sealed).ok_or(Unreadable {
            why: "it cannot be decrypted: it was encrypted with another key, or damaged",
            is_corrupt: false,
        })?;
        Self::parse_text(&text)
    }

    fn parse_text(text: &[u8]) -> Result<Self, Unreadable> {
        let corrupt = |_| Unreadable {
            why: "it is no token file, or was damaged",
            is_corrupt: true,
        };
        let Format { format } = serde_json::from_slice(text).map_err(corrupt)?;
        if format > FORMAT {
            return Err(Unreadable {
                why: "it was written by a newer version of this program: use that one",
                is_corrupt: false,
            });
        }
        let ToRead { records } = serde_json::from_slice(text).map_err(corrupt)?;
        Ok(Self { records })
    }

    pub(super) fn to_bytes(&self, key: Option<&FileKey>) -> Result<Zeroizing<Vec<u8>>, Error> {
        let to_write = ToWrite {
            format: FORMAT,
            records: &self.records,
        };
        let text = serde_json::to_vec_pretty(&to_write).map(Zeroizing::new);
        let mut text = text.map_err(|_| failed("the token file cannot be written as JSON"))?;
        if let Some(key) = key {
            let sealed = key.seal(&text);
            return sealed
                .map(Zeroizing::new)
                .ok_or_else(|| failed("the token file cannot be encrypted"));
        }
        text.push(b'\n');
        Ok(text)
    }

    pub(super) fn get(&self, key: &StoreKey) -> Option<&Written> {
        self.records.get(key.as_str())
    }

    pub(super) fn set(&mut self, key: &StoreKey, record: &Record) {
        let key = key.as_str().to_owned();
        self.records.insert(key, Written::of(record));
    }
}

// === impl Unreadable ===

impl Unreadable {
    pub(super) fn into_error(self, path: &Path) -> Error {
        let path = path.display();
        let advice = if self.is_corrupt {
            ". Put it aside to sign in anew, or set on_corrupt(Corrupt::SetAside)"
        } else {
            ""
        };
        failed(format!(
            "the token file `{path}` cannot be used: {}{advice}",
            self.why
        ))
    }
}

fn failed(message: impl Into<String>) -> Error {
    Error::with_message(ErrorKind::Store, message)
}
