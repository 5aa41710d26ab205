//! Bad usage: exit status 2, at most six lines on standard error, and nothing is sent.

use tokio::process::Command;

use crate::program::{probe, run};

const GOOD: [&str; 5] = [
    "back-office",
    "--base-url",
    "https://host.name",
    "--path",
    "/x",
];

async fn assert_refused(mut command: Command, first_line: &str) {
    let arguments: Vec<_> = command.as_std().get_args().map(ToOwned::to_owned).collect();
    // Whatever is wrong is found before anybody signs in.
    command.env("PROBE_CODE_COMMAND", "false");
    let run = run(command).await;
    assert_eq!(run.code, Some(2), "{arguments:?} {run:?}");
    assert_eq!(run.stdout, "", "{arguments:?}");
    let lines: Vec<_> = run.stderr.lines().collect();
    assert!((2..=6).contains(&lines.len()), "{arguments:?} {run:?}");
    assert!(lines[0].contains(first_line), "{arguments:?} {run:?}");
    assert!(!run.stderr.contains("hunter2"), "{arguments:?} {run:?}");
}

#[tokio::test]
async fn a_command_line_that_cannot_be_meant_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let empty = file.path().to_str().unwrap();
    let cases: &[(&[&str], &str)] = &[
        (&["--nonsense"], "no option --nonsense"),
        (&["-x"], "no option -x"),
        (&["--password", "hunter2"], "no option --password"),
        (&["hunter2"], "one argument too many"),
        (&["--requests"], "--requests has no value"),
        (&["--ca", "--json"], "--ca has no value"),
        (&["--json=hunter2"], "--json takes no value"),
        (&["--requests", "many"], "--requests is `many`"),
        (&["--requests", "0"], "--requests is `0`"),
        (&["--requests", "-1"], "--requests is `-1`"),
        (&["--requests", "99999999999999999999"], "--requests is"),
        (&["--concurrency", "0"], "--concurrency is `0`"),
        (&["--concurrency", "1.5"], "--concurrency is `1.5`"),
        (&["--every", "+5"], "--every is `+5`"),
        (&["--timeout", "30s"], "--timeout is `30s`"),
        (&["--timeout", "0"], "--timeout is `0`"),
        (
            &["--renew-ahead", "a\nb\nc\nd\ne\nf\ng"],
            "--renew-ahead is",
        ),
        (&["--body", "a", "--body-file", "b"], "both given"),
        (
            &["--body-file", "/no/such/file"],
            "cannot read /no/such/file",
        ),
        (&["--ca", "/no/such/file"], "cannot read /no/such/file"),
        (&["--ca", empty], "there is no certificate in"),
        (&["--method", "G E T"], "the value of --method"),
        (&["--method", "connect"], "the value of --method"),
        (&["--content-type", "a\nb"], "the value of --content-type"),
        (&["--path", "/a b"], "the value of --path"),
        (&["--path", "/a#b"], "the value of --path"),
        (&["--base-url", "host.name"], "the value of --base-url"),
        (
            &["--base-url", "ftp://host.name"],
            "the value of --base-url",
        ),
        (
            &["--base-url", "https://a:hunter2@host.name"],
            "the value of --base-url",
        ),
        (
            &["--base-url", "https://host.name?a=hunter2"],
            "the value of --base-url",
        ),
        (&["--base-url", "https://host.name:0"], "port"),
        (&["--base-url", "http://10.0.0.1"], "plain http"),
        (
            &["--base-url", "http://localhost.evil.example"],
            "plain http",
        ),
    ];
    for (arguments, first_line) in cases {
        let mut command = probe(&GOOD);
        command.args(*arguments);
        assert_refused(command, first_line).await;
    }
}

#[tokio::test]
async fn what_is_required_is_asked_for() {
    assert_refused(probe(&[]), "no PROVIDER").await;
    assert_refused(probe(&["hunter2"]), "PROVIDER").await;
    let path = ["back-office", "--path", "/x"];
    assert_refused(probe(&path), "--base-url is missing").await;
    assert_refused(probe(&GOOD[..3]), "--path is missing").await;
    for name in ["PROBE_USERNAME", "PROBE_PASSWORD"] {
        let mut command = probe(&GOOD);
        command.env_remove(name);
        assert_refused(command, &format!("{name} is not set")).await;
        let mut command = probe(&GOOD);
        command.env(name, "");
        assert_refused(command, &format!("{name} is not set")).await;
    }
    let mut command = probe(&GOOD);
    command.env("RUST_LOG", "info,=,/");
    assert_refused(command, "RUST_LOG").await;
}

#[tokio::test]
async fn what_is_for_others_or_for_later_is_named() {
    for provider in ["my2n", "glue", "fintiv", "q2", "oauth2"] {
        let wrong = format!("{provider} is not built in yet");
        assert_refused(probe(&[provider]), &wrong).await;
    }
    for option in ["--store", "--redis"] {
        let mut command = probe(&GOOD);
        command.args([option, "x"]);
        assert_refused(command, &format!("{option} is not built in yet")).await;
    }
    for (client, wrong) in [
        ("reqwest", "is not built in yet"),
        ("reqwest-middleware", "is not built in yet"),
        ("curl", "the value of --client"),
    ] {
        let mut command = probe(&GOOD);
        command.args(["--client", client]);
        assert_refused(command, wrong).await;
    }
    for (option, whom) in [
        ("--login-url", "my2n, fintiv and oauth2"),
        ("--api-version", "my2n"),
        ("--mfa-type", "glue"),
        ("--webhook-listen", "q2"),
        ("--client-id", "q2"),
        ("--company-id", "q2"),
        ("--form", "q2"),
        ("--form-env", "q2"),
        ("--webhook-keys", "q2"),
    ] {
        let mut command = probe(&GOOD);
        command.args([option, "a=b"]);
        assert_refused(
            command,
            &format!("{option} does not apply to back-office: it is for {whom}"),
        )
        .await;
    }
}

#[tokio::test]
async fn help_is_no_error() {
    let mut command = probe(&["--help"]);
    command.env_remove("PROBE_PASSWORD");
    let run = run(command).await;
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    for option in [
        "--base-url",
        "--stream-body",
        "PROBE_CODE_COMMAND",
        "exit status",
    ] {
        assert!(run.stdout.contains(option), "{option}");
    }
    assert!(run.stdout.lines().all(|line| line.chars().count() <= 100));
}
