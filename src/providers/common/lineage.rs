//! Which refresh token is to be presented, and which never again.

use std::collections::VecDeque;

use secrecy::{ExposeSecret, SecretString};

use crate::{Error, Token};

/// How many refresh tokens are remembered after their end.
const REMEMBERED: usize = 16;

/// What became of the refresh tokens that passed through here.
///
/// The server rotates them: one that was traded for another is spent, and presenting it again may
/// end the whole session. Normally the session presents the newest. It cannot if the answer that
/// brought the newest was otherwise unusable, or if the result was dropped on its way to the
/// session; then the newest is found here, by the one that the session still has.
#[derive(Default)]
pub(crate) struct Lineage {
    links: VecDeque<Link>,
    /// A refresh token that came without a usable access token, and replaces none.
    unclaimed: Option<SecretString>,
    /// The one to begin with, or the last that it was traded for.
    root: Option<SecretString>,
}

struct Link {
    spent: SecretString,
    /// What it was traded for; nothing if the server refused it.
    next: Option<SecretString>,
}

/// What is left of a session's sign-in.
pub(crate) enum Standing {
    /// This refresh token can be presented.
    Refreshable(SecretString),
    /// There was a refresh token, and this, the last that it was traded for, is dead.
    Dead(SecretString),
    /// There is none.
    Nothing,
}

/// What an answer says about the refresh token.
#[derive(Debug)]
pub(crate) enum Refresh {
    New(SecretString),
    /// Nothing: the one that there was stays in force.
    Kept,
    /// There is a new one that cannot be read. The one before it is spent.
    Unreadable,
}

impl Lineage {
    /// Begins with `root`, for a session that has no refresh token of its own.
    pub(crate) fn with_root(root: SecretString) -> Self {
        Self {
            root: Some(root),
            ..Self::default()
        }
    }

    /// Finds what to present for a session that has `held`.
    pub(crate) fn standing(&self, held: Option<&SecretString>) -> Standing {
        let first = held.or(self.unclaimed.as_ref()).or(self.root.as_ref());
        let Some(mut newest) = first else {
            return Standing::Nothing;
        };
        // A token that was issued has no link (see `issued`), so this ends.
        while let Some(link) = self.links.iter().find(|link| same(&link.spent, newest)) {
            match &link.next {
                Some(next) => newest = next,
                None => return Standing::Dead(newest.clone()),
            }
        }
        Standing::Refreshable(newest.clone())
    }

    /// Notes that `next` was issued in exchange for `spent`, or for a password.
    pub(crate) fn issued(&mut self, spent: Option<&SecretString>, next: &SecretString) {
        self.unclaimed = None;
        // However it was used before, it is fresh now.
        self.links.retain(|link| !same(&link.spent, next));
        if let Some(spent) = spent.filter(|spent| !same(spent, next)) {
            if self.is_root(spent) {
                self.root = Some(next.clone());
            }
            self.link(spent, Some(next.clone()));
        }
    }

    /// Notes what came for `spent`, if anything was, and gives the new token the refresh token that
    /// is in force now.
    ///
    /// The refresh token is noted before anything else about the answer matters: the one that was
    /// spent for it may be worth nothing now. After a sign-in the old one is dead in any case.
    pub(crate) fn settle(
        &mut self,
        spent: Option<&SecretString>,
        access: Result<Token, Error>,
        refresh: Refresh,
        signed_in: bool,
    ) -> Result<Token, Error> {
        if let (Refresh::Unreadable, Some(spent)) = (&refresh, spent) {
            self.dead(spent);
        }
        let token = match access {
            Ok(token) => token,
            Err(error) => {
                if let Refresh::New(next) = &refresh {
                    self.keep(spent, next);
                }
                return Err(error);
            }
        };
        let refresh = match refresh {
            Refresh::New(next) => Some(next),
            Refresh::Kept => spent.filter(|_| !signed_in).cloned(),
            Refresh::Unreadable => None,
        };
        if let Some(next) = &refresh {
            self.issued(spent, next);
        }
        Ok(token.keep_refresh_token(refresh))
    }

    /// Keeps `next`, which no session has.
    pub(crate) fn keep(&mut self, spent: Option<&SecretString>, next: &SecretString) {
        let unclaimed = spent.is_none_or(|spent| self.is_unclaimed(spent));
        self.issued(spent, next);
        if unclaimed {
            self.unclaimed = Some(next.clone());
        }
    }

    /// Notes that `refresh` must not be presented again.
    pub(crate) fn dead(&mut self, refresh: &SecretString) {
        if self.is_unclaimed(refresh) {
            self.unclaimed = None;
        }
        if self.is_root(refresh) {
            self.root = None;
        }
        self.link(refresh, None);
    }

    /// Notes that the session that had `refresh` is over.
    pub(crate) fn signed_out(&mut self, refresh: Option<&SecretString>) {
        self.unclaimed = None;
        if let Some(refresh) = refresh {
            self.dead(refresh);
        }
    }

    /// Notes that the session that has `held` is over, and returns what could be presented for it.
    pub(crate) fn give_up(&mut self, held: Option<&SecretString>) -> Option<SecretString> {
        let standing = held.map(|held| self.standing(Some(held)));
        self.signed_out(held);
        match standing {
            Some(Standing::Refreshable(newest)) => {
                self.signed_out(Some(&newest));
                Some(newest)
            }
            _ => None,
        }
    }

    fn is_root(&self, refresh: &SecretString) -> bool {
        self.root.as_ref().is_some_and(|root| same(root, refresh))
    }

    fn is_unclaimed(&self, refresh: &SecretString) -> bool {
        self.unclaimed
            .as_ref()
            .is_some_and(|kept| same(kept, refresh))
    }

    fn link(&mut self, spent: &SecretString, next: Option<SecretString>) {
        self.links.retain(|link| !same(&link.spent, spent));
        if self.links.len() == REMEMBERED {
            self.links.pop_front();
        }
        self.links.push_back(Link {
            spent: spent.clone(),
            next,
        });
    }
}

impl std::fmt::Debug for Lineage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lineage").finish_non_exhaustive()
    }
}

fn same(one: &SecretString, other: &SecretString) -> bool {
    one.expose_secret() == other.expose_secret()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretString {
        SecretString::from(text)
    }

    fn standing(lineage: &Lineage, held: Option<&str>) -> Option<String> {
        match lineage.standing(held.map(secret).as_ref()) {
            Standing::Refreshable(refresh) => Some(refresh.expose_secret().into()),
            Standing::Dead(_) => Some("dead".into()),
            Standing::Nothing => None,
        }
    }

    #[test]
    fn follows_the_chain_to_the_newest() {
        let mut lineage = Lineage::default();
        assert_eq!(standing(&lineage, None), None);
        lineage.issued(Some(&secret("r1")), &secret("r2"));
        lineage.issued(Some(&secret("r2")), &secret("r3"));
        for held in ["r1", "r2", "r3"] {
            assert_eq!(standing(&lineage, Some(held)).unwrap(), "r3");
        }
        lineage.dead(&secret("r3"));
        assert_eq!(standing(&lineage, Some("r1")).unwrap(), "dead");
        assert_eq!(standing(&lineage, Some("r9")).unwrap(), "r9");
    }

    #[test]
    fn a_token_that_comes_back_is_fresh_and_never_loops() {
        let mut lineage = Lineage::default();
        lineage.issued(Some(&secret("r1")), &secret("r2"));
        lineage.issued(Some(&secret("r2")), &secret("r1"));
        assert_eq!(standing(&lineage, Some("r1")).unwrap(), "r1");
        assert_eq!(standing(&lineage, Some("r2")).unwrap(), "r1");
        lineage.issued(Some(&secret("r1")), &secret("r1"));
        assert_eq!(standing(&lineage, Some("r1")).unwrap(), "r1");
    }

    #[test]
    fn what_no_session_has_is_kept_until_it_is_used() {
        let mut lineage = Lineage::default();
        lineage.keep(None, &secret("r1"));
        assert_eq!(standing(&lineage, None).unwrap(), "r1");
        lineage.issued(Some(&secret("r1")), &secret("r2"));
        assert_eq!(standing(&lineage, None), None);
        lineage.keep(None, &secret("r3"));
        lineage.keep(Some(&secret("r3")), &secret("r4"));
        assert_eq!(standing(&lineage, None).unwrap(), "r4");
        lineage.signed_out(None);
        assert_eq!(standing(&lineage, None), None);
        lineage.keep(None, &secret("r3"));
        lineage.dead(&secret("r3"));
        assert_eq!(standing(&lineage, None), None);
    }

    #[test]
    fn the_first_one_is_followed_however_often_it_was_traded() {
        let mut lineage = Lineage::with_root(secret("r0"));
        for number in 0..=2 * REMEMBERED {
            let held = format!("r{number}");
            assert_eq!(standing(&lineage, None).unwrap(), held);
            let next = secret(&format!("r{}", number + 1));
            lineage.issued(Some(&secret(&held)), &next);
        }
        // Somebody else's is nobody's root.
        lineage.issued(Some(&secret("other")), &secret("another"));
        lineage.dead(&secret("another"));
        assert_eq!(standing(&lineage, None).unwrap(), "r33");
        assert_eq!(standing(&lineage, Some("other")).unwrap(), "dead");
        assert!(lineage.give_up(Some(&secret("r32"))).is_some());
        assert_eq!(standing(&lineage, None), None);
    }

    #[test]
    fn memory_is_bounded() {
        let mut lineage = Lineage::default();
        for number in 0..1_000 {
            lineage.issued(
                Some(&secret(&format!("r{number}"))),
                &secret(&format!("r{}", number + 1)),
            );
        }
        assert_eq!(lineage.links.len(), REMEMBERED);
        assert_eq!(standing(&lineage, Some("r999")).unwrap(), "r1000");
    }
}
