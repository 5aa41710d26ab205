//! One account that the program has logged in with.

use std::{
    fmt,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use secrecy::{ExposeSecret, SecretString};

use crate::{
    Error, ErrorKind, Reason, Session,
    layers::{BearerLayer, RefreshLayer, bearer::Signatures},
    providers::my2n::{My2n, My2nBuilder},
};
use http::{Extensions, HeaderValue};

/// What all handles begin with, and nothing else.
const PREFIX: &[u8] = b"tower-reauth-";

/// A user name and a password, with the session of them.
pub(super) struct Account {
    pub(super) handle: Box<str>,
    pub(super) session: Session,
    pub(super) refresh: RefreshLayer,
    pub(super) bearer: BearerLayer,
    pub(super) my2n: My2n,
    username: SecretString,
    password: SecretString,
    /// The newest generation of which the program has seen that the server refuses it.
    refused: AtomicU64,
    /// The credentials were refused when they were presented last.
    is_rejected: AtomicBool,
    /// Counts up with each use of any account.
    pub(super) last_used: AtomicU64,
}

/// Whether a key is a handle of this layer, known or not.
pub(super) fn is_handle(key: &HeaderValue) -> bool {
    key.as_bytes().starts_with(PREFIX)
}

// === impl Account ===

impl Account {
    pub(super) fn new(
        template: &My2nBuilder,
        username: SecretString,
        password: SecretString,
    ) -> Result<Self, Error> {
        let my2n = template
            .for_account()
            .credentials(username.clone(), password.clone())
            .build()?;
        let session = my2n.session().build()?;
        let prefix = std::str::from_utf8(PREFIX).expect("it is ASCII");
        Ok(Self {
            // It is no credential, so it need not be hard to guess; only different.
            handle: format!("{prefix}{:032x}", fastrand::u128(..)).into(),
            refresh: RefreshLayer::new(session.clone()),
            bearer: BearerLayer::new(session.clone()),
            session,
            my2n,
            username,
            password,
            refused: AtomicU64::new(0),
            is_rejected: AtomicBool::new(false),
            last_used: AtomicU64::new(0),
        })
    }

    pub(super) fn username(&self) -> &str {
        self.username.expose_secret()
    }

    pub(super) fn is(&self, username: &SecretString, password: &SecretString) -> bool {
        self.username() == username.expose_secret()
            && self.password.expose_secret() == password.expose_secret()
    }

    /// Signs in, unless there is a token that the server has not refused.
    pub(super) async fn log_in(&self) -> Result<(), Error> {
        let result = match self.session.current().map(|current| current.generation()) {
            Some(generation) if generation > self.refused.load(Ordering::Relaxed) => return Ok(()),
            // As the refused call has asked already: if that is to pause, so is this.
            Some(generation) => {
                let renewer = self.session.renewer();
                let ticket = renewer.ask(Reason::Rejected, Some(generation), None);
                ticket.outcome().await.map(drop)
            }
            // Whoever logs in may have set the password in the meantime.
            None if self.is_rejected.swap(false, Ordering::Relaxed) => {
                self.session.renew().await.map(drop)
            }
            None => self.session.token().await.map(drop),
        };
        let is_rejected = |error: &Error| error.kind() == ErrorKind::Rejected;
        if result.as_ref().is_err_and(is_rejected) {
            self.is_rejected.store(true, Ordering::Relaxed);
        }
        result
    }

    /// Notes that the program has got a `401` with these extensions.
    pub(super) fn refused(&self, extensions: &Extensions) {
        let session = self.session.renewer().id();
        let signatures = extensions.get::<Signatures>();
        if let Some(generation) = signatures.and_then(|all| all.generation(session)) {
            self.refused.fetch_max(generation, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}
