//! Tokens and codes that cannot be guessed.

use std::hash::{BuildHasher, RandomState};

/// A source of secrets: a keyed hash of a counter, with a key that the operating system gave.
///
/// Not `fastrand`, whose seed is the time or what a test sets it to: two simulators might issue the
/// same tokens.
#[derive(Default)]
pub(crate) struct Secrets {
    key: RandomState,
    drawn: u64,
}

impl Secrets {
    /// Returns `prefix` and 256 random bits in hexadecimal.
    pub(crate) fn token(&mut self, prefix: &str) -> String {
        let [a, b, c, d] = [self.word(), self.word(), self.word(), self.word()];
        format!("{prefix}{a:016x}{b:016x}{c:016x}{d:016x}")
    }

    /// Returns a random UUID.
    pub(crate) fn uuid(&mut self) -> String {
        let (a, b) = (self.word(), self.word());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            a >> 32,
            (a >> 16) & 0xFFFF,
            a & 0xFFF,
            (b >> 48) & 0x3FFF | 0x8000,
            b & 0xFFFF_FFFF_FFFF
        )
    }

    /// Returns a code of this many digits.
    pub(crate) fn digits(&mut self, length: usize) -> String {
        let digits = (0..length).map(|_| char::from(b'0' + (self.word() % 10) as u8));
        digits.collect()
    }

    fn word(&mut self) -> u64 {
        self.drawn += 1;
        self.key.hash_one(self.drawn)
    }
}
