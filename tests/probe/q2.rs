//! Q2: plain calls with the key, and auths that end by webhook.

use std::net::TcpListener;

use serde_json::{Value, json};
use tokio::process::Command;
use tower_reauth::testing::q2::{Signature, Simulator};

use crate::program::{Run, probe, run};

const KEY: &str = "dc220490-e6ee-11e5-8a94-e7385a8d929e";
const CLIENT: &str = "579b695decfa11012711875d";
const COMPANY: &str = "579b695decea110719b1874d";
const SECRET: &str = "correct-horse-battery";

fn at(server: &Simulator, arguments: &[&str]) -> Command {
    let base_url = server.base_url();
    let mut command = probe(&["q2", "--base-url", &base_url, "--json"]);
    command.args(arguments).env("PROBE_API_KEY", KEY);
    command.env("COMPANY_PASSWORD", SECRET);
    command
}

/// A port that nobody listens on.
fn port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// Creates auths for this login of the sandbox, with a receiver that the server knows.
fn auth(server: &Simulator, login: &str, arguments: &[&str]) -> Command {
    let address = port();
    server.set_webhook(format!("http://{address}/any/path"));
    let login = format!("username={login}");
    let mut command = at(server, &["--client-id", CLIENT, "--company-id", COMPANY]);
    command
        .args(["--webhook-listen", &address, "--form", &login])
        .args(["--form-env", "password=COMPANY_PASSWORD"])
        .args(arguments);
    command
}

/// Runs it, and takes off the first line, which says where events are taken.
async fn listening(command: Command) -> Run {
    let mut run = run(command).await;
    let (first, rest) = run.stdout.split_once('\n').unwrap();
    let first: Value = serde_json::from_str(first).unwrap();
    let url = first["listening"].as_str().unwrap();
    assert!(
        url.starts_with("http://127.0.0.1:") && url.ends_with('/'),
        "{url}"
    );
    assert_eq!(first.as_object().unwrap().len(), 1);
    run.stdout = rest.to_owned();
    assert!(!format!("{run:?}").contains(SECRET), "{run:?}");
    run
}

async fn start() -> Simulator {
    Simulator::builder().start().await.unwrap()
}

#[tokio::test]
async fn a_plain_call_carries_the_key() {
    let server = start().await;
    for client in ["hyper", "reqwest", "reqwest-middleware"] {
        let path = [
            "--path",
            "/company/search?q=x",
            "--requests",
            "2",
            "--client",
            client,
        ];
        let run = run(at(&server, &path)).await;
        assert_eq!(run.code, Some(0), "{run:?}");
        assert_eq!(run.stderr, "");
        // A static key is had without an exchange.
        let counts = run.counts(["ok", "sign_ins", "renewals", "resends", "mfa_rounds"]);
        assert_eq!(counts, [2, 0, 0, 0, 0]);
    }
    assert_eq!((server.counts().api_ok, server.counts().violations), (6, 0));

    let mut command = at(&server, &["--path", "/x", "--requests", "2"]);
    command.env("PROBE_API_KEY", "another");
    let run = run(command).await;
    assert_eq!(run.code, Some(1), "{run:?}");
    assert_eq!(run.kinds(), ["rejected", "rejected"]);
    assert_eq!(run.summary()["by_status"], json!({"401": 2}));
    assert_eq!(server.counts().wrong_keys, 2);
}

#[tokio::test]
async fn an_auth_that_is_verified_has_the_status_of_its_request() {
    let server = start().await;
    let run = listening(auth(&server, "test", &["--requests", "3"])).await;
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.stderr.contains("--webhook-keys"), "{run:?}");
    for call in run.calls() {
        assert_eq!(
            (&call["status"], &call["error"]),
            (&json!(200), &Value::Null)
        );
    }
    assert_eq!(
        run.counts(["calls", "ok", "failed", "mfa_rounds"]),
        [3, 3, 0, 0]
    );
    let counts = server.counts();
    assert_eq!((counts.creates, counts.resubmissions), (3, 0));
    assert_eq!(server.violations(), [""; 0]);
}

#[tokio::test]
async fn an_auth_that_comes_to_nothing_is_an_error() {
    for (login, kind, code) in [
        ("testfail", "rejected", Value::Null),
        (
            "testhold",
            "provider",
            json!("account_issue_account_locked"),
        ),
    ] {
        let server = start().await;
        let run = listening(auth(&server, login, &[])).await;
        assert_eq!(run.code, Some(1), "{run:?}");
        let call = &run.calls()[0];
        assert_eq!(call["status"], Value::Null, "{run:?}");
        assert_eq!(call["error"]["kind"], kind, "{run:?}");
        if login == "testfail" {
            assert_eq!(call["error"]["code"], code, "{run:?}");
        } else {
            assert!(call["error"]["code"].is_string(), "{run:?}");
        }
        assert_eq!(run.counts(["ok", "failed"]), [0, 1]);
        assert_eq!(server.counts().creates, 1);
    }
}

#[tokio::test]
async fn questions_and_codes_are_answered_by_the_command() {
    let server = start().await;
    let mut command = auth(&server, "testmfaquestion", &[]);
    command.env(
        "PROBE_CODE_COMMAND",
        "[ -n \"$PROBE_CODE_QUESTION\" ] && [ \"$PROBE_CODE_TYPE\" = questions ] && echo Rex",
    );
    let run = listening(command).await;
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(run.counts(["ok", "mfa_rounds"]), [1, 1]);
    assert_eq!((server.counts().creates, server.counts().steps), (1, 1));
    assert_eq!(server.violations(), [""; 0]);

    let server = start().await;
    let folder = tempfile::tempdir().unwrap();
    let mut command = auth(&server, "testmfacode", &[]);
    command.current_dir(folder.path()).env(
        "PROBE_CODE_COMMAND",
        "[ -n \"$PROBE_CODE_DESTINATION\" ] && [ -z \"$PROBE_CODE_QUESTION\" ] || exit; until [ -e code ]; do sleep 0.01; done; cat code",
    );
    let deliver = async {
        let code = server.next_code(CLIENT).await;
        std::fs::write(folder.path().join("part"), code).unwrap();
        std::fs::rename(folder.path().join("part"), folder.path().join("code")).unwrap();
    };
    let (run, ()) = tokio::join!(listening(command), deliver);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(run.counts(["ok", "mfa_rounds"]), [1, 1]);
    assert_eq!(server.violations(), [""; 0]);
}

#[tokio::test]
async fn a_wrong_answer_is_code_rejected() {
    let server = start().await;
    let mut command = auth(&server, "testmfaquestion", &[]);
    command.env("PROBE_CODE_COMMAND", "echo Bello");
    let run = listening(command).await;
    assert_eq!(
        (run.code, run.kinds()),
        (Some(1), vec!["code-rejected".into()])
    );
    assert_eq!(server.counts().creates, 1);
    assert_eq!(server.violations(), [""; 0]);
}

#[tokio::test]
async fn without_an_event_the_call_times_out_and_says_why() {
    let server = start().await;
    let command = auth(&server, "test", &["--timeout", "400"]);
    server.disable_webhook();
    let run = listening(command).await;
    assert_eq!((run.code, run.kinds()), (Some(1), vec!["timeout".into()]));
    assert!(run.stdout.contains("webhook events are off"), "{run:?}");
    assert_eq!(server.counts().creates, 1);
    assert_eq!(server.violations(), [""; 0]);
}

#[tokio::test]
async fn a_signature_is_required_if_keys_are_named() {
    let server = Simulator::builder()
        .sign_events(Signature::new())
        .open_keys(true);
    let server = server.start().await.unwrap();
    let keys = server.keys_url();
    let signed = listening(auth(&server, "test", &["--webhook-keys", &keys])).await;
    assert_eq!(signed.code, Some(0), "{signed:?}");
    assert_eq!(signed.stderr, "");
    assert_eq!(
        (
            server.counts().refused_deliveries,
            server.counts().violations
        ),
        (0, 0)
    );

    // Who does not sign is not heard.
    let other = start().await;
    let unsigned = ["--webhook-keys", &keys, "--timeout", "600"];
    let unsigned = listening(auth(&other, "test", &unsigned)).await;
    assert_eq!(
        (unsigned.code, unsigned.kinds()),
        (Some(1), vec!["timeout".into()])
    );
    assert!(other.counts().refused_deliveries > 0);
    assert_eq!(other.counts().delivered, 0);
    assert_eq!(other.violations(), [""; 0]);
}

#[tokio::test]
async fn what_means_nothing_to_an_auth_is_told() {
    let server = start().await;
    let unused = ["--path", "/x", "--method", "PUT", "--body", "x"];
    let run = listening(auth(&server, "test", &unused)).await;
    assert_eq!(run.code, Some(0), "{run:?}");
    for option in ["--path", "--method", "--body"] {
        assert!(
            run.stderr.contains(&format!("{option} is not used")),
            "{run:?}"
        );
    }
    assert_eq!(server.violations(), [""; 0]);
}

#[tokio::test]
async fn a_plain_call_listens_if_it_is_told_to() {
    let server = start().await;
    let address = port();
    let run = listening(at(&server, &["--path", "/x", "--webhook-listen", &address])).await;
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(server.violations(), [""; 0]);
}
