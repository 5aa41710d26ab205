//! OAuth 2.0: a client that signs in as itself.

use std::time::Duration;

use serde_json::json;
use tokio::process::Command;
use tower_reauth::testing::{
    Fault,
    oauth2::{ClientAuth, Endpoint, Quirk, Simulator},
};

use crate::program::{Run, probe, run};

const ID: &str = "s6BhdRkqt3";
const SECRET: &str = "7Fjfp0ZBr1KtDRbnfVdmIw";

fn at(server: &Simulator, arguments: &[&str]) -> Command {
    let base_url = server.base_url();
    let mut command = probe(&["oauth2", "--base-url", &base_url, "--json"]);
    command
        .args(["--path", "/accounts"])
        .args(arguments)
        .env("PROBE_CLIENT_ID", ID)
        .env("PROBE_CLIENT_SECRET", SECRET);
    command
}

async fn against(server: &Simulator, arguments: &[&str]) -> Run {
    let run = run(at(server, arguments)).await;
    assert_eq!(server.violations(), [""; 0]);
    run
}

async fn start() -> Simulator {
    let builder = Simulator::builder().client_credentials_refresh(true);
    builder.start().await.unwrap()
}

#[tokio::test]
async fn signs_in_by_basic_at_the_token_endpoint_and_refreshes() {
    for client in ["hyper", "reqwest", "reqwest-middleware"] {
        let server = start().await;
        server.inject(Endpoint::Api, Fault::Status(401));
        let many = ["--requests", "20", "--concurrency", "5", "--client", client];
        let run = against(&server, &many).await;
        assert_eq!(run.code, Some(0), "{client} {run:?}");
        let counts = run.counts(["ok", "sign_ins", "renewals", "resends"]);
        assert_eq!(&counts[..3], [20, 1, 1], "{client}");
        assert!((1..=5).contains(&counts[3]), "{client} {run:?}");
        let requests = server.token_requests();
        let grants: Vec<_> = requests
            .iter()
            .map(|request| request.grant_type.as_str())
            .collect();
        assert_eq!(grants, ["client_credentials", "refresh_token"]);
        assert!(
            requests
                .iter()
                .all(|request| request.client_auth == Some(ClientAuth::Basic))
        );
        assert_eq!(server.violations(), [""; 0]);
    }
}

#[tokio::test]
async fn the_token_endpoint_may_be_elsewhere() {
    let (server, api) = (start().await, start().await);
    let token_url = server.token_url();
    // That API knows nothing of the other's tokens.
    let run = against(&api, &["--login-url", &token_url]).await;
    assert_eq!(run.code, Some(1), "{run:?}");
    assert_eq!(run.summary()["by_status"], json!({"401": 1}));
    assert_eq!(
        (
            server.counts().client_credentials_ok,
            server.counts().api_calls
        ),
        (1, 0)
    );
    assert_eq!(api.counts().token_requests, 0);
    assert_eq!(server.violations(), [""; 0]);
}

#[tokio::test]
async fn failures_have_their_kinds_and_codes() {
    for (quirk, kind) in [
        ("invalid_client", "rejected"),
        ("invalid_grant", "rejected"),
        ("invalid_scope", "config"),
        ("something_else", "provider"),
    ] {
        for quirk in [Quirk::Error(quirk.into()), Quirk::ErrorIn200(quirk.into())] {
            let server = start().await;
            server.inject_quirk(Endpoint::Token, quirk);
            let run = against(&server, &["--requests", "2"]).await;
            assert_eq!(
                (run.code, run.kinds()),
                (Some(1), vec![kind.into(), kind.into()])
            );
            assert!(run.calls()[0]["error"]["code"].is_string(), "{run:?}");
            assert_eq!(server.counts().token_requests, 1);
        }
    }
    let server = start().await;
    server.put_off(429, Duration::from_secs(60));
    let run = against(&server, &["--requests", "3"]).await;
    assert_eq!(run.kinds(), ["rate-limited"; 3]);
    assert!(run.stdout.contains("try again in 60 s"), "{run:?}");
    assert_eq!(server.counts().token_requests, 1);
}

#[tokio::test]
async fn a_call_that_is_not_permitted_has_its_status_and_the_reason() {
    let builder = Simulator::builder().needs("/accounts", "write");
    let server = builder.start().await.unwrap();
    let run = against(&server, &["--requests", "2"]).await;
    assert_eq!(run.code, Some(1), "{run:?}");
    for call in run.calls() {
        assert_eq!(call["status"], 403);
        assert_eq!(call["error"]["kind"], "provider");
        assert_eq!(call["error"]["code"], "insufficient_scope");
    }
    assert_eq!(
        run.counts(["failed", "sign_ins", "renewals", "resends"]),
        [0, 1, 0, 0]
    );
}

#[tokio::test]
async fn signing_out_asks_no_server_that_is_not_named() {
    let server = start().await;
    let run = against(&server, &["--sign-out"]).await;
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(server.counts().revocations, 0);
}
