//! No secret is printed or logged, whatever is logged and whatever the server repeats.

use std::time::Duration;

use tokio::process::Command;
use tower_reauth::testing::{
    self,
    back_office::{Endpoint, Fault, Simulator},
};

use crate::{
    codes::{CAT, with_mail},
    program::{EMAIL, PASSWORD, Run, at, probe, run},
    tls::Front,
};

/// How the simulator's tokens begin.
const TOKEN: &str = "wyJ0eXAiOiJKV1Qi";

async fn start() -> Simulator {
    let builder = Simulator::builder().two_factor(true).echo_secrets(true);
    builder.start().await.unwrap()
}

#[tokio::test]
async fn nothing_leaks_over_http_1() {
    let server = start().await;
    let base_url = server.base_url();
    whole_life(&server, |arguments| at(&base_url, arguments)).await;
    wrong_password(at(&base_url, &[])).await;
    assert_eq!(server.violations(), [""; 0]);
}

#[tokio::test]
async fn nothing_leaks_over_tls_and_http_2() {
    let server = start().await;
    let front = Front::start(server.address()).await;
    let base_url = front.base_url();
    let ca = front.ca().to_str().unwrap();
    whole_life(&server, |arguments| {
        let mut command = at(&base_url, arguments);
        command.args(["--ca", ca]);
        command
    })
    .await;
    assert_eq!(front.protocols(), ["h2"]);
    assert_eq!(server.violations(), [""; 0]);
}

/// A wrong code and a right one, a refresh, one that is refused, another sign-in, and a sign-out.
async fn whole_life(server: &Simulator, probe: impl Fn(&[&str]) -> Command) {
    let folder = tempfile::tempdir().unwrap();
    server.inject(Endpoint::Api, Fault::Status(401));
    // The first is resent after the refresh, and that send goes well.
    server.inject(Endpoint::Api, Fault::Delay(Duration::ZERO));
    server.inject(Endpoint::Api, Fault::Status(401));
    server.inject(Endpoint::Refresh, Fault::Delay(Duration::ZERO));
    server.inject(Endpoint::Refresh, Fault::Status(401));
    let code = format!("{{ {CAT}; }} | tee -a codes");
    let command = format!("if [ -e asked ]; then {code}; else touch asked; echo bad-c0de; fi");
    let mut probe = probe(&["--requests", "3", "--sign-out", "--body", "{}"]);
    probe.env("RUST_LOG", "trace");
    let run = with_mail(server, folder.path(), &command, probe).await;
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(
        run.counts(["sign_ins", "renewals", "mfa_rounds"]),
        [2, 1, 3]
    );
    assert_eq!(server.counts().sign_outs_ok, 1);
    assert!(run.stderr.contains("TRACE"), "the log is off");
    let codes = std::fs::read_to_string(folder.path().join("codes")).unwrap();
    let codes: Vec<_> = codes.split_whitespace().collect();
    assert_eq!(codes.len(), 2);
    assert_clean(&run, &codes);
}

async fn wrong_password(mut probe: Command) {
    probe
        .env("RUST_LOG", "trace")
        .env("PROBE_PASSWORD", "hunter2-wrong");
    let run = run(probe).await;
    assert_eq!(run.kinds(), ["rejected"]);
    assert_clean(&run, &[]);
}

/// Runs this with each client and everything logged, and looks for secrets in what is printed.
/// Returns how the runs ended.
async fn with_each_client(
    arguments: &[&str],
    environment: &[(&str, &str)],
    before: impl Fn(),
) -> Vec<Run> {
    let mut runs = Vec::new();
    for client in ["hyper", "reqwest", "reqwest-middleware"] {
        before();
        let mut command = probe(arguments);
        command
            .args(["--json", "--client", client])
            .env("RUST_LOG", "trace");
        command.envs(environment.iter().copied());
        let run = run(command).await;
        assert!(run.stderr.contains("TRACE"), "the log is off");
        for text in [&run.stdout, &run.stderr] {
            let own = environment
                .iter()
                .filter(|(name, _)| !name.ends_with("COMMAND"));
            for secret in own.map(|(_, value)| *value).chain([EMAIL, PASSWORD]) {
                assert!(!text.contains(secret), "{client}: {secret} in {text}");
            }
            // The tokens of the simulators are in hexadecimal.
            let words = text.split(|letter: char| !letter.is_ascii_hexdigit());
            let token = words.max_by_key(|word| word.len()).unwrap_or_default();
            assert!(token.len() < 32, "{client}: {token} in {text}");
        }
        runs.push(run);
    }
    runs
}

#[tokio::test]
async fn nothing_leaks_of_my2n() {
    use testing::my2n::{Endpoint, Simulator};

    let server = Simulator::builder()
        .account(EMAIL, PASSWORD)
        .echo_secrets(true);
    let server = server.start().await.unwrap();
    let (base_url, login_url) = (server.base_url(), server.login_url());
    let arguments = [
        "my2n",
        "--base-url",
        &base_url,
        "--login-url",
        &login_url,
        "--sign-out",
    ];
    let refuse = || {
        // Not the first, or the account would count as one that is not allowed in.
        server.inject(Endpoint::Api, testing::Fault::Delay(Duration::ZERO));
        server.inject(Endpoint::Api, testing::Fault::Status(401));
    };
    for migrated in [false, true] {
        if migrated {
            server.migrate(EMAIL);
        }
        let more = [&arguments[..], &["--requests", "2"]].concat();
        for run in with_each_client(&more, &[], refuse).await {
            assert_eq!(run.counts(["ok", "resends"]), [2, 1]);
        }
        let wrong = [("PROBE_PASSWORD", "hunter2-hunter3")];
        for run in with_each_client(&arguments, &wrong, || ()).await {
            assert_eq!(run.kinds(), ["rejected"]);
        }
    }
    assert_eq!(server.violations(), [""; 0]);
}

#[tokio::test]
async fn nothing_leaks_of_glue() {
    use testing::glue::{Endpoint, Simulator};

    let server = Simulator::builder()
        .account(EMAIL, PASSWORD)
        .echo_secrets(true);
    let server = server.start().await.unwrap();
    let base_url = server.base_url();
    let path = ["--path", "/customers/DE--1", "--body", "{}", "--sign-out"];
    let arguments = [&["glue", "--base-url", &base_url][..], &path].concat();
    let refuse = || server.inject(Endpoint::Api, testing::Fault::Status(401));
    let code = [("PROBE_CODE_COMMAND", "printf 8421; echo 3719")];
    for run in with_each_client(&arguments, &code, refuse).await {
        assert_eq!(run.kinds(), ["code-rejected"]);
        assert_eq!(
            run.counts(["sign_ins", "renewals", "mfa_rounds"]),
            [1, 1, 1]
        );
        assert!(!format!("{run:?}").contains("84213719"));
    }
    let wrong = [("PROBE_PASSWORD", "hunter2-hunter3")];
    for run in with_each_client(&arguments, &wrong, || ()).await {
        assert_eq!(run.kinds(), ["rejected"]);
    }
    assert_eq!(server.violations(), [""; 0]);
}

#[tokio::test]
async fn nothing_leaks_of_oauth2() {
    use testing::oauth2::{Endpoint, Simulator};

    let server = Simulator::builder()
        .client("client-of-mine", "secret-of-mine")
        .client_credentials_refresh(true)
        .echo_secrets(true);
    let server = server.start().await.unwrap();
    let base_url = server.base_url();
    let arguments = [
        "oauth2",
        "--base-url",
        &base_url,
        "--path",
        "/x",
        "--sign-out",
    ];
    let refuse = || server.inject(Endpoint::Api, testing::Fault::Status(401));
    let client = |secret| {
        [
            ("PROBE_CLIENT_ID", "client-of-mine"),
            ("PROBE_CLIENT_SECRET", secret),
        ]
    };
    for run in with_each_client(&arguments, &client("secret-of-mine"), refuse).await {
        assert_eq!(
            run.counts(["ok", "sign_ins", "renewals", "resends"]),
            [1, 1, 1, 1]
        );
    }
    for run in with_each_client(&arguments, &client("hunter2-hunter3"), || ()).await {
        assert_eq!(run.kinds(), ["rejected"]);
    }
    assert_eq!(server.violations(), [""; 0]);
}

#[tokio::test]
async fn nothing_leaks_of_q2() {
    use testing::q2::Simulator;

    let server = Simulator::builder()
        .echo_secrets(true)
        .start()
        .await
        .unwrap();
    let base_url = server.base_url();
    let plain = ["q2", "--base-url", &base_url, "--path", "/x"];
    for run in with_each_client(&plain, &[("PROBE_API_KEY", "hunter2-hunter3")], || ()).await {
        assert_eq!(run.kinds(), ["rejected"]);
    }
    let auth = [
        "q2",
        "--base-url",
        &base_url,
        "--client-id",
        "nobody",
        "--company-id",
        "c",
        "--form-env",
        "password=FIELD",
    ];
    let secrets = [
        ("PROBE_API_KEY", "hunter2-hunter3"),
        ("FIELD", "correct-horse-battery"),
    ];
    for run in with_each_client(&auth, &secrets, || ()).await {
        assert!(run.stdout.contains("\"kind\":\"rejected\""), "{run:?}");
    }
    assert_eq!(server.violations(), [""; 0]);
}

#[track_caller]
fn assert_clean(run: &Run, codes: &[&str]) {
    for text in [&run.stdout, &run.stderr] {
        for secret in [EMAIL, PASSWORD, "hunter2", TOKEN, "bad-c0de"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        for line in text.lines() {
            // The microseconds of the time may be any six digits.
            let line = line.split_once("Z ").map_or(line, |(_, line)| line);
            for code in codes {
                assert!(!line.contains(code), "{code} in {line}");
            }
            let words = line.split(|letter: char| !letter.is_ascii_hexdigit() && letter != '-');
            for word in words {
                assert!(!is_uuid(word), "a token of 2FA in {line}");
            }
        }
    }
}

fn is_uuid(word: &str) -> bool {
    let lengths: Vec<_> = word.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12]
}
