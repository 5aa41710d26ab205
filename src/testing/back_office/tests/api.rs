use std::time::Duration;

use tokio::io::AsyncReadExt;

use super::*;
use crate::testing::FakeClock;

const CHALLENGE: &str = r#"Bearer error="invalid_token""#;

#[tokio::test]
async fn a_valid_token_opens_the_api() {
    let pair = start_default().await;
    let (access, _) = pair.server.issue_access_token(EMAIL);
    let answer = pair.get(&access).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.json(),
        json!({ "ok": true, "account": EMAIL, "method": "GET", "path": "/accounts" })
    );
    let counts = pair.counts();
    assert_eq!((counts.api_calls, counts.api_ok), (1, 1));
    assert_eq!(counts.unauthorized, 0);
    assert_eq!(counts.tokens_issued, 1);
    assert_eq!(counts.sign_ins, 0);
    assert!(clean(counts));
    assert!(pair.server.uploads().is_empty());
}

#[tokio::test]
async fn without_a_valid_token_there_is_a_401_with_a_challenge() {
    let pair = start_default().await;
    let (access, refresh) = pair.server.issue_access_token(EMAIL);
    let mut bare = pair.bearer(Method::GET, "/accounts", &access, "");
    bare.headers_mut().remove("authorization");
    let answer = pair.send(bare).await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.header(header::WWW_AUTHENTICATE), Some(CHALLENGE));
    assert_eq!(pair.counts().unknown_tokens, 0);

    assert_eq!(pair.get("never-issued").await.status, 401);
    // A refresh token is no access token.
    assert_eq!(pair.get(&refresh).await.status, 401);
    let counts = pair.counts();
    assert_eq!((counts.api_calls, counts.api_ok), (3, 0));
    assert_eq!(counts.unauthorized, 3);
    assert_eq!(counts.unknown_tokens, 2);
    assert_eq!(counts.violations, 0);
}

#[tokio::test]
async fn access_tokens_end_on_cue_and_by_time() {
    let clock = FakeClock::new();
    let builder = Simulator::builder()
        .clock(clock.clone())
        .challenge(false)
        .access_lifetime(Duration::from_secs(2));
    let pair = start(builder).await;
    let (access, _) = pair.server.issue_access_token(EMAIL);
    clock.advance(Duration::from_millis(1999));
    assert_eq!(pair.get(&access).await.status, 200);
    clock.advance(Duration::from_millis(1));
    let answer = pair.get(&access).await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.header(header::WWW_AUTHENTICATE), None);

    pair.server.set_access_lifetime(Duration::from_secs(3600));
    let (access, _) = pair.server.issue_access_token(EMAIL);
    clock.advance(Duration::from_secs(2));
    assert_eq!(pair.get(&access).await.status, 200);
    pair.server.expire_access_tokens();
    assert_eq!(pair.get(&access).await.status, 401);

    let (access, refresh) = pair.server.issue_access_token(EMAIL);
    assert_eq!(pair.get(&access).await.status, 200);
    pair.server.revoke_access_tokens();
    assert_eq!(pair.get(&access).await.status, 401);
    let renewed = pair.refresh(&refresh).await;
    assert_eq!(pair.get(&renewed.access()).await.status, 200);
    assert!(clean(pair.counts()));
}

#[tokio::test]
async fn uploads_come_back_and_are_kept_byte_for_byte() {
    let pair = start_default().await;
    let (access, _) = pair.server.issue_access_token(EMAIL);
    let bytes: Vec<u8> = (0..200_000u32).flat_map(u32::to_le_bytes).collect();
    let mut request = pair.bearer(Method::PUT, "/files/1?x=y", &access, "");
    *request.body_mut() = Full::from(bytes.clone());
    let kind = http::HeaderValue::from_static("application/octet-stream");
    request.headers_mut().insert("content-type", kind);
    let answer = pair.send(request).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, bytes);
    assert_eq!(
        answer.header(header::CONTENT_TYPE),
        Some("application/octet-stream")
    );

    let refused = pair.bearer(Method::PUT, "/files/2", "never-issued", "abc");
    assert_eq!(pair.send(refused).await.status, 401);
    let uploads = pair.server.uploads();
    assert_eq!(uploads.len(), 1);
    assert_eq!(uploads[0].method, Method::PUT);
    assert_eq!(uploads[0].path, "/files/1?x=y");
    assert_eq!(uploads[0].body, bytes);
    assert!(uploads[0].trailers.is_none());
    assert!(!uploads[0].headers.contains_key("authorization"));
    assert!(!format!("{uploads:?}").contains(&access));
}

#[tokio::test]
async fn trailers_are_kept() {
    let pair = start_default().await;
    let (access, _) = pair.server.issue_access_token(EMAIL);
    let request = format!(
        "POST /files HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {access}\r\n\
         connection: close\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n\
         3\r\nabc\r\n0\r\nx-sum: 6\r\n\r\n"
    );
    let (answer, end) = pair.raw(&request).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nabc"), "{answer}");
    assert!(end.is_ok());
    let uploads = pair.server.uploads();
    assert_eq!(uploads[0].trailers.as_ref().unwrap()["x-sum"], "6");
}

#[tokio::test]
async fn http2_with_prior_knowledge_is_spoken() {
    let mut pair = start_default().await;
    pair.client = client::client(true);
    let answer = pair.sign_in().await;
    assert_eq!(answer.status, 200);
    assert_eq!(pair.get(&answer.access()).await.status, 200);
    assert!(clean(pair.counts()));
    assert_eq!(pair.counts().connections, 1);
}

#[tokio::test]
async fn connections_are_counted_and_closed_by_shutdown() {
    let pair = start_default().await;
    pair.sign_in().await;
    pair.sign_in().await;
    let counts = pair.counts();
    assert_eq!((counts.connections, counts.open_connections), (1, 1));

    let address = pair.server.address();
    let mut idle = pair.connect().await;
    pair.server.shutdown().await;
    assert!(matches!(idle.read(&mut [0]).await, Ok(0) | Err(_)));
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn dropping_closes_too() {
    let pair = start_default().await;
    let mut idle = pair.connect().await;
    drop(pair.server);
    assert!(matches!(idle.read(&mut [0]).await, Ok(0) | Err(_)));
}
