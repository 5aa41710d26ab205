//! The shapes of answers.

use super::*;

#[tokio::test]
async fn envelopes_have_the_documented_fields_in_their_order() {
    let pair = start_default().await;
    let token = pair.token();
    let answer = pair.get(&token).await;
    let text = str::from_utf8(&answer.body).unwrap();
    let context = r#"{"contextResponse":{"tenantName":"JANUS","statusCode":"SUCCESS","statusMessage":null,"additionalStatusCode":null,"additionalStatusMessage":null},"responseData":{"#;
    assert!(text.starts_with(context), "{text}");
    pair.server
        .inject_quirk(Endpoint::Api, Quirk::different_user());
    let answer = pair.get(&token).await;
    let text = str::from_utf8(&answer.body).unwrap();
    let sample = r#"{"contextResponse":{"tenantName":"JANUS","statusCode":"VALIDATION","statusMessage":"The provided data in request body is not valid!","additionalStatusCode":null,"additionalStatusMessage":"You can't access different user's security information."},"responseData":null}"#;
    assert_eq!(text, sample);
}

#[tokio::test]
async fn odd_answers_are_as_ordered() {
    let pair = start_default().await;
    let token = pair.token();
    let get = async |quirk| {
        pair.server.inject_quirk(Endpoint::Api, quirk);
        pair.get(&token).await
    };
    let answer = get(Quirk::failure("NON_SPECIFIC_MOZIDO_ERROR")).await;
    assert_eq!(answer.text(CODE), "NON_SPECIFIC_MOZIDO_ERROR");
    assert!(get(Quirk::NullContext).await.json()["contextResponse"].is_null());
    assert_eq!(
        (pair.counts().api_ok, pair.counts().failures_in_200),
        (0, 2)
    );
    let context = &get(Quirk::NoStatusCode).await.json()["contextResponse"];
    assert!(context.is_object() && context.get("statusCode").is_none());
    assert_eq!(
        get(Quirk::NoEnvelope).await.keys(),
        ["account", "method", "path"]
    );
    let empty = get(Quirk::Empty).await;
    assert_eq!((empty.status.as_u16(), empty.body.len()), (200, 0));
    let last = get(Quirk::ContextLast).await;
    assert!(last.body.starts_with(br#"{"responseData":"#));
    assert_eq!(last.text(CODE), "SUCCESS");
    assert!(get(Quirk::Padding(1 << 20)).await.body.len() > 1 << 20);
    assert_eq!(
        (pair.counts().api_ok, pair.counts().failures_in_200),
        (5, 2)
    );

    pair.server.inject_quirk(Endpoint::SignOn, Quirk::NoToken);
    let answer = pair.sign_on(PASSWORD).await;
    assert_eq!(answer.text(CODE), "SUCCESS");
    assert!(answer.json().pointer("/contextResponse/token").is_none());
}

#[tokio::test]
async fn secrets_are_repeated_if_set_so() {
    let pair = start(Simulator::builder().echo_secrets(true)).await;
    let message = "/contextResponse/statusMessage";
    assert!(
        pair.sign_on("another")
            .await
            .text(message)
            .contains("another")
    );
    assert!(
        pair.get("never-issued")
            .await
            .text(message)
            .contains("never-issued")
    );
    pair.server.set_api_key("a newer one");
    assert!(pair.get("x").await.text("/message").contains(KEY));
}
