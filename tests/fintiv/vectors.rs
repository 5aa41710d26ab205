//! The 318 bodies of nst/JSONTestSuite: as a whole, and as parts of an answer, against a full parse.

use bytes::Bytes;
use serde_json::value::RawValue;
use tower_reauth::{
    Error,
    layers::NormalizeLayer,
    providers::fintiv::{FintivEnvelope, FintivError, OnMissing},
};

use crate::{
    json_vectors::{self, Verdict},
    support::{pieces, through},
};

/// The status of `body`, in one piece and cut everywhere, which must be the same. And none of its
/// errors repeats it.
async fn status(body: &[u8], on_missing: OnMissing) -> u16 {
    let envelope = FintivEnvelope::new().on_missing_envelope(on_missing);
    let layer = NormalizeLayer::new(envelope);
    let body = Bytes::copy_from_slice(body);
    let size = if body.len() > 2000 {
        body.len() / 20
    } else {
        1
    };
    let cut = (0..body.len()).step_by(size);
    let cut = cut.map(|from| body.slice(from..body.len().min(from + size)));
    let (in_pieces, response) = through(layer.clone(), pieces(200, cut)).await;
    assert_eq!(response.body(), &body);
    let (status, response) = through(layer, pieces(200, [body.clone()])).await;
    assert_eq!(response.body(), &body);
    assert_eq!(status, in_pieces);
    if let Some(typed) = response.extensions().get::<FintivError>() {
        let error = response.extensions().get::<Error>().unwrap();
        let text = format!("{typed} {typed:?} {error} {error:?}");
        let body = String::from_utf8_lossy(&body);
        let words = body.split(|c: char| !c.is_alphanumeric() && c != '\u{FFFD}');
        // Ours have none that is this long and not plain.
        for word in words.filter(|word| word.len() > 12 && !OURS.contains(word)) {
            assert!(!text.contains(word), "{word} in {text}");
        }
    }
    status.as_u16()
}

const OURS: [&str; 1] = ["contextResponse"];

#[tokio::test]
async fn as_a_whole_none_is_a_success() {
    for case in json_vectors::all() {
        for body in [
            case.bytes.clone(),
            [b"\xEF\xBB\xBF", &case.bytes[..]].concat(),
        ] {
            assert_eq!(status(&body, OnMissing::Fail).await, 502, "{}", case.name);
            assert_eq!(status(&body, OnMissing::Pass).await, 200, "{}", case.name);
        }
    }
}

#[tokio::test]
async fn before_the_envelope_they_must_be_json_as_a_full_parse_has_it() {
    for case in json_vectors::all() {
        for (code, expected) in [("SUCCESS", 200), ("SECURITY", 401), ("VALIDATION", 400)] {
            let rest = format!(r#","contextResponse":{{"statusCode":"{code}"}}}}"#);
            let body = [br#"{"responseData":"#, &case.bytes[..], rest.as_bytes()].concat();
            let is_json = serde_json::from_slice::<&RawValue>(&body).is_ok();
            let expected = if is_json { [expected; 2] } else { [502, 200] };
            let found = [
                status(&body, OnMissing::Fail).await,
                status(&body, OnMissing::Pass).await,
            ];
            assert_eq!(found, expected, "{}", case.name);
            match case.verdict {
                Verdict::Accept => assert!(is_json, "{}", case.name),
                Verdict::Reject => assert!(!is_json, "{}", case.name),
                Verdict::Either => {}
            }
        }
    }
}

#[tokio::test]
async fn in_the_place_of_the_envelope_they_fail_closed() {
    for case in json_vectors::all() {
        let body = [br#"{"contextResponse":"#, &case.bytes[..], b"}"].concat();
        let is_json = serde_json::from_slice::<&RawValue>(&body).is_ok();
        assert_eq!(status(&body, OnMissing::Fail).await, 502, "{}", case.name);
        let lenient = status(&body, OnMissing::Pass).await;
        // What is no JSON may end before it is clear that it is an envelope.
        assert!(
            lenient == 502 || !is_json && lenient == 200,
            "{} {lenient}",
            case.name
        );
    }
}

#[tokio::test]
async fn as_the_code_they_are_never_a_success() {
    for case in json_vectors::all() {
        let start = br#"{"contextResponse":{"statusCode":"#;
        let body = [&start[..], &case.bytes, b"}}"].concat();
        let strict = status(&body, OnMissing::Fail).await;
        assert!(matches!(strict, 422 | 502), "{} {strict}", case.name);
    }
}

#[tokio::test]
async fn behind_a_success_they_are_not_looked_at() {
    for case in json_vectors::all() {
        for start in [
            &br#"{"contextResponse":{"statusCode":"SUCCESS"},"responseData":"#[..],
            br#"{"contextResponse":{"statusCode":"SUCCESS","statusMessage":"#,
        ] {
            let body = [start, &case.bytes, b"}"].concat();
            assert_eq!(status(&body, OnMissing::Fail).await, 200, "{}", case.name);
        }
    }
}
