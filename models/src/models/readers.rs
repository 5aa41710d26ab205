//! Whoever has seen a token sees no older one afterwards.

use tokio::spawn;

use super::world::{Calls, built, finds, holds, refuse, session, token};

async fn looks_while_it_is_renewed() {
    let calls = Calls::default();
    let session = built(session(&calls).token(token("old")));
    let renewing = spawn({
        let session = session.clone();
        async move { refuse(&session, 1).outcome().await }
    });
    let setting = spawn({
        let session = session.clone();
        async move { session.set(token("by-hand")) }
    });
    let readers = [(); 2].map(|()| {
        let session = session.clone();
        spawn(async move {
            let mut seen = 0;
            for _ in 0..3 {
                let newest = session.renewer().newest();
                let entry = session.renewer().load().clone().expect("a token");
                assert!(entry.generation >= newest, "announced and not there");
                assert!(entry.generation >= seen, "an older one");
                seen = entry.generation;
            }
        })
    });
    for reader in readers {
        reader.await.expect("no panic");
    }
    renewing.await.expect("no panic").expect("a token");
    setting.await.expect("no panic");
}

#[test]
fn no_reader_goes_back() {
    holds(looks_while_it_is_renewed);
}

#[test]
fn twin_that_announces_too_early() {
    finds(
        "announced before it is there",
        "announced and not there",
        looks_while_it_is_renewed,
    );
}
