//! Stores that fail, leases that run out, processes that die.

use std::time::{Duration, SystemTime};

use tower_reauth::{
    ErrorKind, Event, Token,
    store::{LostAnswer, Record, Saved, StoreLayer, TokenStore},
    stores::MemoryStore,
};

use crate::support::{Flaky, Server, access, key, settle};

#[tokio::test(start_paused = true)]
async fn without_the_store_no_token_is_renewed_and_the_one_in_hand_is_used() {
    let (server, store) = (Server::default(), Flaky::default());
    let session = server.session(store.clone());
    assert_eq!(access(&session).await, "a1");
    Flaky::set(&store.down, true);
    // Past refresh-after, where early renewals are tried.
    tokio::time::sleep(Duration::from_secs(950)).await;
    for _ in 0..30 {
        assert_eq!(access(&session).await, "a1");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(server.log(), ["sign-in"]);
    Flaky::set(&store.down, false);
    // The pause after the last failure is at most 60 s; the token has 20 s left.
    tokio::time::sleep(Duration::from_secs(25)).await;
    let late = session.token().await;
    if let Err(error) = &late {
        assert_eq!(error.kind(), ErrorKind::Store);
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    assert_eq!(access(&session).await, "a2");
    assert_eq!(server.log(), ["sign-in", "r1"]);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_for_half_a_minute_costs_no_call_and_one_renewal() {
    let (server, store) = (Server::default(), Flaky::default());
    let sessions: Vec<_> = (0..20).map(|_| server.session(store.clone())).collect();
    for second in 0..1100 {
        // As early renewals are due, for all of them at once.
        Flaky::set(&store.down, (935..965).contains(&second));
        for session in &sessions {
            access(session).await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(server.log(), ["sign-in", "r1"]);
    assert_eq!(server.reuses(), 0);
}

#[tokio::test(start_paused = true)]
async fn without_the_store_the_first_call_fails_and_says_why() {
    let (server, store) = (Server::default(), Flaky::default());
    Flaky::set(&store.down, true);
    let error = server.session(store).token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
    assert!(error.to_string().contains("fail_open()"), "{error}");
    assert!(server.log().is_empty());
}

#[tokio::test(start_paused = true)]
async fn if_told_to_it_renews_without_the_store_and_saves_later() {
    let (server, store) = (Server::default(), Flaky::default());
    Flaky::set(&store.down, true);
    let layer = StoreLayer::new(store.clone(), key()).fail_open();
    let session = server.builder(layer).build().unwrap();
    let mut events = session.events();
    assert_eq!(access(&session).await, "a1");
    assert!(matches!(events.next().await, Some(Event::SignedIn { .. })));
    assert!(matches!(events.next().await, Some(Event::Warned { .. })));
    Flaky::set(&store.down, false);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(
        store.record().await.unwrap().token().unwrap().expose(),
        "a1"
    );
    assert_eq!(server.log(), ["sign-in"]);
}

#[tokio::test(start_paused = true)]
async fn of_several_tokens_that_were_had_without_the_store_the_last_is_saved() {
    for by_hand in [false, true] {
        let (server, store) = (Server::default(), Flaky::default());
        Flaky::set(&store.down, true);
        let layer = StoreLayer::new(store.clone(), key()).fail_open();
        let session = server.builder(layer).build().unwrap();
        if by_hand {
            let token = Token::new("a0").unwrap().with_refresh_token("r0").unwrap();
            session.set(token);
        } else {
            assert_eq!(access(&session).await, "a1");
        }
        // What it is renewed from is waiting to be written.
        settle().await;
        let newest = session.renew().await.unwrap();
        Flaky::set(&store.down, false);
        tokio::time::sleep(Duration::from_secs(10)).await;
        let stored = store.record().await.unwrap();
        let stored = stored.token().unwrap().expose().to_owned();
        assert_eq!(stored, newest.token().expose(), "{by_hand}");
        // The refresh token that was spent without the store is not presented again.
        session.renew().await.unwrap();
        assert_eq!(server.reuses(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_cleared_while_a_token_is_had_without_the_store_stays_cleared() {
    let (server, store) = (Server::default(), Flaky::default());
    Flaky::set(&store.down, true);
    let layer = StoreLayer::new(store.clone(), key()).fail_open();
    let session = server.builder(layer).build().unwrap();
    let gate = server.close();
    let renewing = tokio::spawn({
        let session = session.clone();
        async move { session.token().await }
    });
    settle().await;
    session.clear();
    gate.add_permits(1);
    assert!(renewing.await.unwrap().is_err());
    Flaky::set(&store.down, false);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(store.record().await.unwrap().token().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_token_that_cannot_be_saved_is_used_and_saved_later() {
    let (server, store) = (Server::default(), Flaky::default());
    let session = server.session(store.clone());
    assert_eq!(access(&session).await, "a1");
    let gate = server.close();
    let mut events = session.events();
    let renewing = tokio::spawn({
        let session = session.clone();
        async move { session.renew().await }
    });
    settle().await;
    Flaky::set(&store.saves_fail, true);
    gate.add_permits(1);
    assert_eq!(renewing.await.unwrap().unwrap().token().expose(), "a2");
    assert_eq!(access(&session).await, "a2");
    assert!(matches!(events.next().await, Some(Event::Renewed { .. })));
    match events.next().await {
        Some(Event::Warned { error, .. }) => assert_eq!(error.kind(), ErrorKind::Store),
        other => panic!("no warning, but {other:?}"),
    }
    let another = tokio::time::timeout(Duration::from_secs(60), events.next()).await;
    let another = another.expect("no warning of the first try to save it later");
    assert!(matches!(another, Some(Event::Warned { .. })), "{another:?}");
    assert_eq!(
        store.record().await.unwrap().token().unwrap().expose(),
        "a1"
    );
    Flaky::set(&store.saves_fail, false);
    // The second try comes after 1 s.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let record = store.record().await.unwrap();
    assert_eq!(record.token().unwrap().expose(), "a2");
    assert_eq!(record.begun(), 0);
    assert_eq!((server.refreshes(), server.reuses()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn the_store_has_the_token_before_anybody_uses_it() {
    let (server, store) = (Server::default(), Flaky::default());
    let session = server.session(store.clone());
    let mut events = session.events();
    tokio::spawn({
        let session = session.clone();
        async move { session.token().await }
    });
    while session.current().is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        store.record().await.unwrap().token().unwrap().expose(),
        "a1"
    );
    assert!(matches!(events.next().await, Some(Event::SignedIn { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_holder_who_slept_through_its_lease_adopts_what_came_after() {
    let (server, store) = (Server::default(), Flaky::default());
    Flaky::set(&store.leases_run_out, true);
    let (sleeper, other) = (server.session(store.clone()), server.session(store.clone()));
    let gate = server.close();
    let sleeping = tokio::spawn(async move { access(&sleeper).await });
    settle().await;
    server.open();
    assert_eq!(access(&other).await, "a2");
    gate.add_permits(1);
    assert_eq!(sleeping.await.unwrap(), "a2");
    let stored = store.record().await.unwrap();
    assert_eq!(stored.token().unwrap().expose(), "a2");
}

#[tokio::test(start_paused = true)]
async fn a_holder_whose_token_was_given_up_meanwhile_gives_its_own_up_as_well() {
    let (server, store) = (Server::default(), Flaky::default());
    let notices = store.notices();
    let holder = server.session(store.clone());
    assert_eq!(access(&holder).await, "a1");
    let gate = server.close();
    let renewing = tokio::spawn({
        let holder = holder.clone();
        async move { holder.renew().await }
    });
    settle().await;
    let other = server.session(store.clone());
    other.clear();
    settle().await;
    // The holder hears of it only after it was told by the store that its token cannot be saved.
    gate.add_permits(1);
    renewing.await.unwrap().unwrap();
    notices.send(()).unwrap();
    settle().await;
    assert!(holder.current().is_none());
    assert!(store.record().await.unwrap().token().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_failed_renewal_takes_its_note_back() {
    let (server, store) = (Server::default(), Flaky::default());
    let session = server.session(store.clone());
    assert_eq!(access(&session).await, "a1");
    server.fail_once(ErrorKind::Transport);
    assert_eq!(
        session.renew().await.unwrap_err().kind(),
        ErrorKind::Transport
    );
    assert_eq!(store.record().await.unwrap().begun(), 0);
    assert_eq!(session.renew().await.unwrap().token().expose(), "a2");
    assert_eq!(server.log(), ["sign-in", "r1", "r1"]);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_token_whose_answer_was_lost_is_presented_as_the_policy_says() {
    let cases = [
        (LostAnswer::PresentOnce, 0, "r0"),
        (LostAnswer::PresentOnce, 1, "r0"),
        (LostAnswer::PresentOnce, 2, "sign-in"),
        (LostAnswer::SignIn, 0, "r0"),
        (LostAnswer::SignIn, 1, "sign-in"),
        (LostAnswer::PresentAgain, 9, "r0"),
    ];
    for (policy, begun, asked) in cases {
        let (server, store) = (Server::default(), MemoryStore::new());
        let token = Token::new("a0").unwrap().with_refresh_token("r0").unwrap();
        let expired = Some(SystemTime::UNIX_EPOCH);
        let record = Record::new(1, Some(token), expired, begun);
        assert_eq!(store.save(&key(), &record).await.unwrap(), Saved::Done);
        let layer = StoreLayer::new(store.clone(), key()).lost_answer(policy);
        let session = server.builder(layer).build().unwrap();
        assert_eq!(access(&session).await, "a1");
        assert_eq!(server.log(), [asked], "{policy:?} after {begun}");
        assert_eq!(store.load(&key()).await.unwrap().unwrap().begun(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_renewal_cut_off_leaves_its_note_and_gives_the_lease_back() {
    let (server, store) = (Server::default(), Flaky::default());
    let session = server.session(store.clone());
    assert_eq!(access(&session).await, "a1");
    let _gate = server.close();
    let error = session.renew().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(store.record().await.unwrap().begun(), 1);
    server.open();
    // The lease is free: the next one presents the refresh token once more, and it was spent.
    let next = server.session(store.clone());
    let error = next.renew().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert_eq!(server.log(), ["sign-in", "r1", "r1"]);
}

#[tokio::test(start_paused = true)]
async fn a_store_whose_futures_are_dropped_anywhere_loses_nothing() {
    // The callers of a renewal are dropped after every number of polls; the flight goes on.
    for polls in 0..20 {
        let (server, store) = (Server::default(), Flaky::default());
        let session = server.session(store.clone());
        let mut call = tokio_test::task::spawn(session.token());
        for _ in 0..polls {
            if call.poll().is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(call);
        settle().await;
        let expected = if polls == 0 { 0 } else { 1 };
        assert_eq!(server.sign_ins(), expected, "{polls} polls");
        assert_eq!(access(&session).await, "a1");
        assert_eq!(server.sign_ins(), 1, "{polls} polls");
    }
}
