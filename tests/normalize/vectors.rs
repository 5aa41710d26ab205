//! The 318 bodies of nst/JSONTestSuite: as a whole, before a verdict, behind one, and cut anywhere.

use bytes::Bytes;
use http::{Response, StatusCode};
use tower::ServiceExt;
use tower_reauth::layers::normalize::NormalizeLayer;

use crate::{
    json_vectors::{self, Case, Verdict},
    support::{Acme, Script, Step, client, get, said},
};

/// What a caller gets of `body`, cut into pieces that end at `cuts`.
async fn status(body: &[u8], cuts: impl IntoIterator<Item = usize>, strict: bool) -> StatusCode {
    let whole = Bytes::copy_from_slice(body);
    let mut steps = Vec::new();
    let mut from = 0;
    for to in cuts.into_iter().chain([body.len()]) {
        steps.push(Step::Data(whole.slice(from..to)));
        from = to;
    }
    let answer = move || Response::new(Script::new(steps.clone()));
    let client = client(NormalizeLayer::new(Acme { strict }), answer);
    let response = client.oneshot(get()).await.unwrap();
    let status = response.status();
    assert_eq!(
        said(response.into_body()).await,
        (body.to_vec(), vec![], None)
    );
    status
}

/// Where to cut `body`: everywhere. But the two long ones, which are brackets and no more, at some
/// places only.
fn places(body: &[u8]) -> impl Iterator<Item = usize> {
    let step = if body.len() > 2000 {
        body.len() / 20
    } else {
        1
    };
    (1..body.len()).step_by(step)
}

/// The same however it is cut, as the caller must see no difference.
async fn status_however_cut(body: &[u8]) -> [StatusCode; 2] {
    let mut found = [StatusCode::OK; 2];
    for (strict, found) in [false, true].into_iter().zip(&mut found) {
        *found = status(body, [], strict).await;
        for at in places(body) {
            assert_eq!(status(body, [at], strict).await, *found, "cut at {at}");
        }
        assert_eq!(
            status(body, places(body), strict).await,
            *found,
            "cut everywhere"
        );
    }
    found
}

#[tokio::test]
async fn as_a_whole_body_none_is_taken_for_a_success_or_changed() {
    for Case { name, bytes, .. } in json_vectors::all() {
        for body in [bytes.clone(), [b"\xEF\xBB\xBF", &bytes[..]].concat()] {
            // None of them has a member `status`, so none has a verdict.
            let found = status_however_cut(&body).await;
            assert_eq!(found, [StatusCode::OK, StatusCode::BAD_GATEWAY], "{name}");
        }
    }
}

#[tokio::test]
async fn before_a_verdict_they_must_be_json() {
    let mut found_out = [0, 0, 0];
    for Case {
        name,
        verdict,
        bytes,
    } in json_vectors::all()
    {
        let body = [br#"{"data":"#, &bytes[..], br#","status":"no"}"#].concat();
        let found = status_however_cut(&body).await;
        let readable = [StatusCode::UNPROCESSABLE_ENTITY; 2];
        let unreadable = [StatusCode::OK, StatusCode::BAD_GATEWAY];
        match verdict {
            Verdict::Accept => assert_eq!(found, readable, "{name}"),
            Verdict::Reject => assert_eq!(found, unreadable, "{name}"),
            Verdict::Either => assert!(found == readable || found == unreadable, "{name}"),
        }
        // And the same as a parser says of the whole.
        let is_json = serde_json::from_slice::<&serde_json::value::RawValue>(&body).is_ok();
        assert_eq!(found == readable, is_json, "{name}");
        found_out[verdict as usize] += 1;
    }
    assert!(
        matches!(found_out, [95, 188, 35] | [0, 0, 0]),
        "{found_out:?}"
    );
}

#[tokio::test]
async fn behind_a_verdict_they_are_not_looked_at() {
    for Case { name, bytes, .. } in json_vectors::all() {
        for (word, expected) in [
            ("ok", StatusCode::OK),
            ("no", StatusCode::UNPROCESSABLE_ENTITY),
        ] {
            let start = format!(r#"{{"status":"{word}","data":"#);
            let body = [start.as_bytes(), &bytes, b"}"].concat();
            for strict in [false, true] {
                assert_eq!(status(&body, [], strict).await, expected, "{name}");
                assert_eq!(
                    status(&body, places(&body), strict).await,
                    expected,
                    "{name}"
                );
            }
        }
    }
}
