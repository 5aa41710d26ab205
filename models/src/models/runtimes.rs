//! A renewal whose runtime ends is begun afresh by whoever comes.

use tokio::spawn;

use super::world::{Calls, built, finds, holds, session};
use crate::search::end_runtime;

async fn the_runtime_ends() {
    let calls = Calls::default();
    let session = built(session(&calls));
    let callers = [(); 2].map(|()| {
        let session = session.clone();
        spawn(async move { session.token().await })
    });
    let ending = spawn(async { end_runtime() });
    for caller in callers {
        let current = caller.await.expect("no panic").expect("a token");
        assert_eq!(current.generation(), 1, "another generation");
    }
    ending.await.expect("no panic");
    assert!(calls.count() <= 2, "more than once begun afresh");
}

#[test]
fn nobody_waits_for_a_runtime_that_ended() {
    holds(the_runtime_ends);
}

#[test]
fn twin_that_tells_nobody() {
    finds("a lost flight tells nobody", "deadlock", the_runtime_ends);
}

#[test]
fn twin_that_waits_for_what_is_lost() {
    finds("a lost flight is waited for", "a token", the_runtime_ends);
}
