use http::{HeaderName, HeaderValue, header};

use super::*;
use crate::testing::q2::{ErrorShape, Event};

/// Sends `request` and asserts that it is refused with `status` and told as `sentence`, alone.
async fn refused(trio: &Trio, request: Request<Full<Bytes>>, status: u16, sentence: &str) {
    let before = trio.counts();
    let answer = trio.send(request).await;
    assert_eq!(answer.status, status, "{sentence}");
    let after = trio.counts();
    assert_eq!(after.violations, before.violations + 1, "{sentence}");
    assert_eq!(after.creates_ok, before.creates_ok);
    assert_eq!(trio.server.violations().last().unwrap(), sentence);
}

fn with(mut request: Request<Full<Bytes>>, name: HeaderName, value: &str) -> Request<Full<Bytes>> {
    let value = HeaderValue::from_str(value).unwrap();
    request.headers_mut().insert(name, value);
    request
}

const ENDPOINTS: [(&str, &str, &str); 7] = [
    ("POST", "/auth", "create auth"),
    ("POST", "/auth/step", "auth step"),
    ("POST", "/auth/x/answer-questions", "answer questions"),
    ("POST", "/auth/x/fix-hold", "fix hold"),
    ("DELETE", "/auth/x", "delete auth"),
    ("GET", "/auth/list/x", "list auths"),
    ("GET", "/partner/public-keys", "public keys"),
];

#[tokio::test]
async fn the_api_key_is_there() {
    let trio = start_default().await;
    for (method, path, name) in ENDPOINTS.into_iter().chain([("GET", "/x", "API call")]) {
        let method: Method = method.parse().unwrap();
        let mut request = trio.request(method, path, &Value::Null);
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert("content-type", json);
        request.headers_mut().remove("authorization");
        let sentence = format!("{name}: the API key is missing");
        refused(&trio, request, 401, &sentence).await;
    }
    let request = trio.request(Method::GET, "/x", &Value::Null);
    let request = with(request, header::AUTHORIZATION, &format!("Basic {KEY}"));
    refused(&trio, request, 401, "API call: the API key is missing").await;
    assert_eq!(trio.counts().unauthorized, 9);
}

#[tokio::test]
async fn another_api_key_is_refused() {
    let trio = start(Simulator::builder().api_key("mine").echo_secrets(true)).await;
    let request = trio.request(Method::POST, "/auth", &create("test"));
    let answer = trio.send(request).await;
    assert_eq!(answer.status, 401);
    let message = format!("The API key is not valid. You sent: {KEY}");
    assert_eq!(answer.json(), json!({ "message": message }));
    let counts = trio.counts();
    assert_eq!((counts.wrong_keys, counts.unauthorized), (1, 1));
    assert_eq!((counts.creates, counts.creates_ok), (1, 0));
    trio.assert_clean();

    let request = trio.request(Method::POST, "/auth", &create("test"));
    let request = with(request, header::AUTHORIZATION, "bearer mine");
    assert_eq!(trio.send(request).await.status, 200);
}

#[tokio::test]
async fn two_credentials_are_one_too_many() {
    let trio = start_default().await;
    let mut request = trio.request(Method::POST, "/auth", &create("test"));
    let value = HeaderValue::from_static("Bearer other");
    request.headers_mut().append("authorization", value);
    let sentence = "create auth: there are two Authorization headers";
    refused(&trio, request, 400, sentence).await;
}

#[tokio::test]
async fn each_endpoint_has_one_method_and_no_query() {
    let trio = start_default().await;
    for (method, path, name) in ENDPOINTS {
        let request = || trio.request(Method::PUT, path, &Value::Null);
        let allow = trio.send(request()).await;
        assert_eq!(allow.header(header::ALLOW), Some(method));
        let sentence = format!("{name}: the method is not {method}");
        refused(&trio, request(), 405, &sentence).await;

        let method: Method = method.parse().unwrap();
        let request = trio.request(method, &format!("{path}?a=b"), &Value::Null);
        let sentence = format!("{name}: the address has a query");
        refused(&trio, request, 400, &sentence).await;
    }
}

#[tokio::test]
async fn bodies_are_json_or_are_not() {
    let trio = start_default().await;
    for (method, path, name) in ENDPOINTS {
        let method: Method = method.parse().unwrap();
        let mut request = trio.request(method, path, &json!({}));
        if method_takes_json(path) {
            let kind = with(request, header::CONTENT_TYPE, "text/plain");
            let sentence = format!("{name}: the Content-Type is not application/json");
            refused(&trio, kind, 415, &sentence).await;
        } else {
            *request.body_mut() = Full::from("{}");
            let sentence = format!("{name}: a body is sent where none belongs");
            refused(&trio, request, 400, &sentence).await;
        }
    }
    let request = trio.request(Method::POST, "/auth", &create("test"));
    let kind = "Application/JSON; charset=utf-8";
    let request = with(request, header::CONTENT_TYPE, kind);
    assert_eq!(trio.send(request).await.status, 200);
}

fn method_takes_json(path: &str) -> bool {
    ["/auth", "/auth/step", "/auth/x/answer-questions"].contains(&path)
}

#[tokio::test]
async fn an_auth_has_the_documented_fields_and_no_others() {
    let trio = start_default().await;
    let fields = "the body has missing, unknown, repeated or wrongly typed fields";
    let change = |at: &str, to: Value| {
        let mut body = create("test");
        match to {
            Value::Null => {
                body.as_object_mut().unwrap().remove(at);
            }
            to => body[at] = to,
        }
        body
    };
    let both = json!({ "billId": "b", "swapId": "s" });
    for (body, sentence) in [
        (change("clientId", Value::Null), fields),
        (change("companyId", Value::Null), fields),
        (change("items", Value::Null), fields),
        (change("form", Value::Null), fields),
        (change("items", "swap".into()), fields),
        (change("clientId", 1.into()), fields),
        (change("remember", true.into()), fields),
        (change("meta", json!({ "other": "x" })), fields),
        (change("meta", json!(["p", "b", "s"])), fields),
        (
            change("items", json!(["bill"])),
            r#"`items` is not `["swap"]`"#,
        ),
        (
            change("items", json!(["swap", "swap"])),
            r#"`items` is not `["swap"]`"#,
        ),
        (
            change("clientId", "".into()),
            "`clientId` or `companyId` is empty",
        ),
        (change("form", json!({})), "`form` is empty"),
        (
            change("form", json!({ "username": "test", "pin": 1234 })),
            "`form` has a field that is not a string",
        ),
        (
            change("meta", both),
            "`meta` has both `billId` and `swapId`",
        ),
        (json!([]), "the body is not a JSON object"),
    ] {
        let request = trio.request(Method::POST, "/auth", &body);
        refused(&trio, request, 400, &format!("create auth: {sentence}")).await;
    }
    // The vendor's own sample has a comma too many.
    let mut request = trio.request(Method::POST, "/auth", &create("test"));
    *request.body_mut() = Full::from(r#"{"items": ["swap"],}"#);
    let sentence = "create auth: the body is not JSON";
    refused(&trio, request, 400, sentence).await;
    let mut request = trio.request(Method::POST, "/auth", &create("test"));
    *request.body_mut() = Full::from("x".repeat((64 << 10) + 1));
    let sentence = "create auth: the body is larger than 64 KiB";
    refused(&trio, request, 413, sentence).await;

    for meta in [json!({}), json!({ "billId": "b", "paymentMethodId": "p" })] {
        let body = change("meta", meta);
        assert_eq!(trio.post("/auth", &body).await.status, 200);
        trio.server.forget_submissions();
    }
}

#[tokio::test]
async fn steps_and_answers_have_the_documented_fields_and_no_others() {
    let trio = start_default().await;
    let fields = "the body has missing, unknown, repeated or wrongly typed fields";
    let answer = json!({ "answer": "a", "identifier": "i" });
    let answers = "/auth/x/answer-questions";
    for (path, name, body) in [
        ("/auth/step", "auth step", json!({ "token": "t" })),
        ("/auth/step", "auth step", json!({ "mfa": [answer] })),
        (
            "/auth/step",
            "auth step",
            json!({ "token": "t", "mfa": "123456" }),
        ),
        (
            "/auth/step",
            "auth step",
            json!({ "token": "t", "mfa": ["Rex"] }),
        ),
        (
            "/auth/step",
            "auth step",
            json!({ "token": "t", "mfa": answer }),
        ),
        (
            "/auth/step",
            "auth step",
            json!({ "token": "t", "mfa": [answer], "apiKey": KEY }),
        ),
        (
            "/auth/step",
            "auth step",
            json!({ "token": "t", "mfa": [["Rex", "i"]] }),
        ),
        (answers, "answer questions", json!({ "mfa": [answer] })),
        (
            answers,
            "answer questions",
            json!({ "answers": [["a", "i"]] }),
        ),
        (
            answers,
            "answer questions",
            json!({ "answers": [answer], "token": "t" }),
        ),
    ] {
        let request = trio.request(Method::POST, path, &body);
        refused(&trio, request, 400, &format!("{name}: {fields}")).await;
    }
    assert_eq!(trio.counts().unknown_step_tokens, 0);
}

#[tokio::test]
async fn no_secret_is_in_an_address() {
    let trio = start_default().await;
    trio.create("testmfaquestion").await;
    let data = &trio.events(2, "auth.mfa-required").await[0]["payload"]["data"];
    let token = data["token"].as_str().unwrap();
    for secret in [KEY, "correct%20horse", token] {
        let request = trio.request(Method::GET, &format!("/x?y={secret}"), &Value::Null);
        let sentence = "API call: the API key, a credential or a token is in the address";
        refused(&trio, request, 400, sentence).await;
    }
    // Who signs in is no secret.
    assert_eq!(trio.get("/x?y=testmfaquestion").await.status, 200);
    for sentence in trio.server.violations() {
        assert!(!sentence.contains(token) && !sentence.contains(KEY));
    }
}

#[tokio::test]
async fn a_forgers_keys_are_not_fetched() {
    let trio = start_default().await;
    let base = trio.server.base_url().replace("/v1", "/forged-keys");
    let request = Request::get(base).body(Full::default()).unwrap();
    let sentence = "API call: a key is fetched from where a forged event says";
    refused(&trio, request, 404, sentence).await;
}

#[tokio::test]
async fn public_keys_may_be_open() {
    let trio = start(Simulator::builder().open_keys(true)).await;
    let mut request = trio.request(Method::GET, "/partner/public-keys", &Value::Null);
    request.headers_mut().remove("authorization");
    assert_eq!(trio.send(request).await.json(), json!({ "keys": [] }));
    trio.assert_clean();
}

#[tokio::test]
async fn refusals_repeat_what_was_sent_if_they_are_to() {
    let builder = Simulator::builder()
        .echo_secrets(true)
        .errors(ErrorShape::Error);
    let trio = start(builder).await;
    let answers = json!([{ "answer": "the-answer", "identifier": "i" }]);
    let answer = trio.step("the-token", answers).await;
    let message = "You may want to double check your information.";
    let message = format!("{message} You sent: the-token, the-answer");
    assert_eq!(answer.json(), json!({ "error": message }));
}

#[tokio::test]
async fn nothing_secret_is_in_debug() {
    let builder = Simulator::builder().api_key("the-api-key");
    let shown = format!("{builder:?}");
    assert!(!shown.contains("the-api-key"), "{shown}");
    let trio = start(Simulator::builder()).await;
    trio.create("testmfaquestion").await;
    let data = &trio.events(2, "auth.mfa-required").await[0]["payload"]["data"];
    let token = data["token"].as_str().unwrap();
    let shown = format!("{:?} {:?}", trio.server, trio.server.deliveries());
    for secret in [KEY, token, "correct horse"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    let event = Event::new("auth.mfa-required").data(json!({ "token": token }));
    assert!(!format!("{event:?}").contains(token));
}
