//! The receiver on hyper, over real sockets.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tower_reauth::providers::q2::Webhook;

use crate::support::*;

/// Runs a receiver on a loopback port, as the documentation shows it.
async fn run(webhook: Webhook) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(webhook.clone());
            tokio::spawn(async move {
                let server = auto::Builder::new(TokioExecutor::new());
                let stream = TokioIo::new(stream);
                server.serve_connection(stream, service).await.ok();
            });
        }
    });
    address
}

/// What ends a test that hangs. No test measures time by it.
const HUNG: Duration = Duration::from_secs(120);

async fn guarded<F: Future>(test: F) -> F::Output {
    tokio::time::timeout(HUNG, test)
        .await
        .expect("the test hangs")
}

/// Sends bytes, and returns what is answered until the connection ends.
async fn raw(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    // A reset after the answer is an end as well.
    stream.read_to_end(&mut answer).await.ok();
    String::from_utf8(answer).unwrap()
}

/// `EVENTS=600000` for so many; then it tells how much memory there is before and after the second half.
#[tokio::test]
async fn a_flood_of_events_is_accepted_and_holds_nothing() {
    let asked = std::env::var("EVENTS").ok();
    let events: usize = asked
        .as_ref()
        .map_or(2_000, |events| events.parse().unwrap());
    tokio::time::timeout(HUNG * (1 + events as u32 / 100_000), async {
        let desk = desk_with(|builder| builder.remembered_events(100));
        let address = run(desk.webhook.clone()).await;
        let client: Client<HttpConnector, Full<Bytes>> =
            Client::builder(TokioExecutor::new()).build_http();
        let begun = std::time::Instant::now();
        for half in ["first", "second"] {
            let mut tasks = tokio::task::JoinSet::new();
            for task in 0..20 {
                let client = client.clone();
                tasks.spawn(async move {
                    for number in 0..events / 40 {
                        let id = format!("{half}-{task}-{number}");
                        let event = of_client(&id, "auth.failed", json!({}));
                        let request = Request::post(format!("http://{address}/"))
                            .body(Full::from(event.to_string()))
                            .unwrap();
                        let answer = client.request(request).await.unwrap();
                        assert_eq!(answer.status(), 200);
                    }
                });
            }
            while let Some(task) = tasks.join_next().await {
                task.unwrap();
            }
            if asked.is_some() {
                let memory = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
                println!("{half} half: {:?}, pages {memory}", begun.elapsed());
            }
        }
        let counts = desk.q2.counts();
        assert_eq!(counts.unclaimed, events as u64);
        assert_eq!((counts.remembered, counts.held), (100, 0));
    })
    .await
    .expect("the test hangs");
}

#[tokio::test]
async fn huge_slow_and_broken_bodies_get_their_answers() {
    guarded(async {
        let desk = desk();
        let webhook = open(&desk.q2)
            .max_body(1_000)
            .read_timeout(Duration::from_millis(50))
            .build()
            .unwrap();
        let address = run(webhook).await;
        let head = "POST /events HTTP/1.1\r\nhost: x\r\n";
        let huge = format!("{head}content-length: 1000000000000\r\n\r\n{{");
        assert!(
            raw(address, huge.as_bytes())
                .await
                .starts_with("HTTP/1.1 413")
        );
        let chunked = format!(
            "{head}transfer-encoding: chunked\r\n\r\n7d0\r\n{}\r\n0\r\n\r\n",
            " ".repeat(2_000)
        );
        assert!(
            raw(address, chunked.as_bytes())
                .await
                .starts_with("HTTP/1.1 413")
        );
        let slow = format!("{head}content-length: 100\r\n\r\n{{\"event\"");
        let answer = raw(address, slow.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
        assert!(answer.contains("connection: close"), "{answer}");
        let get = "GET /events HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        assert!(
            raw(address, get.as_bytes())
                .await
                .starts_with("HTTP/1.1 405")
        );
        let event = success().to_string();
        let good = format!(
            "{head}connection: close\r\ncontent-length: {}\r\n\r\n{event}",
            event.len()
        );
        assert!(
            raw(address, good.as_bytes())
                .await
                .starts_with("HTTP/1.1 200")
        );
        assert_eq!(desk.q2.counts().unclaimed, 1);
    })
    .await;
}
