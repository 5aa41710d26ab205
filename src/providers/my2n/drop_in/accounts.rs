//! The accounts that are remembered.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;
use http::HeaderValue;
use secrecy::SecretString;

use super::account::Account;
use crate::{Error, Session, providers::my2n::My2nBuilder};

/// The accounts by their handles, so many at most.
pub(super) struct Accounts {
    template: My2nBuilder,
    most: usize,
    known: ArcSwap<HashMap<Box<str>, Arc<Account>>>,
    /// Held while the accounts are changed, which only a login does.
    changing: Mutex<()>,
    uses: AtomicU64,
    /// The upgrades of those that were forgotten.
    upgrades: AtomicU64,
}

impl Accounts {
    pub(super) fn new(template: My2nBuilder, most: usize) -> Self {
        Self {
            template,
            most,
            known: ArcSwap::default(),
            changing: Mutex::new(()),
            uses: AtomicU64::new(0),
            upgrades: AtomicU64::new(0),
        }
    }

    /// Returns the same accounts, none of them known yet, with another bound.
    pub(super) fn with_most(&self, most: usize) -> Self {
        Self::new(self.template.clone(), most)
    }

    /// Returns the account whose handle is `key`. Lock-free.
    pub(super) fn by_handle(&self, key: &HeaderValue) -> Option<Arc<Account>> {
        let known = self.known.load();
        let account = known.get(key.to_str().ok()?)?;
        self.touch(account);
        Some(Arc::clone(account))
    }

    /// Returns the account of these credentials, a new one if there is none yet.
    pub(super) fn with_credentials(
        &self,
        username: SecretString,
        password: SecretString,
    ) -> Result<Arc<Account>, Error> {
        let _changing = self.changing();
        let known = self.known.load_full();
        if let Some(account) = known
            .values()
            .find(|account| account.is(&username, &password))
        {
            self.touch(account);
            return Ok(Arc::clone(account));
        }
        let account = Arc::new(Account::new(&self.template, username, password)?);
        self.touch(&account);
        let mut next = (*known).clone();
        while next.len() >= self.most {
            let Some(handle) = least_useful(&next) else {
                break;
            };
            if let Some(forgotten) = next.remove(&handle) {
                self.upgrades
                    .fetch_add(forgotten.my2n.upgrades(), Ordering::Relaxed);
            }
        }
        next.insert(account.handle.clone(), Arc::clone(&account));
        self.known.store(Arc::new(next));
        Ok(account)
    }

    /// Returns the session of `username` that was used last.
    pub(super) fn session(&self, username: &str) -> Option<Session> {
        let known = self.known.load();
        let theirs = known
            .values()
            .filter(|account| account.username() == username);
        let newest = theirs.max_by_key(|account| account.last_used.load(Ordering::Relaxed))?;
        Some(newest.session.clone())
    }

    pub(super) fn upgrades(&self) -> u64 {
        let known = self.known.load();
        let living = known.values().map(|account| account.my2n.upgrades());
        living.sum::<u64>() + self.upgrades.load(Ordering::Relaxed)
    }

    fn touch(&self, account: &Account) {
        let now = self.uses.fetch_add(1, Ordering::Relaxed);
        account.last_used.store(now, Ordering::Relaxed);
    }

    fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The handle of the account that is missed least: one without a token, such as that of a wrong
/// password, or else the one that was not used for longest.
fn least_useful(known: &HashMap<Box<str>, Arc<Account>>) -> Option<Box<str>> {
    let use_of = |account: &Arc<Account>| {
        let last_used = account.last_used.load(Ordering::Relaxed);
        (account.session.current().is_some(), last_used)
    };
    let least = known.values().min_by_key(|account| use_of(account))?;
    Some(least.handle.clone())
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts")
            .field("known", &self.known.load().len())
            .field("most", &self.most)
            .finish_non_exhaustive()
    }
}
