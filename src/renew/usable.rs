//! A credential that a request can use: which one, and whether it has to wait for it.

use std::{sync::Arc, time::Duration};

use super::{
    Reason,
    ask::{Flying, Ticket, lost},
    cell::{Credential, Due, Entry, Phase},
    flight::Outcome,
    renewer::Renewer,
    schedule,
};
use crate::{Error, clock::has_timer};

/// What a request that needs a credential has to do.
pub(crate) enum Usable<C> {
    Now(Arc<Entry<C>>),
    Wait(Waiting<C>),
    Failed(Error),
}

/// A flight that a request has to wait for, and for how long.
pub(crate) struct Waiting<C> {
    flying: Flying<C>,
    /// With a credential in hand that was refused, one waits only so long.
    held: Option<(Arc<Entry<C>>, Duration)>,
}

impl<C: Credential> Renewer<C> {
    /// Says what a request has to do that has no copy at hand. With `exact` the clocks are
    /// read, instead of trusting the flags that the schedule sets.
    pub(crate) fn usable(&self, exact: bool) -> Usable<C> {
        let current = self.shared.current.load_full();
        let generation = current.as_ref().map(|entry| entry.generation);
        if let Some(entry) = current {
            if !exact && entry.is_plain() {
                return Usable::Now(entry);
            }
            schedule::start(&entry, &self.shared.clock);
            let dead = if exact {
                entry.is_dead(|| self.now())
            } else {
                entry.phase().has(Phase::DEAD)
            };
            if !dead {
                if exact {
                    self.look_whether_due(&entry);
                }
                if entry.take(Phase::DUE) {
                    // Whatever comes of it, the credential in hand is good.
                    drop(self.ask(Reason::Expiring, generation, None));
                }
                return self.unless_held(entry);
            }
        }
        match self.ask(Reason::Missing, generation, None) {
            Ticket::Done(Ok(entry)) => Usable::Now(entry),
            Ticket::Done(Err(error)) => Usable::Failed(error),
            Ticket::Flying(flying) => Usable::Wait(Waiting { flying, held: None }),
        }
    }

    /// Whether `entry`, which is in the cell, can be used now. Asks for no other.
    pub(crate) fn is_good(&self, entry: &Arc<Entry<C>>) -> bool {
        if entry.is_plain() {
            return true;
        }
        schedule::start(entry, &self.shared.clock);
        !entry.is_dead(|| self.now())
    }

    /// Waits for a credential that can be used.
    ///
    /// Cancel safe: a renewal that was begun goes on without the caller.
    pub(crate) async fn wait(self, mut usable: Usable<C>) -> Result<Arc<Entry<C>>, Error> {
        // A flight whose runtime ended is started afresh, but not for ever.
        for _ in 0..3 {
            let Waiting { flying, held } = match usable {
                Usable::Now(entry) => return Ok(entry),
                Usable::Failed(error) => return Err(error),
                Usable::Wait(waiting) => waiting,
            };
            flying.check()?;
            let outcome = match held {
                None => flying.ended().await,
                // Nobody here could tell when it was held long enough.
                Some((entry, _)) if !has_timer() => return Ok(entry),
                Some((entry, left)) => tokio::select! {
                    biased;
                    outcome = flying.ended() => outcome,
                    () = self.shared.clock.sleep(left) => {
                        if !entry.is_dead(|| self.now()) {
                            return Ok(entry);
                        }
                        usable = self.usable(true);
                        continue;
                    }
                },
            };
            match outcome {
                Outcome::Renewed(entry) => return Ok(entry),
                Outcome::Cleared => return Err(C::cleared()),
                // With a good credential in hand a failure is none.
                Outcome::Failed(error) => match self.load().as_ref() {
                    Some(entry) if !entry.is_dead(|| self.now()) => return Ok(Arc::clone(entry)),
                    _ => return Err(error),
                },
                Outcome::Lost => usable = self.usable(true),
            }
        }
        Err(lost())
    }

    /// Lets `entry` be used, unless it was refused and its renewal is under way.
    fn unless_held(&self, entry: Arc<Entry<C>>) -> Usable<C> {
        if !entry.phase().has(Phase::REFUSED) {
            return Usable::Now(entry);
        }
        let now = self.now();
        let state = self.lock();
        let Some(flight) = &state.flight else {
            // The flight has just ended: if it went well there is a newer one.
            return Usable::Now(self.load().clone().unwrap_or(entry));
        };
        match flight
            .held_until()
            .map(|until| until.saturating_sub(now.monotonic))
            .filter(|left| !left.is_zero())
        {
            // Held long enough, or by a flight that has just ended.
            None => Usable::Now(self.load().clone().unwrap_or(entry)),
            Some(left) => Usable::Wait(Waiting {
                flying: Flying {
                    renewer: self.clone(),
                    flight: Arc::clone(flight),
                },
                held: Some((Arc::clone(&entry), entry.no_longer_than(left, now))),
            }),
        }
    }

    fn look_whether_due(&self, entry: &Entry<C>) {
        let at_refresh_after = matches!(entry.due(), Due::AtRefreshAfter);
        if at_refresh_after
            && entry
                .life
                .is_some_and(|life| life.refresh_after.has_passed(self.now()))
        {
            entry.give_due();
        }
    }
}

#[cfg(test)]
mod tests {
    use tower::service_fn;

    use super::*;
    use crate::{ErrorKind, Renewal, Session, Token};

    fn session<F>(tokens: impl Fn() -> F + Clone + Send + 'static, token: Token) -> Session
    where
        F: Future<Output = Result<Token, Error>> + Send + 'static,
    {
        Session::builder(service_fn(move |_: Renewal| tokens()))
            .origin("https://api.example.com")
            .token(token)
            .build()
            .expect("a session")
    }

    fn token() -> Token {
        Token::new("t").expect("a token")
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime")
    }

    #[test]
    fn one_request_takes_the_early_renewal_and_the_others_go_on() {
        let lasting = token().with_lifetime(Duration::from_secs(100));
        let session = session(std::future::pending, lasting);
        let renewer = session.renewer();
        let entry = renewer.current().expect("a token");
        runtime().block_on(async {
            entry.give_due();
            assert!(matches!(renewer.usable(false), Usable::Now(_)));
            assert!(renewer.lock().flight.is_some());
            assert!(entry.is_plain(), "nothing to do for the next");
        });
    }

    #[test]
    fn a_refused_token_is_plain_again_when_its_renewal_has_failed() {
        let down = || async { Err(Error::new(ErrorKind::Transport, "down")) };
        let session = session(down, token());
        let renewer = session.renewer();
        let entry = renewer.current().expect("a token");
        runtime().block_on(async {
            let ticket = renewer.ask(Reason::Rejected, Some(1), None);
            assert!(!entry.is_plain());
            assert!(ticket.outcome().await.is_err());
        });
        assert!(entry.is_plain());
    }

    #[test]
    fn a_refused_token_is_plain_again_when_its_renewal_is_lost() {
        let session = session(std::future::pending, token());
        let renewer = session.renewer();
        let entry = renewer.current().expect("a token");
        let runtime = runtime();
        runtime.block_on(async {
            drop(renewer.ask(Reason::Rejected, Some(1), None));
            assert!(!entry.is_plain());
        });
        drop(runtime);
        assert!(entry.is_plain());
    }
}
