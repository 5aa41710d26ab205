//! One stack around each client: what it promises is the same.

use tower_reauth::testing::back_office::{Endpoint, Fault, Simulator};

use crate::{
    program::{against, at, run},
    tls::Front,
};

const CLIENTS: [&str; 3] = ["hyper", "reqwest", "reqwest-middleware"];

#[tokio::test]
async fn a_token_that_is_refused_is_renewed_and_an_upload_arrives_whole() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let bytes: Vec<u8> = (0..1_000_001_u32).map(|at| (at % 251) as u8).collect();
    std::fs::write(file.path(), &bytes).unwrap();
    let path = file.path().to_str().unwrap();
    for client in CLIENTS {
        for streamed in [false, true] {
            let server = Simulator::builder().start().await.unwrap();
            server.inject(Endpoint::Api, Fault::EarlyUnauthorized);
            let mut arguments = vec!["--client", client, "--body-file", path, "--sign-out"];
            if streamed {
                arguments.push("--stream-body");
            }
            let run = against(&server, &arguments).await;
            assert_eq!(run.code, Some(0), "{client} {run:?}");
            let counts = run.counts(["ok", "sign_ins", "renewals", "resends"]);
            assert_eq!(counts, [1, 1, 1, 1], "{client}");
            let uploads = server.uploads();
            assert!(uploads[0].body == bytes, "{client}");
            let length = uploads[0].headers.get("content-length");
            assert_eq!(length.is_some(), !streamed, "{client}");
            assert_eq!(
                (server.counts().sign_outs_ok, server.counts().violations),
                (1, 0)
            );
        }
    }
}

#[tokio::test]
async fn redirects_are_followed_within_the_origin_at_most() {
    for client in CLIENTS {
        let server = Simulator::builder().start().await.unwrap();
        let redirect = |location: &str| Fault::Redirect {
            status: 307,
            location: location.to_owned(),
        };
        server.inject(Endpoint::Api, redirect("https://elsewhere.example/"));
        server.inject(Endpoint::Api, redirect("/api/v2/other"));
        let run = against(&server, &["--requests", "2", "--client", client]).await;
        let by_status = &run.summary()["by_status"];
        if client == "hyper" {
            assert_eq!(by_status, &serde_json::json!({"307": 2}));
        } else {
            assert_eq!(
                by_status,
                &serde_json::json!({"200": 1, "307": 1}),
                "{client}"
            );
        }

        // That of a sign-in is never followed.
        let server = Simulator::builder().start().await.unwrap();
        server.inject(Endpoint::SignIn, redirect("/api/v2/signin"));
        let run = against(&server, &["--client", client]).await;
        assert_eq!(run.kinds(), ["protocol"], "{client} {run:?}");
        assert_eq!(server.counts().sign_ins, 1, "{client}");
    }
}

#[tokio::test]
async fn tls_and_http_2_are_had_by_all() {
    for client in CLIENTS {
        // Each its own: the server allows a few sign-ins a minute.
        let server = Simulator::builder().start().await.unwrap();
        let front = Front::start(server.address()).await;
        let ca = front.ca().to_str().unwrap().to_owned();
        let mut command = at(&front.base_url(), &["--ca", &ca, "--client", client]);
        // The system's own are not needed.
        command.args(["--requests", "3"]);
        let good = run(command).await;
        assert_eq!(good.code, Some(0), "{client} {good:?}");
        assert_eq!(good.counts(["ok", "sign_ins"]), [3, 1]);
        let mut command = at(&front.base_url(), &["--client", client]);
        command.env("SSL_CERT_FILE", &ca).env("RUST_LOG", "trace");
        let trusted = run(command).await;
        assert_eq!(trusted.code, Some(0), "{client} {}", trusted.stdout);
        let untrusted = run(at(&front.base_url(), &["--client", client])).await;
        assert_eq!(untrusted.kinds(), ["transport"], "{client} {untrusted:?}");
        assert!(
            untrusted.stdout.contains("certificate"),
            "{client} {untrusted:?}"
        );
        assert_eq!(front.protocols(), ["h2"]);
        assert_eq!(server.violations(), [""; 0]);
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_and_one_that_hangs() {
    for client in CLIENTS {
        let server = Simulator::builder().start().await.unwrap();
        server.inject(Endpoint::Api, Fault::Hang);
        let run = against(&server, &["--timeout", "400", "--client", client]).await;
        assert_eq!(run.kinds(), ["timeout"], "{client} {run:?}");
        let base_url = server.base_url();
        server.shutdown().await;
        let run = crate::program::run(at(&base_url, &["--client", client])).await;
        assert_eq!(run.kinds(), ["transport"], "{client} {run:?}");
    }
}
