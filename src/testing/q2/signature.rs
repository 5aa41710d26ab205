//! The `signature` of an event: who signs it, with which claims, and how it is forged.

use std::{
    collections::VecDeque,
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use serde_json::{Map, Value, json};

use super::{
    ids,
    jose::{hs256, rs256, signed},
    key::RsaKey,
};

/// How events are signed: the JWT's header and claims.
///
/// The documentation makes all three claims optional. By default there are `iss`
/// (`https://api.q2open.io`) and `exp` (in 5 min), and no `aud`.
///
/// # Example
///
/// ```
/// use tower_reauth::testing::q2::{Signature, Simulator};
///
/// let signature = Signature::new().audience("https://me.example/hooks");
/// let builder = Simulator::builder().sign_events(signature);
/// # let _ = builder;
/// ```
#[derive(Clone, Debug)]
pub struct Signature {
    header: String,
    issuer: Option<String>,
    audience: Option<String>,
    lifetime: Option<Duration>,
}

/// A `signature` that a receiver has to refuse.
///
/// All are refused by a receiver that verifies with RS256 and the published key of the `kid`, and
/// nothing else, and that looks at the claims it was told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Forgery {
    /// No `signature` at all.
    Missing,
    /// `alg` is `none`, and the signature is empty.
    AlgNone,
    /// `alg` is `HS256`, with the published key as the secret: its DER.
    HmacOfDer,
    /// `alg` is `HS256`, with the published key as the secret: its PEM.
    HmacOfPem,
    /// `alg` is `HS256`, with the published key as the secret: its modulus.
    HmacOfModulus,
    /// Signed with a key that is not published, under the `kid` of one that is.
    WrongKey,
    /// Signed with a key that is not published, under a `kid` of its own.
    UnknownKid,
    /// Signed with a key that is not published, which the header brings along as `jwk`.
    EmbeddedJwk,
    /// Signed with a key that is not published, to which `jku` and `x5u` in the header lead.
    ///
    /// The address is that of this simulator, and fetching from it is a violation.
    KeyUrl,
    /// Genuine, but changed afterwards: the claims are others.
    Altered,
    /// Genuine, but the signature is cut off.
    Truncated,
    /// Genuine, but expired an hour ago.
    Expired,
    /// Genuine, but `aud` is somebody else.
    WrongAudience,
    /// Genuine, but `iss` is somebody else.
    WrongIssuer,
}

/// The keys that sign events, oldest first.
#[derive(Default)]
pub(super) struct SigningKeys {
    keys: VecDeque<Named>,
    /// How many there were so far.
    added: usize,
}

struct Named {
    kid: String,
    key: Arc<RsaKey>,
}

// === impl Signature ===

impl Signature {
    /// Creates the default: `iss` and `exp` in a header named `signature`.
    #[must_use]
    pub fn new() -> Self {
        Self {
            header: "signature".to_owned(),
            issuer: Some("https://api.q2open.io".to_owned()),
            audience: None,
            lifetime: Some(Duration::from_secs(300)),
        }
    }

    /// Sets the name of the header that carries the JWT. `signature` by default.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>) -> Self {
        self.header = name.into();
        self
    }

    /// Sets `iss`. `https://api.q2open.io` by default.
    #[must_use]
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Leaves out `iss`.
    #[must_use]
    pub fn without_issuer(mut self) -> Self {
        self.issuer = None;
        self
    }

    /// Sets `aud`. There is none by default.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// Sets how long a JWT is good for. 5 min by default.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// Leaves out `exp`: a JWT is good for ever.
    #[must_use]
    pub fn without_expiry(mut self) -> Self {
        self.lifetime = None;
        self
    }

    pub(super) fn header_name(&self) -> &str {
        &self.header
    }

    fn claims(&self, now: SystemTime) -> Map<String, Value> {
        let mut claims = Map::new();
        if let Some(issuer) = &self.issuer {
            claims.insert("iss".to_owned(), issuer.as_str().into());
        }
        if let Some(audience) = &self.audience {
            claims.insert("aud".to_owned(), audience.as_str().into());
        }
        if let Some(lifetime) = self.lifetime {
            claims.insert("exp".to_owned(), seconds(now + lifetime).into());
        }
        claims
    }
}

impl Default for Signature {
    fn default() -> Self {
        Self::new()
    }
}

fn seconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}

// === impl Forgery ===

impl Forgery {
    /// Every way to forge a signature.
    pub const ALL: [Self; 14] = [
        Self::Missing,
        Self::AlgNone,
        Self::HmacOfDer,
        Self::HmacOfPem,
        Self::HmacOfModulus,
        Self::WrongKey,
        Self::UnknownKid,
        Self::EmbeddedJwk,
        Self::KeyUrl,
        Self::Altered,
        Self::Truncated,
        Self::Expired,
        Self::WrongAudience,
        Self::WrongIssuer,
    ];
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
        let named = self.keys.front()?;
        Some(rs256(
            &named.key,
            &named.header(),
            &signature.claims(now).into(),
        ))
    }

    /// Returns what stands in place of a JWT, or `None` if nothing does. `base_url` is where a key
    /// of the forger's may be fetched.
    pub(super) fn forge(
        &self,
        forgery: Forgery,
        signature: &Signature,
        now: SystemTime,
        base_url: &str,
    ) -> Option<String> {
        let named = self.keys.front()?;
        let mut header = named.header();
        let mut claims = Value::from(signature.claims(now));
        Some(match forgery {
            Forgery::Missing => return None,
            Forgery::AlgNone => {
                header["alg"] = "none".into();
                signed(&header, &claims, |_| Vec::new())
            }
            Forgery::HmacOfDer | Forgery::HmacOfPem | Forgery::HmacOfModulus => {
                header["alg"] = "HS256".into();
                let secret = match forgery {
                    Forgery::HmacOfDer => named.key.public_der().to_vec(),
                    Forgery::HmacOfPem => named.key.public_pem().into_bytes(),
                    _ => named.key.numbers().0,
                };
                hs256(&secret, &header, &claims)
            }
            Forgery::WrongKey => rs256(forgers_key(), &header, &claims),
            Forgery::UnknownKid => {
                header["kid"] = ids::object_id().into();
                rs256(forgers_key(), &header, &claims)
            }
            Forgery::EmbeddedJwk => {
                header["jwk"] = forgers_key().jwk();
                rs256(forgers_key(), &header, &claims)
            }
            Forgery::KeyUrl => {
                let url = format!("{base_url}{FORGED_KEYS}");
                header["jku"] = url.as_str().into();
                header["x5u"] = url.into();
                rs256(forgers_key(), &header, &claims)
            }
            Forgery::Altered => {
                let genuine = rs256(&named.key, &header, &claims);
                claims["sub"] = "somebody".into();
                let altered = signed(&header, &claims, |_| Vec::new());
                let (_, signature) = genuine.rsplit_once('.').unwrap_or_default();
                altered + signature
            }
            Forgery::Truncated => {
                let genuine = rs256(&named.key, &header, &claims);
                let (text, _) = genuine.rsplit_once('.').unwrap_or_default();
                format!("{text}.")
            }
            Forgery::Expired => {
                let hour = Duration::from_secs(3600);
                claims["exp"] = seconds(now.checked_sub(hour).unwrap_or(now)).into();
                rs256(&named.key, &header, &claims)
            }
            Forgery::WrongAudience => {
                claims["aud"] = "https://somebody.example".into();
                rs256(&named.key, &header, &claims)
            }
            Forgery::WrongIssuer => {
                claims["iss"] = "https://somebody.example".into();
                rs256(&named.key, &header, &claims)
            }
        })
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

/// Returns a key that nobody publishes.
fn forgers_key() -> &'static RsaKey {
    static KEY: LazyLock<RsaKey> = LazyLock::new(RsaKey::generate);
    &KEY
}

/// Where a key of the forger's can be had: nobody should go there.
pub(super) const FORGED_KEYS: &str = "/forged-keys";

// === impl Named ===

impl Named {
    fn header(&self) -> Value {
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
