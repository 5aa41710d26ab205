//! Glue: tokens, and codes for the calls that want one.

use tokio::process::Command;
use tower_reauth::testing::{
    Fault,
    glue::{Endpoint, Simulator, TypeStatus},
};

use crate::program::{EMAIL, PASSWORD, Run, probe, run};

fn at(server: &Simulator, arguments: &[&str]) -> Command {
    let base_url = server.base_url();
    let mut command = probe(&["glue", "--base-url", &base_url, "--json"]);
    command.args(["--path", "/customers/DE--1"]).args(arguments);
    command
}

async fn start() -> Simulator {
    let builder = Simulator::builder().account(EMAIL, PASSWORD);
    builder.start().await.unwrap()
}

/// Prints the code that is in the file `code`, and notes why.
const COMMAND: &str = "echo \"$PROBE_CODE_REASON $PROBE_CODE_TYPE\" >>told; \
                       until [ -e code ]; do sleep 0.01; done; cat code; rm code";

/// Runs the program, while each code that is sent is written to a file. Returns what the command was
/// told as well.
async fn with_codes(server: &Simulator, mut probe: Command) -> (Run, String) {
    let folder = tempfile::tempdir().unwrap();
    probe
        .current_dir(folder.path())
        .env("PROBE_CODE_COMMAND", COMMAND);
    let deliver = async {
        loop {
            let code = server.next_code(EMAIL).await;
            std::fs::write(folder.path().join("code.part"), code).unwrap();
            let (part, whole) = (folder.path().join("code.part"), folder.path().join("code"));
            std::fs::rename(part, whole).unwrap();
        }
    };
    let run = tokio::select! {
        run = run(probe) => run,
        () = deliver => unreachable!("it never ends"),
    };
    let told = std::fs::read_to_string(folder.path().join("told")).unwrap_or_default();
    (run, told)
}

#[tokio::test]
async fn many_calls_want_a_code_and_one_is_asked_for() {
    for client in ["hyper", "reqwest", "reqwest-middleware"] {
        let server = start().await;
        let many = [
            "--requests",
            "64",
            "--concurrency",
            "64",
            "--body",
            "{}",
            "--client",
            client,
        ];
        let (run, told) = with_codes(&server, at(&server, &many)).await;
        assert_eq!(run.code, Some(0), "{client} {run:?}");
        let counts = run.counts(["ok", "sign_ins", "renewals", "mfa_rounds"]);
        assert_eq!(counts, [64, 1, 0, 1], "{client}");
        assert_eq!(told, "challenge email\n", "{client}");
        let counts = server.counts();
        assert_eq!((counts.triggers, counts.api_ok), (1, 64), "{client}");
        let [resends] = run.counts(["resends"]);
        assert_eq!(counts.missing_codes, resends, "{client}");
        assert_eq!(
            (counts.refused_codes, counts.violations),
            (0, 0),
            "{client}"
        );
    }
}

#[tokio::test]
async fn what_needs_no_code_asks_for_none() {
    let server = start().await;
    let run = run(at(&server, &["--requests", "2", "--sign-out"])).await;
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(
        run.counts(["ok", "sign_ins", "mfa_rounds", "resends"]),
        [2, 1, 0, 0]
    );
    let counts = server.counts();
    assert_eq!((counts.triggers, counts.revocations_ok), (0, 1));
    assert_eq!(server.violations(), [""; 0]);
}

#[tokio::test]
async fn a_wrong_code_is_told_with_the_servers_own_words() {
    let server = start().await;
    let mut command = at(&server, &["--body", "{}"]);
    command.env("PROBE_CODE_COMMAND", "echo 000000000");
    let wrong = run(command).await;
    assert_eq!(wrong.code, Some(1), "{wrong:?}");
    let calls = wrong.calls();
    assert_eq!(
        (&calls[0]["status"], &calls[0]["call"]),
        (&403.into(), &1.into())
    );
    assert_eq!(calls[0]["error"]["kind"], "code-rejected");
    assert_eq!(calls[0]["error"]["code"], "5901");
    assert_eq!(
        wrong.counts(["ok", "failed", "sign_ins", "mfa_rounds"]),
        [0, 0, 1, 1]
    );
    assert_eq!(server.counts().triggers, 1);

    let mut command = at(&server, &["--body", "{}"]);
    command.env("PROBE_CODE_COMMAND", "exit 1");
    let none = run(command).await;
    assert_eq!(none.kinds(), ["code-unavailable"]);
    assert_eq!(none.counts(["ok", "failed", "mfa_rounds"]), [0, 0, 0]);
    assert_eq!(server.violations(), [""; 0]);
}

#[tokio::test]
async fn the_type_of_the_code_is_as_it_is_told() {
    let server = Simulator::builder()
        .account(EMAIL, PASSWORD)
        .mfa_type("sms");
    let server = server.start().await.unwrap();
    server.set_mfa(EMAIL, "email", TypeStatus::Deactivated);
    server.set_mfa(EMAIL, "sms", TypeStatus::Activated);
    let sms = at(&server, &["--body", "{}", "--mfa-type", "sms"]);
    let (run, told) = with_codes(&server, sms).await;
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(told, "challenge sms\n");
    assert_eq!(server.violations(), [""; 0]);
}

#[tokio::test]
async fn a_refused_token_is_refreshed_and_a_refused_refresh_signed_in_again() {
    let server = start().await;
    server.inject(Endpoint::Api, Fault::Status(401));
    let refreshed = run(at(&server, &[])).await;
    assert_eq!(refreshed.code, Some(0), "{refreshed:?}");
    assert_eq!(
        refreshed.counts(["sign_ins", "renewals", "resends"]),
        [1, 1, 1]
    );

    server.inject(Endpoint::Api, Fault::Status(401));
    server.inject(Endpoint::RefreshTokens, Fault::Status(401));
    let again = run(at(&server, &[])).await;
    assert_eq!(again.code, Some(0), "{again:?}");
    assert_eq!(again.counts(["sign_ins", "renewals", "resends"]), [2, 0, 1]);
    assert_eq!(server.violations(), [""; 0]);
}
