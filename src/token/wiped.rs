//! Bytes that are wiped when the last handle to them is dropped.

use bytes::Bytes;
use zeroize::Zeroizing;

struct Wiped(Zeroizing<Vec<u8>>);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Makes `Bytes` of `secret` without copying it; it is wiped when the last clone is dropped.
pub(crate) fn wiped_bytes(secret: Zeroizing<Vec<u8>>) -> Bytes {
    Bytes::from_owner(Wiped(secret))
}
