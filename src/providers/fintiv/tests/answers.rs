//! What is made of the answers to a sign-on.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_token_is_found_where_one_is_known_to_be() {
    let context = |body: Value| {
        let mut answer = envelope("SUCCESS", "ok");
        answer
            .as_object_mut()
            .unwrap()
            .extend(body.as_object().unwrap().clone());
        answer
    };
    for body in [
        json!({"contextResponse": {"statusCode": "SUCCESS", "token": "t-1"}}),
        json!({"contextResponse": {"statusCode": "SUCCESS", "token": ""}, "access_token": "t-1"}),
        json!({"contextResponse": {"statusCode": "SUCCESS", "token": null},
               "responseData": {"token": "t-1"}, "access_token": "t-2"}),
        context(json!({"responseData": {"token": "t-1"}})),
        context(json!({"responseData": {"access_token": "t-1"}})),
        context(json!({"access_token": "t-1"})),
        // Without an envelope, a token is as good as it gets.
        json!({"access_token": "t-1", "token_type": "bearer"}),
        json!({"responseData": {"token": "t-1"}}),
    ] {
        let token = token(&Server::new([answer(200, &body)])).await;
        assert_eq!(token.expose(), "t-1", "{body}");
        assert_eq!(token.lifetime(), Some(Duration::from_secs(3600)));
        assert!(token.placement().is_bearer());
        assert!(token.refresh_token().is_none());
    }
    let body = format!("\u{FEFF}{}", json!({"access_token": "t-1"}));
    assert_eq!(
        token(&Server::new([answer(200, body)])).await.expose(),
        "t-1"
    );
}

#[tokio::test(start_paused = true)]
async fn where_it_is_and_where_it_goes_can_be_set() {
    let body = json!({"signonInfo": [{"a/b": "t-1"}], "access_token": "t-2"});
    let server = Server::new([answer(200, body)]);
    let fintiv = builder(&server)
        .token_pointers(["/nowhere", "/signonInfo/0/a~1b"])
        .token_placement(Placement::header(HeaderName::from_static("x-token")))
        .ttl(Duration::from_secs(600))
        .build()
        .unwrap();
    let renewed = sign_on(fintiv).await.unwrap();
    let token = renewed.credential();
    assert_eq!(token.expose(), "t-1");
    assert_eq!(token.header().0, "x-token");
    assert_eq!(token.lifetime(), Some(Duration::from_secs(600)));
}

#[tokio::test(start_paused = true)]
async fn a_failure_inside_a_200_is_told_apart() {
    for (code, kind, expected) in [
        (
            "SECURITY",
            ErrorKind::Rejected,
            "the sign-on failed inside a 200 with SECURITY: check the user, the password and the \
             tenant; the server says: Not good",
        ),
        (
            "VALIDATION",
            ErrorKind::Provider,
            "the sign-on failed inside a 200 with VALIDATION: what was sent is not valid; check the \
             credential type, the tenant, and how the fields are spelled; the server says: Not good",
        ),
        (
            "NON_SPECIFIC_MOZIDO_ERROR",
            ErrorKind::Provider,
            "the sign-on failed inside a 200 with NON_SPECIFIC_MOZIDO_ERROR: the server says no \
             more; the server says: Not good",
        ),
    ] {
        let error = failure(answer(200, envelope(code, "Not good."))).await;
        assert_eq!(error.kind(), kind, "{code}");
        assert_eq!(error.provider_code(), Some(code));
        assert_eq!(error.to_string(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_beside_a_failure_is_not_used() {
    let mut body = envelope("SECURITY", "no");
    body["contextResponse"]["token"] = "t-1".into();
    assert_eq!(failure(answer(200, body)).await.kind(), ErrorKind::Rejected);
}

#[tokio::test(start_paused = true)]
async fn a_classifier_judges_the_sign_on_as_well() {
    let server = Server::new([
        answer(200, envelope("OK", "x")),
        answer(200, envelope("LOGIN", "x")),
    ]);
    let fintiv = builder(&server)
        .classifier(|status: &Status| match status.code() {
            "OK" => Some(StatusClass::Success),
            "LOGIN" => Some(StatusClass::AuthDenied),
            _ => None,
        })
        .build()
        .unwrap();
    // A success, but without a token.
    let error = sign_on(fintiv.clone()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    let error = sign_on(fintiv).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_nobody_can_read_is_told_so() {
    for (body, expected) in [
        (
            "",
            "the answer to the sign-on could not be understood: it is empty",
        ),
        (
            "<html>",
            "the answer to the sign-on could not be understood: it is a web page; is the base URL \
             that of the API?",
        ),
        (
            r#"{"contextResponse":null,"access_token":"t"}"#,
            "the sign-on failed inside a 200: its contextResponse has no statusCode that can be read",
        ),
        (
            r#"{"contextResponse":{"token":"t"}}"#,
            "the sign-on failed inside a 200: its contextResponse has no statusCode that can be read",
        ),
        (
            r#"{"contextResponse":{"statusCode":"SUCCESS"}}"#,
            "the answer to the sign-on has no token at /contextResponse/token, \
             /responseData/token, /responseData/access_token, /access_token: say where it is with \
             `token_pointers`, and is the URL that of the sign-on?",
        ),
        (
            r#"{"access_token":"a b"}"#,
            "the token that the sign-on brought cannot be sent",
        ),
        (
            r#"{"contextResponse":{"statusCode":"SUCCESS","token":"t"}"#,
            "the answer to the sign-on could not be understood: it breaks off at line 1 column 55",
        ),
    ] {
        let error = failure(answer(200, body)).await;
        assert_eq!(error.kind(), ErrorKind::Protocol, "{body}");
        assert_eq!(error.to_string(), expected, "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_honest_status_says_what_to_do() {
    for (status, kind, part) in [
        (301, ErrorKind::Protocol, "redirects are not followed"),
        (400, ErrorKind::Rejected, "how the fields are spelled"),
        (401, ErrorKind::Rejected, "check the api-key first"),
        (403, ErrorKind::Rejected, "check the api-key first"),
        (404, ErrorKind::Config, "is the URL of the sign-on right?"),
        (405, ErrorKind::Config, "is the URL of the sign-on right?"),
        (408, ErrorKind::Transport, "it is tried again"),
        (418, ErrorKind::Protocol, "was not expected"),
        (422, ErrorKind::Rejected, "how the fields are spelled"),
        (423, ErrorKind::Locked, "locked"),
        (425, ErrorKind::Transport, "it is tried again"),
        (429, ErrorKind::RateLimited, "rate-limited"),
        (500, ErrorKind::Transport, "it is tried again"),
        (502, ErrorKind::Transport, "it is tried again"),
    ] {
        let error = failure(answer(status, "{}")).await;
        assert_eq!(error.kind(), kind, "{status}");
        let text = error.to_string();
        assert!(
            text.starts_with(&format!("the sign-on failed ({status}): ")),
            "{text}"
        );
        assert!(text.contains(part), "{text}");
    }
    let error = failure(with(429, "retry-after", "120")).await;
    assert_eq!(error.retry_after_hint(), Some(Duration::from_secs(120)));
    let error = failure(with(401, "retry-after", "120")).await;
    assert_eq!(error.retry_after_hint(), None);
    let error = failure(answer(401, envelope("SECURITY", "No such key."))).await;
    assert!(
        error
            .to_string()
            .ends_with("; the server says: No such key"),
        "{error}"
    );
    let error = failure(answer(401, json!({"message": "No such key."}))).await;
    assert!(
        error
            .to_string()
            .ends_with("; the server says: No such key"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_does_not_get_through_is_told_so() {
    let error = failure(refuse("connection refused")).await;
    assert_eq!(error.kind(), ErrorKind::Transport);
    let error = failure(Act::Hang).await;
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let error = failure(Act::Endless(
        200,
        b"{\"contextResponse\":{\"statusCode\":\"SUCCESS\"},",
    ))
    .await;
    assert_eq!(error.kind(), ErrorKind::Protocol);
    let error = failure(Act::BreakAfter(200, "{".into())).await;
    assert_eq!(error.kind(), ErrorKind::Transport);
}
