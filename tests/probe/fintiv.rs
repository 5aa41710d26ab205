//! Fintiv: failures inside a `200`, told as what they are.

use serde_json::json;
use tokio::process::Command;
use tower_reauth::testing::{
    Fault,
    fintiv::{Builder, Endpoint, Quirk, Simulator},
};

use crate::program::{EMAIL, PASSWORD, Run, probe, run};

const API_KEY: &str = "0a1b2c3d-key-of-mine";

fn builder() -> Builder {
    Simulator::builder()
        .account(EMAIL, PASSWORD)
        .api_key(API_KEY)
        .tenant_needed(true)
}

async fn start() -> Simulator {
    builder().start().await.unwrap()
}

fn at(server: &Simulator, arguments: &[&str]) -> Command {
    let mut command = probe(&["fintiv", "--base-url", &server.base_url(), "--json"]);
    command
        .args(["--path", "/validatepin", "--body", "{}"])
        .args(arguments)
        .env("PROBE_API_KEY", API_KEY)
        .env("PROBE_TENANT", "JANUS");
    command
}

async fn against(server: &Simulator, arguments: &[&str]) -> Run {
    let run = run(at(server, arguments)).await;
    assert_eq!(server.violations(), [""; 0]);
    run
}

#[tokio::test]
async fn a_call_carries_token_key_and_tenant() {
    let server = start().await;
    let run = against(&server, &["--requests", "30", "--concurrency", "10"]).await;
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(run.stderr, "");
    let counts = run.counts(["calls", "ok", "sign_ins", "renewals", "normalized"]);
    assert_eq!(counts, [30, 30, 1, 0, 0]);
    let counts = server.counts();
    assert_eq!(
        (counts.sign_ons, counts.api_ok, counts.violations),
        (1, 30, 0)
    );
}

#[tokio::test]
async fn what_is_not_valid_is_an_honest_400_and_no_reason_to_sign_on_again() {
    for client in ["hyper", "reqwest", "reqwest-middleware"] {
        let server = start().await;
        for quirk in [Quirk::different_user(), Quirk::failure("SOMETHING_ELSE")] {
            server.inject_quirk(Endpoint::Api, quirk);
        }
        let run = against(&server, &["--requests", "3", "--client", client]).await;
        assert_eq!(run.code, Some(1), "{client} {run:?}");
        let calls = run.calls();
        for (call, (status, code)) in calls
            .iter()
            .zip([(400, "VALIDATION"), (422, "SOMETHING_ELSE")])
        {
            assert_eq!(call["status"], status, "{client}");
            assert_eq!(call["error"]["kind"], "provider", "{client}");
            assert_eq!(call["error"]["code"], code, "{client}");
        }
        let message = calls[0]["error"]["message"].as_str().unwrap();
        assert!(
            message.contains("different user's security information"),
            "{message}"
        );
        assert_eq!(
            (&calls[2]["status"], &calls[2]["error"]),
            (&json!(200), &json!(null))
        );
        let counts = run.counts(["ok", "failed", "sign_ins", "resends", "normalized"]);
        assert_eq!(counts, [1, 0, 1, 0, 2], "{client}");
        let counts = server.counts();
        assert_eq!(
            (counts.api_calls, counts.sign_ons, counts.violations),
            (3, 1, 0)
        );
    }
}

#[tokio::test]
async fn a_token_that_is_refused_inside_a_200_is_renewed() {
    for client in ["hyper", "reqwest", "reqwest-middleware"] {
        let server = start().await;
        server.inject_quirk(Endpoint::Api, Quirk::failure("SECURITY"));
        let run = against(&server, &["--client", client]).await;
        assert_eq!(run.code, Some(0), "{client} {run:?}");
        let counts = run.counts(["ok", "sign_ins", "renewals", "resends", "normalized"]);
        assert_eq!(counts, [1, 2, 0, 1, 1], "{client}");
        let counts = server.counts();
        assert_eq!(
            (counts.sign_ons, counts.api_calls, counts.violations),
            (2, 2, 0)
        );
    }
}

#[tokio::test]
async fn an_answer_without_an_envelope_is_not_understood() {
    let server = start().await;
    server.inject(Endpoint::Api, Fault::Html);
    server.inject(Endpoint::Api, Fault::Status(502));
    let run = against(&server, &["--requests", "2"]).await;
    assert_eq!(
        (run.code, run.kinds()),
        (Some(1), vec!["protocol".into(), json!(null)])
    );
    assert_eq!(
        run.counts(["ok", "failed", "sign_ins", "normalized"]),
        [0, 0, 1, 1]
    );
    assert_eq!(run.summary()["by_status"], json!({ "502": 2 }));
    assert_eq!(server.counts().violations, 0);
}

#[tokio::test]
async fn a_wrong_password_is_presented_once_where_the_command_line_says() {
    let server = builder()
        .account(EMAIL, "another-one")
        .start()
        .await
        .unwrap();
    let url = format!("http://{}/payment/api/v1/services/signon", server.address());
    let run = against(&server, &["--requests", "3", "--login-url", &url]).await;
    assert_eq!(
        (run.code, run.kinds()),
        (Some(1), vec!["rejected".into(); 3])
    );
    assert_eq!(run.counts(["failed", "sign_ins"]), [3, 0]);
    let counts = server.counts();
    assert_eq!((counts.sign_ons, counts.rejected), (1, 1));
    assert_eq!((counts.api_calls, counts.violations), (0, 0));
}

#[tokio::test]
async fn an_outdated_key_is_rejected_once_and_named() {
    let server = start().await;
    server.set_api_key("a newer one");
    let run = against(&server, &["--requests", "3"]).await;
    assert_eq!(
        (run.code, run.kinds()),
        (Some(1), vec!["rejected".into(); 3])
    );
    let message = run.calls()[0]["error"]["message"].to_string();
    assert!(message.contains("api-key"), "{message}");
    let counts = server.counts();
    assert_eq!(
        (counts.sign_ons, counts.api_calls, counts.violations),
        (1, 0, 0)
    );
}

#[tokio::test]
async fn nothing_leaks() {
    let server = builder().echo_secrets(true).start().await.unwrap();
    for quirk in ["SECURITY", "VALIDATION"] {
        server.inject_quirk(Endpoint::Api, Quirk::failure(quirk));
    }
    // One that is refused and sent again, and one that is not.
    let mut command = at(&server, &["--requests", "2", "--concurrency", "2"]);
    command.env("RUST_LOG", "trace");
    let run = run(command).await;
    assert_eq!(run.counts(["sign_ins", "normalized"]), [2, 2], "{run:?}");
    assert!(run.stderr.contains("TRACE"), "the log is off");
    let text = format!("{run:?}");
    for secret in [API_KEY, EMAIL, PASSWORD] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    // Tokens are 64 digits, and nothing else here is.
    let is_hex = |letter: char| letter.is_ascii_hexdigit();
    let words = text.split(|letter: char| !is_hex(letter));
    assert_eq!(words.filter(|word| word.len() >= 64).count(), 0, "{text}");
    assert_eq!(server.violations(), [""; 0]);
}
