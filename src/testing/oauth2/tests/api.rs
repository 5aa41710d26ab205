use std::time::Duration;

use super::*;
use crate::testing::{FakeClock, oauth2::Challenges};

const BARE: &str = r#"Bearer realm="api""#;

/// Returns the one `WWW-Authenticate` of an answer.
fn challenge(answer: &Answer) -> &str {
    answer.header(header::WWW_AUTHENTICATE).unwrap()
}

#[tokio::test]
async fn who_carries_nothing_is_told_of_no_error() {
    let pair = start_default().await;
    let mut request = pair.bearer(Method::GET, "/", "x", "");
    request.headers_mut().remove("authorization");
    let answer = pair.send(request).await;
    assert_eq!((answer.status.as_u16(), challenge(&answer)), (401, BARE));
    let mut request = pair.bearer(Method::GET, "/", "x", "");
    let value = basic(ID, SECRET);
    request.headers_mut().insert("authorization", value);
    let answer = pair.send(request).await;
    assert_eq!((answer.status.as_u16(), challenge(&answer)), (401, BARE));
    let counts = pair.counts();
    assert_eq!((counts.unauthorized, counts.unknown_tokens), (2, 0));
    pair.assert_clean();
}

#[tokio::test]
async fn a_token_that_is_not_good_is_invalid() {
    let clock = FakeClock::new();
    let builder = Simulator::builder()
        .clock(clock.clone())
        .access_lifetime(Duration::from_secs(60));
    let pair = start(builder).await;
    let invalid = async |token: &str| {
        let answer = pair.get("/", token).await;
        assert_eq!(answer.status, 401);
        let error = r#"Bearer realm="api", error="invalid_token", error_description=""#;
        assert!(challenge(&answer).starts_with(error), "{answer:?}");
    };
    let (access, refresh) = pair.server.issue_tokens(ID, "read");
    clock.advance(Duration::from_millis(59_999));
    assert_eq!(pair.get("/", &access).await.status, 200);
    clock.advance(Duration::from_millis(1));
    invalid(&access).await;
    // A refresh token is no access token.
    invalid(&refresh).await;
    invalid("never-issued").await;

    let (access, _) = pair.server.issue_tokens(ID, "read");
    pair.server.expire_access_tokens();
    invalid(&access).await;
    let (access, _) = pair.server.issue_tokens(ID, "read");
    pair.server.revoke_access_tokens();
    invalid(&access).await;
    pair.server.set_access_lifetime(Duration::from_secs(61));
    let (access, _) = pair.server.issue_tokens(ID, "read");
    clock.advance(Duration::from_secs(60));
    assert_eq!(pair.get("/", &access).await.status, 200);

    let counts = pair.counts();
    assert_eq!((counts.api_calls, counts.api_ok), (7, 2));
    assert_eq!((counts.unauthorized, counts.unknown_tokens), (5, 2));
    pair.assert_clean();
}

#[tokio::test]
async fn a_path_may_need_a_scope() {
    let pair = start(Simulator::builder().needs("/admin", "write")).await;
    let (access, _) = pair.server.issue_tokens(ID, "read");
    let answer = pair.get("/admin/users", &access).await;
    assert_eq!(answer.status, 403);
    assert_eq!(
        challenge(&answer),
        r#"Bearer realm="api", error="insufficient_scope", error_description="The token does not open this.", scope="write""#
    );
    assert_eq!(pair.get("/users", &access).await.status, 200);
    let (access, _) = pair.server.issue_tokens(ID, "read write");
    assert_eq!(pair.get("/admin/users", &access).await.status, 200);
    let counts = pair.counts();
    assert_eq!((counts.forbidden, counts.unauthorized), (1, 0));
    pair.assert_clean();
}

#[tokio::test]
async fn a_call_that_is_malformed_is_told_so() {
    let pair = start_default().await;
    let (access, _) = pair.server.issue_tokens(ID, "read");
    let mut twice = pair.bearer(Method::GET, "/", &access, "");
    let again = twice.headers()["authorization"].clone();
    twice.headers_mut().append("authorization", again);
    let mut requests = vec![twice];
    for value in ["Bearer", "Bearer ", "bearer a b", "Bearer a,b", "Bearer ="] {
        let mut request = pair.bearer(Method::GET, "/", "x", "");
        let value = HeaderValue::from_static(value);
        request.headers_mut().insert("authorization", value);
        requests.push(request);
    }
    for (number, request) in requests.into_iter().enumerate() {
        let answer = pair.send(request).await;
        assert_eq!(answer.status, 400, "{number}");
        assert!(challenge(&answer).contains(r#"error="invalid_request""#));
    }
    let violations = pair.server.violations();
    assert_eq!(
        violations[0],
        "API call: there are two Authorization headers"
    );
    let sentence = "API call: what follows Bearer is not a token";
    assert_eq!(violations[1..], [sentence; 5]);
    assert_eq!(pair.counts().unauthorized, 0);
}

#[tokio::test]
async fn a_challenge_may_come_in_company() {
    let all = [
        (Challenges::Bearer, vec![BARE]),
        (
            Challenges::BasicFirst,
            vec![r#"Basic realm="api, old", charset="UTF-8", Bearer realm="api""#],
        ),
        (
            Challenges::BasicLast,
            vec![r#"Bearer realm="api", Basic realm="api, old", charset="UTF-8""#],
        ),
        (
            Challenges::TwoHeaders,
            vec![r#"Basic realm="api, old", charset="UTF-8""#, BARE],
        ),
        (
            Challenges::Tricky,
            vec![
                r#"Newauth realm="apps", type=1, title="Login to \"apps\", Bearer error=\"invalid_request\"", Bearer realm="api""#,
            ],
        ),
        (Challenges::None, vec![]),
    ];
    for (challenges, values) in all {
        let pair = start(Simulator::builder().challenges(challenges)).await;
        let mut request = pair.bearer(Method::GET, "/", "x", "");
        request.headers_mut().remove("authorization");
        let answer = pair.send(request).await;
        assert_eq!(answer.status, 401);
        let told = answer.headers.get_all("www-authenticate");
        assert_eq!(told.iter().collect::<Vec<_>>(), values);
        // Whatever the company, it can be read by the crate's own measure.
        for value in values {
            let parsed = http_auth::parse_challenges(value);
            assert!(parsed.is_ok(), "{value}");
        }
    }
}

#[tokio::test]
async fn uploads_come_back_and_are_kept_byte_for_byte() {
    let pair = start_default().await;
    let (access, _) = pair.server.issue_tokens(ID, "read");
    let bytes: Vec<u8> = (0..100_000u32).flat_map(u32::to_le_bytes).collect();
    let mut request = pair.bearer(Method::PUT, "/files/1?x=y", &access, "");
    *request.body_mut() = Full::from(bytes.clone());
    let kind = HeaderValue::from_static("application/octet-stream");
    request.headers_mut().insert("content-type", kind);
    let answer = pair.send(request).await;
    assert_eq!((answer.status.as_u16(), &*answer.body), (200, &*bytes));
    let kind = answer.header(header::CONTENT_TYPE);
    assert_eq!(kind, Some("application/octet-stream"));
    let refused = pair.bearer(Method::PUT, "/files/2", "never-issued", "abc");
    assert_eq!(pair.send(refused).await.status, 401);

    let uploads = pair.server.uploads();
    assert_eq!(uploads.len(), 1);
    assert_eq!(uploads[0].path, "/files/1?x=y");
    assert_eq!(uploads[0].body, bytes);
    assert!(!format!("{uploads:?}").contains(&access));
    pair.assert_clean();
}

#[tokio::test]
async fn an_effect_is_had_once() {
    let pair = start_default().await;
    let (access, _) = pair.server.issue_tokens(ID, "read");
    for _ in 0..2 {
        let mut request = pair.bearer(Method::POST, "/orders", &access, "one");
        let key = HeaderValue::from_static("the-order");
        request.headers_mut().insert("idempotency-key", key);
        assert_eq!(pair.send(request).await.status, 200);
    }
    assert_eq!(pair.counts().api_ok, 2);
    assert_eq!(
        pair.server.violations(),
        ["API call: a call that took effect is sent again"]
    );
}

#[tokio::test]
async fn a_server_may_repeat_a_token() {
    let pair = start(Simulator::builder().echo_secrets(true)).await;
    let answer = pair.get("/", "never-issued").await;
    assert!(challenge(&answer).contains("never-issued"));
    assert!(answer.text("/message").ends_with("never-issued"));
    let answer = pair.refresh("the-refresh-token").await;
    let description = answer.text("/error_description");
    assert!(description.ends_with("the-refresh-token"));
}

#[tokio::test]
async fn http2_with_prior_knowledge_is_spoken() {
    let mut pair = start_default().await;
    pair.client = client(true);
    let access = pair.client_credentials().await.text("/access_token");
    assert_eq!(pair.get("/", &access).await.status, 200);
    assert_eq!(pair.counts().connections, 1);
    pair.assert_clean();
    pair.server.shutdown().await;
}
