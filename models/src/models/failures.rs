//! A renewal that fails is one attempt for all.

use tokio::spawn;

use super::world::{Calls, built, current, failing, finds, holds, refuse, token};
use crate::ErrorKind;

async fn all_fail() {
    let calls = Calls::default();
    let session = built(failing(&calls));
    let callers = [(); 3].map(|()| {
        let session = session.clone();
        spawn(async move { session.token().await })
    });
    for caller in callers {
        let error = caller.await.expect("no panic").expect_err("no token");
        assert_eq!(error.kind(), ErrorKind::Transport);
    }
    assert_eq!(calls.count(), 1, "tried more than once");
}

/// The renewal of a refused token fails. It is in use again then, whoever looks on.
async fn a_refused_token_comes_back() {
    let calls = Calls::default();
    let session = built(failing(&calls).token(token("old")));
    let callers = [(); 2].map(|()| {
        let session = session.clone();
        spawn(async move { refuse(&session, 1).outcome().await.is_err() })
    });
    let next = session.token().await.expect("the one in hand");
    assert_eq!(next.generation(), 1);
    for caller in callers {
        assert!(caller.await.expect("no panic"), "a token");
    }
    assert_eq!(current(&session).as_deref(), Some("old"));
    assert_eq!(calls.count(), 1, "tried more than once");
}

#[test]
fn a_failed_renewal_is_one_attempt_for_all() {
    holds(all_fail);
}

#[test]
fn a_failed_renewal_takes_no_token_away() {
    holds(a_refused_token_comes_back);
}

#[test]
fn twin_without_a_pause() {
    finds("no pause after a failure", "tried more than once", all_fail);
    finds(
        "no pause after a failure",
        "tried more than once",
        a_refused_token_comes_back,
    );
}
