//! What a call carries, and what it gets.

use std::time::Duration;

use super::*;

#[tokio::test]
async fn a_call_says_who_made_it_and_its_body_is_kept() {
    let pair = start_default().await;
    let body = r#"{"currentPassword":"Test1234!"}"#;
    let answer = pair
        .send(pair.call(Method::POST, "/x?y=1", &pair.token(), body))
        .await;
    assert_eq!(answer.text("/responseData/account"), USER);
    assert_eq!(answer.text("/responseData/path"), "/auth/x?y=1");
    let [upload] = &pair.server.uploads()[..] else {
        panic!()
    };
    assert_eq!(
        (&*upload.path, &upload.body[..]),
        ("/auth/x?y=1", body.as_bytes())
    );
    assert!(!upload.headers.contains_key("authorization"));
    assert!(!upload.headers.contains_key("api-key"));
}

#[tokio::test]
async fn a_token_that_is_not_good_is_security_or_401() {
    for denial in [Denial::Envelope, Denial::Status] {
        let clock = FakeClock::new();
        let builder = Simulator::builder().denial(denial).clock(clock.clone());
        let pair = start(builder).await;
        let revoked = pair.token();
        pair.server.revoke_tokens();
        let expired = pair.token();
        assert_eq!(pair.get(&expired).await.text(CODE), "SUCCESS");
        clock.advance(Duration::from_secs(3600));
        for dead in [&*revoked, &expired, "never-issued"] {
            let answer = pair.get(dead).await;
            match denial {
                Denial::Envelope => assert_eq!(answer.text(CODE), "SECURITY"),
                Denial::Status => assert_eq!(answer.status, 401),
            }
        }
        let none = pair.send(pair.request(Method::GET, "/users", "")).await;
        assert_eq!(none.status == 401, denial == Denial::Status);
        let counts = pair.counts();
        assert_eq!((counts.denied, counts.unknown_tokens), (4, 1));
        assert_eq!((counts.api_ok, counts.violations), (1, 0));
    }
}

#[tokio::test]
async fn the_token_may_be_in_a_header_of_its_own() {
    let place = TokenIn::Header("x-session".parse().unwrap());
    let pair = start(Simulator::builder().token_in(place)).await;
    let token = pair.token();
    let mut request = pair.request(Method::GET, "/users", "");
    request
        .headers_mut()
        .insert("x-session", token.parse().unwrap());
    assert_eq!(pair.send(request).await.text(CODE), "SUCCESS");
    assert_eq!(pair.get(&token).await.status, 400);
    assert_eq!(
        pair.last_violation(),
        "API call: `authorization` is sent along"
    );
}

#[tokio::test]
async fn the_token_may_be_in_the_body() {
    let pair = start(Simulator::builder().token_in(TokenIn::Body)).await;
    let send = async |context: Value| {
        let sent = json!({ "contextRequest": context, "pin": "1" });
        let request = pair.request(Method::POST, "/validatepin", &sent.to_string());
        pair.send(request).await.text(CODE)
    };
    let token = pair.token();
    assert_eq!(send(json!({ "token": token })).await, "SUCCESS");
    assert_eq!(
        send(json!({ "token": token, "tenantName": "JANUS" })).await,
        "SUCCESS"
    );
    assert_eq!(send(json!({ "tenantName": "JANUS" })).await, "SECURITY");
    assert_eq!(send(json!({ "token": "never-issued" })).await, "SECURITY");
    assert_eq!(pair.counts().violations, 0);
    assert_eq!(
        send(json!({ "token": token, "tenantName": "ANOTHER" })).await,
        "VALIDATION"
    );
    assert_eq!(pair.get(&token).await.status, 400);
    assert_eq!((pair.counts().violations, pair.counts().api_ok), (2, 2));
}

#[tokio::test]
async fn an_open_path_needs_no_token_and_takes_none_that_is_dead() {
    let pair = start(Simulator::builder().open_path("/resetpin")).await;
    let answer = pair
        .send(pair.request(Method::POST, "/resetpin", "{}"))
        .await;
    assert_eq!(answer.text(CODE), "SUCCESS");
    let dead = pair.call(Method::POST, "/resetpin", "never-issued", "{}");
    assert_eq!(pair.send(dead).await.text(CODE), "SECURITY");
    let counts = pair.counts();
    assert_eq!((counts.open_calls, counts.api_ok, counts.denied), (1, 0, 1));
}

#[tokio::test]
async fn a_call_that_took_effect_is_not_sent_again() {
    let pair = start_default().await;
    let token = pair.token();
    for violations in [0, 1] {
        let mut request = pair.call(Method::POST, "/x", &token, "{}");
        request
            .headers_mut()
            .insert("idempotency-key", "1".parse().unwrap());
        pair.send(request).await;
        assert_eq!(pair.counts().violations, violations);
    }
}

#[tokio::test]
async fn what_is_ordered_takes_no_effect() {
    let pair = start_default().await;
    let token = pair.token();
    for status in [400, 401, 404, 500, 502] {
        pair.server.inject(Endpoint::Api, Fault::Status(status));
        assert_eq!(pair.get(&token).await.status, status);
    }
    let counts = pair.counts();
    assert_eq!((counts.api_calls, counts.api_ok, counts.denied), (5, 0, 1));
}
