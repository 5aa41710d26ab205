//! My2N: which login is used, and what a migration looks like from outside.

use tokio::process::Command;
use tower_reauth::testing::{
    Fault,
    my2n::{Endpoint, Simulator},
};

use crate::program::{EMAIL, PASSWORD, Run, probe, run};

fn at(server: &Simulator, arguments: &[&str]) -> Command {
    let (base_url, login_url) = (server.base_url(), server.login_url());
    let mut command = probe(&["my2n", "--base-url", &base_url, "--json"]);
    command.args(["--login-url", &login_url]).args(arguments);
    command
}

async fn against(server: &Simulator, arguments: &[&str]) -> Run {
    let run = run(at(server, arguments)).await;
    assert_eq!(server.violations(), [""; 0]);
    run
}

async fn start() -> Simulator {
    let builder = Simulator::builder().account(EMAIL, PASSWORD);
    builder.start().await.unwrap()
}

#[tokio::test]
async fn asks_who_it_is_if_no_path_is_given() {
    let server = start().await;
    let run = against(&server, &["--requests", "3", "--concurrency", "3"]).await;
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(run.stderr, "");
    assert_eq!(
        run.counts(["ok", "sign_ins", "renewals", "upgrades"]),
        [3, 1, 0, 0]
    );
    let counts = server.counts();
    assert_eq!((counts.v1_logins, counts.inits, counts.api_ok), (1, 0, 3));
    assert_eq!(server.violations(), [""; 0]);
}

#[tokio::test]
async fn a_migrated_account_is_upgraded_once_and_a_dead_session_logged_in_again() {
    for client in ["hyper", "reqwest", "reqwest-middleware"] {
        let server = start().await;
        server.migrate(EMAIL);
        // The first call's token is refused; the second send is let through.
        for fault in [Fault::Delay(std::time::Duration::ZERO), Fault::Status(401)] {
            server.inject(Endpoint::Api, fault);
        }
        let run = against(&server, &["--requests", "3", "--client", client]).await;
        assert_eq!(run.code, Some(0), "{client} {run:?}");
        let counts = run.counts(["ok", "sign_ins", "renewals", "resends", "upgrades"]);
        assert_eq!(counts, [3, 2, 0, 1, 1], "{client}");
        let counts = server.counts();
        assert_eq!((counts.v1_logins, counts.conflicts), (1, 1), "{client}");
        assert_eq!((counts.inits, counts.submits_ok), (2, 2), "{client}");
        assert_eq!(
            (counts.late_api_keys, counts.violations),
            (0, 0),
            "{client}"
        );
    }
}

#[tokio::test]
async fn the_version_is_as_it_is_told() {
    let server = start().await;
    server.migrate(EMAIL);
    let run = against(&server, &["--api-version", "v2"]).await;
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(run.counts(["sign_ins", "upgrades"]), [1, 0]);
    assert_eq!(server.counts().v1_logins, 0);

    let run = against(&server, &["--api-version", "v1"]).await;
    assert_eq!((run.code, run.kinds()), (Some(1), vec!["config".into()]));
    assert_eq!(run.counts(["sign_ins", "failed"]), [0, 1]);
    assert_eq!((server.counts().v1_logins, server.counts().inits), (1, 1));
}

#[tokio::test]
async fn failures_have_their_kinds() {
    let server = start().await;
    let mut command = at(&server, &["--requests", "3"]);
    command.env("PROBE_PASSWORD", "another-one");
    let rejected = run(command).await;
    assert_eq!(rejected.kinds(), ["rejected", "rejected", "rejected"]);
    assert_eq!(server.counts().v1_logins, 1);

    server.migrate(EMAIL);
    server.set_mfa(EMAIL, true);
    let run = against(&server, &["--requests", "2"]).await;
    assert_eq!(run.code, Some(1), "{run:?}");
    assert_eq!(run.kinds(), ["mfa-not-allowed", "mfa-not-allowed"]);
    assert_eq!(server.counts().submits_ok, 1);
}

#[tokio::test]
async fn signs_out_at_the_login_host() {
    let server = start().await;
    server.migrate(EMAIL);
    let run = against(&server, &["--sign-out"]).await;
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(
        (server.counts().logouts, server.counts().logouts_ok),
        (1, 1)
    );
    let run = against(&server, &[]).await;
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(
        (server.counts().logouts, server.counts().violations),
        (1, 0)
    );
}

#[tokio::test]
async fn without_a_login_url_v1_works_until_the_migration() {
    let server = start().await;
    let base_url = server.base_url();
    let bare = || probe(&["my2n", "--base-url", &base_url, "--json"]);
    assert_eq!(run(bare()).await.code, Some(0));
    server.migrate(EMAIL);
    let run = run(bare()).await;
    assert_eq!((run.code, run.kinds()), (Some(1), vec!["config".into()]));
    assert_eq!(server.counts().inits, 0);
    assert_eq!(server.violations(), [""; 0]);
}
