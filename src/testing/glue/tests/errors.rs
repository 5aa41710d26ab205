use super::*;

#[tokio::test]
async fn errors_come_in_three_shapes() {
    for (shape, at, text, kind) in [
        (
            ErrorShape::Detail,
            "/errors/0",
            "detail",
            "application/vnd.api+json",
        ),
        (
            ErrorShape::Message,
            "/errors/0",
            "message",
            "application/vnd.api+json",
        ),
        (ErrorShape::Bare, "/0", "message", "application/json"),
    ] {
        let pair = start(Simulator::builder().errors(shape)).await;
        let answer = pair.change_password(&pair.access(), "").await;
        assert_eq!(answer.status, 403);
        assert_eq!(answer.header(header::CONTENT_TYPE), Some(kind));
        let error = answer.json().pointer(at).unwrap().clone();
        let expected = json!({
            "status": 403,
            "code": "5900",
            text: "X-MFA-Code header is missing.",
        });
        assert_eq!(error, expected);
        // Only classic Glue tells how to sign in.
        let answer = pair.change_password("bad", "").await;
        let told = answer.headers.contains_key("www-authenticate");
        assert_eq!(told, shape == ErrorShape::Detail);
        // The form has its own errors.
        let answer = pair
            .token("grant_type=password&username=a&password=b")
            .await;
        assert_eq!(answer.keys(), ["error", "error_description"]);
    }
}

#[tokio::test]
async fn codes_and_statuses_may_be_of_the_other_type() {
    let builder = Simulator::builder()
        .codes_as_numbers(true)
        .statuses_as_text(true)
        .several_errors(true);
    let pair = start(builder).await;
    let answer = pair.change_password(&pair.access(), "").await;
    let errors = answer.json()["errors"].clone();
    assert_eq!(errors.as_array().unwrap().len(), 2);
    assert_eq!(errors[0]["code"], 1000);
    assert_eq!(errors[1]["code"], 5900);
    assert_eq!(errors[1]["status"], "403");
    let answer = pair.change_password("", "").await;
    assert_eq!(answer.json()["errors"][1]["code"], "002");
}

#[tokio::test]
async fn the_form_tells_what_is_wrong_with_it() {
    let pair = start_default().await;
    for (form, error, sentence) in [
        ("", "invalid_request", "the form has missing fields"),
        (
            "grant_type=password&username=a",
            "invalid_request",
            "the form has missing fields",
        ),
        (
            "grant_type=refresh_token",
            "invalid_request",
            "the form has missing fields",
        ),
        (
            "grant_type=password&username=a&password=b&scope=c",
            "invalid_request",
            "the form has unknown or repeated fields",
        ),
        (
            "grant_type=refresh_token&refresh_token=a&refresh_token=a",
            "invalid_request",
            "the form has unknown or repeated fields",
        ),
        (
            "grant_type=client_credentials",
            "unsupported_grant_type",
            "the grant type is neither of the two",
        ),
    ] {
        let answer = pair.token(form).await;
        assert_eq!(answer.status, 400);
        assert_eq!(answer.text("/error"), error, "{form}");
        assert_eq!(pair.last_violation(), format!("token: {sentence}"));
    }
    assert_eq!(pair.counts().violations, 6);
    let answer = pair
        .token("grant_type=refresh_token&refresh_token=never-issued")
        .await;
    assert_eq!(answer.text("/error"), "invalid_grant");
    assert_eq!(
        (pair.counts().violations, pair.counts().unknown_tokens),
        (6, 1)
    );
}
