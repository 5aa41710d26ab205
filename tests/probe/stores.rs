//! Stores: what one run leaves for the next, and for others at the same time.

use std::path::Path;

use serde_json::json;
use tempfile::TempDir;
use tokio::process::Command;
use tower_reauth::testing::{back_office, fintiv, glue, my2n, oauth2, q2};

use crate::{
    program::{self, EMAIL, PASSWORD, Run, probe, run},
    redis_server::RedisServer,
};

const PASSWORD_OF_REDIS: &str = "hunter2-hunter3";

/// A file for a store, in a directory that is not there yet.
fn place(directory: &TempDir) -> String {
    let place = directory.path().join("of/tokens");
    place.to_str().unwrap().to_owned()
}

/// Where runs keep their token.
struct Places {
    directory: TempDir,
    redis: Option<RedisServer>,
}

impl Places {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            redis: RedisServer::with(&["--requirepass", PASSWORD_OF_REDIS]),
        }
    }

    /// The options that name them, one pair each.
    fn options(&self) -> Vec<[String; 2]> {
        let file = ["--store".to_owned(), place(&self.directory)];
        let redis = self.redis.as_ref().map(|redis| {
            let url = format!("redis://:{PASSWORD_OF_REDIS}@127.0.0.1:{}", redis.port());
            ["--redis".to_owned(), url]
        });
        std::iter::once(file).chain(redis).collect()
    }
}

/// Makes two runs of `command` with each store; the second finds the token of the first.
async fn twice(places: &Places, command: impl Fn() -> Command) -> u64 {
    let mut stores = 0;
    for option in places.options() {
        for sign_ins in [1, 0] {
            let mut command = command();
            command.args(&option).env("RUST_LOG", "trace");
            let run = run(command).await;
            assert_eq!(run.code, Some(0), "{option:?} {run:?}");
            let counts = run.counts(["ok", "sign_ins", "renewals"]);
            assert_eq!(counts, [1, sign_ins, 0], "{option:?}");
            for secret in [PASSWORD, PASSWORD_OF_REDIS] {
                assert!(!format!("{run:?}").contains(secret), "{run:?}");
            }
        }
        stores += 1;
    }
    stores
}

async fn back_office() -> back_office::Simulator {
    let builder = back_office::Simulator::builder();
    builder.account(EMAIL, PASSWORD).start().await.unwrap()
}

fn in_file(server: &back_office::Simulator, file: &str, arguments: &[&str]) -> Command {
    let mut command = program::at(&server.base_url(), arguments);
    command.args(["--store", file]);
    command
}

#[tokio::test]
async fn a_second_run_signs_in_nowhere() {
    let places = Places::new();

    let server = back_office().await;
    let stores = twice(&places, || program::at(&server.base_url(), &[])).await;
    assert_eq!(server.counts().sign_ins, stores);
    assert_eq!(server.violations(), [""; 0]);

    let server = glue::Simulator::builder().account(EMAIL, PASSWORD);
    let server = server.start().await.unwrap();
    let url = server.base_url();
    let arguments = ["glue", "--base-url", &url, "--json", "--path", "/wishlists"];
    let stores = twice(&places, || probe(&arguments)).await;
    assert_eq!(server.counts().logins_ok, stores);
    assert_eq!(server.violations(), [""; 0]);

    let server = fintiv::Simulator::builder().account(EMAIL, PASSWORD);
    let server = server.start().await.unwrap();
    let url = server.base_url();
    let arguments = ["fintiv", "--base-url", &url, "--json", "--path", "/users"];
    let command = || {
        let mut command = probe(&arguments);
        command
            .env("PROBE_API_KEY", server.api_key())
            .env("PROBE_TENANT", "JANUS");
        command
    };
    let stores = twice(&places, command).await;
    assert_eq!(server.counts().sign_ons, stores);
    assert_eq!(server.violations(), [""; 0]);

    let server = oauth2::Simulator::builder().client("probe", PASSWORD);
    let server = server.start().await.unwrap();
    let (base_url, token_url) = (server.base_url(), server.token_url());
    let arguments = ["oauth2", "--base-url", &base_url, "--login-url", &token_url];
    let command = || {
        let mut command = probe(&arguments);
        command
            .args(["--json", "--path", "/things"])
            .env("PROBE_CLIENT_ID", "probe")
            .env("PROBE_CLIENT_SECRET", PASSWORD);
        command
    };
    let stores = twice(&places, command).await;
    assert_eq!(server.counts().tokens_issued, stores);
    assert_eq!(server.violations(), [""; 0]);
}

#[tokio::test]
async fn a_second_run_after_a_migration_does_not_begin_with_v1() {
    let directory = tempfile::tempdir().unwrap();
    let server = my2n::Simulator::builder().account(EMAIL, PASSWORD);
    let server = server.start().await.unwrap();
    server.migrate(EMAIL);
    let (base_url, login_url) = (server.base_url(), server.login_url());
    for (sign_ins, upgrades) in [(1, 1), (0, 0), (1, 0)] {
        let mut command = probe(&["my2n", "--base-url", &base_url, "--json"]);
        command.args(["--login-url", &login_url, "--store", &place(&directory)]);
        let run = run(command).await;
        assert_eq!(run.code, Some(0), "{run:?}");
        assert_eq!(run.counts(["sign_ins", "upgrades"]), [sign_ins, upgrades]);
        if sign_ins == 0 {
            server.revoke_sessions();
        }
    }
    let counts = server.counts();
    assert_eq!((counts.v1_logins, counts.submits_ok), (1, 2));
    assert_eq!((counts.late_api_keys, counts.violations), (0, 0));
}

#[tokio::test]
async fn a_dead_token_is_renewed_with_its_refresh_token() {
    let directory = tempfile::tempdir().unwrap();
    let server = back_office().await;
    for counts in [[1, 1, 0], [1, 0, 1], [1, 0, 0]] {
        let run = run(in_file(&server, &place(&directory), &[])).await;
        assert_eq!(run.counts(["ok", "sign_ins", "renewals"]), counts);
        if counts[1] == 1 {
            server.revoke_access_tokens();
        }
    }
    assert_eq!(server.violations(), [""; 0]);
}

#[tokio::test]
async fn those_who_run_at_once_share_one_sign_in() {
    let directory = tempfile::tempdir().unwrap();
    let server = back_office().await;
    let runs = (0..4).map(|_| run(in_file(&server, &place(&directory), &["--requests", "5"])));
    let runs: Vec<Run> = futures(runs).await;
    let mut sign_ins = 0;
    for run in runs {
        assert_eq!(run.code, Some(0), "{run:?}");
        sign_ins += run.counts(["sign_ins"])[0];
    }
    assert_eq!((sign_ins, server.counts().sign_ins), (1, 1));
    assert_eq!(server.violations(), [""; 0]);
}

async fn futures<F: Future<Output: Send> + Send + 'static>(
    all: impl Iterator<Item = F>,
) -> Vec<F::Output> {
    let all: tokio::task::JoinSet<_> = all.collect();
    all.join_all().await
}

#[tokio::test]
async fn an_entry_belongs_to_one_user_and_one_server() {
    let directory = tempfile::tempdir().unwrap();
    let builder = back_office::Simulator::builder().account(EMAIL, PASSWORD);
    let server = builder
        .account("baz@bar.com", PASSWORD)
        .start()
        .await
        .unwrap();
    let other = back_office().await;
    let file = place(&directory);
    for _ in 0..2 {
        let mut command = in_file(&server, &file, &[]);
        command.env("PROBE_USERNAME", "baz@bar.com");
        for command in [
            command,
            in_file(&server, &file, &[]),
            in_file(&other, &file, &[]),
        ] {
            assert_eq!(run(command).await.code, Some(0));
        }
    }
    assert_eq!((server.counts().sign_ins, other.counts().sign_ins), (2, 1));
    assert_eq!(
        server.counts().unknown_tokens + other.counts().unknown_tokens,
        0
    );
    assert_eq!(server.violations(), [""; 0]);
    assert_eq!(other.violations(), [""; 0]);
}

#[tokio::test]
async fn a_sign_out_forgets_the_token() {
    let places = Places::new();
    for option in places.options() {
        let server = back_office().await;
        for _ in 0..2 {
            let mut command = program::at(&server.base_url(), &["--sign-out"]);
            command.args(&option);
            let run = run(command).await;
            assert_eq!(
                (run.code, run.counts(["sign_ins"])),
                (Some(0), [1]),
                "{run:?}"
            );
            let text = std::fs::read_to_string(Path::new(&option[1])).unwrap_or_default();
            assert!(!text.contains("access"), "{text}");
        }
        assert_eq!(server.counts().sign_outs, 2);
        assert_eq!(server.violations(), [""; 0]);
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_used_is_told_as_such() {
    let directory = tempfile::tempdir().unwrap();
    let server = back_office().await;
    let file = directory.path().join("tokens");
    std::fs::write(&file, "not a store").unwrap();
    let broken = run(in_file(
        &server,
        file.to_str().unwrap(),
        &["--requests", "2"],
    ))
    .await;
    assert_eq!(
        (broken.code, broken.kinds()),
        (Some(1), vec!["store".into(); 2])
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "not a store");

    // Nobody listens there.
    let port = crate::redis_server::free_port();
    let url = format!("redis://user:{PASSWORD_OF_REDIS}@127.0.0.1:{port}");
    let away = run(program::at(&server.base_url(), &["--redis", &url])).await;
    assert_eq!((away.code, away.kinds()), (Some(1), vec![json!("store")]));
    assert!(!format!("{away:?}").contains(PASSWORD_OF_REDIS), "{away:?}");
    assert_eq!(server.counts().sign_ins, 0);
    assert_eq!(server.violations(), [""; 0]);
}

#[tokio::test]
async fn a_store_that_makes_no_sense_is_bad_usage() {
    let server = back_office().await;
    let bad = format!("mysql://user:{PASSWORD_OF_REDIS}@127.0.0.1");
    for (arguments, wrong) in [
        (vec!["--redis", &bad], "redis://host:6379"),
        (vec!["--redis", "127.0.0.1:6379"], "redis://host:6379"),
        (vec!["--store", "x", "--redis", "redis://x"], "both given"),
        (vec!["--store"], "--store has no value"),
    ] {
        let run = run(program::at(&server.base_url(), &arguments)).await;
        assert_eq!((run.code, &*run.stdout), (Some(2), ""), "{run:?}");
        assert!(run.stderr.contains(wrong), "{run:?}");
        assert!(run.stderr.lines().count() <= 6, "{run:?}");
        assert!(!run.stderr.contains(PASSWORD_OF_REDIS), "{run:?}");
    }
}

#[tokio::test]
async fn a_static_key_is_not_kept() {
    let directory = tempfile::tempdir().unwrap();
    let server = q2::Simulator::builder().start().await.unwrap();
    let file = place(&directory);
    let mut command = probe(&["q2", "--base-url", &server.base_url(), "--json"]);
    command
        .args(["--path", "/clients", "--store", &file])
        .env("PROBE_API_KEY", "dc220490-e6ee-11e5-8a94-e7385a8d929e");
    let run = run(command).await;
    assert_eq!(run.calls().len(), 1);
    assert!(run.stderr.contains("--store is not used"), "{run:?}");
    assert!(!Path::new(&file).exists());
    assert_eq!(server.violations(), [""; 0]);
}
