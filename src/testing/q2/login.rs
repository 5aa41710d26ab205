//! What happens to whom at the company's site.

use std::collections::HashMap;

/// What comes of an auth: who signs in at the company decides it, and not the password.
///
/// The [sandbox](super#sandbox) has one login for each, and [`Builder::login`](super::Builder::login)
/// adds more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Login {
    /// The credentials are right: `auth.success`.
    Success,
    /// They are wrong: `auth.failed`.
    Fail,
    /// They are right, but the company wants something first: `auth.hold`, and `auth.success` once
    /// that is said to be mended.
    Hold,
    /// Questions are asked: `auth.mfa-required` with the method `questions`.
    Questions,
    /// A code is sent, by a way that has to be chosen: `auth.mfa-required` with the method `code`.
    Code,
    /// The end user is asked on the phone: `auth.mfa-required` with the method `prompt`.
    Prompt,
    /// The credentials are right, and a swap is made: `auth.success`, then `swap.success`.
    Swap,
}

/// The outcome of each login.
#[derive(Clone)]
pub(super) struct Logins(HashMap<String, Login>);

// === impl Logins ===

impl Logins {
    /// Returns the logins of the vendor's sandbox.
    pub(super) fn sandbox() -> Self {
        let logins = [
            ("test", Login::Success),
            ("testfail", Login::Fail),
            ("testhold", Login::Hold),
            ("testmfaquestion", Login::Questions),
            ("testmfacode", Login::Code),
            ("testmfaprompt", Login::Prompt),
            ("testswap", Login::Swap),
        ];
        Self(logins.map(|(name, login)| (name.to_owned(), login)).into())
    }

    pub(super) fn add(&mut self, name: String, login: Login) {
        self.0.insert(name, login);
    }

    /// Returns what comes of `name`. One that nobody knows fails.
    pub(super) fn get(&self, name: &str) -> Login {
        self.0.get(name).copied().unwrap_or(Login::Fail)
    }
}
