//! What the drop-in makes of odd logins, uploads, many accounts and limits of the client.

use std::{convert::Infallible, sync::atomic::Ordering, time::Duration};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body::Frame;
use http_body_util::StreamBody;
use tokio::task::JoinSet;
use tower::{
    BoxError, Layer, Service, ServiceExt, limit::GlobalConcurrencyLimitLayer,
    util::BoxCloneSyncService,
};
use tower_reauth::{
    providers::my2n::My2n,
    replay::{NotReplayed, ReplayBody},
};

use crate::{
    drop_in::Accounts,
    program::Program,
    script::{API, Body, Client, LOGIN, PASSWORD, Step, USER, whole},
};

fn login(body: impl Into<Bytes>) -> Request<Body> {
    let request = Request::post(format!("{API}/auth")).header("x-mark", "kept");
    request.body(Body::new(body.into())).unwrap()
}

#[tokio::test]
async fn a_login_that_is_none_is_passed_on_as_it_is() {
    let accounts = Accounts::one();
    accounts.migrate();
    let layer = accounts.drop_in();
    for body in [
        "",
        "{}",
        "not json",
        r#"["u","p"]"#,
        r#"{"username":"u"}"#,
        r#"{"username":"u","password":""}"#,
        r#"{"username":7,"password":"p"}"#,
    ] {
        let answer = accounts.client(&layer).oneshot(login(body)).await.unwrap();
        assert_eq!(answer.status(), StatusCode::CONFLICT);
        let seen = accounts.script.seen().pop().unwrap();
        assert_eq!(
            (&seen.body[..], seen.header("x-mark")),
            (body.as_bytes(), Some("kept"))
        );
    }
    assert_eq!(accounts.script.count(Step::Init), 0);
    // Other methods are no logins either.
    let get = Request::get(format!("{API}/auth"))
        .body(Body::default())
        .unwrap();
    accounts.client(&layer).oneshot(get).await.unwrap();
    assert_eq!(accounts.script.count(Step::V1), 8);
}

#[tokio::test]
async fn a_login_that_has_no_end_is_not_read_to_it() {
    let accounts = Accounts::one();
    let layer = accounts.drop_in();
    let padding = |length: usize| {
        let fields = format!(r#"{{"username":"{USER}","password":"{PASSWORD}","x":""}}"#);
        fields.replace(
            "\"\"",
            &format!("\"{}\"", "x".repeat(length - fields.len())),
        )
    };
    for (length, status) in [
        (64 * 1024, StatusCode::OK),
        (64 * 1024 + 1, StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let answer = accounts
            .client(&layer)
            .oneshot(login(padding(length)))
            .await
            .unwrap();
        assert_eq!(answer.status(), status);
    }
    let frames = std::iter::repeat_with(|| Ok::<_, Infallible>(Frame::data(Bytes::from("x"))));
    let endless = StreamBody::new(tokio_stream::iter(frames));
    let request = Request::post(format!("{API}/auth")).body(endless).unwrap();
    let client = layer.layer(accounts.script.client());
    assert_eq!(
        client.oneshot(request).await.unwrap().status(),
        StatusCode::PAYLOAD_TOO_LARGE
    );
    assert_eq!(accounts.logins(), 1);
}

#[tokio::test]
async fn a_login_in_many_pieces_is_a_login() {
    let accounts = Accounts::one();
    let layer = accounts.drop_in();
    let body = format!("\u{FEFF}{{\"password\":\"{PASSWORD}\",\"username\":\"{USER}\"}}");
    let frames: Vec<_> = body
        .bytes()
        .map(|byte| Ok::<_, Infallible>(Frame::data(Bytes::from(vec![byte]))))
        .collect();
    let body = StreamBody::new(tokio_stream::iter(frames));
    let request = Request::post(format!("{API}/auth?x=y")).body(body).unwrap();
    let client = layer.layer(accounts.script.client());
    assert_eq!(
        client.oneshot(request).await.unwrap().status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn the_account_that_is_missed_least_is_forgotten_first() {
    let names: Vec<_> = (0..5)
        .map(|number| (format!("u{number}"), "pw-x".to_owned()))
        .collect();
    let names: Vec<_> = names
        .iter()
        .map(|(name, word)| (name.as_str(), word.as_str()))
        .collect();
    let accounts = Accounts::new(&names);
    let layer = accounts.drop_in().max_accounts(3);
    let client = accounts.client(&layer);
    let programs: Vec<_> = names
        .iter()
        .map(|(name, word)| Program::of(client.clone(), name, word))
        .collect();
    let uri = format!("{API}/users/current");
    for program in &programs[..2] {
        program.call().await.unwrap();
    }
    // A wrong password takes a place, and is the first to leave it.
    Program::of(client.clone(), "u0", "wrong")
        .log_in()
        .await
        .unwrap();
    programs[2].call().await.unwrap();
    programs[0].send(&uri).await.unwrap();
    assert_eq!(accounts.logins(), 4);
    // Now the one goes that was not used for longest: the second.
    programs[3].call().await.unwrap();
    let mut known = Vec::new();
    for program in &programs[..4] {
        known.push(program.send(&uri).await.unwrap().status() == StatusCode::OK);
    }
    assert_eq!(known, [true, false, true, true]);
    // It logs in again, as it would have had to without this layer.
    let logins = accounts.logins();
    assert_eq!(programs[1].call().await.unwrap(), StatusCode::OK);
    assert_eq!(accounts.logins(), logins + 1);
    // At least one there is always.
    let layer = layer.max_accounts(0);
    let program = Program::of(accounts.client(&layer), "u4", "pw-x");
    assert_eq!(program.call().await.unwrap(), StatusCode::OK);
}

#[tokio::test]
async fn upgrades_of_accounts_that_are_forgotten_still_count() {
    let accounts = Accounts::new(&[("a", "pw-a"), ("b", "pw-b")]);
    accounts.migrate();
    let layer = accounts.drop_in().max_accounts(1);
    for (upgrades, (name, word)) in [("a", "pw-a"), ("b", "pw-b")].into_iter().enumerate() {
        let program = Program::of(accounts.client(&layer), name, word);
        assert_eq!(program.call().await.unwrap(), StatusCode::OK);
        assert_eq!(layer.upgrades(), upgrades as u64 + 1);
    }
}

#[tokio::test]
async fn an_upload_is_sent_again_whole_or_marked() {
    for (most, expected, marked) in [
        (1024 * 1024, StatusCode::OK, None),
        (10, StatusCode::UNAUTHORIZED, Some(NotReplayed::TooLarge)),
    ] {
        let accounts = Accounts::one();
        let layer = accounts.drop_in().max_body(most);
        let program = Program::new(accounts.client(&layer));
        program.call().await.unwrap();
        accounts.kill();
        let frames = ["one ", "two ", "three"]
            .map(|part| Ok::<_, Infallible>(Frame::data(Bytes::from(part))));
        let body = StreamBody::new(tokio_stream::iter(frames));
        let request =
            Request::put(format!("{API}/things/1")).header("x-api-key", program.key().unwrap());
        let client = layer.layer(accounts.script.client());
        let answer = client.oneshot(request.body(body).unwrap()).await.unwrap();
        assert_eq!(answer.status(), expected);
        assert_eq!(answer.extensions().get::<NotReplayed>().copied(), marked);
        let sent: Vec<_> = accounts
            .script
            .seen()
            .into_iter()
            .filter(|seen| seen.method == "PUT")
            .collect();
        assert_eq!(sent.len(), if marked.is_none() { 2 } else { 1 });
        assert!(sent.iter().all(|seen| seen.body == "one two three"));
        // What could not be sent again was not in vain: the next call finds a new token.
        layer.session(USER).unwrap().settled().await;
        assert_eq!(program.log_in().await.unwrap().status(), StatusCode::OK);
        assert_eq!(program.call().await.unwrap(), StatusCode::OK);
        assert_eq!(accounts.logins(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn programs_and_sign_ins_share_a_limit_of_one() {
    let accounts = Accounts::one();
    let limit = GlobalConcurrencyLimitLayer::new(1);
    let limited: Client = BoxCloneSyncService::new(limit.layer(accounts.script.client()));
    let layer = My2n::builder(limited.clone(), API)
        .login_base_url(LOGIN)
        .drop_in()
        .unwrap();
    let client = whole(layer.layer(limited));
    let mut programs = JoinSet::new();
    for _ in 0..20 {
        let (program, accounts) = (Program::new(client.clone()), accounts.clone());
        programs.spawn(async move {
            let first = program.call().await.unwrap();
            accounts.migrate();
            [
                first,
                program.call().await.unwrap(),
                program.call().await.unwrap(),
            ]
        });
    }
    let answers = tokio::time::timeout(Duration::from_secs(3_600), programs.join_all()).await;
    let answers = answers.expect("no deadlock");
    assert!(
        answers
            .iter()
            .flatten()
            .all(|status| *status == StatusCode::OK)
    );
}

#[tokio::test]
async fn a_call_that_is_answered_here_gives_its_readiness_back() {
    let accounts = Accounts::one();
    accounts.migrated.store(true, Ordering::SeqCst);
    let limit = GlobalConcurrencyLimitLayer::new(1);
    let layer = accounts.drop_in();
    let mut client = layer.layer(limit.layer(accounts.script.client::<ReplayBody<Body>>()));
    let other = layer.layer(limit.layer(accounts.script.client::<ReplayBody<Body>>()));
    let unknown = Request::get(format!("{API}/x")).header("x-api-key", "tower-reauth-0");
    let requests = [
        login(format!(
            r#"{{"username":"{USER}","password":"{PASSWORD}"}}"#
        )),
        unknown.body(Body::default()).unwrap(),
    ];
    for request in requests {
        let answering = client.ready().await.unwrap().call(request);
        // The permit is free while the answer is on its way, though the client is still there.
        let free = Request::get("https://other.example.com/")
            .body(Body::default())
            .unwrap();
        let answer = tokio::time::timeout(Duration::from_secs(60), other.clone().oneshot(free));
        assert!(answer.await.expect("no deadlock").is_ok());
        answering.await.unwrap();
    }
}

#[tokio::test]
async fn around_the_client_that_it_signs_in_through_it_does_not_wait_for_itself() {
    let accounts = Accounts::one();
    let layer = accounts.drop_in();
    // By mistake: the sign-in goes through the very layer.
    let guarded: Client<Body> = accounts.client(&layer);
    let layer = My2n::builder(guarded.clone(), API)
        .login_base_url(LOGIN)
        .drop_in()
        .unwrap();
    let program = Program::new(whole(layer.layer(accounts.script.client())));
    let login = tokio::time::timeout(Duration::from_secs(60), program.call()).await;
    assert_eq!(login.expect("no deadlock").unwrap(), StatusCode::OK);
    assert_eq!(accounts.logins(), 1);
}

#[tokio::test]
async fn nothing_of_it_shows_a_secret_in_debug() {
    let accounts = Accounts::one();
    let layer = accounts.drop_in();
    let program = Program::new(accounts.client(&layer));
    program.call().await.unwrap();
    let mut service = layer.layer(accounts.script.client::<ReplayBody<Body>>());
    let answering = service.ready().await.unwrap().call(login(format!(
        r#"{{"username":"{USER}","password":"{PASSWORD}"}}"#
    )));
    let shown = format!("{layer:?} {service:?} {answering:?}");
    for secret in [USER, PASSWORD, "s3cr3t", &program.key().unwrap()] {
        assert!(!shown.contains(secret), "{shown}");
    }
    let _: Result<_, BoxError> = answering.await;
}
