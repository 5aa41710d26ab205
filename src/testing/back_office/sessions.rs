//! Who is signed in, with which tokens.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};

use crate::testing::server::{Now, Secrets};

/// A secret that was just given out, and its dates.
pub(super) struct Issued {
    pub(super) token: String,
    pub(super) created: SystemTime,
    pub(super) expires: SystemTime,
}

/// What a sign-in or a refresh gives out: both tokens, unless a fault leaves one out.
#[derive(Default)]
pub(super) struct Pair {
    pub(super) access: Option<Issued>,
    pub(super) refresh: Option<Issued>,
}

/// How long the tokens of a pair live; none where one is to be left out.
#[derive(Clone, Copy)]
pub(super) struct Lifetimes {
    pub(super) access: Option<Duration>,
    pub(super) refresh: Option<Duration>,
}

/// A sign-in that waits for its code.
pub(super) struct Challenge {
    pub(super) issued: Issued,
    pub(super) code: String,
}

/// Why a code is not taken.
pub(super) enum Unconfirmed {
    WrongCode,
    /// There is no such sign-in that waits for a code, or no more.
    NoFlow,
}

/// What became of a token that was presented.
pub(super) enum Presented {
    /// It is good, and belongs to this session.
    Valid(Session),
    /// It is expired, revoked or signed out. As a refresh token, was it refused for that before?
    Dead { again: bool },
    /// It is a refresh token that was traded before, and all of its session is revoked for it.
    Reused,
    /// It was never issued here as a token of this sort.
    Unknown,
}

/// A family of tokens that goes back to one sign-in.
#[derive(Clone)]
pub(super) struct Session {
    number: u64,
    pub(super) email: String,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Live,
    /// A refresh token that was traded for a newer one.
    Spent,
    Revoked,
}

struct Held {
    session: Session,
    expires: Duration,
    state: State,
    /// Whether it was presented when it was dead.
    refused: bool,
}

struct Pending {
    email: String,
    code: String,
    expires: Duration,
    wrong_codes: usize,
}

/// Every token that was issued. None is forgotten, so that each can be told from an unknown one.
#[derive(Default)]
pub(super) struct Sessions {
    secrets: Secrets,
    started: u64,
    access: HashMap<String, Held>,
    refresh: HashMap<String, Held>,
    pending: HashMap<String, Pending>,
    used_pending: Vec<String>,
}

// === impl Sessions ===

impl Sessions {
    pub(super) fn start(&mut self, email: &str) -> Session {
        self.started += 1;
        Session {
            number: self.started,
            email: email.to_owned(),
        }
    }

    pub(super) fn issue(&mut self, session: &Session, lives: Lifetimes, now: Now) -> Pair {
        Pair {
            access: lives.access.map(|life| {
                let issued = Issued::new(token(&mut self.secrets), life, now);
                let held = Held::new(session, life, now);
                self.access.insert(issued.token.clone(), held);
                issued
            }),
            refresh: lives.refresh.map(|life| {
                let issued = Issued::new(token(&mut self.secrets), life, now);
                let held = Held::new(session, life, now);
                self.refresh.insert(issued.token.clone(), held);
                issued
            }),
        }
    }

    pub(super) fn challenge(&mut self, email: &str, life: Duration, now: Now) -> Challenge {
        let issued = Issued::new(self.secrets.uuid(), life, now);
        let code = self.secrets.digits(6);
        self.pending.insert(
            issued.token.clone(),
            Pending {
                email: email.to_owned(),
                code: code.clone(),
                expires: now.monotonic.saturating_add(life),
                wrong_codes: 0,
            },
        );
        Challenge { issued, code }
    }

    /// Returns whose challenge `code` answers, which ends it. So do `dies_after` wrong codes.
    pub(super) fn confirm(
        &mut self,
        token: &str,
        code: &str,
        dies_after: usize,
        now: Now,
    ) -> Result<String, Unconfirmed> {
        let waits = |pending: &&mut Pending| {
            now.monotonic < pending.expires && pending.wrong_codes < dies_after
        };
        let pending = self.pending.get_mut(token).filter(waits);
        let pending = pending.ok_or(Unconfirmed::NoFlow)?;
        if pending.code != code {
            pending.wrong_codes += 1;
            return Err(Unconfirmed::WrongCode);
        }
        let email = pending.email.clone();
        self.used_pending.push(token.to_owned());
        self.pending.remove(token);
        Ok(email)
    }

    pub(super) fn present_access(&self, token: &str, now: Now) -> Presented {
        match self.access.get(token) {
            Some(held) if held.is_valid(now) => Presented::Valid(held.session.clone()),
            Some(_) => Presented::Dead { again: false },
            None => Presented::Unknown,
        }
    }

    pub(super) fn present_refresh(&mut self, token: &str, now: Now) -> Presented {
        let Some(held) = self.refresh.get_mut(token) else {
            return Presented::Unknown;
        };
        let session = held.session.clone();
        if held.state == State::Spent {
            // Two parties hold it, and nobody can tell which is the thief.
            self.end(&session);
            Presented::Reused
        } else if held.is_valid(now) {
            Presented::Valid(session)
        } else {
            let again = std::mem::replace(&mut held.refused, true);
            Presented::Dead { again }
        }
    }

    pub(super) fn spend(&mut self, refresh: &str) {
        if let Some(held) = self.refresh.get_mut(refresh) {
            held.state = State::Spent;
        }
    }

    pub(super) fn revoke_access_of(&mut self, session: &Session) {
        revoke(&mut self.access, |held| {
            held.session.number == session.number
        });
    }

    /// Revokes every token of `session`. Spent ones stay spent, so that each reuse is told.
    pub(super) fn end(&mut self, session: &Session) {
        self.revoke_access_of(session);
        revoke(&mut self.refresh, |held| {
            held.session.number == session.number
        });
    }

    pub(super) fn revoke_access(&mut self) {
        revoke(&mut self.access, |_| true);
    }

    pub(super) fn revoke_refresh(&mut self) {
        revoke(&mut self.refresh, |_| true);
    }

    pub(super) fn expire_access(&mut self, now: Now) {
        for held in self.access.values_mut() {
            held.expires = held.expires.min(now.monotonic);
        }
    }

    pub(super) fn expire_refresh(&mut self, now: Now) {
        for held in self.refresh.values_mut() {
            held.expires = held.expires.min(now.monotonic);
        }
    }

    pub(super) fn expire_pending(&mut self, now: Now) {
        for pending in self.pending.values_mut() {
            pending.expires = pending.expires.min(now.monotonic);
        }
    }

    pub(super) fn void_pending_of(&mut self, email: &str) {
        let void = self.pending.extract_if(|_, pending| pending.email == email);
        self.used_pending.extend(void.map(|(token, _)| token));
    }

    /// Returns every token of any sort that was issued here.
    pub(super) fn tokens(&self) -> impl Iterator<Item = &String> {
        self.access
            .keys()
            .chain(self.refresh.keys())
            .chain(self.pending.keys())
            .chain(&self.used_pending)
    }
}

fn revoke(tokens: &mut HashMap<String, Held>, whose: impl Fn(&Held) -> bool) {
    for held in tokens.values_mut() {
        if held.state == State::Live && whose(held) {
            held.state = State::Revoked;
        }
    }
}

/// Returns an access or refresh token.
///
/// It begins as one of the vendor's samples does, which looks like a JWT and is none: a client that
/// decodes tokens fails here as it would fail on the vendor's own example.
fn token(secrets: &mut Secrets) -> String {
    let signature = secrets.token(".");
    secrets.token("wyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.") + &signature
}

// === impl Issued ===

impl Issued {
    fn new(token: String, life: Duration, now: Now) -> Self {
        Self {
            token,
            created: now.wall,
            expires: now.later(life),
        }
    }
}

// === impl Held ===

impl Held {
    fn new(session: &Session, life: Duration, now: Now) -> Self {
        Self {
            session: session.clone(),
            expires: now.monotonic.saturating_add(life),
            state: State::Live,
            refused: false,
        }
    }

    fn is_valid(&self, now: Now) -> bool {
        self.state == State::Live && now.monotonic < self.expires
    }
}
