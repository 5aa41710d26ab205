//! The move from version 1 to version 2: once, for good, and no call fails for it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{HeaderValue, Request, StatusCode};
use tokio::task::JoinSet;
use tower::{
    Layer, ServiceExt, service_fn,
    util::{BoxCloneSyncService, MapRequestLayer},
};
use tower_reauth::{
    ErrorKind, Event, Placement, Reason, Renewal, Token, layers::version_upgrade::UpgradeLatch,
    providers::my2n::My2n, replay::ReplayBody, testing::FakeClock,
};

use crate::script::{API, Body, Script, Seen, Step, answer, call, sign_in, signed_in_over};

/// A server whose account can be migrated. From then on version 1 is gone, and its tokens are dead.
#[derive(Clone)]
struct Account {
    script: Script,
    migrated: Arc<AtomicBool>,
}

impl Account {
    fn new() -> Self {
        let migrated = Arc::new(AtomicBool::new(false));
        let script = Script::but({
            let migrated = Arc::clone(&migrated);
            move |seen| {
                let has_moved = migrated.load(Ordering::SeqCst);
                match seen.step() {
                    Step::V1 if has_moved => Some(answer(409, "")),
                    Step::Init | Step::Submit if !has_moved => Some(answer(404, "")),
                    Step::Call => Some(answer(
                        if is_signed_in(seen, has_moved) {
                            200
                        } else {
                            401
                        },
                        "",
                    )),
                    _ => None,
                }
            }
        });
        Self { script, migrated }
    }

    fn migrate(&self) {
        self.migrated.store(true, Ordering::SeqCst);
    }
}

/// Whether a call carries the right token and nothing else.
fn is_signed_in(seen: &Seen, has_moved: bool) -> bool {
    let (key, bearer) = (seen.header("x-api-key"), seen.header("authorization"));
    if has_moved {
        (key, bearer) == (None, Some("Bearer v2-token"))
    } else {
        (key, bearer) == (Some("v1-token"), None)
    }
}

#[tokio::test]
async fn the_login_that_meets_the_409_goes_on_with_version_2_and_so_do_all_others() {
    let account = Account::new();
    account.migrate();
    let my2n = account.script.auto();
    for logins in 1..=3 {
        let renewed = sign_in(&my2n).await.unwrap();
        assert_eq!(renewed.credential().expose(), "v2-token");
        assert_eq!(account.script.count(Step::V1), 1);
        assert_eq!(account.script.count(Step::Submit), logins);
    }
    assert_eq!(my2n.upgrades(), 1);
    assert!(my2n.upgrade_latch().is_set());
}

#[tokio::test]
async fn a_call_never_sees_the_migration_and_the_old_header_never_travels_again() {
    let account = Account::new();
    let my2n = account.script.auto();
    let session = my2n.session().build().unwrap();
    let mut events = session.events();
    // The caller adds the header by itself, and so do layers outside and in between.
    let adds = || {
        MapRequestLayer::new(|mut request: Request<_>| {
            let value = HeaderValue::from_static("outdated");
            request.headers_mut().append("x-api-key", value);
            request
        })
    };
    let client = (adds(), session.layer()).layer(account.script.client());
    let send = async || {
        let mut request = call();
        let value = HeaderValue::from_static("callers-own");
        request.headers_mut().append("X-API-KEY", value);
        client.clone().oneshot(request).await.unwrap().status()
    };
    assert_eq!(send().await, StatusCode::OK);
    account.migrate();
    for _ in 0..3 {
        assert_eq!(send().await, StatusCode::OK);
    }
    use Step::{Call, Init, Submit, V1};
    let steps = account.script.steps();
    assert_eq!(steps, [V1, Call, Call, V1, Init, Submit, Call, Call, Call]);
    for seen in &account.script.seen()[6..] {
        assert_eq!(seen.headers.get_all("x-api-key").iter().count(), 0);
        assert_eq!(seen.header("authorization"), Some("Bearer v2-token"));
    }
    for seen in [&account.script.seen()[1], &account.script.seen()[2]] {
        let keys: Vec<_> = seen.headers.get_all("x-api-key").iter().collect();
        assert_eq!(keys, ["v1-token"]);
    }
    for _ in 0..2 {
        assert!(matches!(events.next().await, Some(Event::SignedIn { .. })));
    }
    assert_eq!(my2n.upgrades(), 1);
}

#[tokio::test]
async fn version_1_alone_is_told_that_it_is_gone() {
    let account = Account::new();
    account.migrate();
    let my2n = account.script.v1();
    let error = sign_in(&my2n).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Upgrade);
    assert!(error.to_string().contains("ApiVersion::Auto"), "{error}");
    assert_eq!(account.script.steps(), [Step::V1]);
    assert_eq!(my2n.upgrades(), 0);
}

#[tokio::test]
async fn without_a_login_url_the_sign_in_warns_until_it_fails() {
    let account = Account::new();
    let my2n = My2n::builder(account.script.client::<Body>(), API)
        .credentials("u", "p")
        .build()
        .unwrap();
    let session = my2n.session().build().unwrap();
    let mut events = session.events();
    session.token().await.unwrap();
    assert!(matches!(events.next().await, Some(Event::SignedIn { .. })));
    let Some(Event::Warned { error, .. }) = events.next().await else {
        panic!("a warning");
    };
    assert!(
        error.to_string().contains("login_base_url() is not set"),
        "{error}"
    );
    account.migrate();
    let error = session.renew().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("login_base_url"), "{error}");
    assert_eq!(account.script.steps(), [Step::V1, Step::V1]);
}

#[tokio::test]
async fn what_an_earlier_run_knew_keeps_version_1_out_of_it() {
    let account = Account::new();
    account.migrate();
    let latch = UpgradeLatch::new();
    latch.set();
    let my2n = account
        .script
        .builder()
        .upgrade_latch(latch)
        .build()
        .unwrap();
    sign_in(&my2n).await.unwrap();
    assert_eq!(account.script.steps(), [Step::Init, Step::Submit]);
    assert_eq!(my2n.upgrades(), 0);
    assert!(my2n.upgrade_latch().is_set());

    // A token of version 2, from a store say, tells as much.
    let my2n = account.script.auto();
    let previous = Token::new("stored").unwrap();
    let renewal = Renewal::new(Reason::Rejected).with_previous(previous);
    my2n.clone().oneshot(renewal).await.unwrap();
    assert_eq!(account.script.count(Step::V1), 0);
    assert!(my2n.upgrade_latch().is_set());

    // One of version 1 does not.
    let my2n = account.script.auto();
    let key = Placement::header("x-api-key".parse().unwrap());
    let renewal = Renewal::new(Reason::Rejected).with_previous(Token::placed("old", key).unwrap());
    my2n.clone().oneshot(renewal).await.unwrap();
    assert_eq!(account.script.count(Step::V1), 1);
    assert_eq!(my2n.upgrades(), 1);
}

#[tokio::test]
async fn the_latch_can_be_watched_from_outside() {
    let account = Account::new();
    let latch = UpgradeLatch::new();
    let my2n = account
        .script
        .builder()
        .upgrade_latch(latch.clone())
        .build()
        .unwrap();
    sign_in(&my2n).await.unwrap();
    let mut waiting = tokio_test::task::spawn(latch.wait());
    tokio_test::assert_pending!(waiting.poll());
    account.migrate();
    sign_in(&my2n).await.unwrap();
    tokio_test::assert_ready!(waiting.poll());
}

#[tokio::test]
async fn a_business_409_of_the_api_is_the_callers() {
    let script = Script::but(|seen| (seen.step() == Step::Call).then(|| answer(409, "taken")));
    let my2n = script.auto();
    let client = script.signed_in(&my2n.session().build().unwrap());
    for _ in 0..3 {
        let response = client.clone().oneshot(call()).await.unwrap();
        assert_eq!(response.status(), StatusCode::CONFLICT);
    }
    assert_eq!(my2n.upgrades(), 0);
    assert_eq!(
        script.steps(),
        [Step::V1, Step::Call, Step::Call, Step::Call]
    );
}

#[tokio::test]
async fn a_token_that_dies_of_old_age_moves_ahead_of_time() {
    let account = Account::new();
    let clock = FakeClock::new();
    let my2n = account
        .script
        .builder()
        .clock(clock.clone())
        .build()
        .unwrap();
    let session = my2n.session().build().unwrap();
    let client = account.script.signed_in(&session);
    assert_eq!(
        client.clone().oneshot(call()).await.unwrap().status(),
        StatusCode::OK
    );
    account.migrate();
    clock.advance(Duration::from_secs(3_001));
    // The schedule has its turn.
    tokio::task::yield_now().await;
    assert_eq!(
        client.oneshot(call()).await.unwrap().status(),
        StatusCode::OK
    );
    use Step::{Call, Init, Submit, V1};
    // No call is refused on the way.
    assert_eq!(account.script.steps(), [V1, Call, V1, Init, Submit, Call]);
}

#[tokio::test(start_paused = true)]
async fn of_256_callers_none_sees_the_migration_and_there_is_one_upgrade() {
    const CALLERS: usize = 256;
    const ROUNDS: usize = 8;
    let account = Account::new();
    let my2n = account.script.auto();
    let session = my2n.session().build().unwrap();
    // Calls that were begun with the old header though the new token was there.
    let late = Arc::new(AtomicUsize::new(0));
    let wire = service_fn({
        let (client, session) = (account.script.client(), session.clone());
        let late = Arc::clone(&late);
        move |request: Request<ReplayBody<Body>>| {
            let current = session.current();
            let is_new = current.is_some_and(|current| current.token().placement().is_bearer());
            if is_new && request.headers().contains_key("x-api-key") {
                late.fetch_add(1, Ordering::SeqCst);
            }
            let client = client.clone();
            async move {
                // On the wire for a while, so that old and new calls are there together.
                let millis = 1 + request.headers().len() as u64 * 7 % 50;
                tokio::time::sleep(Duration::from_millis(millis)).await;
                client.oneshot(request).await
            }
        }
    });
    let client = signed_in_over(BoxCloneSyncService::new(wire), &session);
    let answered = Arc::new(AtomicUsize::new(0));
    let mut calls = JoinSet::new();
    for caller in 0..CALLERS {
        let (client, answered, account) = (client.clone(), Arc::clone(&answered), account.clone());
        calls.spawn(async move {
            for round in 0..ROUNDS {
                tokio::time::sleep(Duration::from_millis(
                    (caller * 31 + round * 17) as u64 % 40,
                ))
                .await;
                let answer = client.clone().oneshot(call()).await.unwrap();
                assert_eq!(answer.status(), StatusCode::OK);
                if answered.fetch_add(1, Ordering::SeqCst) == CALLERS * ROUNDS / 2 {
                    account.migrate();
                }
            }
        });
    }
    while let Some(result) = calls.join_next().await {
        result.unwrap();
    }
    assert_eq!(answered.load(Ordering::SeqCst), CALLERS * ROUNDS);
    assert_eq!(my2n.upgrades(), 1);
    let count = |step| account.script.count(step);
    assert_eq!(
        (count(Step::V1), count(Step::Init), count(Step::Submit)),
        (2, 1, 1)
    );
    assert_eq!(late.load(Ordering::SeqCst), 0);
    // Many met the migration on their way, and each of them was sent once more.
    let refused = count(Step::Call) - CALLERS * ROUNDS;
    assert!((2..=CALLERS).contains(&refused), "{refused}");
}
