//! What a `401` of the API means: an old token, or an account that is not allowed in.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{Response, StatusCode};
use tower::ServiceExt;
use tower_reauth::{
    BoxError, Error, ErrorKind, Session, Token,
    providers::my2n::{ApiVersion, My2n},
    testing::FakeClock,
};

use crate::script::{Body, Client, Script, Step, answer, call};

/// A server that issues `t1`, `t2` and so on, and whose API refuses what it is told to.
#[derive(Clone)]
struct World {
    script: Script,
    issued: Arc<AtomicUsize>,
    /// Tokens up to this one are dead.
    dead: Arc<AtomicUsize>,
    refuses: Arc<AtomicBool>,
    clock: FakeClock,
}

impl World {
    fn new() -> Self {
        let (issued, dead) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let refuses = Arc::new(AtomicBool::new(false));
        let script = Script::but({
            let (issued, dead) = (Arc::clone(&issued), Arc::clone(&dead));
            let refuses = Arc::clone(&refuses);
            move |seen| {
                let next = || issued.fetch_add(1, Ordering::SeqCst) + 1;
                match seen.step() {
                    Step::V1 => Some(answer(200, &format!(r#"{{"accessToken":"t{}"}}"#, next()))),
                    Step::Submit => Some(answer(
                        200,
                        &format!(r#"{{"session_token":"t{}"}}"#, next()),
                    )),
                    Step::Call => {
                        let token = seen.header("authorization").or(seen.header("x-api-key"));
                        let number = token.and_then(|token| token.rsplit('t').next()?.parse().ok());
                        let is_alive = number > Some(dead.load(Ordering::SeqCst));
                        let is_good = is_alive && !refuses.load(Ordering::SeqCst);
                        Some(answer(if is_good { 200 } else { 401 }, ""))
                    }
                    _ => None,
                }
            }
        });
        Self {
            script,
            issued,
            dead,
            refuses,
            clock: FakeClock::new(),
        }
    }

    /// Ends all tokens there are.
    fn kill(&self) {
        let issued = self.issued.load(Ordering::SeqCst);
        self.dead.store(issued, Ordering::SeqCst);
    }

    fn refuse(&self, refuses: bool) {
        self.refuses.store(refuses, Ordering::SeqCst);
    }

    fn my2n(&self, version: ApiVersion) -> My2n {
        let builder = self.script.builder().clock(self.clock.clone());
        builder.api_version(version).build().unwrap()
    }

    /// The session and a client of it.
    fn signed_in(&self, version: ApiVersion) -> (Session, Client<Body>) {
        let session = self.my2n(version).session().build().unwrap();
        let client = self.script.signed_in(&session);
        (session, client)
    }

    fn logins(&self) -> usize {
        self.script.count(Step::V1) + self.script.count(Step::Submit)
    }

    fn calls(&self) -> usize {
        self.script.count(Step::Call)
    }
}

async fn send(client: &Client<Body>) -> Result<Response<Body>, BoxError> {
    client.clone().oneshot(call()).await
}

fn explained(answer: &Response<Body>) -> Option<ErrorKind> {
    answer.extensions().get::<Error>().map(Error::kind)
}

#[tokio::test]
async fn a_401_to_a_token_just_got_is_not_answered_by_another_login() {
    let world = World::new();
    world.refuse(true);
    let (_, client) = world.signed_in(ApiVersion::V2);
    for sends in 1..=20 {
        let answer = send(&client).await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        let error = answer.extensions().get::<Error>().unwrap();
        assert_eq!(error.kind(), ErrorKind::MfaNotAllowed);
        for advice in [
            "MFA is enabled",
            "not allowed to use the API",
            "separate account without MFA",
            "x-api-key",
        ] {
            assert!(error.to_string().contains(advice), "{error}");
        }
        assert_eq!((world.logins(), world.calls()), (1, sends));
    }
}

#[tokio::test]
async fn the_second_401_in_a_row_is_explained_whenever_it_comes() {
    for version in [ApiVersion::V1, ApiVersion::V2, ApiVersion::Auto] {
        let world = World::new();
        let (_, client) = world.signed_in(version);
        assert_eq!(send(&client).await.unwrap().status(), StatusCode::OK);
        // MFA is switched on while the token is in use.
        world.refuse(true);
        world.clock.advance(Duration::from_secs(600));
        let answer = send(&client).await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(
            explained(&answer),
            Some(ErrorKind::MfaNotAllowed),
            "{version:?}"
        );
        assert_eq!((world.logins(), world.calls()), (2, 3));
        // A minute later the token is not fresh any more, and it is the second all the same.
        world.clock.advance(Duration::from_secs(60));
        for calls in 4..=10 {
            let answer = send(&client).await.unwrap();
            assert_eq!(explained(&answer), Some(ErrorKind::MfaNotAllowed));
            assert_eq!((world.logins(), world.calls()), (2, calls));
        }
        // Once the account is in order all is well at once.
        world.refuse(false);
        assert_eq!(send(&client).await.unwrap().status(), StatusCode::OK);
        assert_eq!(world.logins(), 2);
    }
}

#[tokio::test]
async fn one_more_login_is_tried_after_five_minutes_at_the_earliest_or_when_asked_for() {
    let world = World::new();
    world.refuse(true);
    let (session, client) = world.signed_in(ApiVersion::V2);
    send(&client).await.unwrap();
    assert_eq!(world.logins(), 1);
    // The third in a row also trips the session's own breaker, which costs one round.
    for logins in [2, 3, 3, 4] {
        world.clock.advance(Duration::from_secs(330));
        for _ in 0..10 {
            let answer = send(&client).await.unwrap();
            assert_eq!(explained(&answer), Some(ErrorKind::MfaNotAllowed));
        }
        assert_eq!(world.logins(), logins);
    }
    session.renew().await.unwrap();
    assert_eq!(world.logins(), 5);
}

#[tokio::test]
async fn a_token_that_was_accepted_is_replaced_however_fresh_it_is() {
    let world = World::new();
    let (_, client) = world.signed_in(ApiVersion::V2);
    for logins in 1..=10 {
        assert_eq!(send(&client).await.unwrap().status(), StatusCode::OK);
        assert_eq!(world.logins(), logins);
        world.kill();
    }
}

#[tokio::test]
async fn a_fresh_token_of_version_1_is_replaced_once_for_the_account_may_have_moved() {
    for version in [ApiVersion::V1, ApiVersion::Auto] {
        let world = World::new();
        let (session, client) = world.signed_in(version);
        session.token().await.unwrap();
        world.kill();
        assert_eq!(send(&client).await.unwrap().status(), StatusCode::OK);
        assert_eq!((world.logins(), world.calls()), (2, 2));

        let world = World::new();
        world.refuse(true);
        let (_, client) = world.signed_in(version);
        for calls in 2..=5 {
            let answer = send(&client).await.unwrap();
            assert_eq!(explained(&answer), Some(ErrorKind::MfaNotAllowed));
            assert_eq!((world.logins(), world.calls()), (2, calls));
            // What it says of the token is true of either version.
            let error = answer.extensions().get::<Error>().unwrap().to_string();
            assert!(!error.contains("was sent as"), "{error}");
        }
    }
}

#[tokio::test]
async fn how_long_a_token_counts_as_fresh_is_a_setting() {
    for (millis, logins) in [(4_999, 1), (5_000, 2)] {
        let world = World::new();
        let (session, client) = world.signed_in(ApiVersion::V2);
        session.token().await.unwrap();
        world.kill();
        world.clock.advance(Duration::from_millis(millis));
        let answer = send(&client).await.unwrap();
        assert_eq!(answer.status() == StatusCode::OK, logins == 2);
        assert_eq!(world.logins(), logins, "after {millis} ms");
    }
    let world = World::new();
    let builder = world.script.builder().api_version(ApiVersion::V2);
    let builder = builder.clock(world.clock.clone()).fresh_for(Duration::ZERO);
    let session = builder.build().unwrap().session().build().unwrap();
    session.token().await.unwrap();
    world.kill();
    let answer = send(&world.script.signed_in(&session)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_token_from_elsewhere_is_replaced_whatever_is_known_of_it() {
    let world = World::new();
    let session = world
        .my2n(ApiVersion::V2)
        .session()
        .token(Token::new("old").unwrap());
    let client = world.script.signed_in(&session.build().unwrap());
    assert_eq!(send(&client).await.unwrap().status(), StatusCode::OK);
    assert_eq!((world.logins(), world.calls()), (1, 2));
}
