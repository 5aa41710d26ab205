//! The keys that sign events.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use serde_json::{Value, json};

use super::{Signature, ids, jose::rs256, key::RsaKey};

/// The keys that sign events, oldest first.
#[derive(Default)]
pub(super) struct SigningKeys {
    keys: VecDeque<Named>,
    /// How many there were so far.
    added: usize,
}

pub(super) struct Named {
    kid: String,
    pub(super) key: Arc<RsaKey>,
}

// === impl SigningKeys ===

impl SigningKeys {
    /// Publishes one more key, and drops the oldest if there were two.
    pub(super) fn add(&mut self) {
        let kid = ids::object_id();
        let key = nth_key(self.added);
        self.added += 1;
        self.keys.push_back(Named { kid, key });
        if self.keys.len() > 2 {
            self.keys.pop_front();
        }
    }

    /// Drops the older of two keys, so that the newer one signs.
    pub(super) fn retire(&mut self) {
        if self.keys.len() > 1 {
            self.keys.pop_front();
        }
    }

    pub(super) fn to_json(&self) -> Value {
        let keys: Vec<_> = self.keys.iter().map(Named::to_json).collect();
        json!({ "keys": keys })
    }

    pub(super) fn latest(&self) -> Option<Value> {
        self.keys.back().map(Named::to_json)
    }

    pub(super) fn get(&self, kid: &str) -> Option<Value> {
        let named = self.keys.iter().find(|named| named.kid == kid);
        named.map(Named::to_json)
    }

    /// Returns a JWT of the oldest key, or `None` if there is no key.
    pub(super) fn sign(&self, signature: &Signature, now: SystemTime) -> Option<String> {
        let signer = self.signer()?;
        let claims = signature.claims(now).into();
        Some(rs256(&signer.key, &signer.header(), &claims))
    }

    /// Returns the key that signs, which is the oldest.
    pub(super) fn signer(&self) -> Option<&Named> {
        self.keys.front()
    }
}

/// Returns the `number`th key of this process. To make one takes long, so every simulator has the
/// same ones, under names of its own.
fn nth_key(number: usize) -> Arc<RsaKey> {
    static KEYS: Mutex<Vec<Arc<RsaKey>>> = Mutex::new(Vec::new());
    let mut keys = KEYS.lock().unwrap_or_else(PoisonError::into_inner);
    while keys.len() <= number {
        keys.push(Arc::new(RsaKey::generate()));
    }
    keys[number].clone()
}

// === impl Named ===

impl Named {
    pub(super) fn header(&self) -> Value {
        json!({
            "alg": "RS256",
            "typ": "JWT",
            "kid": self.kid,
            "x5t": self.key.thumbprint(),
        })
    }

    /// Writes the key as the documentation does: for `enc`, though it signs.
    fn to_json(&self) -> Value {
        let mut jwk = self.key.jwk();
        jwk["kid"] = self.kid.as_str().into();
        jwk["use"] = "enc".into();
        jwk["x5t"] = self.key.thumbprint().into();
        jwk
    }
}
