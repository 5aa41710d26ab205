//! The signature on a delivery: a JWT (RFC 7519) in a header.

use std::{fmt, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, crypto::aws_lc};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

use super::{SignatureError, keys::KeySet};
use crate::providers::common::dates::Nanos;

/// No longer token is looked at.
const LONGEST: usize = 8 * 1024;

/// How far the sender's clock may be from ours.
const LEEWAY: Duration = Duration::from_secs(60);

const SECOND: Nanos = 1_000_000_000;

/// The algorithm with which deliveries are signed. The vendor's documentation has `RS256`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignatureAlgorithm {
    /// RSA PKCS#1 v1.5 with SHA-256.
    #[default]
    Rs256,
    /// RSA PKCS#1 v1.5 with SHA-384.
    Rs384,
    /// RSA PKCS#1 v1.5 with SHA-512.
    Rs512,
    /// RSA-PSS with SHA-256.
    Ps256,
    /// RSA-PSS with SHA-384.
    Ps384,
    /// RSA-PSS with SHA-512.
    Ps512,
}

/// What a signature must say.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    pub(super) algorithm: SignatureAlgorithm,
    pub(super) issuer: Option<String>,
    pub(super) audience: Option<String>,
    pub(super) max_age: Option<Duration>,
}

/// A token whose signature is still to be checked.
#[derive(Clone)]
pub(super) struct Unverified<'a> {
    /// What is signed: header and claims.
    input: &'a str,
    claims: &'a str,
    signature: Vec<u8>,
}

/// What counts of a token's header. What it says about keys (`jwk`, `jku`, `x5u`, `x5c`) does not.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<IgnoredAny>,
}

/// What counts of the claims. Times are seconds since 1970, maybe with a fraction.
#[derive(Deserialize)]
struct Claims {
    iss: Option<Value>,
    aud: Option<Value>,
    exp: Option<f64>,
    nbf: Option<f64>,
    iat: Option<f64>,
}

// === impl SignatureAlgorithm ===

impl SignatureAlgorithm {
    /// Returns the name that RFC 7518 gives it: `RS256`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
        }
    }

    fn to_library(self) -> Algorithm {
        match self {
            Self::Rs256 => Algorithm::RS256,
            Self::Rs384 => Algorithm::RS384,
            Self::Rs512 => Algorithm::RS512,
            Self::Ps256 => Algorithm::PS256,
            Self::Ps384 => Algorithm::PS384,
            Self::Ps512 => Algorithm::PS512,
        }
    }
}

// === impl Rules ===

impl Rules {
    /// Reads the header of `token`: which key it names, if any. It is refused if that alone says
    /// that it cannot be good.
    pub(super) fn read<'a>(
        &self,
        token: &'a str,
    ) -> Result<(Unverified<'a>, Option<String>), SignatureError> {
        if token.len() > LONGEST {
            return Err(SignatureError::Malformed);
        }
        let parts = token
            .rsplit_once('.')
            .and_then(|(input, signature)| Some((input, input.split_once('.')?, signature)));
        let (input, (head, claims), signature) = parts
            .filter(|(_, (_, claims), _)| !claims.contains('.'))
            .ok_or(SignatureError::Malformed)?;
        let header: Header = decode(head).ok_or(SignatureError::Malformed)?;
        // The token does not choose how it is checked.
        if header.alg != self.algorithm.as_str() {
            return Err(SignatureError::Algorithm);
        }
        // Whatever is critical, it is not understood here: RFC 7515 section 4.1.11.
        if header.crit.is_some() {
            return Err(SignatureError::Critical);
        }
        let signature = URL_SAFE_NO_PAD
            .decode(signature)
            .map_err(|_| SignatureError::Malformed)?;
        let token = Unverified {
            input,
            claims,
            signature,
        };
        Ok((token, header.kid))
    }

    /// Checks `token` against `keys`: the one that it names, or all of them if it names none.
    pub(super) fn verify(
        &self,
        token: &Unverified<'_>,
        kid: Option<&str>,
        keys: &KeySet,
        now: Nanos,
    ) -> Result<(), SignatureError> {
        let mut keys = keys.candidates(kid, self.algorithm).peekable();
        if keys.peek().is_none() {
            return Err(SignatureError::UnknownKey);
        }
        if !keys.any(|key| self.is_signed_by(key, token)) {
            return Err(SignatureError::Wrong);
        }
        let claims: Claims = decode(token.claims).ok_or(SignatureError::Claims)?;
        self.check_parties(&claims)?;
        self.check_times(&claims, now)
    }

    fn is_signed_by(&self, key: &DecodingKey, token: &Unverified<'_>) -> bool {
        // Not `jsonwebtoken::decode`: that wants every field of a header in its place, takes the
        // machine's own clock, and panics where another of its backends is compiled in as well.
        let make = aws_lc::DEFAULT_PROVIDER.verifier_factory;
        make(&self.algorithm.to_library(), key)
            .is_ok_and(|key| key.verify(token.input.as_bytes(), &token.signature).is_ok())
    }

    fn check_parties(&self, claims: &Claims) -> Result<(), SignatureError> {
        if let Some(issuer) = &self.issuer
            && claims.iss.as_ref().and_then(Value::as_str) != Some(issuer)
        {
            return Err(SignatureError::Issuer);
        }
        // RFC 7519 section 4.1.3: one, or a list.
        let is_for = |audience: &String| match &claims.aud {
            Some(Value::Array(list)) => list.iter().any(|one| one == audience),
            Some(one) => one == audience,
            None => false,
        };
        match &self.audience {
            Some(audience) if !is_for(audience) => Err(SignatureError::Audience),
            _ => Ok(()),
        }
    }

    fn check_times(&self, claims: &Claims, now: Nanos) -> Result<(), SignatureError> {
        let leeway = nanos(LEEWAY);
        let at = |seconds: f64| {
            // Not a number and too large to count is no date.
            let whole = seconds.is_finite() && seconds.abs() < 1e12;
            whole.then(|| (seconds * 1e3) as Nanos * (SECOND / 1000))
        };
        let read = |claim: Option<f64>| match claim.map(at) {
            Some(None) => Err(SignatureError::Claims),
            Some(date) => Ok(date),
            None => Ok(None),
        };
        if read(claims.exp)?.is_some_and(|end| now >= end + leeway) {
            return Err(SignatureError::Expired);
        }
        if read(claims.nbf)?.is_some_and(|start| start > now + leeway) {
            return Err(SignatureError::Early);
        }
        let issued = read(claims.iat)?;
        if issued.is_some_and(|start| start > now + leeway) {
            return Err(SignatureError::Early);
        }
        match (self.max_age, issued) {
            (Some(max), Some(start)) if now > start + nanos(max) + leeway => {
                Err(SignatureError::Expired)
            }
            (Some(_), None) => Err(SignatureError::Claims),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Unverified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unverified").finish_non_exhaustive()
    }
}

/// Decodes a part of a token in the compact form: base64url of JSON.
pub(super) fn decode<T: serde::de::DeserializeOwned>(part: &str) -> Option<T> {
    let json = URL_SAFE_NO_PAD.decode(part).ok()?;
    serde_json::from_slice(&json).ok()
}

fn nanos(span: Duration) -> Nanos {
    Nanos::try_from(span.as_nanos()).unwrap_or(Nanos::MAX / 4)
}
