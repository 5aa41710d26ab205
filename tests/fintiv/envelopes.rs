//! What is made of each kind of answer, however it is cut.

use bytes::Bytes;
use http::{Response, StatusCode, Uri};
use proptest::prelude::*;
use serde_json::json;
use tower_reauth::{
    Error, ErrorKind,
    layers::NormalizeLayer,
    providers::fintiv::{FintivEnvelope, FintivError, OnMissing, Status, StatusClass},
};

use crate::support::{envelope, pieces, through, whole};

/// An answer, and its status: strict and lenient.
type Case = (String, u16, u16);

/// Every envelope that there is, and what is none.
fn cases() -> Vec<Case> {
    let code = |code: &str| envelope(code, "Some words.").to_string();
    let with = |context: serde_json::Value| {
        json!({"contextResponse": context, "responseData": null}).to_string()
    };
    let behind = |code: &str| {
        let context = &envelope(code, "Some words.")["contextResponse"];
        let data = "x\\\"}{,:[]".repeat(40);
        format!(r#"{{"responseData":{{"a":["{data}"]}},"contextResponse":{context}}}"#)
    };
    // Further behind than what is looked at each time that more comes.
    let far_behind = |context: &str| {
        let data = "x".repeat(1200);
        format!(r#"{{"responseData":"{data}","contextResponse":{context}"#)
    };
    let both = |body: &str, status| (body.to_owned(), status, status);
    vec![
        both(&code("SUCCESS"), 200),
        both(&code("SECURITY"), 401),
        both(&code("VALIDATION"), 400),
        both(&code("TRANSACTION_VALIDATION"), 400),
        both(&code("NON_SPECIFIC_MOZIDO_ERROR"), 422),
        both(&code("SOMETHING_NEW"), 422),
        both(&code("success"), 422),
        both(&code("SUCCESS "), 422),
        both(&behind("SUCCESS"), 200),
        both(&behind("SECURITY"), 401),
        both(&behind("VALIDATION"), 400),
        both(&format!("\u{FEFF}{}", code("SUCCESS")), 200),
        both(&format!("\u{FEFF} \r\n{}", code("SECURITY")), 401),
        both(
            &serde_json::to_string_pretty(&envelope("VALIDATION", "é😀")).unwrap(),
            400,
        ),
        both(r#"{"contextResponse":{"statusCode":"SUCCE\u0053S"}}"#, 200),
        both(r#"{"\u0063ontextResponse":{"statusCode":"SECURITY"}}"#, 401),
        // It fails closed.
        both(r#"{"contextResponse":null,"responseData":null}"#, 502),
        both(r#"{"contextResponse":{},"responseData":{}}"#, 502),
        both(
            &with(json!({"statusCode": null, "statusMessage": "SUCCESS"})),
            502,
        ),
        both(&with(json!({"statusCode": ""})), 502),
        both(&with(json!({"statusCode": {"code": "SUCCESS"}})), 502),
        both(&with(json!({"StatusCode": "SUCCESS"})), 502),
        both(&with(json!(["SUCCESS"])), 502),
        both(&with(json!("SUCCESS")), 502),
        both(&with(json!(0)), 502),
        // A number is a code like any other.
        both(&with(json!({"statusCode": 0})), 422),
        // What is said twice: the first success ends it, and else nobody knows.
        both(
            r#"{"contextResponse":{"statusCode":"SUCCESS","statusCode":"SECURITY"}}"#,
            200,
        ),
        both(
            r#"{"contextResponse":{"statusCode":"SECURITY","statusCode":"SUCCESS"}}"#,
            502,
        ),
        both(
            r#"{"contextResponse":{"statusCode":null,"statusCode":"SUCCESS"}}"#,
            502,
        ),
        both(
            r#"{"contextResponse":{"statusCode":"SECURITY"},"contextResponse":{"statusCode":"SUCCESS"}}"#,
            401,
        ),
        both(
            r#"{"contextResponse":{"statusCode":"SUCCESS"},"contextResponse":{"statusCode":"SECURITY"}}"#,
            200,
        ),
        both(
            r#"{"contextResponse":null,"contextResponse":{"statusCode":"SUCCESS"}}"#,
            502,
        ),
        // Behind a success nothing is looked at.
        both(r#"{"contextResponse":{"statusCode":"SUCCESS",broken"#, 200),
        both(
            r#"{"contextResponse":{"statusCode":"SUCCESS","x":tru}}"#,
            200,
        ),
        both(r#"{"contextResponse":{"statusCode":"SUCCESS"]"#, 200),
        both(
            r#"{"contextResponse":{"statusCode":"SECURITY","x":tru}}"#,
            502,
        ),
        both(&far_behind(r#"{"statusCode":"SUCCESS"}}"#), 200),
        both(&far_behind(r#"{"statusCode":"SUCCESS",broken}}"#), 200),
        both(
            &far_behind(r#"{"statusCode":"SUCCESS","statusCode":"SECURITY"}}"#),
            200,
        ),
        both(&far_behind(r#"{"statusCode":"SUCCESS","statusMe"#), 200),
        both(&far_behind(r#"{"statusCode":"SUCCESS"]"#), 200),
        both(&far_behind(r#"{"statusCode":"SECURITY"}}"#), 401),
        both(&far_behind(r#"{"statusCode":"SECURITY",broken}}"#), 502),
        // None at all: strict and lenient differ.
        (String::new(), 502, 200),
        (" \n".into(), 502, 200),
        ("<html><body>Bad gateway</body></html>".into(), 502, 200),
        ("[]".into(), 502, 200),
        ("null".into(), 502, 200),
        ("{}".into(), 502, 200),
        (
            r#"{"access_token":"x","contextresponse":{"statusCode":"SUCCESS"}}"#.into(),
            502,
            200,
        ),
        (
            r#"{"responseData":{"contextResponse":{"statusCode":"SUCCESS"}}}"#.into(),
            502,
            200,
        ),
        (
            r#"{"responseData":tru,"contextResponse":{"statusCode":"SECURITY"}}"#.into(),
            502,
            200,
        ),
        (
            r#"{"responseData":{},"contextResponse":{"statusCode":"SECUR"#.into(),
            502,
            200,
        ),
        (
            r#"{"contextResponse":{"statusCode":"SECURITY""#.into(),
            502,
            200,
        ),
    ]
}

fn strict() -> NormalizeLayer<FintivEnvelope> {
    NormalizeLayer::new(FintivEnvelope::new())
}

fn lenient() -> NormalizeLayer<FintivEnvelope> {
    NormalizeLayer::new(FintivEnvelope::new().on_missing_envelope(OnMissing::Pass))
}

/// The status and the body that a caller gets of `body` in pieces.
async fn got(
    layer: NormalizeLayer<FintivEnvelope>,
    body: &[u8],
    sizes: impl IntoIterator<Item = usize>,
) -> (u16, Bytes) {
    let mut rest = Bytes::copy_from_slice(body);
    let mut cut = Vec::new();
    for size in sizes {
        cut.push(rest.split_to(size.min(rest.len())));
    }
    cut.push(rest);
    let (status, response) = through(layer, pieces(200, cut)).await;
    (status.as_u16(), response.into_body())
}

#[tokio::test]
async fn each_answer_gets_its_status_in_pieces_of_any_one_size() {
    for (body, in_strict, in_lenient) in cases() {
        for size in (1..40).chain([64, 100, body.len().max(1)]) {
            let sizes = || std::iter::repeat_n(size, body.len() / size);
            let (status, read) = got(strict(), body.as_bytes(), sizes()).await;
            assert_eq!(
                (status, &*read),
                (in_strict, body.as_bytes()),
                "{size} {body}"
            );
            let (status, read) = got(lenient(), body.as_bytes(), sizes()).await;
            assert_eq!(
                (status, &*read),
                (in_lenient, body.as_bytes()),
                "{size} {body}"
            );
        }
    }
}

#[tokio::test]
async fn each_answer_gets_its_status_cut_at_any_byte() {
    for (body, in_strict, in_lenient) in cases() {
        for at in 0..=body.len() {
            let (status, read) = got(strict(), body.as_bytes(), [at]).await;
            assert_eq!(
                (status, &*read),
                (in_strict, body.as_bytes()),
                "{at} {body}"
            );
            let (status, read) = got(lenient(), body.as_bytes(), [at]).await;
            assert_eq!(
                (status, &*read),
                (in_lenient, body.as_bytes()),
                "{at} {body}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Pieces of every size from 1 byte to the whole, one after the other.
    #[test]
    fn bodies_are_handed_on_byte_for_byte(
        case in prop::sample::select(cases()),
        sizes in prop::collection::vec(0..200_usize, 0..40),
        cap in prop_oneof![1..400_usize, Just(1024 * 1024)],
    ) {
        let (body, in_strict, in_lenient) = case;
        tokio_test::block_on(async {
            for (layer, expected) in [(strict(), in_strict), (lenient(), in_lenient)] {
                let layer = layer.max_peek(cap);
                let (status, read) = got(layer, body.as_bytes(), sizes.clone()).await;
                prop_assert_eq!(read, body.as_bytes());
                // Over the cap it is as if there were no envelope.
                if cap >= body.len() {
                    prop_assert_eq!(status, expected);
                }
            }
            Ok(())
        })?;
    }

    /// And of what is no text: the verdict is the same however it is cut.
    #[test]
    fn the_verdict_does_not_depend_on_the_cuts(
        case in prop::sample::select(cases()),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        sizes in prop::collection::vec(1..60_usize, 0..40),
    ) {
        let mut body = case.0.into_bytes();
        if !body.is_empty() {
            let at = at.index(body.len());
            body[at] = byte;
        }
        tokio_test::block_on(async {
            for layer in [strict(), lenient()] {
                let (status, read) = got(layer.clone(), &body, []).await;
                prop_assert_eq!(read, &body);
                prop_assert_eq!(got(layer, &body, sizes.clone()).await.0, status);
            }
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn a_success_passes_with_its_last_letter_and_a_failure_with_its_last_bracket() {
    use http_body_util::StreamBody;
    use tokio_test::{assert_pending, assert_ready_ok, task};
    use tower::{Layer, Service, ServiceExt, service_fn};

    let padding = "x".repeat(4096);
    for (before, last, expected) in [
        (
            r#"{"contextResponse":{"tenantName":null,"statusCode":"SUCCESS"#.to_owned(),
            "\"",
            200,
        ),
        (
            r#"{"contextResponse":{"statusCode":"SECURITY""#.into(),
            "}",
            401,
        ),
        (
            format!(r#"{{"responseData":"{padding}","contextResponse":{{"statusCode":"SECURITY""#),
            "}",
            401,
        ),
    ] {
        let (sender, frames) = tokio::sync::mpsc::unbounded_channel();
        let frames = std::sync::Mutex::new(Some(frames));
        let server = service_fn(|_: http::Request<()>| {
            let frames = frames.lock().unwrap().take().expect("asked once");
            let frames = tokio_stream::wrappers::UnboundedReceiverStream::new(frames);
            let frames = tokio_stream::StreamExt::map(frames, |data: String| {
                Ok::<_, tower_reauth::BoxError>(http_body::Frame::data(Bytes::from(data)))
            });
            std::future::ready(Ok::<_, tower_reauth::BoxError>(Response::new(
                StreamBody::new(frames),
            )))
        });
        let mut client = strict().layer(server);
        let request = http::Request::get("/user").body(()).unwrap();
        let mut call = task::spawn(client.ready().await.unwrap().call(request));
        sender.send(before).unwrap();
        assert_pending!(call.poll());
        sender.send(last.to_owned()).unwrap();
        // Nothing more comes, and the body does not end.
        let response = assert_ready_ok!(call.poll());
        assert_eq!(response.status(), expected);
    }
}

#[tokio::test]
async fn an_error_says_what_the_server_says_if_it_is_plain() {
    let mut body = envelope(
        "VALIDATION",
        "The provided data in request body is not valid!",
    );
    let context = &mut body["contextResponse"];
    context["additionalStatusMessage"] =
        "You can't access different user's security information.".into();
    context["additionalStatusCode"] = 17.into();
    let (_, response) = through(strict(), whole(200, &body.to_string())).await;
    let typed: &FintivError = response.extensions().get().unwrap();
    assert_eq!(
        typed.to_string(),
        "VALIDATION: The provided data in request body is not valid; \
         You can't access different user's security information"
    );
    let status = typed.status().unwrap();
    assert_eq!(status.additional_code(), Some("17"));
    assert_eq!(status.tenant(), Some("JANUS"));
    let error: &Error = response.extensions().get().unwrap();
    assert_eq!(
        error.to_string(),
        "Fintiv does not take the request for valid, inside a 200: signing in again does not help"
    );

    // The vendor's other sample has a name in it.
    let mut body = envelope("VALIDATION", "The request parameters were not valid!");
    body["contextResponse"]["additionalStatusMessage"] =
        "The request test20190417 does not exist!".into();
    let (_, response) = through(strict(), whole(200, &body.to_string())).await;
    let typed: &FintivError = response.extensions().get().unwrap();
    assert_eq!(typed.to_string(), "VALIDATION");
    assert!(!format!("{typed:?}").contains("test20190417"));
    let said = typed.status().unwrap().additional_message();
    assert_eq!(said, Some("The request test20190417 does not exist!"));
}

#[tokio::test]
async fn what_is_missing_is_said() {
    for (body, expected) in [
        ("", "the body is empty"),
        ("<html>", "the body is no JSON object: is it a web page?"),
        ("{}", "the JSON object has no contextResponse"),
        (r#"{"a":1,}"#, "the body is not JSON"),
        (r#"{"a":1"#, "the body breaks off"),
        (r#"{"contextResponse":null}"#, "no statusCode"),
        (
            r#"{"contextResponse":{"statusCode":"X",}}"#,
            "no statusCode",
        ),
    ] {
        let (status, response) = through(strict(), whole(200, body)).await;
        assert_eq!(status, StatusCode::BAD_GATEWAY);
        let typed: &FintivError = response.extensions().get().unwrap();
        assert_eq!(typed.to_string(), expected, "{body}");
        assert_eq!((typed.status(), typed.class()), (None, None));
        let error: &Error = response.extensions().get().unwrap();
        assert_eq!(error.kind(), ErrorKind::Protocol);
    }
    let long = format!(r#"{{"responseData":"{}"}}"#, "x".repeat(100));
    let (status, response) = through(strict().max_peek(50), whole(200, &long)).await;
    assert_eq!(status, StatusCode::BAD_GATEWAY);
    let typed: &FintivError = response.extensions().get().unwrap();
    let expected = "the body is too long to be looked through: see `max_inspect_body`";
    assert_eq!(typed.to_string(), expected);
    let (status, _) = through(lenient().max_peek(50), whole(200, &long)).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn a_web_page_is_none_whatever_it_is_called() {
    for kind in [
        "text/html",
        "text/html; charset=utf-8",
        "application/json",
        "image/png",
    ] {
        for (layer, expected) in [(strict(), 502), (lenient(), 200)] {
            let mut answer = whole(200, "<html></html>");
            answer
                .headers_mut()
                .insert("content-type", kind.parse().unwrap());
            let (status, response) = through(layer, answer).await;
            assert_eq!(status, expected, "{kind}");
            assert_eq!(response.body(), "<html></html>");
        }
    }
    // And an envelope is one, though it be called a web page.
    let mut answer = whole(200, &envelope("SECURITY", "no").to_string());
    answer
        .headers_mut()
        .insert("content-type", "text/html".parse().unwrap());
    assert_eq!(through(lenient(), answer).await.0, 401);
}

#[tokio::test]
async fn where_none_is_expected_none_is_missed() {
    let envelope_at = |matches: bool| {
        FintivEnvelope::new().matcher(move |uri: &Uri| {
            assert_eq!(uri.path(), "/auth/user");
            matches
        })
    };
    let plain = r#"{"pinValidated":false}"#;
    for (layer, expected) in [
        (envelope_at(true), 502),
        (envelope_at(false), 200),
        (envelope_at(true).on_missing_envelope(OnMissing::Pass), 200),
        (envelope_at(false).on_missing_envelope(OnMissing::Fail), 502),
    ] {
        let layer = NormalizeLayer::new(layer);
        assert_eq!(through(layer.clone(), whole(200, plain)).await.0, expected);
        // One that is there counts in any case.
        let there = envelope("VALIDATION", "no").to_string();
        assert_eq!(through(layer, whole(200, &there)).await.0, 400);
    }
}

#[tokio::test]
async fn a_classifier_decides_by_everything_that_the_status_says() {
    let classified = |status: &Status| match (status.code(), status.additional_code()) {
        ("OK", _) => Some(StatusClass::Success),
        ("SUCCESS", Some("17")) => Some(StatusClass::AuthExpired),
        ("VALIDATION", _) if status.additional_message()?.contains("different user") => {
            Some(StatusClass::AuthDenied)
        }
        ("VALIDATION", Some("18")) => Some(StatusClass::Other),
        _ => None,
    };
    let layer = NormalizeLayer::new(FintivEnvelope::new().classifier(classified));
    let different = "You can't access different user's security information.";
    for (code, additional_code, additional_message, expected) in [
        ("OK", None, None, 200),
        ("SUCCESS", None, None, 200),
        ("SUCCESS", Some("17"), None, 401),
        ("VALIDATION", None, Some(different), 403),
        ("VALIDATION", None, Some("Too short."), 400),
        ("VALIDATION", Some("18"), Some("Too short."), 422),
        ("SECURITY", None, None, 401),
        ("NEW", None, None, 422),
    ] {
        let mut body = envelope(code, "no");
        body["contextResponse"]["additionalStatusCode"] = additional_code.into();
        body["contextResponse"]["additionalStatusMessage"] = additional_message.into();
        let body = body.to_string();
        for size in [1, 7, body.len()] {
            let sizes = std::iter::repeat_n(size, body.len() / size);
            let (status, read) = got(layer.clone(), body.as_bytes(), sizes).await;
            assert_eq!((status, &*read), (expected, body.as_bytes()), "{body}");
        }
    }
}
