//! The calls beside the creation of an auth, and plain calls with the API key.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tower::{Layer, ServiceExt};
use tower_reauth::{
    Code, Error, ErrorKind, Token,
    providers::q2::{Answer, Endpoint, Q2, Status},
};

use crate::support::*;

/// Runs one call: checks its request, and gives it `answer`.
async fn run<F, T>(
    server: &mut Server,
    call: F,
    expected: (&str, &str, Value),
    answer: Value,
) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let mut task = tokio_test::task::spawn(call);
    if task.poll().is_ready() {
        panic!("it is sent");
    }
    let call = server.next().await;
    assert_eq!(
        (call.method.as_str(), call.path()),
        (expected.0, expected.1)
    );
    assert_eq!(call.body, expected.2);
    assert_eq!(call.headers["authorization"], format!("Bearer {API_KEY}"));
    assert_eq!(
        call.headers.contains_key("content-type"),
        !call.body.is_null()
    );
    call.ok(answer);
    match task.poll() {
        std::task::Poll::Ready(result) => result,
        std::task::Poll::Pending => panic!("it was answered"),
    }
}

#[tokio::test(start_paused = true)]
async fn each_call_looks_as_documented() {
    let Desk { q2, mut server, .. } = desk();
    let server = &mut server;
    let done = || json!({"success": true});
    let none = Value::Null;

    let answers = [Answer::new("i1", Code::answer("Rex the dog").unwrap())];
    let body = json!({"answers": [{"answer": "Rex the dog", "identifier": "i1"}]});
    let sent = ("POST", "/v1/auth/a1/answer-questions", body);
    run(server, q2.answer_questions("a1", &answers), sent, done())
        .await
        .unwrap();

    let sent = ("POST", "/v1/auth/a1/fix-hold", none.clone());
    run(server, q2.fix_hold("a1"), sent, done()).await.unwrap();
    let sent = ("DELETE", "/v1/auth/a1", none.clone());
    run(server, q2.delete_auth("a1"), sent, done())
        .await
        .unwrap();

    let sent = ("POST", "/v1/client", json!({"identifier": "me"}));
    let client = run(
        server,
        q2.create_client("me"),
        sent,
        json!({"clientId": "c9"}),
    )
    .await;
    assert_eq!(client.unwrap(), "c9");
    let sent = (
        "POST",
        "/v1/client/create-token",
        json!({"identifier": "me"}),
    );
    let token = run(server, q2.create_token("me"), sent, json!({"token": "t9"})).await;
    assert_eq!(token.unwrap().expose_secret(), "t9");
    let sent = (
        "POST",
        "/v1/client/revoke-tokens",
        json!({"identifier": "me"}),
    );
    run(server, q2.revoke_tokens("me"), sent, done())
        .await
        .unwrap();

    let list = json!({"data": [
        {"_id": "a1", "status": {"type": "verified"}, "company": {"_id": "co1", "name": "X"}},
        {"_id": "a2", "status": {"type": "hold"},
         "reason": {"userMessage": "Log in", "debugMessage": "d", "code": "some_code"}},
        {"_id": "a3", "status": {"type": "mfa-required"},
         "mfa": {"method": "questions", "mfa": [{"question": "Pet?", "identifier": "i"}]}},
        {"_id": "a4", "status": {"type": "resting"}},
    ]});
    let sent = ("GET", "/v1/auth/list/c1", none);
    let auths = run(server, q2.list_auths("c1"), sent, list).await.unwrap();
    let statuses: Vec<_> = auths.iter().map(|auth| auth.status().clone()).collect();
    let other = Status::Other("resting".into());
    assert_eq!(
        statuses,
        [Status::Verified, Status::Hold, Status::MfaRequired, other]
    );
    assert_eq!(auths[0].company_name(), Some("X"));
    assert_eq!(auths[0].company_id(), Some("co1"));
    assert_eq!(auths[1].hold_text(), Some("Log in"));
    assert_eq!(auths[1].hold_code(), Some("some_code"));
    assert_eq!(auths[2].questions()[0].question.as_deref(), Some("Pet?"));
}

#[tokio::test(start_paused = true)]
async fn what_is_no_good_answer_is_an_error_with_the_request_id() {
    for answer in [
        json!({"success": false, "message": "No such auth"}),
        json!([]),
    ] {
        let Desk { q2, mut server, .. } = desk();
        let sent = ("POST", "/v1/auth/a1/fix-hold", Value::Null);
        let is_refused = answer.is_object();
        let result = run(&mut server, q2.fix_hold("a1"), sent, answer).await;
        assert_eq!(result.is_err(), is_refused);
        if let Err(error) = result {
            assert_eq!(error.kind(), ErrorKind::Provider);
            let text = error.to_string();
            assert!(
                text.contains("No such auth") && text.contains("req-7"),
                "{text}"
            );
        }
    }
    for answer in [json!({}), json!({"data": 7})] {
        let Desk { q2, mut server, .. } = desk();
        let sent = ("GET", "/v1/auth/list/c1", Value::Null);
        let error = run(&mut server, q2.list_auths("c1"), sent, answer).await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Protocol);
    }
}

#[tokio::test(start_paused = true)]
async fn an_id_that_would_change_the_path_is_not_sent() {
    let Desk { q2, mut server, .. } = desk();
    for id in ["", "a/b", "..", "a?b", "a b", "%2e", &"a".repeat(129)] {
        let error = q2.delete_auth(id).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{id}");
        assert!(q2.list_auths(id).await.is_err(), "{id}");
    }
    assert!(q2.create_client("").await.is_err());
    assert!(server.waiting().is_none());
}

#[tokio::test(start_paused = true)]
async fn paths_can_be_others() {
    let (client, mut server) = server();
    let q2 = Q2::builder(client, "https://host.name/prefix/")
        .api_key(API_KEY)
        .path(Endpoint::FixHold, "/v2/{id}/resume")
        .build()
        .unwrap();
    let sent = ("POST", "/prefix/v2/a1/resume", Value::Null);
    run(&mut server, q2.fix_hold("a1"), sent, json!({}))
        .await
        .unwrap();
}

fn plain() -> Request<Full<Bytes>> {
    Request::get(format!("{BASE}/company"))
        .body(Full::default())
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_plain_call_has_the_key_and_a_401_renews_nothing() {
    let (client, mut server) = server();
    let q2 = Q2::builder(client.clone(), BASE)
        .api_key(API_KEY)
        .build()
        .unwrap();
    let session = q2.session().build().unwrap();
    // The session's layer makes the body one that could be sent again.
    let client = tower::util::MapRequest::new(client, |request: Request<_>| {
        request.map(|body: tower_reauth::replay::ReplayBody<Full<Bytes>>| {
            drop(body);
            Full::default()
        })
    });
    let client = session.layer().layer(client);
    for round in 0..3 {
        let task = tokio::spawn(client.clone().oneshot(plain()));
        let call = server.next().await;
        assert_eq!(call.headers["authorization"], format!("Bearer {API_KEY}"));
        call.status(401, json!({}));
        let response = task.await.unwrap().unwrap();
        assert_eq!(response.status(), 401);
        let error = response.extensions().get::<Error>().expect("it says why");
        assert_eq!(error.kind(), ErrorKind::Rejected);
        assert!(error.to_string().contains("static"), "{error}");
        assert!(server.waiting().is_none(), "{round}");
    }
    // Another key mends it.
    session.set(Token::new("another").unwrap());
    let task = tokio::spawn(client.oneshot(plain()));
    let call = server.next().await;
    assert_eq!(call.headers["authorization"], "Bearer another");
    call.ok(json!({}));
    assert_eq!(task.await.unwrap().unwrap().status(), 200);
}
