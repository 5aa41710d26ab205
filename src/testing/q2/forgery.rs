//! Signatures that a receiver has to refuse.

use std::{
    sync::LazyLock,
    time::{Duration, SystemTime},
};

use serde_json::Value;

use super::{
    Signature, ids,
    jose::{hs256, rs256, signed},
    key::RsaKey,
    signature::seconds,
    signing_keys::Named,
};

/// Where a key of the forger's can be had: nobody should go there.
pub(super) const FORGED_KEYS: &str = "/forged-keys";

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

    /// Returns what stands in place of the JWT of `signer`, or `None` if nothing does. `base_url`
    /// is where a key of the forger's may be fetched.
    pub(super) fn forge(
        self,
        signer: &Named,
        signature: &Signature,
        now: SystemTime,
        base_url: &str,
    ) -> Option<String> {
        let mut header = signer.header();
        let mut claims = Value::from(signature.claims(now));
        Some(match self {
            Self::Missing => return None,
            Self::AlgNone => {
                header["alg"] = "none".into();
                signed(&header, &claims, |_| Vec::new())
            }
            Self::HmacOfDer | Self::HmacOfPem | Self::HmacOfModulus => {
                header["alg"] = "HS256".into();
                let secret = match self {
                    Self::HmacOfDer => signer.key.public_der().to_vec(),
                    Self::HmacOfPem => signer.key.public_pem().into_bytes(),
                    _ => signer.key.numbers().0,
                };
                hs256(&secret, &header, &claims)
            }
            Self::WrongKey => rs256(forgers_key(), &header, &claims),
            Self::UnknownKid => {
                header["kid"] = ids::object_id().into();
                rs256(forgers_key(), &header, &claims)
            }
            Self::EmbeddedJwk => {
                header["jwk"] = forgers_key().jwk();
                rs256(forgers_key(), &header, &claims)
            }
            Self::KeyUrl => {
                let url = format!("{base_url}{FORGED_KEYS}");
                header["jku"] = url.as_str().into();
                header["x5u"] = url.into();
                rs256(forgers_key(), &header, &claims)
            }
            Self::Altered => {
                let genuine = rs256(&signer.key, &header, &claims);
                claims["sub"] = "somebody".into();
                let altered = signed(&header, &claims, |_| Vec::new());
                let (_, signature) = genuine.rsplit_once('.').unwrap_or_default();
                altered + signature
            }
            Self::Truncated => {
                let genuine = rs256(&signer.key, &header, &claims);
                let (text, _) = genuine.rsplit_once('.').unwrap_or_default();
                format!("{text}.")
            }
            Self::Expired => {
                let hour = Duration::from_secs(3600);
                claims["exp"] = seconds(now.checked_sub(hour).unwrap_or(now)).into();
                rs256(&signer.key, &header, &claims)
            }
            Self::WrongAudience => {
                claims["aud"] = "https://somebody.example".into();
                rs256(&signer.key, &header, &claims)
            }
            Self::WrongIssuer => {
                claims["iss"] = "https://somebody.example".into();
                rs256(&signer.key, &header, &claims)
            }
        })
    }
}

/// Returns a key that nobody publishes.
fn forgers_key() -> &'static RsaKey {
    static KEY: LazyLock<RsaKey> = LazyLock::new(RsaKey::generate);
    &KEY
}
