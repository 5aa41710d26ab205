//! Calls that go well, and tokens that die under way.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tower_reauth::testing::{
    FakeClock,
    back_office::{Endpoint, Fault, Simulator},
};

use crate::program::{Run, against, at, run};

#[tokio::test]
async fn each_call_has_a_line_and_the_summary_is_the_last() {
    let server = Simulator::builder().start().await.unwrap();
    let run = against(&server, &["--requests", "5", "--concurrency", "2"]).await;
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(run.stderr, "");

    let mut numbers = vec![];
    let mut longest = 0.0;
    for call in run.calls() {
        let ms = call["ms"].as_f64().unwrap();
        longest = f64::max(longest, ms);
        let expected = json!({"call": call["call"], "status": 200, "ms": ms, "error": null});
        assert_eq!(call, expected);
        numbers.push(call["call"].as_u64().unwrap());
    }
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);

    let mut summary = run.summary();
    assert_eq!(summary["max_ms"], longest);
    for measured in ["p50_ms", "p99_ms", "max_ms", "seconds"] {
        assert!(summary[measured].take().is_f64(), "{measured}");
    }
    let expected = json!({
        "calls": 5, "ok": 5, "by_status": {"200": 5}, "failed": 0, "sign_ins": 1, "renewals": 0,
        "resends": 0, "upgrades": 0, "mfa_rounds": 0, "normalized": 0, "p50_ms": null,
        "p99_ms": null, "max_ms": null, "seconds": null,
    });
    assert_eq!(summary, expected);

    let counts = server.counts();
    assert_eq!(
        (counts.sign_ins, counts.api_ok, counts.sign_outs),
        (1, 5, 0)
    );
    assert_eq!(server.violations(), [""; 0]);
}

#[tokio::test]
async fn signs_out_at_the_end_if_asked_to() {
    let server = Simulator::builder().start().await.unwrap();
    let run = against(&server, &["--sign-out"]).await;
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(
        (server.counts().sign_outs, server.counts().sign_outs_ok),
        (1, 1)
    );

    server.inject(Endpoint::SignOut, Fault::Status(500));
    let run = against(&server, &["--sign-out"]).await;
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stderr.contains("the sign-out failed"), "{run:?}");
    assert_eq!(run.counts(["ok", "failed"]), [1, 0]);
}

#[tokio::test]
async fn a_token_that_dies_is_renewed_and_the_call_sent_again() {
    let server = Simulator::builder().start().await.unwrap();
    // So many lines do not fit into a pipe: the program waits for the reader, and the token dies
    // before the last of the calls whatever the machine does meanwhile.
    let mut child = at(&server.base_url(), &["--requests", "3000"])
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    stdout.read_line(&mut text).await.unwrap();
    server.revoke_access_tokens();
    stdout.read_to_string(&mut text).await.unwrap();
    let run = Run {
        code: child.wait().await.unwrap().code(),
        stdout: text,
        stderr: String::new(),
    };
    assert_eq!(run.code, Some(0));
    assert_eq!(run.counts(["calls", "ok", "failed"]), [3000, 3000, 0]);
    assert_eq!(run.counts(["sign_ins", "renewals", "resends"]), [1, 1, 1]);
    let counts = server.counts();
    assert_eq!(
        (counts.sign_ins, counts.refreshes, counts.unauthorized),
        (1, 1, 1)
    );
    assert_eq!((counts.api_ok, counts.violations), (3000, 0));
}

#[tokio::test]
async fn a_relogin_counts_as_a_sign_in() {
    let server = Simulator::builder().start().await.unwrap();
    server.inject(Endpoint::Api, Fault::Status(401));
    server.inject(Endpoint::Refresh, Fault::Status(401));
    let run = against(&server, &["--requests", "2"]).await;
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(run.counts(["sign_ins", "renewals", "resends"]), [2, 0, 1]);
}

#[tokio::test]
async fn a_renewal_ahead_of_time_is_counted_though_the_calls_are_over() {
    // The margin is never more than half the lifetime, so the token is due after 1.5 s here. At
    // the server it never dies, because its clock stands still.
    let server = Simulator::builder()
        .access_lifetime(Duration::from_secs(3))
        .clock(FakeClock::new())
        .start()
        .await
        .unwrap();
    let every = [
        "--requests",
        "2",
        "--every",
        "2500",
        "--renew-ahead",
        "3600000",
    ];
    let run = against(&server, &every).await;
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(run.counts(["sign_ins", "renewals", "resends"]), [1, 1, 0]);
    assert_eq!(server.counts().refreshes, 1);
}

#[tokio::test]
async fn an_upload_that_is_refused_early_arrives_whole() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let bytes: Vec<u8> = (0..3_000_001_u32).map(|at| (at % 251) as u8).collect();
    std::fs::write(file.path(), &bytes).unwrap();
    let path = file.path().to_str().unwrap();
    for (streamed, length) in [(true, None), (false, Some("3000001"))] {
        let server = Simulator::builder().start().await.unwrap();
        server.inject(Endpoint::Api, Fault::EarlyUnauthorized);
        let mut arguments = vec!["--body-file", path, "--content-type", "application/x-bytes"];
        if streamed {
            arguments.push("--stream-body");
        }
        let run = against(&server, &arguments).await;
        assert_eq!(run.code, Some(0), "{run:?}");
        assert_eq!(run.counts(["sign_ins", "renewals", "resends"]), [1, 1, 1]);

        let uploads = server.uploads();
        assert_eq!(uploads.len(), 1);
        assert_eq!(uploads[0].method, "POST");
        assert!(uploads[0].body == bytes, "{} bytes", uploads[0].body.len());
        let header = |name| {
            uploads[0]
                .headers
                .get(name)
                .map(|value| value.to_str().unwrap())
        };
        assert_eq!(header("content-type"), Some("application/x-bytes"));
        assert_eq!(header("content-length"), length);
    }
}

#[tokio::test]
async fn says_what_the_command_line_says() {
    let server = Simulator::builder().start().await.unwrap();
    let run_with = |arguments: &'static [&'static str]| {
        let base_url = format!("{}/prefix/", server.base_url());
        async move { run(at(&base_url, arguments)).await }
    };
    // The sign-in is below the prefix as well, where this simulator has no endpoint.
    let run = run_with(&[]).await;
    assert_eq!(run.code, Some(1), "{run:?}");

    let run = against(&server, &["--body", "--x", "--method", "put"]).await;
    assert_eq!(run.code, Some(0), "{run:?}");
    let run = against(
        &server,
        &["--method", "DELETE", "--content-type", "text/plain"],
    )
    .await;
    assert_eq!(run.code, Some(0), "{run:?}");
    let run = against(&server, &["--path", "api?a=1&b=%20", "--body", ""]).await;
    assert_eq!(run.code, Some(0), "{run:?}");

    let told: Vec<Value> = server
        .uploads()
        .iter()
        .map(|upload| {
            let kind = upload.headers.get("content-type");
            let kind = kind.map(|kind| kind.to_str().unwrap());
            json!([upload.method.as_str(), upload.path, &upload.body[..], kind])
        })
        .collect();
    let json = "application/json";
    let expected = [
        json!(["PUT", "/api/v2/accounts", b"--x", json]),
        json!(["DELETE", "/api/v2/accounts", b"", null]),
        json!(["POST", "/api?a=1&b=%20", b"", json]),
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_table_is_for_people() {
    let server = Simulator::builder().start().await.unwrap();
    let base_url = server.base_url();
    let path = ["--path", "/x", "--requests", "3"];
    let mut command = crate::program::probe(&["back-office", "--base-url", &base_url]);
    command.args(path);
    let run = run(command).await;
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.stdout.contains("3 x 200"), "{run:?}");
    // The progress bar is for terminals.
    assert_eq!(run.stderr, "");
    assert_eq!(server.violations(), [""; 0]);
}
