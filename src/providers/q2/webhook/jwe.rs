//! The encryption of a delivery: a JWE (RFC 7516) in the compact form.

use std::{fmt, sync::Arc};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    encoding::AsDer,
    rand,
    rsa::{
        OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPrivateDecryptingKey,
        PrivateDecryptingKey,
    },
    signature::RsaKeyPair,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use serde::{Deserialize, de::IgnoredAny};
use zeroize::Zeroizing;

use super::{Refusal, jwt::decode};
use crate::{
    Error,
    providers::q2::signing::{private_key, wrong_key},
    token::wiped_bytes,
};

/// The bytes of the tag of AES-GCM.
const TAG: usize = 16;

/// The bytes of the key of A256GCM.
const CONTENT_KEY: usize = 32;

type ContentKey = Zeroizing<[u8; CONTENT_KEY]>;

/// A private key that decrypts deliveries. Its public half is registered in the vendor's Nexus
/// portal.
///
/// `Debug` shows its name and nothing else.
#[derive(Clone)]
pub struct DecryptionKey {
    kid: Option<Box<str>>,
    key: Arc<OaepPrivateDecryptingKey>,
}

/// How the key of the content is encrypted. The vendor's documentation has `RSA-OAEP`; the content
/// itself is always `A256GCM`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyEncryption {
    /// RSA-OAEP with SHA-1, as RFC 7518 names it `RSA-OAEP`.
    #[default]
    RsaOaep,
    /// RSA-OAEP with SHA-256, `RSA-OAEP-256`.
    RsaOaep256,
}

/// Decrypts deliveries.
#[derive(Debug)]
pub(super) struct Decryptor {
    pub(super) keys: Vec<DecryptionKey>,
    pub(super) algorithm: KeyEncryption,
}

/// What counts of the header.
#[derive(Deserialize)]
struct Header {
    alg: String,
    enc: String,
    kid: Option<String>,
    crit: Option<IgnoredAny>,
    zip: Option<IgnoredAny>,
}

// === impl DecryptionKey ===

impl DecryptionKey {
    /// Reads a private key in PEM: PKCS#8 (`BEGIN PRIVATE KEY`) or PKCS#1
    /// (`BEGIN RSA PRIVATE KEY`).
    ///
    /// # Errors
    ///
    /// Fails as [`Config`](crate::ErrorKind::Config) if it is not an RSA key of 2048 bits or more.
    pub fn from_pem(pem: impl AsRef<[u8]>) -> Result<Self, Error> {
        let der = private_key(pem.as_ref())?;
        let key = match PrivateDecryptingKey::from_pkcs8(&der) {
            Ok(key) => key,
            Err(_) => {
                let pair = RsaKeyPair::from_der(&der).map_err(|_| wrong_key())?;
                let der = pair.as_der().map_err(|_| wrong_key())?;
                PrivateDecryptingKey::from_pkcs8(der.as_ref()).map_err(|_| wrong_key())?
            }
        };
        let key = OaepPrivateDecryptingKey::new(key).map_err(|_| wrong_key())?;
        Ok(Self {
            kid: None,
            key: Arc::new(key),
        })
    }

    /// Sets the name (`kid`) by which the sender calls the key. Without it the key is tried for
    /// every delivery.
    #[must_use]
    pub fn named(mut self, kid: impl Into<String>) -> Self {
        self.kid = Some(kid.into().into());
        self
    }

    fn may_be(&self, kid: Option<&str>) -> bool {
        match (&self.kid, kid) {
            (Some(own), Some(named)) => **own == *named,
            _ => true,
        }
    }

    /// Decrypts the key of the content. Where that fails it is a key that fits nothing, so that it
    /// fails later and as all does: RFC 7516 section 11.5.
    fn content_key(&self, algorithm: KeyEncryption, encrypted: &[u8]) -> Option<ContentKey> {
        let mut random = ContentKey::new([0; CONTENT_KEY]);
        rand::fill(&mut *random).ok()?;
        let mut buffer = Zeroizing::new(vec![0; self.key.min_output_size()]);
        let decrypted = self
            .key
            .decrypt(algorithm.to_library(), encrypted, &mut buffer, None);
        let decrypted = decrypted.ok().and_then(|key| (&*key).try_into().ok());
        Some(decrypted.map_or(random, ContentKey::new))
    }
}

impl fmt::Debug for DecryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecryptionKey")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

// === impl KeyEncryption ===

impl KeyEncryption {
    /// Returns the name that RFC 7518 gives it: `RSA-OAEP`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RsaOaep => "RSA-OAEP",
            Self::RsaOaep256 => "RSA-OAEP-256",
        }
    }

    fn to_library(self) -> &'static OaepAlgorithm {
        match self {
            Self::RsaOaep => &OAEP_SHA1_MGF1SHA1,
            Self::RsaOaep256 => &OAEP_SHA256_MGF1SHA256,
        }
    }
}

// === impl Decryptor ===

impl Decryptor {
    /// Decrypts `body`, which is wiped when the last handle to it is dropped.
    pub(super) fn decrypt(&self, body: &[u8]) -> Result<Bytes, Refusal> {
        let text = std::str::from_utf8(body.trim_ascii()).map_err(|_| Refusal::Undecryptable)?;
        let mut parts = text.split('.');
        let mut next = || parts.next().ok_or(Refusal::Undecryptable);
        let (head, encrypted, iv, content, tag) = (next()?, next()?, next()?, next()?, next()?);
        if parts.next().is_some() {
            return Err(Refusal::Undecryptable);
        }
        let header: Header = decode(head).ok_or(Refusal::Undecryptable)?;
        let is_configured = header.alg == self.algorithm.as_str() && header.enc == "A256GCM";
        if !is_configured || header.crit.is_some() || header.zip.is_some() {
            return Err(Refusal::UnsupportedEncryption);
        }
        let part = |part: &str| URL_SAFE_NO_PAD.decode(part);
        let (Ok(encrypted), Ok(iv), Ok(content), Ok(tag)) =
            (part(encrypted), part(iv), part(content), part(tag))
        else {
            return Err(Refusal::Undecryptable);
        };
        // RFC 7518 section 5.3: 96 bits and 128 bits, no more and no less.
        let Ok(iv) = <[u8; NONCE_LEN]>::try_from(iv) else {
            return Err(Refusal::Undecryptable);
        };
        if tag.len() != TAG {
            return Err(Refusal::Undecryptable);
        }
        let mut sealed = Zeroizing::new(content);
        sealed.extend_from_slice(&tag);
        let kid = header.kid.as_deref();
        for key in self.keys.iter().filter(|key| key.may_be(kid)) {
            let content_key = key.content_key(self.algorithm, &encrypted);
            let plain = content_key.and_then(|key| open(&*key, iv, head, &sealed));
            if let Some(plain) = plain {
                return Ok(wiped_bytes(plain));
            }
        }
        Err(Refusal::Undecryptable)
    }
}

fn open(key: &[u8], iv: [u8; NONCE_LEN], head: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).ok()?);
    let nonce = Nonce::assume_unique_for_key(iv);
    let mut buffer = Zeroizing::new(sealed.to_vec());
    let length = key
        .open_in_place(nonce, Aad::from(head.as_bytes()), &mut buffer)
        .ok()?
        .len();
    buffer.truncate(length);
    Some(buffer)
}
