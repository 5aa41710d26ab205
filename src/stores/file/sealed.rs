use std::fmt;

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Generate, Payload},
};
use zeroize::Zeroizing;

/// What an encrypted file begins with. It is authenticated with what follows.
pub(super) const MAGIC: &[u8] = b"tower-reauth sealed 1\n";

/// How long the nonce is that follows.
const NONCE: usize = 24;

/// The key that a [`FileStore`](super::FileStore) is encrypted with: 32 random bytes.
///
/// Keep it where the file is not: in the platform's key chain or secret store. It is wiped when
/// dropped, and shown by nothing.
#[derive(Clone)]
pub struct FileKey(Zeroizing<[u8; 32]>);

// === impl FileKey ===

impl FileKey {
    /// Creates a key of `bytes`, which must be random: a password is none.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Encrypts `text`; `None` if the system has no random numbers.
    pub(super) fn seal(&self, text: &[u8]) -> Option<Vec<u8>> {
        let nonce = XNonce::try_generate().ok()?;
        let payload = Payload {
            msg: text,
            aad: MAGIC,
        };
        let sealed = self.cipher().encrypt(&nonce, payload).ok()?;
        Some([MAGIC, &nonce, &sealed].concat())
    }

    /// Decrypts what follows [`MAGIC`]; `None` if it was made with another key, or damaged.
    pub(super) fn open(&self, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE)?;
        let nonce = XNonce::try_from(nonce).ok()?;
        let payload = Payload {
            msg: sealed,
            aad: MAGIC,
        };
        let text = self.cipher().decrypt(&nonce, payload).ok()?;
        Some(Zeroizing::new(text))
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.0).into())
    }
}

impl fmt::Debug for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileKey").finish_non_exhaustive()
    }
}
