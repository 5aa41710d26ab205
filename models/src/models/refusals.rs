//! However many are refused with one token, it is renewed once.

use tokio::spawn;

use super::world::{Calls, built, finds, holds, refuse, session, token};

/// Three callers were refused with the first token; the third refusal may come late.
async fn all_were_refused() {
    let calls = Calls::default();
    let session = built(session(&calls).token(token("old")));
    let callers = [(); 3].map(|()| {
        let session = session.clone();
        spawn(async move { refuse(&session, 1).outcome().await })
    });
    for caller in callers {
        let renewed = caller.await.expect("no panic").expect("a token");
        assert_eq!(renewed.generation, 2, "another generation");
    }
    assert_eq!(calls.count(), 1, "renewed more than once");
}

/// Whoever reads the cell while it is renewed, and is refused, gets the newer token.
async fn readers_are_refused() {
    let calls = Calls::default();
    let session = built(session(&calls).token(token("old")));
    let callers = [(); 3].map(|()| {
        let session = session.clone();
        spawn(async move {
            let sent = session.current().expect("a token").generation();
            if sent == 1 {
                let newer = refuse(&session, sent).outcome().await.expect("a token");
                assert!(newer.generation > sent, "the refused one again");
            }
        })
    });
    for caller in callers {
        caller.await.expect("no panic");
    }
    assert_eq!(calls.count(), 1, "renewed more than once");
}

/// There is no token at all, and three want one.
async fn a_cold_start() {
    let calls = Calls::default();
    let session = built(session(&calls));
    let callers = [(); 3].map(|()| {
        let session = session.clone();
        spawn(async move { session.token().await })
    });
    for caller in callers {
        let current = caller.await.expect("no panic").expect("a token");
        assert_eq!(current.generation(), 1, "another generation");
    }
    assert_eq!(calls.count(), 1, "renewed more than once");
}

#[test]
fn one_renewal_for_all_who_were_refused() {
    holds(all_were_refused);
}

#[test]
fn late_refusals_of_an_old_token_renew_nothing() {
    holds(readers_are_refused);
}

#[test]
fn one_sign_in_for_all_who_start_cold() {
    holds(a_cold_start);
}

#[test]
fn twin_without_the_compare_of_generations() {
    finds(
        "no generation compare",
        "another generation",
        all_were_refused,
    );
    finds(
        "no generation compare",
        "renewed more than once",
        readers_are_refused,
    );
}

#[test]
fn twin_that_flies_twice() {
    // Nobody ends the first of the two for those who wait for it.
    finds("two flights at once", "deadlock", all_were_refused);
    finds("two flights at once", "deadlock", a_cold_start);
}
