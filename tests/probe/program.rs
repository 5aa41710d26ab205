//! Runs the program and reads what it prints.

use std::{env, process::Stdio};

use serde_json::Value;
use tokio::process::Command;
use tower_reauth::testing::back_office::Simulator;

pub(crate) const EMAIL: &str = "foo@bar.com";
pub(crate) const PASSWORD: &str = "Secret123";

/// What a run of the program came to.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Creates a command with the credentials in its environment, and nothing of ours but the path.
pub(crate) fn probe(arguments: &[&str]) -> Command {
    let mut command = Command::new(crate::example::executable("probe", "examples/probe"));
    command
        .args(arguments)
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .env("PROBE_USERNAME", EMAIL)
        .env("PROBE_PASSWORD", PASSWORD)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Creates a command that calls `/api/v2/accounts` at `base_url` and prints JSON.
pub(crate) fn at(base_url: &str, arguments: &[&str]) -> Command {
    let mut command = probe(&["back-office", "--base-url", base_url, "--json"]);
    command.args(["--path", "/api/v2/accounts"]).args(arguments);
    command
}

/// Runs the program against the simulator, which must have no complaints.
pub(crate) async fn against(server: &Simulator, arguments: &[&str]) -> Run {
    let run = run(at(&server.base_url(), arguments)).await;
    assert_eq!(server.violations(), [""; 0]);
    run
}

pub(crate) async fn run(mut command: Command) -> Run {
    let output = command.output().await.unwrap();
    Run {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Run {
    /// The lines of the calls. Every line on standard output is JSON, and the last the summary.
    #[track_caller]
    pub(crate) fn calls(&self) -> Vec<Value> {
        let mut lines = self.lines();
        assert!(lines.pop().unwrap()["summary"].is_object());
        lines
    }

    #[track_caller]
    pub(crate) fn summary(&self) -> Value {
        self.lines().pop().unwrap()["summary"].take()
    }

    /// The kinds of the errors, call by call; null where there was none.
    #[track_caller]
    pub(crate) fn kinds(&self) -> Vec<Value> {
        let calls = self.calls().into_iter();
        calls.map(|mut call| call["error"]["kind"].take()).collect()
    }

    /// These counts of the summary.
    #[track_caller]
    pub(crate) fn counts<const N: usize>(&self, names: [&str; N]) -> [u64; N] {
        let summary = self.summary();
        names.map(|name| summary[name].as_u64().unwrap())
    }

    #[track_caller]
    fn lines(&self) -> Vec<Value> {
        let lines = self.stdout.lines();
        let lines: Vec<_> = lines
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{self:?}")))
            .collect();
        assert!(!lines.is_empty(), "{self:?}");
        lines
    }
}
