//! Ctrl-C, and readers that go away.

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::Child,
};
use tower_reauth::testing::back_office::{Endpoint, Fault, Simulator};

use crate::program::{Run, at};

fn press_ctrl_c(child: &Child) {
    let kill = format!("kill -INT {}", child.id().unwrap());
    let kill = std::process::Command::new("sh")
        .args(["-c", &kill])
        .status();
    assert!(kill.unwrap().success());
}

async fn finish(
    mut child: Child,
    mut stdout: String,
    mut reader: impl AsyncReadExt + Unpin,
) -> Run {
    reader.read_to_string(&mut stdout).await.unwrap();
    Run {
        code: child.wait().await.unwrap().code(),
        stdout,
        stderr: String::new(),
    }
}

#[tokio::test]
async fn ctrl_c_starts_no_more_calls_and_prints_the_summary() {
    let server = Simulator::builder().start().await.unwrap();
    let every = ["--requests", "2", "--every", "3600000", "--sign-out"];
    let mut child = at(&server.base_url(), &every).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    stdout.read_line(&mut first).await.unwrap();
    press_ctrl_c(&child);
    let run = finish(child, first, stdout).await;
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(run.counts(["calls", "ok"]), [1, 1]);
    assert_eq!(server.counts().sign_outs_ok, 1);
    assert_eq!(server.violations(), [""; 0]);
}

#[tokio::test]
async fn a_second_ctrl_c_leaves_the_calls_under_way() {
    let server = Simulator::builder().start().await.unwrap();
    // A call that hangs tells nothing; the one after it says that both are under way.
    server.inject(Endpoint::Api, Fault::Hang);
    let arguments = [
        "--requests",
        "2",
        "--concurrency",
        "2",
        "--timeout",
        "3600000",
    ];
    let mut child = at(&server.base_url(), &arguments).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut first = String::new();
    stdout.read_line(&mut first).await.unwrap();
    press_ctrl_c(&child);
    let mut said = String::new();
    stderr.read_line(&mut said).await.unwrap();
    assert!(said.contains("Ctrl-C leaves at once"), "{said}");
    press_ctrl_c(&child);
    let run = finish(child, first, stdout).await;
    assert_eq!(run.code, Some(1), "{run:?}");
    assert_eq!(run.counts(["calls", "ok", "failed"]), [1, 1, 0]);
    assert_eq!(server.violations(), [""; 0]);
}

#[tokio::test]
async fn a_reader_that_goes_away_ends_the_run_without_a_panic() {
    let server = Simulator::builder().start().await.unwrap();
    let mut child = at(&server.base_url(), &["--requests", "1000000"])
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut String::new()).await.unwrap();
    drop(stdout);
    let mut stderr = String::new();
    let mut reader = child.stderr.take().unwrap();
    reader.read_to_string(&mut stderr).await.unwrap();
    assert_eq!(stderr, "");
    assert_eq!(child.wait().await.unwrap().code(), Some(1));
    assert!(server.counts().api_ok < 1_000_000);
    assert_eq!(server.violations(), [""; 0]);
}
