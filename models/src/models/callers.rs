//! A renewal belongs to nobody who waits for it.

use tokio::spawn;

use super::world::{Calls, built, current, finds, holds, refuse, session, token};

/// The first caller is dropped at any point; the others are not.
async fn the_first_leaves() {
    let calls = Calls::default();
    let session = built(session(&calls).token(token("old")));
    // Its ticket is taken here, so that it is certainly the first.
    let first = spawn(refuse(&session, 1).outcome());
    let others = [(); 2].map(|()| {
        let session = session.clone();
        spawn(async move { refuse(&session, 1).outcome().await })
    });
    first.abort();
    for other in others {
        let renewed = other.await.expect("no panic").expect("a token");
        assert_eq!(renewed.generation, 2, "another generation");
    }
    assert_eq!(calls.count(), 1, "renewed more than once");
    drop(first.await);
}

/// All who wait are dropped at any point; then somebody comes.
async fn all_leave() {
    let calls = Calls::default();
    let session = built(session(&calls).token(token("old")));
    let callers = [(); 2].map(|()| spawn(refuse(&session, 1).outcome()));
    for caller in callers {
        caller.abort();
        drop(caller.await);
    }
    session.settled().await;
    assert_eq!(current(&session).as_deref(), Some("new-1"), "not published");
    let next = refuse(&session, 1).outcome().await.expect("a token");
    assert_eq!(next.generation, 2, "another generation");
    assert_eq!(calls.count(), 1, "renewed more than once");
}

#[test]
fn the_first_caller_may_leave_at_any_point() {
    holds(the_first_leaves);
}

#[test]
fn all_callers_may_leave_at_any_point() {
    holds(all_leave);
}

#[test]
fn twin_whose_flight_ends_with_its_caller() {
    finds(
        "a flight ends with its caller",
        "renewed more than once",
        the_first_leaves,
    );
    finds("a flight ends with its caller", "not published", all_leave);
}
