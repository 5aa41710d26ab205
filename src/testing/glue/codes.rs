//! The MFA types of an account, and the codes sent for them.

use std::{collections::BTreeMap, time::Duration};

use crate::testing::server::Secrets;

/// The state of an MFA type of an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TypeStatus {
    /// Not in use: the default.
    #[default]
    Deactivated,
    /// A code was sent to activate it, and is still to be verified.
    Pending,
    /// Protected resources ask for its codes.
    Activated,
}

/// The MFA of one account, by type.
#[derive(Default)]
pub(super) struct Mfa {
    types: BTreeMap<String, Type>,
}

#[derive(Default)]
struct Type {
    status: TypeStatus,
    /// Oldest first. None is forgotten, so that each can be told from an unknown one.
    codes: Vec<Code>,
}

struct Code {
    digits: String,
    expires: Duration,
    /// How many wrong attempts were counted against it.
    attempts: usize,
    invalidated: bool,
    /// Whether it was accepted once.
    verified: bool,
}

/// What became of a code that was presented.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Presented {
    Good,
    /// It was never sent to this account.
    Unknown,
    /// It is the newest, but expired, blocked, invalidated, or of a type that is not active.
    Dead,
    /// There is a newer one, which this attempt counts against.
    Superseded {
        /// It was the attempt that blocked the newer one.
        blocked: bool,
        /// The newer one was accepted before: whoever sends this knows it.
        knowingly: bool,
    },
}

impl Mfa {
    pub(super) fn status(&self, name: &str) -> TypeStatus {
        self.types
            .get(name)
            .map_or(TypeStatus::Deactivated, |kind| kind.status)
    }

    pub(super) fn set(&mut self, name: &str, status: TypeStatus) {
        self.types.entry(name.to_owned()).or_default().status = status;
    }

    pub(super) fn is_active(&self) -> bool {
        self.types
            .values()
            .any(|kind| kind.status == TypeStatus::Activated)
    }

    /// Makes a code of a type, which supersedes the older ones.
    pub(super) fn send(
        &mut self,
        name: &str,
        length: usize,
        expires: Duration,
        secrets: &mut Secrets,
    ) -> String {
        let digits = loop {
            let digits = secrets.digits(length);
            // An old code that happened to be the new one as well could not be told apart.
            if !self.codes().any(|code| code.digits == digits) {
                break digits;
            }
        };
        let kind = self.types.entry(name.to_owned()).or_default();
        kind.codes.push(Code {
            digits: digits.clone(),
            expires,
            attempts: 0,
            invalidated: false,
            verified: false,
        });
        digits
    }

    /// Presents a code of an active type, or `of` this type with this status. A good one is verified
    /// by it, and a superseded one counts against the newest of its type, which `most` such attempts
    /// block.
    pub(super) fn present(
        &mut self,
        digits: &str,
        of: Option<(&str, TypeStatus)>,
        most: usize,
        now: Duration,
    ) -> Presented {
        let status = of.map_or(TypeStatus::Activated, |(_, status)| status);
        let named = |name: &str| of.is_none_or(|(of, _)| of == name);
        let mut types = self.types.iter_mut().filter(|(name, _)| named(name));
        let sent = types.find(|(_, kind)| kind.codes.iter().any(|code| code.digits == digits));
        let Some((_, kind)) = sent else {
            return Presented::Unknown;
        };
        let Some(newest) = kind.codes.last_mut() else {
            return Presented::Unknown;
        };
        if newest.digits != digits {
            newest.attempts += 1;
            return Presented::Superseded {
                blocked: newest.attempts == most,
                knowingly: newest.verified,
            };
        }
        let alive = now < newest.expires && newest.attempts < most && !newest.invalidated;
        if !alive || kind.status != status {
            return Presented::Dead;
        }
        newest.verified = true;
        Presented::Good
    }

    pub(super) fn invalidate(&mut self) {
        for code in self.types.values_mut().flat_map(|kind| &mut kind.codes) {
            code.invalidated = true;
        }
    }

    fn codes(&self) -> impl Iterator<Item = &Code> {
        self.types.values().flat_map(|kind| &kind.codes)
    }
}
