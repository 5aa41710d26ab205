//! Runs the program and reads what it prints.

use std::{
    env,
    path::{Path, PathBuf},
    process::Stdio,
    sync::OnceLock,
    time::SystemTime,
};

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
    let mut command = Command::new(executable());
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

/// Runs the program against the simulator.
pub(crate) async fn against(server: &Simulator, arguments: &[&str]) -> Run {
    run(at(&server.base_url(), arguments)).await
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

/// Cargo builds the examples with the tests, but not if one test alone is asked for: then what is
/// there is missing or out of date.
fn executable() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let test = env::current_exe().unwrap();
        let profile = test.parent().and_then(Path::parent).unwrap();
        let name = format!("probe{}", env::consts::EXE_SUFFIX);
        let executable = profile.join("examples").join(name);
        let sources = Path::new(env!("CARGO_MANIFEST_DIR"));
        let newest = changed(&sources.join("examples/probe")).max(changed(&sources.join("src")));
        if !executable.exists() || changed(&executable) < newest {
            let mut build = std::process::Command::new(env!("CARGO"));
            build.args(["build", "--example", "probe"]);
            build.current_dir(sources);
            // What cargo tells this test about itself would rebuild crates that look at it.
            let told = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_"];
            for (name, _) in env::vars_os() {
                let name = name.to_string_lossy();
                if told.iter().any(|prefix| name.starts_with(prefix)) {
                    build.env_remove(&*name);
                }
            }
            if profile.ends_with("release") {
                build.arg("--release");
            }
            assert!(build.status().unwrap().success());
        }
        assert!(executable.exists(), "{} is missing", executable.display());
        executable
    })
}

/// When the file, or the newest of the files in the folder, was changed.
fn changed(path: &Path) -> SystemTime {
    if !path.is_dir() {
        return path.metadata().unwrap().modified().unwrap();
    }
    let entries = path.read_dir().unwrap();
    let times = entries.map(|entry| changed(&entry.unwrap().path()));
    times.max().unwrap_or(SystemTime::UNIX_EPOCH)
}
