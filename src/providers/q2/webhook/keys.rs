//! The published keys: read, kept, and fetched again.

use std::{fmt, sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use jsonwebtoken::DecodingKey;
use serde_json::Value;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tower::{ServiceExt, util::BoxCloneSyncService};

use super::{Refusal, SignatureAlgorithm, jwt::Rules};
use crate::{
    Clock, Error, ErrorKind,
    providers::{
        common::{dates, exchange::within},
        q2::{
            api::config,
            event::{id, text},
        },
    },
};

/// The vendor publishes two; more than so many are not looked at.
const MOST_KEYS: usize = 16;

/// How soon keys are fetched again, because a signature names one that is not there or because the
/// last fetch failed.
const MIN_INTERVAL: Duration = Duration::from_secs(60);

/// How long one fetch may take.
const FETCH_TIMEOUT: Duration = Duration::from_secs(30);

/// After how long keys are fetched again in any case, so that one that was withdrawn is forgotten.
const MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// Fetches the JSON of the key set.
pub(super) type Fetch = BoxCloneSyncService<(), Vec<u8>, Error>;

/// Public keys that sign deliveries, in the form of a JWK set (RFC 7517).
#[derive(Clone, Default)]
pub(super) struct KeySet(Vec<Key>);

#[derive(Clone)]
struct Key {
    kid: Option<Box<str>>,
    algorithm: Option<Box<str>>,
    /// As published: two that are the same here are the same key.
    modulus: Box<str>,
    exponent: Box<str>,
    key: DecodingKey,
}

/// Where the keys come from.
pub(super) enum Keys {
    /// They were given.
    Fixed(KeySet),
    /// They are fetched.
    Published(Arc<Published>),
}

/// Keys that are fetched when they are needed, and kept.
pub(super) struct Published {
    clock: Arc<dyn Clock>,
    current: ArcSwapOption<Fetched>,
    /// Held while they are fetched: one fetch at a time.
    fetching: Arc<Mutex<Fetching>>,
}

struct Fetched {
    keys: KeySet,
    at: Duration,
}

struct Fetching {
    fetch: Fetch,
    /// When the last fetch began.
    last: Option<Duration>,
}

// === impl KeySet ===

impl KeySet {
    /// Reads `{"keys": […]}`, or one key alone. What cannot be used is left out.
    pub(super) fn parse(json: &[u8]) -> Result<Self, Error> {
        let value: Value = serde_json::from_slice(json)
            .map_err(|_| config("the public keys are not JSON: is this the right address?"))?;
        let list = match value.get("keys") {
            Some(Value::Array(list)) => list.as_slice(),
            _ => std::slice::from_ref(&value),
        };
        let keys: Vec<_> = list.iter().take(MOST_KEYS).filter_map(Key::read).collect();
        // Two different keys of one name: nobody can tell which is meant.
        let is_clear = |key: &Key| {
            key.kid.is_none()
                || keys
                    .iter()
                    .all(|other| other.kid != key.kid || other.is_same(key))
        };
        let keys: Vec<_> = keys.iter().filter(|key| is_clear(key)).cloned().collect();
        if keys.is_empty() {
            return Err(config(
                "there is no public RSA key in the set: is this the right address?",
            ));
        }
        Ok(Self(keys))
    }

    /// Returns the keys that may have signed a token which names `kid`.
    pub(super) fn candidates(
        &self,
        kid: Option<&str>,
        algorithm: SignatureAlgorithm,
    ) -> impl Iterator<Item = &DecodingKey> {
        let keys = self.0.iter().filter(move |key| {
            let is_named = kid.is_none_or(|kid| key.kid.as_deref() == Some(kid));
            let is_fit = key
                .algorithm
                .as_ref()
                .is_none_or(|name| **name == *algorithm.as_str());
            is_named && is_fit
        });
        keys.map(|key| &key.key)
    }

    fn has(&self, kid: Option<&str>) -> bool {
        kid.is_none_or(|kid| self.0.iter().any(|key| key.kid.as_deref() == Some(kid)))
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kids = self.0.iter().map(|key| &key.kid);
        f.debug_list().entries(kids).finish()
    }
}

// === impl Key ===

impl Key {
    /// `use` is not looked at: the vendor's documentation shows `"use": "enc"` for these keys.
    fn read(jwk: &Value) -> Option<Self> {
        let is_rsa = jwk.get("kty").and_then(Value::as_str) == Some("RSA");
        let verifies = match jwk.get("key_ops") {
            Some(Value::Array(uses)) => uses.iter().any(|name| name == "verify"),
            _ => true,
        };
        if !is_rsa || !verifies {
            return None;
        }
        let part = |name| jwk.get(name).and_then(Value::as_str);
        let (modulus, exponent) = (part("n")?, part("e")?);
        Some(Self {
            kid: id(jwk.get("kid")),
            algorithm: text(jwk.get("alg")),
            key: DecodingKey::from_rsa_components(modulus, exponent).ok()?,
            modulus: modulus.into(),
            exponent: exponent.into(),
        })
    }

    fn is_same(&self, other: &Self) -> bool {
        self.modulus == other.modulus && self.exponent == other.exponent
    }
}

// === impl Keys ===

impl Keys {
    /// Checks the signature of a delivery.
    pub(super) async fn verify(
        &self,
        rules: &Rules,
        token: &str,
        clock: &dyn Clock,
    ) -> Result<(), Refusal> {
        let (token, kid) = rules.read(token)?;
        let kid = kid.as_deref();
        let now = || dates::wall(clock.wall());
        let verified = match self {
            Self::Fixed(keys) => rules.verify(&token, kid, keys, now()),
            Self::Published(published) => {
                let fetched = published.with(kid).await.ok_or(Refusal::NoKeys)?;
                rules.verify(&token, kid, &fetched.keys, now())
            }
        };
        Ok(verified?)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(keys) => keys.fmt(f),
            Self::Published(_) => f.write_str("Published"),
        }
    }
}

// === impl Published ===

impl Published {
    pub(super) fn new(fetch: Fetch, clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            current: ArcSwapOption::empty(),
            fetching: Arc::new(Mutex::new(Fetching { fetch, last: None })),
        }
    }

    /// Returns the keys, fetched again if `kid` is not among them or if they are old; but no more
    /// than once a minute. Nothing, if there are none.
    async fn with(self: &Arc<Self>, kid: Option<&str>) -> Option<Arc<Fetched>> {
        if let Some(good) = self.good(kid) {
            return Some(good);
        }
        let fetching = Arc::clone(&self.fetching).lock_owned().await;
        // Whoever had the turn before may have brought it.
        if let Some(good) = self.good(kid) {
            return Some(good);
        }
        let now = self.clock.monotonic();
        let is_due = |last: Duration| now.saturating_sub(last) >= MIN_INTERVAL;
        if fetching.last.is_none_or(is_due) {
            // On its own: a sender that hangs up must not spend the minute's fetch for nothing.
            let fetch = tokio::spawn(Arc::clone(self).fetch(fetching));
            // If it panicked, that is a failure like others.
            drop(fetch.await);
        }
        self.current.load_full()
    }

    async fn fetch(self: Arc<Self>, mut fetching: OwnedMutexGuard<Fetching>) {
        fetching.last = Some(self.clock.monotonic());
        let service = fetching.fetch.clone();
        let fetched = within(&*self.clock, FETCH_TIMEOUT, service.oneshot(())).await;
        let fetched = fetched.unwrap_or_else(|| {
            let message = "the public keys did not come in time";
            Err(Error::with_message(ErrorKind::Timeout, message))
        });
        match fetched.and_then(|json| KeySet::parse(&json)) {
            Ok(keys) => {
                let at = self.clock.monotonic();
                self.current.store(Some(Arc::new(Fetched { keys, at })));
            }
            Err(_error) => {
                #[cfg(feature = "tracing")]
                tracing::warn!(error = %_error, "the public keys of Q2 could not be fetched");
            }
        }
    }

    /// Returns the keys if `kid` is among them and they are fresh.
    fn good(&self, kid: Option<&str>) -> Option<Arc<Fetched>> {
        let age = |fetched: &Fetched| self.clock.monotonic().saturating_sub(fetched.at);
        let fetched = self.current.load_full()?;
        (fetched.keys.has(kid) && age(&fetched) < MAX_AGE).then_some(fetched)
    }
}
