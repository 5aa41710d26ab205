//! A program that speaks version 1 goes on unchanged, before, during and after the migration.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{Request, Response, StatusCode};
use tokio::task::JoinSet;
use tower::{BoxError, Layer, ServiceExt, service_fn, util::BoxCloneSyncService};
use tower_reauth::{
    Error, ErrorKind, Event,
    layers::version_upgrade::UpgradeLatch,
    providers::my2n::{ApiVersion, My2n, My2nBuilder, drop_in::DropInLayer},
    replay::ReplayBody,
    testing::FakeClock,
};

use crate::{
    program::Program,
    script::{API, Body, Client, LOGIN, PASSWORD, Script, Seen, Step, USER, answer, whole},
};

/// Accounts that can be migrated, each with its own tokens, on a server that is played.
#[derive(Clone)]
pub(crate) struct Accounts {
    pub(crate) script: Script,
    pub(crate) migrated: Arc<AtomicBool>,
    pub(crate) has_mfa: Arc<AtomicBool>,
    passwords: Arc<Mutex<Vec<(String, String)>>>,
    issued: Arc<Mutex<Vec<(String, bool)>>>,
}

impl Accounts {
    pub(crate) fn new(accounts: &[(&str, &str)]) -> Self {
        let passwords = accounts
            .iter()
            .map(|(name, word)| ((*name).into(), (*word).into()));
        let passwords = Arc::new(Mutex::new(passwords.collect::<Vec<(String, String)>>()));
        let (migrated, has_mfa) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicBool::new(false)),
        );
        let issued = Arc::new(Mutex::new(Vec::new()));
        let script = Script::but({
            let (migrated, has_mfa) = (Arc::clone(&migrated), Arc::clone(&has_mfa));
            let (passwords, issued) = (Arc::clone(&passwords), Arc::clone(&issued));
            move |seen| {
                let has_moved = migrated.load(Ordering::SeqCst);
                let admit = |name: &str| {
                    let body = seen.json();
                    let [name, word] =
                        [name, "password"].map(|field| body[field].as_str().unwrap().to_owned());
                    passwords.lock().unwrap().contains(&(name, word))
                };
                let issue = |field: &str| {
                    let mut issued = issued.lock().unwrap();
                    let token = format!("t{}-s3cr3t", issued.len());
                    issued.push((token.clone(), has_moved));
                    answer(200, &format!(r#"{{"{field}":"{token}"}}"#))
                };
                Some(match seen.step() {
                    Step::V1 if has_moved => answer(409, ""),
                    Step::V1 if admit("username") => issue("accessToken"),
                    Step::Submit if admit("identifier") => issue("session_token"),
                    Step::V1 | Step::Submit => answer(401, ""),
                    Step::Call => {
                        let is_good = token(seen).is_some_and(|(token, is_v2)| {
                            let known = issued.lock().unwrap().contains(&(token, is_v2));
                            known && is_v2 == has_moved
                        });
                        let is_good = is_good && !has_mfa.load(Ordering::SeqCst);
                        answer(if is_good { 200 } else { 401 }, "")
                    }
                    _ => return None,
                })
            }
        });
        Self {
            script,
            migrated,
            has_mfa,
            passwords,
            issued,
        }
    }

    pub(crate) fn one() -> Self {
        Self::new(&[(USER, PASSWORD)])
    }

    pub(crate) fn migrate(&self) {
        self.migrated.store(true, Ordering::SeqCst);
    }

    pub(crate) fn set_password(&self, name: &str, password: &str) {
        self.passwords
            .lock()
            .unwrap()
            .push((name.into(), password.into()));
    }

    /// Ends all tokens there are.
    pub(crate) fn kill(&self) {
        for (token, _) in self.issued.lock().unwrap().iter_mut() {
            token.push_str("-dead");
        }
    }

    pub(crate) fn builder(&self) -> My2nBuilder {
        My2n::builder(self.script.client::<ReplayBody<Body>>(), API).login_base_url(LOGIN)
    }

    pub(crate) fn drop_in(&self) -> DropInLayer {
        self.builder().drop_in().unwrap()
    }

    pub(crate) fn logins(&self) -> usize {
        self.script.count(Step::V1) + self.script.count(Step::Submit)
    }

    pub(crate) fn client(&self, layer: &DropInLayer) -> Client<Body> {
        whole(layer.layer(self.script.client()))
    }
}

/// The token that a call carries, and whether it is where one of version 2 is.
fn token(seen: &Seen) -> Option<(String, bool)> {
    match (seen.header("x-api-key"), seen.header("authorization")) {
        (Some(key), None) => Some((key.into(), false)),
        (None, Some(bearer)) => Some((bearer.strip_prefix("Bearer ")?.into(), true)),
        _ => None,
    }
}

fn calls(accounts: &Accounts) -> Vec<Seen> {
    let seen = accounts.script.seen().into_iter();
    seen.filter(|seen| seen.step() == Step::Call).collect()
}

#[tokio::test]
async fn the_program_goes_on_through_the_migration_and_never_holds_a_token() {
    let accounts = Accounts::one();
    let layer = accounts.drop_in();
    let program = Program::new(accounts.client(&layer));
    assert_eq!(program.call().await.unwrap(), StatusCode::OK);
    let key = program.key().unwrap();
    assert_eq!(accounts.script.steps(), [V1, Call]);
    accounts.migrate();
    for _ in 0..3 {
        assert_eq!(program.call().await.unwrap(), StatusCode::OK);
    }
    // It saw no refusal, so it did not log in again.
    assert_eq!(program.key().unwrap(), key);
    use Step::{Call, Init, Submit, V1};
    let expected = [V1, Call, Call, V1, Init, Submit, Call, Call, Call];
    assert_eq!(accounts.script.steps(), expected);
    assert_eq!(layer.upgrades(), 1);
    for (number, seen) in calls(&accounts).iter().enumerate() {
        let (_, is_v2) = token(seen).unwrap();
        assert_eq!(is_v2, number >= 2);
    }
    for seen in accounts.script.seen() {
        assert!(
            !format!("{:?}", seen.headers).contains(&key),
            "the handle travelled"
        );
        assert!(!String::from_utf8_lossy(&seen.body).contains(&key));
    }
    assert!(!key.contains("s3cr3t"));
}

#[tokio::test(start_paused = true)]
async fn of_256_programs_none_sees_the_migration_and_there_is_one_upgrade() {
    const PROGRAMS: usize = 256;
    let accounts = Accounts::one();
    let layer = accounts.drop_in();
    let wire = service_fn({
        let client = accounts.script.client::<ReplayBody<Body>>();
        move |request: Request<ReplayBody<Body>>| {
            let client = client.clone();
            async move {
                tokio::time::sleep(Duration::from_millis(20)).await;
                client.oneshot(request).await
            }
        }
    });
    let client = whole(layer.layer(BoxCloneSyncService::new(wire)));
    let answered = Arc::new(AtomicUsize::new(0));
    let mut programs = JoinSet::new();
    for number in 0..PROGRAMS {
        let program = Program::new(client.clone());
        let (accounts, answered) = (accounts.clone(), Arc::clone(&answered));
        programs.spawn(async move {
            for round in 0..8 {
                tokio::time::sleep(Duration::from_millis((number * 13 + round * 7) as u64 % 30))
                    .await;
                if round % 3 == 0 {
                    // As programs do, every now and then.
                    assert_eq!(program.log_in().await.unwrap().status(), StatusCode::OK);
                }
                let answer = program.send(&format!("{API}/users/current")).await.unwrap();
                assert_eq!(answer.status(), StatusCode::OK);
                if answered.fetch_add(1, Ordering::SeqCst) == PROGRAMS * 4 {
                    accounts.migrate();
                }
            }
            program.key()
        });
    }
    let keys: HashSet<_> = programs.join_all().await.into_iter().collect();
    assert_eq!(answered.load(Ordering::SeqCst), PROGRAMS * 8);
    assert_eq!((keys.len(), layer.upgrades()), (1, 1));
    let count = |step| accounts.script.count(step);
    assert_eq!(
        (count(Step::V1), count(Step::Init), count(Step::Submit)),
        (2, 1, 1)
    );
    assert!(calls(&accounts).iter().all(|seen| token(seen).is_some()));
}

#[tokio::test]
async fn a_login_while_the_token_is_good_costs_nothing_and_gives_the_same_key() {
    let accounts = Accounts::one();
    let clock = FakeClock::new();
    let layer = accounts.builder().clock(clock.clone()).drop_in().unwrap();
    let program = Program::new(accounts.client(&layer));
    for _ in 0..10 {
        let answer = program.log_in().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], "application/json");
    }
    assert_eq!(accounts.logins(), 1);
    let key = program.key().unwrap();
    // When it has expired the next login signs in; the key stays.
    clock.advance(Duration::from_secs(3_001));
    program.log_in().await.unwrap();
    assert_eq!((accounts.logins(), program.key().unwrap()), (2, key));
}

#[tokio::test]
async fn an_account_with_mfa_is_refused_and_no_login_loops() {
    let accounts = Accounts::one();
    accounts.migrate();
    accounts.has_mfa.store(true, Ordering::SeqCst);
    let layer = accounts
        .builder()
        .api_version(ApiVersion::V2)
        .drop_in()
        .unwrap();
    let program = Program::new(accounts.client(&layer));
    for _ in 0..10 {
        assert_eq!(program.call().await.unwrap(), StatusCode::UNAUTHORIZED);
        let answer = program.log_in().await.unwrap();
        assert_eq!(answer.status(), StatusCode::FORBIDDEN);
        let error = answer.extensions().get::<Error>().unwrap();
        assert_eq!(error.kind(), ErrorKind::MfaNotAllowed);
    }
    assert_eq!(accounts.logins(), 1);
    // Once the account is in order, the key that it has is as good as ever.
    accounts.has_mfa.store(false, Ordering::SeqCst);
    assert_eq!(program.call().await.unwrap(), StatusCode::OK);
    assert_eq!(accounts.logins(), 1);
}

#[tokio::test]
async fn a_token_that_dies_is_replaced_before_the_program_notices() {
    let accounts = Accounts::one();
    accounts.migrate();
    let layer = accounts.drop_in();
    let program = Program::new(accounts.client(&layer));
    for logins in 1..=5 {
        assert_eq!(program.call().await.unwrap(), StatusCode::OK);
        assert_eq!(accounts.script.count(Step::Submit), logins);
        accounts.kill();
    }
    assert_eq!(accounts.script.count(Step::V1), 1);
}

#[tokio::test]
async fn wrong_credentials_are_tried_as_often_as_the_program_tries_them() {
    let accounts = Accounts::one();
    let layer = accounts.drop_in();
    let program = Program::of(accounts.client(&layer), USER, "not yet");
    for logins in 1..=3 {
        let answer = program.log_in().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        let error = answer.extensions().get::<Error>().unwrap();
        assert_eq!(error.kind(), ErrorKind::Rejected);
        assert_eq!(accounts.logins(), logins);
    }
    accounts.set_password(USER, "not yet");
    assert_eq!(program.call().await.unwrap(), StatusCode::OK);
    assert_eq!(accounts.logins(), 4);
    // Many at once are one.
    let wrong = Program::of(accounts.client(&layer), USER, "wrong");
    let mut logins = JoinSet::new();
    for _ in 0..20 {
        let wrong = wrong.clone();
        logins.spawn(async move { wrong.log_in().await.unwrap().status() });
    }
    assert!(logins.join_all().await.iter().all(|status| *status == 401));
    assert_eq!(accounts.logins(), 5);
}

#[tokio::test]
async fn each_account_has_its_own_key_session_and_upgrade() {
    let names = [("a", "pw-a"), ("b", "pw-b"), ("a", "pw-a2")];
    let accounts = Accounts::new(&names);
    let layer = accounts.drop_in();
    let client = accounts.client(&layer);
    let programs = names.map(|(name, word)| Program::of(client.clone(), name, word));
    for program in &programs {
        assert_eq!(program.call().await.unwrap(), StatusCode::OK);
    }
    let keys: HashSet<_> = programs
        .iter()
        .map(|program| program.key().unwrap())
        .collect();
    let tokens: HashSet<_> = calls(&accounts).iter().filter_map(token).collect();
    assert_eq!((keys.len(), tokens.len(), accounts.logins()), (3, 3, 3));
    accounts.migrate();
    for (upgrades, program) in programs.iter().enumerate() {
        assert_eq!(layer.upgrades(), upgrades as u64);
        assert_eq!(program.call().await.unwrap(), StatusCode::OK);
    }
    assert_eq!(layer.upgrades(), 3);
    let mut events = layer.session("b").unwrap().events();
    layer.session("b").unwrap().renew().await.unwrap();
    assert!(matches!(events.next().await, Some(Event::SignedIn { .. })));
    assert!(layer.session("c").is_none());
}

#[tokio::test]
async fn nothing_of_the_account_goes_to_another_origin() {
    let accounts = Accounts::one();
    let layer = accounts.drop_in();
    let program = Program::new(accounts.client(&layer));
    for migrated in [false, true] {
        if migrated {
            accounts.migrate();
        }
        assert_eq!(program.call().await.unwrap(), StatusCode::OK);
        for uri in [
            "https://evil.example.com/middleware/api/partner/v1/users/current",
            "http://api.example.com/middleware/api/partner/v1/users/current",
            "https://api.example.com:8443/",
            "https://api.example.com.evil.example.com/",
            "https://auth.example.com/self-service/x",
        ] {
            let before = accounts.script.seen().len();
            program.send(uri).await.unwrap();
            let seen = &accounts.script.seen()[before..];
            assert_eq!(seen.len(), 1);
            assert!(seen[0].headers.is_empty(), "{uri}: {:?}", seen[0].headers);
        }
    }
    // A login elsewhere is none of ours.
    let elsewhere = Request::post("https://evil.example.com/middleware/api/partner/v1/auth");
    let body = Body::from(r#"{"username":"u","password":"p"}"#);
    let answer = accounts
        .client(&layer)
        .oneshot(elsewhere.body(body).unwrap())
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::CONFLICT);
    assert!(layer.session("u").is_none());
    // Values of other kinds stay where they are.
    let key = program.key().unwrap();
    let request = Request::get("https://other.example.com/").header("x-api-key", "theirs");
    let request = request
        .header("x-api-key", key)
        .body(Body::default())
        .unwrap();
    accounts.client(&layer).oneshot(request).await.unwrap();
    let seen = accounts.script.seen().pop().unwrap();
    let keys: Vec<_> = seen.headers.get_all("x-api-key").iter().collect();
    assert_eq!(keys, ["theirs"]);
}

#[tokio::test]
async fn a_relative_address_is_refused_because_nobody_knows_where_it_goes() {
    let accounts = Accounts::one();
    let layer = accounts.drop_in();
    let program = Program::new(accounts.client(&layer));
    program.log_in().await.unwrap();
    let sent = accounts.script.seen().len();
    let error = program.send("/users/current").await.unwrap_err();
    assert_eq!(Error::from_boxed(error).kind(), ErrorKind::Config);
    assert_eq!(accounts.script.seen().len(), sent);
}

#[tokio::test]
async fn keys_that_are_no_handles_pass_and_handles_that_are_not_known_do_not() {
    let accounts = Accounts::one();
    let layer = accounts.drop_in();
    let program = Program::new(accounts.client(&layer));
    // From before this layer was there.
    program.set_key("old-key");
    let answer = program.send(&format!("{API}/users/current")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(calls(&accounts)[0].header("x-api-key"), Some("old-key"));
    // A program that knows how to log in again goes on from there.
    assert_eq!(program.call().await.unwrap(), StatusCode::OK);
    let key = program.key().unwrap();

    // From an earlier run.
    let sent = accounts.script.seen().len();
    let restarted = Program::new(accounts.client(&accounts.drop_in()));
    restarted.set_key(&key);
    let answer = restarted
        .send(&format!("{API}/users/current"))
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert!(
        answer
            .extensions()
            .get::<Error>()
            .unwrap()
            .to_string()
            .contains("log in again")
    );
    assert_eq!(accounts.script.seen().len(), sent);
    assert_eq!(restarted.call().await.unwrap(), StatusCode::OK);
}

#[tokio::test]
async fn what_a_login_fails_with_is_told_in_the_words_of_version_1() {
    for (status, retry_after, version, expected, wait) in [
        (401, None, ApiVersion::Auto, Some(401), None),
        (409, None, ApiVersion::V1, Some(409), None),
        (423, Some("90"), ApiVersion::V1, Some(423), Some("90")),
        (429, Some("7"), ApiVersion::Auto, Some(429), Some("7")),
        (429, None, ApiVersion::Auto, Some(429), Some("60")),
        (404, None, ApiVersion::Auto, Some(502), None),
        (418, None, ApiVersion::Auto, Some(502), None),
        (503, None, ApiVersion::Auto, None, None),
    ] {
        let script = Script::but(move |seen| {
            (seen.step() == Step::V1).then(|| {
                let mut response = answer(status, "");
                if let Some(wait) = retry_after {
                    response
                        .headers_mut()
                        .insert("retry-after", wait.parse().unwrap());
                }
                response
            })
        });
        let builder = My2n::builder(script.client::<ReplayBody<Body>>(), API).login_base_url(LOGIN);
        let layer = builder
            .api_version(version)
            .clock(FakeClock::new())
            .drop_in()
            .unwrap();
        let program = Program::new(whole(layer.layer(script.client())));
        match (program.log_in().await, expected) {
            (Ok(answer), Some(expected)) => {
                assert_eq!(answer.status().as_u16(), expected, "{status}");
                let wait_told = answer.headers().get("retry-after");
                assert_eq!(
                    wait_told.map(|wait| wait.to_str().unwrap()),
                    wait,
                    "{status}"
                );
                assert!(answer.extensions().get::<Error>().is_some());
            }
            (Err(error), None) => {
                assert_eq!(Error::from_boxed(error).kind(), ErrorKind::Transport);
            }
            other => panic!("{status}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_latch_that_is_set_says_that_all_accounts_have_moved() {
    let accounts = Accounts::new(&[("a", "pw-a"), ("b", "pw-b")]);
    accounts.migrate();
    let latch = UpgradeLatch::new();
    latch.set();
    let layer = accounts.builder().upgrade_latch(latch).drop_in().unwrap();
    for (name, word) in [("a", "pw-a"), ("b", "pw-b")] {
        let program = Program::of(accounts.client(&layer), name, word);
        assert_eq!(program.call().await.unwrap(), StatusCode::OK);
    }
    assert_eq!((accounts.script.count(Step::V1), layer.upgrades()), (0, 0));
}

/// A client whose requests all fail.
fn broken() -> Client {
    let failing = |_| async { Err::<Response<Body>, BoxError>("the network is down".into()) };
    BoxCloneSyncService::new(service_fn(failing))
}

#[tokio::test]
async fn a_network_that_is_down_is_the_programs_own_error() {
    let builder = My2n::builder(broken(), API).login_base_url(LOGIN);
    let layer = builder.drop_in().unwrap();
    let program = Program::new(whole(layer.layer(broken())));
    let error = program.log_in().await.unwrap_err();
    assert_eq!(Error::from_boxed(error).kind(), ErrorKind::Transport);
}

#[test]
fn settings_that_cannot_be_right_are_refused_with_advice() {
    let builder = || My2n::builder(broken(), API).login_base_url(LOGIN);
    let error = builder().credentials("u", "p").drop_in().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(
        error.to_string().contains("leave out credentials()"),
        "{error}"
    );
    let error = builder().max_answer(0).drop_in().unwrap_err();
    assert!(error.to_string().contains("max_answer is 0"), "{error}");
}
