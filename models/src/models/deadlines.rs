//! Those who wait end a flight whose runtime stands still. What it brings after all is not lost, and
//! overwrites nothing.

use std::{
    future::pending,
    pin::Pin,
    time::{Duration, SystemTime},
};

use tokio::spawn;

use super::world::{Calls, Still, built, current, finds, holds, refuse, session, token};
use crate::{Clock, ErrorKind, search::landed};

const DEADLINE: Duration = Duration::from_secs(30);

/// A clock on which the patience of those who wait ends at any moment, and the deadline of the
/// flight itself never comes.
#[derive(Debug)]
struct Hasty;

impl Clock for Hasty {
    fn monotonic(&self) -> Duration {
        Still.monotonic()
    }

    fn wall(&self) -> SystemTime {
        Still.wall()
    }

    fn sleep(&self, wait: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        if wait <= DEADLINE {
            Box::pin(pending())
        } else {
            Box::pin(tokio::task::yield_now())
        }
    }
}

async fn given_up() {
    let calls = Calls::default();
    let session = session(&calls).token(token("old"));
    let session = built(session.flight_timeout(DEADLINE).clock(Hasty));
    let callers = [(); 2].map(|()| {
        let session = session.clone();
        spawn(async move { refuse(&session, 1).outcome().await })
    });
    for caller in callers {
        match caller.await.expect("no panic") {
            Ok(renewed) => assert_eq!(renewed.generation, 2, "another generation"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Timeout),
        }
    }
    landed().await;
    assert_eq!(current(&session).as_deref(), Some("new-1"), "lost");
    assert_eq!(calls.count(), 1, "renewed more than once");
}

/// A first sign-in is given up, and cleared before or after that.
async fn given_up_and_cleared() {
    let calls = Calls::default();
    let session = session(&calls).flight_timeout(DEADLINE).clock(Hasty);
    let session = built(session);
    let ticket = session.renewer().ask(crate::Reason::Missing, None, None);
    let caller = spawn(ticket.outcome());
    session.clear();
    drop(caller.await.expect("no panic"));
    landed().await;
    assert_eq!(current(&session), None, "a token rose again");
}

#[test]
fn what_comes_after_it_was_given_up_is_used() {
    holds(given_up);
}

#[test]
fn what_was_given_up_and_cleared_stays_away() {
    holds(given_up_and_cleared);
}

#[test]
fn twin_that_drops_what_is_late() {
    finds("a late answer is dropped", "lost", given_up);
}

#[test]
fn twin_that_counts_no_clears() {
    finds("clears are not counted", "rose again", given_up_and_cleared);
}
