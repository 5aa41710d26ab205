//! The JSON vectors of others as token answers: whole, cut, and behind a byte order mark.

use base64::{Engine, prelude::BASE64_STANDARD};

use super::*;

#[tokio::test]
async fn no_body_is_too_odd() {
    let Some(file) = crate::vectors::file("json-parsing/json_parsing.json") else {
        return;
    };
    let vectors: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 318);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let body = BASE64_STANDARD
            .decode(case["base64"].as_str().unwrap())
            .unwrap();
        let marked = [b"\xEF\xBB\xBF", &body[..]].concat();
        for status in [200, 400] {
            // The long ones are one bracket after the other.
            let lengths = (0..=body.len()).filter(|length| *length < 200 || *length == body.len());
            let cut = lengths.map(|length| &body[..length]);
            for body in cut.chain([&marked[..]]) {
                let error = refused(status, body).await;
                assert_eq!(error.kind(), ErrorKind::Protocol, "{name}: {error}");
                let text = format!("{error:?}");
                assert!(text.len() < 400, "{name}: {text}");
            }
        }
        // As the value of a field it is as good as its verdict: the tokens beside it count.
        let (before, after) = (
            br#"{"access_token":"a","x":"#,
            br#","refresh_token":"refresh-1"}"#,
        );
        let whole = [&before[..], &body, after].concat();
        let result = asked(200, &whole).await;
        match (case["verdict"].as_str().unwrap(), result) {
            ("accept", result) => {
                assert_eq!(refresh_of(&result.unwrap()), Some("refresh-1"), "{name}")
            }
            (_, Ok(renewed)) => assert_eq!(renewed.credential().expose(), "a", "{name}"),
            (_, Err(error)) => assert_eq!(error.kind(), ErrorKind::Protocol, "{name}: {error}"),
        }
    }
}

async fn asked(status: u16, body: &[u8]) -> Result<Renewed, Error> {
    let body = Bytes::copy_from_slice(body);
    let http = service_fn(move |_: Request<Full<Bytes>>| {
        let response = http::Response::builder().status(status);
        std::future::ready(response.body(Full::new(body.clone())))
    });
    let oauth2 = OAuth2::builder(http, URL)
        .client_id(ID)
        .client_secret(SECRET);
    first(&oauth2.client_credentials().build().unwrap()).await
}

async fn refused(status: u16, body: &[u8]) -> Error {
    asked(status, body).await.unwrap_err()
}
