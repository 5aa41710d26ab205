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
async fn what_is_for_others_is_named() {
    let mut command = probe(&GOOD);
    command.args(["--client", "curl"]);
    assert_refused(command, "the value of --client").await;
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

/// A command that lacks nothing.
fn good(provider: &str) -> Command {
    let mut command = probe(&[provider, "--base-url", "https://host.name", "--path", "/x"]);
    for name in [
        "PROBE_API_KEY",
        "PROBE_TENANT",
        "PROBE_CLIENT_ID",
        "PROBE_CLIENT_SECRET",
        "FIELD",
    ] {
        command.env(name, "hunter2");
    }
    command
}

#[tokio::test]
async fn each_provider_asks_for_its_secrets() {
    for (provider, names) in [
        ("my2n", &["PROBE_USERNAME", "PROBE_PASSWORD"][..]),
        ("glue", &["PROBE_USERNAME", "PROBE_PASSWORD"]),
        (
            "fintiv",
            &["PROBE_API_KEY", "PROBE_USERNAME", "PROBE_PASSWORD"],
        ),
        ("q2", &["PROBE_API_KEY"]),
        ("oauth2", &["PROBE_CLIENT_ID", "PROBE_CLIENT_SECRET"]),
    ] {
        for name in names {
            for value in [None, Some("")] {
                let mut command = good(provider);
                match value {
                    None => command.env_remove(name),
                    Some(value) => command.env(name, value),
                };
                assert_refused(command, &format!("{name} is not set")).await;
            }
        }
    }
}

#[tokio::test]
async fn what_each_provider_cannot_do_with_is_refused() {
    let auth = ["--client-id", "a", "--company-id", "b"];
    let with = |more: &[&'static str]| [&auth, more].concat();
    let cases: &[(&str, Vec<&str>, &str)] = &[
        (
            "my2n",
            vec!["--api-version", "v3"],
            "the value of --api-version",
        ),
        (
            "my2n",
            vec!["--api-version", "v2"],
            "--login-url is missing",
        ),
        (
            "my2n",
            vec!["--login-url", "http://host.name"],
            "--login-url is plain http",
        ),
        (
            "my2n",
            vec!["--login-url", "host.name"],
            "the value of --login-url",
        ),
        (
            "fintiv",
            vec!["--login-url", "http://host.name/a"],
            "--login-url is plain http",
        ),
        (
            "fintiv",
            vec!["--login-url", "https://a:hunter2@host.name"],
            "the value of --login-url",
        ),
        (
            "oauth2",
            vec!["--login-url", "http://host.name/token"],
            "--login-url is plain http",
        ),
        (
            "oauth2",
            vec!["--login-url", "hunter2"],
            "the value of --login-url",
        ),
        (
            "q2",
            vec!["--company-id", "b"],
            "--company-id is given without --client-id",
        ),
        (
            "q2",
            vec!["--form", "a=hunter2"],
            "--form is given without --client-id",
        ),
        ("q2", vec!["--client-id", "a"], "--company-id is missing"),
        ("q2", auth.to_vec(), "the auth has no login field"),
        (
            "q2",
            with(&["--form", "hunter2"]),
            "the value of --form is not a name",
        ),
        (
            "q2",
            with(&["--form", "=hunter2"]),
            "the value of --form is not a name",
        ),
        (
            "q2",
            with(&["--form-env", "a=NO_SUCH"]),
            "NO_SUCH is not set",
        ),
        (
            "q2",
            with(&["--form-env", "a=FIELD", "--webhook-listen", "nowhere"]),
            "cannot listen on nowhere",
        ),
        (
            "q2",
            with(&[
                "--form-env",
                "a=FIELD",
                "--webhook-keys",
                "http://host.name/keys",
            ]),
            "--webhook-keys is plain http",
        ),
    ];
    for (provider, arguments, first_line) in cases {
        let mut command = good(provider);
        command.args(arguments);
        assert_refused(command, first_line).await;
    }
    for provider in ["my2n", "glue", "fintiv", "q2", "oauth2"] {
        let plain = probe(&[provider, "--base-url", "http://host.name", "--path", "/x"]);
        assert_refused(plain, "--base-url is plain http").await;
        let url = ["--base-url", "https://host.name"];
        if provider != "my2n" {
            assert_refused(
                probe(&[&[provider], &url[..]].concat()),
                "--path is missing",
            )
            .await;
        }
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
        "--webhook-keys",
        "PROBE_CODE_COMMAND",
        "PROBE_CLIENT_SECRET",
        "exit status",
    ] {
        assert!(run.stdout.contains(option), "{option}");
    }
    assert!(run.stdout.lines().all(|line| line.chars().count() <= 100));
}
