//! What is cleared, signed out or set by hand wins over a renewal that began before.

use std::sync::{Arc, Mutex};

use tokio::spawn;
use tower::service_fn;

use super::world::{Calls, built, current, finds, holds, refuse, session, token};
use crate::{Error, ErrorKind, SignOut, search::landed};

async fn cleared_in_a_flight() {
    let calls = Calls::default();
    let session = built(session(&calls).token(token("old")));
    let caller = spawn({
        let session = session.clone();
        async move { session.renew().await }
    });
    session.clear();
    let renewed = caller.await.expect("no panic");
    landed().await;
    match (renewed, current(&session)) {
        (Ok(renewed), Some(current)) => assert_eq!(renewed.token().expose(), current),
        (Ok(_), None) => {}
        (Err(error), current) => {
            assert_eq!(error.kind(), ErrorKind::Cleared);
            assert_eq!(current, None, "a token rose again");
        }
    }
}

/// The refusal of a token is told of while its session ends.
async fn refused_as_it_is_cleared() {
    let calls = Calls::default();
    let session = built(session(&calls).token(token("old")));
    let caller = spawn({
        let session = session.clone();
        async move { refuse(&session, 1).outcome().await }
    });
    session.clear();
    drop(caller.await.expect("no panic"));
    landed().await;
    assert_eq!(current(&session), None, "a token rose again");
}

async fn set_in_a_flight() {
    let calls = Calls::default();
    let session = built(session(&calls).token(token("old")));
    let caller = spawn({
        let session = session.clone();
        async move { refuse(&session, 1).outcome().await }
    });
    let by_hand = session.set(token("by-hand"));
    let renewed = caller.await.expect("no panic").expect("a token");
    landed().await;
    assert!(renewed.generation <= by_hand, "a token of its own");
    assert_eq!(current(&session).as_deref(), Some("by-hand"), "overwritten");
}

/// Every token that the server gave out is revoked, or in use.
async fn signed_out_in_a_flight() {
    let calls = Calls::default();
    let revoked = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&revoked);
    let sign_outs = service_fn(move |SignOut { token }| {
        let noted = Arc::clone(&noted);
        async move {
            let mut noted = noted.lock().expect("no panic");
            noted.push(token.expose().to_owned());
            Ok::<_, Error>(())
        }
    });
    let session = built(
        session(&calls)
            .token(token("old"))
            .sign_out_service(sign_outs),
    );
    let caller = spawn({
        let session = session.clone();
        async move { session.renew().await }
    });
    session.sign_out().await.expect("signed out");
    drop(caller.await.expect("no panic"));
    landed().await;
    let mut known = revoked.lock().expect("no panic").clone();
    known.extend(current(&session));
    for number in 1..=calls.count() {
        let issued = format!("new-{number}");
        assert!(known.contains(&issued), "nobody revokes {issued}");
    }
}

#[test]
fn a_renewal_that_was_cleared_publishes_nothing() {
    holds(cleared_in_a_flight);
}

#[test]
fn a_late_refusal_does_not_sign_in_again() {
    holds(refused_as_it_is_cleared);
}

#[test]
fn a_token_that_is_set_wins() {
    holds(set_in_a_flight);
}

#[test]
fn a_token_that_comes_after_the_sign_out_is_revoked() {
    holds(signed_out_in_a_flight);
}

#[test]
fn twin_whose_overtaken_flight_lands() {
    finds(
        "an overtaken flight lands",
        "rose again",
        cleared_in_a_flight,
    );
    finds(
        "an overtaken flight lands",
        "rose again",
        refused_as_it_is_cleared,
    );
    finds("an overtaken flight lands", "overwritten", set_in_a_flight);
}

#[test]
fn twin_whose_late_refusal_signs_in() {
    finds(
        "a late refusal signs in",
        "rose again",
        refused_as_it_is_cleared,
    );
}

#[test]
fn twin_that_forgets_the_overtaken_token() {
    finds(
        "an overtaken token is forgotten",
        "nobody revokes",
        signed_out_in_a_flight,
    );
}
