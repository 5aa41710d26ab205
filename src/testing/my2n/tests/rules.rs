use super::*;

#[tokio::test]
async fn a_live_session_is_refused_at_both_steps() {
    let pair = migrated().await;
    let token = pair.session().await;
    let bearer = format!("Bearer {token}");
    let cookie = format!("theme=dark; ory_kratos_session={token}");
    let carriers = [
        ("authorization", &bearer),
        ("x-session-token", &token),
        ("cookie", &cookie),
    ];
    for (count, (name, value)) in (0..).zip(carriers) {
        let mut request = pair.init_request();
        add(request.headers_mut(), name, value);
        let answer = pair.send(request).await;
        assert_eq!(answer.status, 400, "{name}");
        assert_eq!(answer.text("/error/id"), "session_already_available");
        assert_eq!(
            pair.last_violation(),
            format!("init: `{name}` is sent along")
        );

        let flow = pair.init().await;
        let mut request = pair.submit_request(&flow, &credentials(PASSWORD));
        add(request.headers_mut(), name, value);
        let answer = pair.send(request).await;
        assert_eq!(
            (answer.status, message(&answer).0),
            (400.try_into().unwrap(), 4_000_001)
        );
        let reason = answer.text("/ui/messages/0/context/reason");
        assert!(
            reason.starts_with("A valid session was detected"),
            "{reason}"
        );
        assert_eq!(
            pair.last_violation(),
            format!("submit: `{name}` is sent along")
        );
        assert_eq!(pair.counts().credentials_on_login, 2 * count + 2);
    }
    assert_eq!((pair.counts().submits_ok, pair.counts().violations), (1, 6));
}

#[tokio::test]
async fn a_dead_session_passes_but_is_told() {
    let pair = migrated().await;
    let bearer = format!("Bearer {}", pair.session().await);
    pair.server.revoke_sessions();
    let mut request = pair.init_request();
    add(request.headers_mut(), "authorization", &bearer);
    let flow = pair.send(request).await.text("/id");
    let mut request = pair.submit_request(&flow, &credentials(PASSWORD));
    add(request.headers_mut(), "authorization", &bearer);
    assert_eq!(pair.send(request).await.status, 200);
    assert_eq!(
        pair.server.violations(),
        [
            "init: `authorization` is sent along",
            "submit: `authorization` is sent along"
        ]
    );
}

#[tokio::test]
async fn a_browser_is_refused_at_submit() {
    let pair = migrated().await;
    let headers = [("cookie", "theme=dark"), ("origin", "https://my2n.com")];
    for (name, value) in headers {
        let flow = pair.init().await;
        let mut request = pair.submit_request(&flow, &credentials(PASSWORD));
        add(request.headers_mut(), name, value);
        let answer = pair.send(request).await;
        assert_eq!(
            (answer.status, message(&answer).0),
            (400.try_into().unwrap(), 4_000_001)
        );
        assert_eq!(
            pair.last_violation(),
            format!("submit: `{name}` is sent along")
        );
        // The flow lives on.
        assert_eq!(pair.submit(&flow, PASSWORD).await.status, 200);
    }
    // Cloudflare's own cookies pass, as nobody can help it; still, a client has no cookie store.
    let flow = pair.init().await;
    let mut request = pair.submit_request(&flow, &credentials(PASSWORD));
    add(
        request.headers_mut(),
        "cookie",
        "__cf_bm=abc; cf_clearance=def",
    );
    assert_eq!(pair.send(request).await.status, 200);
    assert_eq!(pair.counts().violations, 3);
}

#[tokio::test]
async fn errors_go_to_a_web_page_if_nothing_asks_for_json() {
    let pair = migrated().await;
    let flow = pair.init().await;
    for accept in [
        None,
        Some("text/html"),
        Some("*/*"),
        Some("application/json;q=0"),
    ] {
        let mut request = pair.submit_request(&flow, &credentials("wrong"));
        request.headers_mut().remove("accept");
        request.headers_mut().remove("content-type");
        add(
            request.headers_mut(),
            "content-type",
            "application/json; charset=utf-8",
        );
        if let Some(accept) = accept {
            add(request.headers_mut(), "accept", accept);
        }
        let answer = pair.send(request).await;
        assert_eq!(
            (answer.status, answer.body.len()),
            (303.try_into().unwrap(), 0)
        );
        let page = format!("{}/ui/login?flow={flow}", pair.server.login_url());
        assert_eq!(answer.header(header::LOCATION), Some(&*page));
        let sentence = "submit: neither Accept nor Content-Type says that JSON is wanted";
        assert_eq!(pair.last_violation(), sentence);
    }
    // A success is in JSON all the same.
    let mut request = pair.init_request();
    request.headers_mut().remove("accept");
    assert_eq!(pair.send(request).await.status, 200);
    assert_eq!((pair.counts().redirects, pair.counts().violations), (4, 5));

    // Whoever follows gets a page.
    let page = pair.login(Method::GET, &format!("/ui/login?flow={flow}"), "");
    let answer = pair.send(page).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header(header::CONTENT_TYPE),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(pair.last_violation(), "elsewhere: a web page is asked for");
}

#[tokio::test]
async fn either_header_asks_for_json() {
    let pair = migrated().await;
    let flow = pair.init().await;
    // The content type counts if it is exactly this.
    let mut request = pair.submit_request(&flow, &credentials("wrong"));
    request.headers_mut().remove("accept");
    assert_eq!(pair.send(request).await.status, 400);
    // With `Accept`, parameters do no harm.
    let mut request = pair.submit_request(&flow, &credentials("wrong"));
    request.headers_mut().remove("content-type");
    add(
        request.headers_mut(),
        "content-type",
        "application/json; charset=utf-8",
    );
    assert_eq!(pair.send(request).await.status, 400);
    assert_eq!((pair.counts().redirects, pair.counts().violations), (0, 0));
}

#[tokio::test]
async fn a_submit_has_the_documented_fields_and_no_others() {
    let pair = migrated().await;
    let flow = pair.init().await;
    let fields = "the body has missing, unknown, repeated or wrongly typed fields";
    let (user, word) = (
        "\"identifier\":\"api@example.com\"",
        "\"password\":\"Secret123\"",
    );
    for (body, id, sentence) in [
        (
            format!("{{{word},\"method\":\"password\"}}"),
            4_000_002,
            "the identifier is missing",
        ),
        (
            format!("{{{user},\"method\":\"password\"}}"),
            4_000_002,
            "the password is missing",
        ),
        (
            format!("{{{user},\"password\":\"\",\"method\":\"password\"}}"),
            4_000_002,
            "the password is missing",
        ),
        (
            format!("{{{user},{word}}}"),
            GENERIC,
            "the method is not `password`",
        ),
        (
            format!("{{{user},{word},\"method\":\"code\"}}"),
            GENERIC,
            "the method is not `password`",
        ),
        (
            format!("{{{user},{word},{word},\"method\":\"password\"}}"),
            GENERIC,
            fields,
        ),
        (
            format!("{{{user},{word},\"method\":\"password\",\"a\":1}}"),
            GENERIC,
            fields,
        ),
        ("[]".to_owned(), GENERIC, "the body is not a JSON object"),
        ("{".to_owned(), GENERIC, "the body is not JSON"),
    ] {
        let mut request = pair.submit_request(&flow, &Value::Null);
        *request.body_mut() = Full::from(body.clone());
        let answer = pair.send(request).await;
        assert_eq!(answer.status, 400, "{body}");
        // What is missing is told at its field.
        assert_eq!(message(&answer), (id.into(), id == 4_000_002), "{body}");
        assert_eq!(
            pair.last_violation(),
            format!("submit: {sentence}"),
            "{body}"
        );
    }
    let mut request = pair.submit_request(&flow, &credentials(PASSWORD));
    add(request.headers_mut(), "x-other", "1");
    request.headers_mut().remove("content-type");
    let form = "application/x-www-form-urlencoded";
    add(request.headers_mut(), "content-type", form);
    assert_eq!(message(&pair.send(request).await), (GENERIC.into(), false));
    assert_eq!(
        pair.last_violation(),
        "submit: the Content-Type is not application/json"
    );
    assert_eq!(pair.counts().violations, 10);
    assert_eq!(pair.submit(&flow, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn each_endpoint_has_its_method_and_its_path() {
    let pair = migrated().await;
    let token = pair.session().await;
    for (method, path, allow) in [
        (Method::POST, INIT, "GET"),
        (Method::PUT, SUBMIT, "POST"),
        (Method::POST, LOGOUT, "DELETE"),
    ] {
        let answer = pair.send(pair.login(method, path, "{}")).await;
        assert_eq!(answer.status, 405, "{path}");
        assert_eq!(answer.header(header::ALLOW), Some(allow));
    }
    for path in [format!("{INIT}?refresh=true"), format!("{LOGOUT}?x")] {
        let method = if path.starts_with(INIT) {
            Method::GET
        } else {
            Method::DELETE
        };
        assert_eq!(pair.send(pair.login(method, &path, "")).await.status, 400);
        assert!(pair.last_violation().ends_with("the address has a query"));
    }
    // The two hosts are not to be mixed up.
    let request = pair.login(Method::POST, "/middleware/api/partner/v1/auth", "{}");
    assert_eq!(pair.send(request).await.status, 404);
    let elsewhere = format!("http://{}{INIT}", pair.server.address());
    let mut request = pair.init_request();
    *request.uri_mut() = elsewhere.parse().unwrap();
    assert_eq!(pair.send(request).await.status, 404);
    assert_eq!(
        pair.last_violation(),
        "elsewhere: there is nothing at this path"
    );
    assert_eq!(pair.counts().violations, 7);
    assert_eq!(pair.bearer(&token).await.status, 200);
}

#[tokio::test]
async fn a_logout_keeps_the_rules() {
    let pair = migrated().await;
    let token = pair.session().await;
    let body = json!({ "session_token": token }).to_string();
    let mut request = pair.login(Method::DELETE, LOGOUT, &body);
    request.headers_mut().remove("content-type");
    assert_eq!(pair.send(request).await.status, 400);
    assert_eq!(
        pair.last_violation(),
        "logout: the Content-Type is not application/json"
    );
    let more = json!({ "session_token": token, "all": true }).to_string();
    assert_eq!(
        pair.send(pair.login(Method::DELETE, LOGOUT, &more))
            .await
            .status,
        400
    );
    assert_eq!(pair.counts().violations, 2);
    let mut request = pair.login(Method::DELETE, LOGOUT, &body);
    add(
        request.headers_mut(),
        "authorization",
        &format!("Bearer {token}"),
    );
    assert_eq!(pair.send(request).await.status, 204);
    assert_eq!(
        pair.last_violation(),
        "logout: `authorization` is sent along"
    );
}

#[tokio::test]
async fn no_secret_is_in_an_address_and_no_credential_is_there_twice() {
    let pair = migrated().await;
    let token = pair.session().await;
    let bearer = format!("Bearer {token}");
    for secret in [&token, &PASSWORD.to_owned(), &token.replace('_', "%5f")] {
        let path = format!("/doors?key={secret}");
        let request = pair.call(&path, &[("authorization", &bearer)]);
        assert_eq!(pair.send(request).await.status, 400);
        assert_eq!(
            pair.last_violation(),
            "API call: a secret is in the address"
        );
    }
    let twice = [("authorization", &*bearer), ("authorization", &*bearer)];
    assert_eq!(pair.send(pair.call("/doors", &twice)).await.status, 400);
    let sentence = "API call: the header `authorization` is there twice";
    assert_eq!(pair.last_violation(), sentence);
    let told = pair.server.violations();
    assert!(told.iter().all(|sentence| !sentence.contains(&token)));
    assert_eq!(pair.counts().api_ok, 0);
}
