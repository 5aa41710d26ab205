//! How long renewals pause after failures and refusals, and what ends a pause.

mod common;

use std::time::Duration;

use common::{Api, Body, Minter, get};
use http::{Request, StatusCode};
use tower::{Layer, ServiceExt, service_fn};
use tower_reauth::{BoxError, Error, ErrorKind, Session, Token, replay::ReplayBody};

fn token(text: &str) -> Token {
    Token::new(text).unwrap()
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
/// How long the pause is that follows one more failure.
async fn pause_after_a_failure(session: &Session) -> Duration {
    session.token().await.unwrap_err();
    let error = session.token().await.unwrap_err();
    error.retry_after_hint().unwrap()
}

/// A session whose token service was down so often that the pause is as long as it gets.
async fn often_down() -> (Session, Minter) {
    let minter = Minter::default().lifetime(secs(100));
    let session = minter.session();
    minter.fail(Some(Error::new(ErrorKind::Transport, "down")));
    for _ in 0..8 {
        tokio::time::sleep(secs(70)).await;
        session.token().await.unwrap_err();
    }
    tokio::time::sleep(secs(70)).await;
    assert!(pause_after_a_failure(&session).await > secs(40));
    assert_eq!(minter.count(), 9);
    (session, minter)
}

#[tokio::test(start_paused = true)]
async fn after_a_success_the_pauses_begin_short_again() {
    let (session, minter) = often_down().await;
    minter.fail(None);
    tokio::time::sleep(secs(70)).await;
    session.token().await.unwrap();
    minter.fail(Some(Error::new(ErrorKind::Transport, "down")));
    tokio::time::sleep(secs(101)).await;
    assert!(pause_after_a_failure(&session).await < secs(2));
    assert_eq!(minter.count(), 11);
}

#[tokio::test(start_paused = true)]
async fn after_a_set_and_after_a_clear_the_pauses_begin_short_again() {
    let (session, minter) = often_down().await;
    session.clear();
    assert!(pause_after_a_failure(&session).await < secs(2));
    assert_eq!(minter.count(), 10, "at once");

    let (session, minter) = often_down().await;
    session.set(token("t").with_lifetime(secs(1)));
    tokio::time::sleep(secs(2)).await;
    assert!(pause_after_a_failure(&session).await < secs(2));
    assert_eq!(minter.count(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_success_ends_the_pause() {
    let api = Api::default();
    let minter = Minter::default().valid_at(&api);
    let session = minter.session();
    minter.fail(Some(Error::new(ErrorKind::Transport, "down")));
    session.token().await.unwrap_err();
    minter.fail(None);
    session.renew().await.unwrap();
    api.revoke_all();
    let answer = api.client(&session).oneshot(get()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(minter.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn setting_and_clearing_end_the_pause() {
    let api = Api::default();
    let minter = Minter::default().valid_at(&api);
    let client = |session| api.client(session).oneshot(get());
    let down = || Some(Error::new(ErrorKind::Rejected, "wrong password"));

    let session = minter.session();
    minter.fail(down());
    session.token().await.unwrap_err();
    minter.fail(None);
    session.clear();
    assert_eq!(session.token().await.unwrap().generation(), 1);
    assert_eq!(minter.count(), 2);

    let session = minter.session();
    minter.fail(down());
    session.token().await.unwrap_err();
    minter.fail(None);
    session.set(token("refused"));
    let answer = client(&session).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(minter.count(), 4);
}

#[tokio::test(start_paused = true)]
async fn setting_and_clearing_close_the_breaker() {
    let api = Api::default();
    for set in [false, true] {
        let minter = Minter::default();
        let session = minter.session();
        let client = api.client(&session);
        for _ in 0..5 {
            client.clone().oneshot(get()).await.unwrap();
        }
        assert_eq!(minter.count(), 3, "it is open");
        if set {
            session.set(token("t0"));
        } else {
            session.clear();
            session.token().await.unwrap();
        }
        let before = minter.count();
        client.clone().oneshot(get()).await.unwrap();
        assert_eq!(minter.count(), before + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_breaker_does_not_count_a_renewal_that_brought_no_token() {
    let api = Api::default();
    let minter = Minter::default();
    let client = api.client(&minter.session());
    for _ in 0..5 {
        client.clone().oneshot(get()).await.unwrap();
    }
    assert_eq!(minter.count(), 3);
    tokio::time::sleep(secs(11)).await;
    minter.fail(Some(Error::new(ErrorKind::Transport, "down")));
    client.clone().oneshot(get()).await.unwrap();
    assert_eq!(minter.count(), 4);
    minter.fail(None);
    let minter = minter.valid_at(&api);
    tokio::time::sleep(secs(2)).await;
    let answer = client.clone().oneshot(get()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(minter.count(), 5);
}

/// How many tokens are had in 5 calls that are refused, each after a call to `before`, which is
/// answered with `status`.
async fn renewals_among(before: &str, status: u16) -> usize {
    let server = service_fn(move |request: Request<ReplayBody<Body>>| {
        let refused = request.uri().path() == "/refused";
        let status = if refused { 401 } else { status };
        let status = StatusCode::from_u16(status).unwrap();
        std::future::ready(Ok::<_, BoxError>(common::status(status)))
    });
    let minter = Minter::default();
    let session = minter.builder().token(token("t0")).build().unwrap();
    let client = session.layer().layer(server);
    for _ in 0..5 {
        for (uri, expected) in [(before, status), ("https://api.example.com/refused", 401)] {
            let request = Request::get(uri).body(Body::default()).unwrap();
            let answer = client.clone().oneshot(request).await.unwrap();
            assert_eq!(answer.status(), expected);
        }
    }
    minter.count()
}

#[tokio::test(start_paused = true)]
async fn only_an_answer_that_shows_a_token_accepted_keeps_the_breaker_closed() {
    for accepted in [200, 204, 302, 400, 404, 409] {
        let renewals = renewals_among("https://api.example.com/", accepted).await;
        assert_eq!(renewals, 5, "{accepted}");
    }
    // t0, t1 and t2 are refused, and that is three.
    for silent in [403, 407, 429, 500, 502, 503, 504] {
        let renewals = renewals_among("https://api.example.com/", silent).await;
        assert_eq!(renewals, 2, "{silent}");
    }
}

#[tokio::test(start_paused = true)]
async fn another_origins_answer_says_nothing_about_the_token() {
    for status in [200, 404] {
        let renewals = renewals_among("https://elsewhere.test/", status).await;
        assert_eq!(renewals, 2, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_outage_ends_within_one_pause_of_its_end() {
    let mut random = fastrand::Rng::with_seed(6);
    for _ in 0..1_000 {
        let minter = Minter::default();
        let session = minter.session();
        minter.fail(Some(Error::new(ErrorKind::Transport, "down")));
        // Up to two hours, and a caller every 20 s at the most.
        let outage = random.u64(1..7_200);
        let begun = tokio::time::Instant::now();
        while begun.elapsed() < secs(outage) {
            assert!(session.token().await.is_err());
            tokio::time::sleep(secs(random.u64(1..20))).await;
        }
        // Pauses double from a second to a minute; each varies by a quarter at most.
        let most = 7 + outage / 45;
        let count = minter.count() as u64;
        assert!(count <= most, "{count} attempts in {outage} s");

        minter.fail(None);
        let end = tokio::time::Instant::now();
        while session.token().await.is_err() {
            tokio::time::sleep(secs(1)).await;
        }
        let waited = end.elapsed();
        assert!(waited <= secs(76), "{waited:?} after {outage} s");
        assert_eq!(minter.count() as u64, count + 1);
    }
}
