//! The answers of the token endpoints, in every shape.

use super::*;

async fn read(body: impl ToString) -> Result<Renewed, Error> {
    let server = Server::new([answer(201, body)]);
    first(&server.glue()).await
}

#[tokio::test(start_paused = true)]
async fn tokens_are_found_wherever_they_stand() {
    let camel = attributes(1);
    let snake = json!({"access_token": "access-1", "refresh_token": "refresh-1",
        "token_type": "Bearer", "expires_in": "28800"});
    for attributes in [camel, snake] {
        for body in [
            json!({"data": {"type": "access-tokens", "id": null, "attributes": attributes}}),
            json!({"data": attributes}),
            json!({"attributes": attributes}),
            json!([{"data": {"attributes": attributes}}]),
            json!([attributes]),
            attributes.clone(),
        ] {
            for mark in ["", "\u{FEFF}", " \n"] {
                let renewed = read(format!("{mark}{body}")).await.unwrap();
                assert_eq!(access_of(&renewed), "access-1", "{body}");
                assert_eq!(refresh_of(&renewed), Some("refresh-1"));
                assert_eq!(renewed.credential().lifetime(), Some(secs(28_800)));
                assert!(renewed.warning.is_none());
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lifetime_is_a_number_or_a_text_and_nonsense_is_none() {
    for (expires, expected) in [
        (json!(28800), Some(28_800)),
        (json!("28800"), Some(28_800)),
        (json!(" 28800 "), Some(28_800)),
        (json!(28800.9), Some(28_800)),
        (json!("28800.0"), Some(28_800)),
        (json!(u64::MAX), Some(u64::MAX)),
        (json!(1e300), Some(u64::MAX)),
        (json!(1), Some(1)),
        (json!(0), None),
        (json!(-1), None),
        (json!("soon"), None),
        (json!("NaN"), None),
        (json!(""), None),
        (json!(true), None),
        (json!([3600]), None),
        (Value::Null, None),
    ] {
        let mut attributes = attributes(1);
        attributes["expiresIn"] = expires.clone();
        let renewed = read(json!({"data": {"attributes": attributes}}))
            .await
            .unwrap();
        let lifetime = renewed.credential().lifetime();
        assert_eq!(lifetime.map(|time| time.as_secs()), expected, "{expires}");
        assert_eq!(renewed.warning.is_some(), expected.is_none(), "{expires}");
        // No clock is upset by it.
        let server = Server::default();
        let session = server.glue().session().token(renewed.credential().clone());
        assert!(session.build().unwrap().current().is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_no_token_says_so() {
    for (body, text) in [
        ("", "it is empty"),
        ("{", "breaks off"),
        ("<html>", "web page"),
        ("[]", "list of one"),
        ("[{},{}]", "list of one"),
        ("[7]", "not of an object"),
        ("{}", "no access token"),
        (r#"{"data":null}"#, "no access token"),
        (r#"{"data":[]}"#, "`data` is not an object"),
        (
            r#"{"data":{"attributes":"x"}}"#,
            "`attributes` is not an object",
        ),
        (r#"{"accessToken":7}"#, "is no text"),
        (r#"{"accessToken":""}"#, "cannot be sent"),
        (r#"{"accessToken":"a b"}"#, "cannot be sent"),
    ] {
        let error = assert_fails(read(body).await, ErrorKind::Protocol, text);
        assert!(error.to_string().contains("sign-in"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn tokens_are_taken_whatever_stands_beside_them() {
    let twice = r#"{"accessToken":"a","accessToken":"access-1","expiresIn":60}"#;
    let renewed = read(twice).await.unwrap();
    assert_eq!(access_of(&renewed), "access-1");
    assert!(renewed.warning.unwrap().to_string().contains("twice"));
    let tail = r#"{"accessToken":"access-1","expiresIn":60} and more"#;
    let renewed = read(tail).await.unwrap();
    assert_eq!(access_of(&renewed), "access-1");
    assert!(renewed.warning.unwrap().to_string().contains("behind"));
}

#[tokio::test(start_paused = true)]
async fn every_beginning_of_an_answer_is_an_error_and_no_panic() {
    let whole = json!({"data": {"attributes": attributes(1)}}).to_string();
    for length in 0..whole.len() {
        let error = read(&whole[..length]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
        assert!(!format!("{error} {error:?}").contains("access-1"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_answer_is_not_read() {
    let body = json!({"accessToken": "x".repeat(2000)});
    let server = Server::new([answer(201, body)]);
    let glue = server.builder().max_answer(1000).build().unwrap();
    assert_fails(first(&glue).await, ErrorKind::Protocol, "longer than 1000");
}
