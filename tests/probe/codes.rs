//! Codes: from a command, or from nobody.

use std::path::Path;

use tower_reauth::testing::back_office::Simulator;

use crate::program::{EMAIL, Run, against, at, run};

async fn two_factor() -> Simulator {
    let builder = Simulator::builder().two_factor(true);
    builder.start().await.unwrap()
}

/// Runs the program with this command for codes, while each code that is mailed is written to the
/// file `code` in `folder`.
pub(crate) async fn with_mail(
    server: &Simulator,
    folder: &Path,
    command: &str,
    mut probe: tokio::process::Command,
) -> Run {
    probe.current_dir(folder).env("PROBE_CODE_COMMAND", command);
    let deliver = async {
        loop {
            let code = server.next_code(EMAIL).await;
            // It is there whole or not at all.
            std::fs::write(folder.join("code.part"), format!("  {code}\n\n")).unwrap();
            std::fs::rename(folder.join("code.part"), folder.join("code")).unwrap();
        }
    };
    tokio::select! {
        run = run(probe) => run,
        () = deliver => unreachable!("it never ends"),
    }
}

/// Waits for the code, and prints it.
pub(crate) const CAT: &str = "until [ -e code ]; do sleep 0.01; done; cat code; rm code";

#[tokio::test]
async fn a_command_gives_the_code() {
    let server = two_factor().await;
    let folder = tempfile::tempdir().unwrap();
    let command = format!(
        "{CAT}; echo \"$PROBE_CODE_REASON $PROBE_CODE_TYPE ${{PROBE_PASSWORD-unset}}\" >told"
    );
    let probe = at(&server.base_url(), &["--requests", "3"]);
    let run = with_mail(&server, folder.path(), &command, probe).await;
    assert_eq!(run.code, Some(0), "{run:?}");
    let [ok, sign_ins, rounds] = run.counts(["ok", "sign_ins", "mfa_rounds"]);
    assert_eq!((ok, sign_ins, rounds), (3, 1, 1));
    let told = std::fs::read_to_string(folder.path().join("told")).unwrap();
    assert_eq!(told, "sign-in email unset\n");
    let counts = server.counts();
    assert_eq!(
        (counts.sign_ins, counts.confirms, counts.confirms_ok),
        (1, 1, 1)
    );
    assert_eq!(server.violations(), [""; 0]);
}

#[tokio::test]
async fn a_wrong_code_is_a_round_too() {
    let server = two_factor().await;
    let folder = tempfile::tempdir().unwrap();
    let command = format!("if [ -e asked ]; then {CAT}; else touch asked; echo wrong; fi");
    let probe = at(&server.base_url(), &[]);
    let run = with_mail(&server, folder.path(), &command, probe).await;
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(run.counts(["sign_ins", "mfa_rounds"]), [1, 2]);
    assert_eq!(
        (server.counts().confirms, server.counts().confirms_ok),
        (2, 1)
    );
    assert_eq!(server.violations(), [""; 0]);
}

#[tokio::test]
async fn wrong_codes_alone_fail_the_call() {
    let server = two_factor().await;
    let mut probe = at(&server.base_url(), &[]);
    // A new one each time: one that was refused would not be sent again.
    probe.env("PROBE_CODE_COMMAND", "echo wrong-$$");
    let run = run(probe).await;
    assert_eq!(
        (run.code, run.kinds()),
        (Some(1), vec!["code-rejected".into()])
    );
    assert_eq!(run.counts(["failed", "mfa_rounds"]), [1, 3]);
    assert_eq!(
        (server.counts().confirms, server.counts().violations),
        (3, 0)
    );
}

#[tokio::test]
async fn no_code_is_an_error_of_its_own() {
    let server = two_factor().await;
    for command in [
        "exit 3",
        "true",
        "echo ' '",
        "echo 1 2",
        "echo 123456; exit 1",
        "yes",
    ] {
        let mut probe = at(&server.base_url(), &["--requests", "2"]);
        probe.env("PROBE_CODE_COMMAND", command);
        let run = run(probe).await;
        let kind = "code-unavailable";
        assert_eq!(
            (run.code, run.kinds()),
            (Some(1), vec![kind.into(), kind.into()])
        );
        server.lift_lockout();
    }
    // Nor is there a terminal to ask on.
    let run = against(&server, &[]).await;
    assert_eq!(
        (run.code, run.kinds()),
        (Some(1), vec!["code-unavailable".into()])
    );
    assert!(run.stdout.contains("PROBE_CODE_COMMAND"), "{run:?}");
    // One sign-in each, and no code was ever sent.
    assert_eq!((server.counts().sign_ins, server.counts().confirms), (7, 0));
}
