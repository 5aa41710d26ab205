//! The session's own promises: overtaking, failures, deadlines, panics, runtimes, events.

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use common::{Api, Minter, ORIGIN, calls, get};
use http::StatusCode;
use tokio_test::{assert_pending, assert_ready, task};
use tower::{ServiceExt, service_fn};
use tower_reauth::{
    BoxError, ConfigError, Error, ErrorKind, Event, Reason, Renewal, Renewed, Session, SignOut,
    Token,
};

fn token(text: &str) -> Token {
    Token::new(text).unwrap()
}

fn session_of(tokens: common::TokenService) -> Session {
    Session::builder(tokens).origin(ORIGIN).build().unwrap()
}

/// Lets the tasks that are ready run.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_token_service_is_told_why_and_with_what() {
    let (tokens, mut calls) = calls();
    let session = session_of(tokens);
    let first = tokio::spawn({
        let session = session.clone();
        async move { session.token().await }
    });
    let call = calls.next().await;
    assert_eq!(call.renewal.reason(), Reason::Missing);
    assert!(call.renewal.previous().is_none());
    assert_eq!(call.renewal.generation(), None);
    call.give("t1");
    assert_eq!(first.await.unwrap().unwrap().generation(), 1);

    let second = tokio::spawn({
        let session = session.clone();
        async move { session.renew().await }
    });
    let call = calls.next().await;
    assert_eq!(call.renewal.reason(), Reason::Explicit);
    assert_eq!(call.renewal.previous().unwrap().expose(), "t1");
    assert_eq!(call.renewal.generation(), Some(1));
    call.give("t2");
    assert_eq!(second.await.unwrap().unwrap().generation(), 2);
    assert_eq!(session.current().unwrap().token().expose(), "t2");
    assert!(calls.is_idle());
}

#[tokio::test]
async fn clearing_overtakes_a_renewal_on_its_way() {
    let (tokens, mut calls) = calls();
    let session = session_of(tokens);
    session.set(token("old"));
    let mut waiting = task::spawn(session.renew());
    assert_pending!(waiting.poll());
    let call = calls.next().await;

    session.clear();
    let error = assert_ready!(waiting.poll()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cleared);
    call.give("too-late");
    settle().await;
    assert!(
        session.current().is_none(),
        "what was revoked never comes back"
    );

    // The next caller does not join the old flight but begins afresh.
    let mut next = task::spawn(session.token());
    assert_pending!(next.poll());
    let call = calls.next().await;
    assert_eq!(call.renewal.reason(), Reason::Missing);
    assert!(call.renewal.previous().is_none());
    call.give("new");
    settle().await;
    assert_eq!(assert_ready!(next.poll()).unwrap().token().expose(), "new");
}

#[tokio::test]
async fn setting_overtakes_a_renewal_on_its_way() {
    let (tokens, mut calls) = calls();
    let session = session_of(tokens);
    let mut waiting = task::spawn(session.token());
    assert_pending!(waiting.poll());
    let call = calls.next().await;

    let generation = session.set(token("by-hand"));
    let got = assert_ready!(waiting.poll()).unwrap();
    assert_eq!(got.generation(), generation);
    assert_eq!(got.token().expose(), "by-hand");
    call.give("too-late");
    settle().await;
    assert_eq!(session.current().unwrap().token().expose(), "by-hand");
}

#[tokio::test]
async fn a_late_refusal_does_not_sign_in_again_after_a_sign_out() {
    let api = Api::default();
    api.refuse_together(2);
    let minter = Minter::default();
    let session = minter.builder().token(token("dead")).build().unwrap();
    let mut call = task::spawn(api.client(&session).oneshot(get()));
    assert_pending!(call.poll());
    session.sign_out().await.unwrap();
    // Another refusal lets the first one go.
    let other = minter.builder().token(token("dead")).build().unwrap();
    let mut second = task::spawn(api.client(&other).oneshot(get()));
    assert_pending!(second.poll());
    settle().await;
    let answer = assert_ready!(call.poll()).unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        answer.extensions().get::<Error>().unwrap().kind(),
        ErrorKind::Cleared
    );
    assert!(session.current().is_none());
}

#[tokio::test]
async fn signing_out_revokes_the_token_in_use_and_the_one_on_its_way() {
    let revoked = Arc::new(std::sync::Mutex::new(Vec::new()));
    let sign_outs = service_fn({
        let revoked = Arc::clone(&revoked);
        move |sign_out: SignOut| {
            revoked
                .lock()
                .unwrap()
                .push(sign_out.token.expose().to_owned());
            async { Ok::<_, BoxError>(()) }
        }
    });
    let (tokens, mut calls) = calls();
    let session = Session::builder(tokens)
        .origin(ORIGIN)
        .sign_out_service(sign_outs)
        .token(token("in-use"))
        .build()
        .unwrap();
    let renewing = tokio::spawn({
        let session = session.clone();
        async move { session.renew().await }
    });
    let call = calls.next().await;
    let mut signing_out = task::spawn(session.sign_out());
    assert_pending!(signing_out.poll());
    assert!(
        session.current().is_none(),
        "no request uses it from now on"
    );
    // Once begun it goes on by itself.
    drop(signing_out);
    call.give("on-its-way");
    settle().await;
    assert_eq!(*revoked.lock().unwrap(), ["in-use", "on-its-way"]);
    assert_eq!(
        renewing.await.unwrap().unwrap_err().kind(),
        ErrorKind::Cleared
    );
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_hangs_ends_at_its_own_deadline() {
    let (tokens, mut calls) = calls();
    let session = session_of(tokens);
    session.set(token("in-use"));
    let started = tokio::time::Instant::now();
    let error = session.renew().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(started.elapsed(), Duration::from_secs(30));
    assert_eq!(session.token().await.unwrap().token().expose(), "in-use");
    drop(calls.next().await);
    assert!(calls.is_idle());
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_kept_though_all_who_asked_have_left() {
    let mut random = fastrand::Rng::with_seed(19);
    for _ in 0..1_000 {
        let (tokens, mut calls) = calls();
        let session = session_of(tokens);
        let patience = Duration::from_millis(random.u64(..10_000));
        let asked = tokio::time::timeout(patience, session.token()).await;
        assert!(
            asked.is_err(),
            "a caller with less patience than the renewal"
        );
        let call = calls.next().await;
        // The renewal's own deadline is 30 s.
        tokio::time::sleep(Duration::from_millis(random.u64(..19_000))).await;
        call.give("late");
        settle().await;
        assert_eq!(session.current().unwrap().token().expose(), "late");
        assert!(calls.is_idle());
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_service_that_panics_fails_its_callers_only() {
    let calls = Arc::new(AtomicUsize::new(0));
    let tokens = service_fn({
        let calls = Arc::clone(&calls);
        move |_: Renewal| {
            let call = calls.fetch_add(1, Ordering::SeqCst);
            async move {
                assert!(call > 0, "the first call panics");
                Ok::<_, Error>(token("t"))
            }
        }
    });
    let session = Session::builder(tokens).origin(ORIGIN).build().unwrap();
    assert_eq!(
        session.token().await.unwrap_err().kind(),
        ErrorKind::Transport
    );
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(session.token().await.unwrap().token().expose(), "t");
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[test]
fn a_renewal_whose_runtime_ended_is_begun_afresh() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    for _ in 0..1_000 {
        let (tokens, mut calls) = calls();
        let session = session_of(tokens);
        let first = runtime();
        first.block_on(async {
            let mut waiting = task::spawn(session.token());
            assert_pending!(waiting.poll());
            drop(calls.next().await.renewal);
        });
        // A caller on another runtime waits for the flight of the first.
        let second = runtime();
        let waiting = second.spawn({
            let session = session.clone();
            async move { session.token().await }
        });
        second.block_on(settle());
        drop(first);
        second.block_on(async {
            calls.next().await.give("t");
            assert_eq!(waiting.await.unwrap().unwrap().token().expose(), "t");
        });
    }
}

#[test]
fn without_a_runtime_there_is_an_error_and_no_panic() {
    let session = Minter::default().session();
    let mut waiting = task::spawn(session.token());
    let error = assert_ready!(waiting.poll()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    // What needs no renewal needs no runtime.
    session.set(token("t").with_lifetime(Duration::from_secs(60)));
    let mut waiting = task::spawn(session.token());
    assert_eq!(assert_ready!(waiting.poll()).unwrap().token().expose(), "t");
}

#[tokio::test]
async fn a_token_service_that_calls_through_its_own_session_fails_at_once() {
    let api = Api::default();
    let shared = Arc::new(std::sync::OnceLock::<common::Client>::new());
    let tokens = service_fn({
        let shared = Arc::clone(&shared);
        move |_: Renewal| {
            let client = shared.get().unwrap().clone();
            async move {
                client.oneshot(get()).await?;
                Ok::<_, BoxError>(token("never"))
            }
        }
    });
    let session = Session::builder(tokens).origin(ORIGIN).build().unwrap();
    assert!(shared.set(api.client(&session)).is_ok());
    let error = session.token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(api.sends(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_pause_after_a_failure_says_how_long_it_lasts() {
    let minter = Minter::default();
    minter.fail(Some(
        Error::with_message(ErrorKind::RateLimited, "5 sign-ins a minute")
            .retry_after(Duration::from_secs(30)),
    ));
    let session = minter.session();
    assert!(session.token().await.is_err());
    tokio::time::sleep(Duration::from_secs(10)).await;
    let error = session.token().await.unwrap_err();
    let left = error.retry_after_hint().unwrap();
    assert!(
        left >= Duration::from_secs(20) && left <= Duration::from_secs(23),
        "{left:?}"
    );
    // A limit holds for explicit wishes too.
    assert!(session.renew().await.is_err());
    assert_eq!(minter.count(), 1);
    tokio::time::sleep(Duration::from_secs(24)).await;
    minter.fail(None);
    assert!(session.token().await.is_ok());
    assert_eq!(minter.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn fresh_tokens_that_are_refused_trip_a_breaker() {
    let api = Api::default();
    // Whatever is minted, the API refuses it.
    let minter = Minter::default();
    let client = api.client(&minter.session());
    for _ in 0..10_000 {
        let answer = client.clone().oneshot(get()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    }
    assert_eq!(minter.count(), 3, "the sign-in and two renewals");
    let answer = client.clone().oneshot(get()).await.unwrap();
    let error = answer.extensions().get::<Error>().unwrap();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert!(error.retry_after_hint().unwrap() <= Duration::from_secs(10));

    // Time alone mends nothing, but lets one attempt through.
    tokio::time::sleep(Duration::from_secs(11)).await;
    for _ in 0..100 {
        drop(client.clone().oneshot(get()).await.unwrap());
    }
    assert_eq!(minter.count(), 4);

    // When the server comes round, all is forgotten.
    tokio::time::sleep(Duration::from_secs(21)).await;
    let minter = minter.valid_at(&api);
    assert_eq!(
        client.clone().oneshot(get()).await.unwrap().status(),
        StatusCode::OK
    );
    assert_eq!(minter.count(), 5);
    for _ in 0..10 {
        api.revoke_all();
        assert_eq!(
            client.clone().oneshot(get()).await.unwrap().status(),
            StatusCode::OK
        );
    }
    assert_eq!(
        minter.count(),
        15,
        "working tokens may be killed as often as the server likes"
    );
}

#[tokio::test]
async fn events_tell_what_happened() {
    let (tokens, mut calls) = calls();
    let session = session_of(tokens);
    let mut events = session.events();

    let mut waiting = task::spawn(session.token());
    assert_pending!(waiting.poll());
    calls.next().await.give("t1");
    let event = events.next().await.unwrap();
    assert!(
        matches!(
            event,
            Event::SignedIn {
                generation: 1,
                reason: Reason::Missing,
                ..
            }
        ),
        "{event:?}"
    );

    drop(waiting);
    let mut waiting = task::spawn(session.renew());
    assert_pending!(waiting.poll());
    let warning = Error::new(ErrorKind::Store, "disk full");
    calls
        .next()
        .await
        .answer(Ok(Renewed::new(token("t2")).with_warning(warning)));
    let event = events.next().await.unwrap();
    assert!(
        matches!(
            event,
            Event::Renewed {
                old: Some(1),
                new: 2,
                reason: Reason::Explicit,
                ..
            }
        ),
        "{event:?}"
    );
    let event = events.next().await.unwrap();
    assert!(
        matches!(&event, Event::Warned { generation: 2, error, .. }
            if error.kind() == ErrorKind::Store),
        "{event:?}"
    );

    drop(waiting);
    let mut waiting = task::spawn(session.renew());
    assert_pending!(waiting.poll());
    calls
        .next()
        .await
        .answer(Err(Error::new(ErrorKind::Locked, "too often")));
    let event = events.next().await.unwrap();
    assert!(
        matches!(&event, Event::Failed { error, reason: Reason::Explicit, .. }
            if error.kind() == ErrorKind::Locked),
        "{event:?}"
    );

    session.set(token("t3"));
    let event = events.next().await.unwrap();
    assert!(
        matches!(event, Event::Set { generation: 3, .. }),
        "{event:?}"
    );
    session.clear();
    assert!(matches!(events.next().await.unwrap(), Event::Cleared));

    for _ in 0..70 {
        session.set(token("again"));
    }
    let event = events.next().await.unwrap();
    assert!(matches!(event, Event::Missed { count: 6, .. }), "{event:?}");
    let mut kept = 0;
    drop(waiting);
    drop(session);
    while events.next().await.is_some() {
        kept += 1;
    }
    assert_eq!(kept, 64, "and then the stream ends");
}

#[test]
fn settings_that_cannot_be_right_are_refused_when_built() {
    let minter = Minter::default();
    let build = |origin: &str| Session::builder(minter.service()).origin(origin).build();
    assert_eq!(
        Session::builder(minter.service()).build().unwrap_err(),
        ConfigError::NoOrigin
    );
    assert!(matches!(
        build("api.example.com"),
        Err(ConfigError::InvalidOrigin { .. })
    ));
    assert!(matches!(
        build("http://api.example.com"),
        Err(ConfigError::InsecureOrigin { .. })
    ));
    assert!(build("http://127.0.0.1:8080").is_ok());
    let insecure = Session::builder(minter.service()).origin("http://api.example.com");
    assert!(insecure.insecure_http().build().is_ok());
    let error = Error::from(ConfigError::NoOrigin);
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains(".origin("), "{error}");
}

#[tokio::test]
async fn settled_is_when_no_renewal_is_on_its_way() {
    let (tokens, mut calls) = calls();
    let session = session_of(tokens);
    let mut idle = task::spawn(session.settled());
    assert_ready!(idle.poll());

    let mut events = session.events();
    let mut leaving = task::spawn(session.token());
    assert_pending!(leaving.poll());
    drop(leaving);
    let mut settled = task::spawn(session.settled());
    assert_pending!(settled.poll());
    calls.next().await.give("t");
    settled.await;
    assert_eq!(session.current().unwrap().token().expose(), "t");
    let mut event = task::spawn(events.next());
    assert!(matches!(
        assert_ready!(event.poll()),
        Some(Event::SignedIn { .. })
    ));
}

#[tokio::test]
async fn a_token_service_learns_that_nobody_waits_any_more() {
    let overtake: [fn(&Session); 2] = [Session::clear, |session| {
        session.set(token("other"));
    }];
    for overtake in overtake {
        let (tokens, mut calls) = calls();
        let session = session_of(tokens);
        let mut waiting = task::spawn(session.renew());
        assert_pending!(waiting.poll());
        let call = calls.next().await;
        let mut abandoned = task::spawn(call.renewal.abandoned());
        assert_pending!(abandoned.poll());
        overtake(&session);
        assert!(abandoned.is_woken());
        assert_ready!(abandoned.poll());
        let _ = assert_ready!(waiting.poll());
    }
    let alone = Renewal::<Token>::new(Reason::Missing);
    assert_pending!(task::spawn(alone.abandoned()).poll());
}
