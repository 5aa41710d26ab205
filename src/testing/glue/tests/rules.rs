use super::*;

/// Sends `request` and asserts that it is refused with `status` and told as `sentence`, alone.
async fn refused(pair: &Pair, request: Request<Full<Bytes>>, status: u16, sentence: &str) {
    let before = pair.counts().violations;
    let answer = pair.send(request).await;
    assert_eq!(answer.status, status, "{sentence}");
    assert_eq!(pair.last_violation(), sentence);
    assert_eq!(pair.counts().violations, before + 1, "{sentence}");
}

fn login(pair: &Pair) -> Request<Full<Bytes>> {
    let attributes = json!({ "username": USER, "password": PASSWORD });
    pair.document("access-tokens", &attributes)
}

#[tokio::test]
async fn sign_in_traffic_carries_no_credential() {
    let pair = start_default().await;
    for name in [
        "authorization",
        "cookie",
        "x-api-key",
        "x-mfa-code",
        "x-session-token",
    ] {
        let refresh = json!({ "refreshToken": "x" });
        for (endpoint, mut request) in [
            ("access-tokens", login(&pair)),
            ("refresh-tokens", pair.document("refresh-tokens", &refresh)),
            (
                "token",
                pair.form("grant_type=password&username=a&password=b"),
            ),
        ] {
            add(request.headers_mut(), name, "anything");
            let sentence = format!("{endpoint}: `{name}` is sent along");
            refused(&pair, request, 400, &sentence).await;
        }
    }
    let counts = pair.counts();
    assert_eq!(
        (
            counts.access_tokens,
            counts.logins_ok,
            counts.unknown_tokens
        ),
        (5, 0, 0)
    );
}

#[tokio::test]
async fn content_types_are_checked() {
    let pair = start_default().await;
    let with = |mut request: Request<Full<Bytes>>, kind: &str| {
        request.headers_mut().remove("content-type");
        if !kind.is_empty() {
            add(request.headers_mut(), "content-type", kind);
        }
        request
    };
    let json = "the Content-Type is not application/vnd.api+json or application/json";
    for kind in ["", "text/plain", "application/x-www-form-urlencoded"] {
        let sentence = format!("access-tokens: {json}");
        refused(&pair, with(login(&pair), kind), 415, &sentence).await;
        let trigger = pair.document("multi-factor-auth-trigger", &json!({ "type": "email" }));
        let trigger = with(signed(trigger, &pair.access(), ""), kind);
        let sentence = format!("multi-factor-auth-trigger: {json}");
        refused(&pair, trigger, 415, &sentence).await;
    }
    let form = pair.form("grant_type=password&username=a&password=b");
    let sentence = "token: the Content-Type is not application/x-www-form-urlencoded";
    refused(&pair, with(form, "application/json"), 415, sentence).await;
    let charset = "application/json; charset=utf-8";
    assert_eq!(pair.send(with(login(&pair), charset)).await.status, 201);
    assert_eq!(pair.server.latest_code(USER), None);
}

#[tokio::test]
async fn each_endpoint_has_its_method_and_no_query() {
    let pair = start_default().await;
    let access = pair.access();
    for (path, allow) in [
        ("/access-tokens", "POST"),
        ("/refresh-tokens", "POST"),
        ("/refresh-tokens/mine", "DELETE"),
        ("/token", "POST"),
        ("/multi-factor-auth-types", "GET"),
        ("/multi-factor-auth-trigger", "POST"),
    ] {
        let answer = pair.send(pair.call(Method::PUT, path, &access, "")).await;
        assert_eq!(answer.status, 405, "{path}");
        assert_eq!(answer.header(header::ALLOW), Some(allow));
    }
    let mut request = login(&pair);
    let uri = format!("{}/access-tokens?include=x", pair.server.base_url());
    *request.uri_mut() = uri.parse().unwrap();
    refused(
        &pair,
        request,
        400,
        "access-tokens: the address has a query",
    )
    .await;
    assert_eq!(pair.counts().violations, 7);
}

#[tokio::test]
async fn bodies_have_the_documented_fields_and_no_others() {
    let pair = start_default().await;
    let fields = "the body has missing, unknown, repeated or wrongly typed fields";
    let access = "access-tokens";
    for (body, status, sentence) in [
        (r#"{"data":{"type":"access-tokens"}}"#, 400, fields),
        (r#"{"username":"a","password":"b"}"#, 400, fields),
        (
            r#"{"data":{"type":"access-tokens","attributes":{"username":"a","password":1}}}"#,
            400,
            fields,
        ),
        (
            r#"{"data":{"type":"access-tokens","attributes":{"username":"a","password":"b","x":1}}}"#,
            400,
            fields,
        ),
        (
            r#"{"data":{"type":"token","attributes":{"username":"a","password":"b"}}}"#,
            400,
            "`data.type` is not the endpoint's",
        ),
        (
            r#"{"data":{"type":"access-tokens","attributes":{"password":"b"}}}"#,
            422,
            "`username` is missing",
        ),
        (
            r#"{"data":{"type":"access-tokens","attributes":{"username":"a","password":""}}}"#,
            422,
            "`password` is missing",
        ),
        ("[]", 400, "the body is not a JSON object"),
        ("{", 400, "the body is not JSON"),
    ] {
        let mut request = login(&pair);
        *request.body_mut() = Full::from(body);
        refused(&pair, request, status, &format!("{access}: {sentence}")).await;
    }
    let mut request = login(&pair);
    *request.body_mut() = Full::from("x".repeat((64 << 10) + 1));
    let sentence = "access-tokens: the body is larger than 64 KiB";
    refused(&pair, request, 413, sentence).await;
    let trigger = "multi-factor-auth-trigger";
    let request = pair.document(trigger, &json!({ "type": "email", "again": true }));
    let request = signed(request, &pair.access(), "");
    refused(&pair, request, 400, &format!("{trigger}: {fields}")).await;
    assert_eq!((pair.counts().logins_ok, pair.counts().triggers_ok), (0, 0));
}

#[tokio::test]
async fn a_token_does_not_travel_with_an_anonymous_customer() {
    let pair = start_default().await;
    let mut request = pair.call(Method::GET, "/guest-carts", &pair.access(), "");
    add(request.headers_mut(), "x-anonymous-customer-unique-id", "a");
    let answer = pair.send(request.clone()).await;
    is_error(&answer, 400, "005");
    let sentence = "API call: `authorization` is sent along with `x-anonymous-customer-unique-id`";
    assert_eq!(pair.server.violations(), [sentence]);
    request.headers_mut().remove("authorization");
    assert_eq!(pair.send(request).await.status, 200);
}

#[tokio::test]
async fn no_secret_is_in_an_address_and_no_credential_is_there_twice() {
    let pair = start_default().await;
    let (access, refresh) = pair.server.issue_access_token(USER);
    for secret in [
        &access,
        &refresh,
        &PASSWORD.to_owned(),
        &access.replace('.', "%2e"),
    ] {
        let path = format!("/orders?key={secret}");
        let request = pair.call(Method::GET, &path, &access, "");
        refused(&pair, request, 400, "API call: a secret is in the address").await;
    }
    let request = signed(pair.call(Method::GET, "/orders", &access, ""), &access, "");
    let sentence = "API call: the header `authorization` is there twice";
    refused(&pair, request, 400, sentence).await;
    let request = signed(pair.call(Method::PATCH, PROTECTED, &access, "1"), "", "2");
    let sentence = "API call: the header `x-mfa-code` is there twice";
    refused(&pair, request, 400, sentence).await;
    assert_eq!(pair.counts().api_ok, 0);
}

#[tokio::test]
async fn it_speaks_http2_and_closes() {
    let mut pair = start_default().await;
    pair.client = client::client(true);
    let access = pair
        .log_in(PASSWORD)
        .await
        .text("/data/attributes/accessToken");
    let code = pair.trigger(&access).await;
    assert_eq!(pair.change_password(&access, &code).await.status, 200);
    let counts = pair.counts();
    assert_eq!(
        (
            counts.connections,
            counts.open_connections,
            counts.violations
        ),
        (1, 1, 0)
    );
    let address = pair.server.address();
    pair.server.shutdown().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
