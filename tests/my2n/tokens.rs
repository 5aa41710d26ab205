//! What is made of a good answer, and of one that is not as good as it seems.

use std::time::Duration;

use http::header::DATE;
use tower_reauth::{ErrorKind, Event, Renewed, testing::FakeClock};

use crate::script::{Script, Step, answer, flow, sign_in, well};

/// Signs in with version 2, whose answer is this one with this `Date`.
async fn submitted(body: &str, date: Option<&'static str>) -> Result<Renewed, tower_reauth::Error> {
    let body = body.to_owned();
    let script = Script::but(move |seen| {
        (seen.step() == Step::Submit).then(|| {
            let mut response = answer(200, &body);
            if let Some(date) = date {
                response.headers_mut().insert(DATE, date.parse().unwrap());
            }
            response
        })
    });
    let my2n = script
        .builder()
        .api_version(tower_reauth::providers::my2n::ApiVersion::V2);
    sign_in(&my2n.clock(FakeClock::new()).build().unwrap()).await
}

/// What is `2022-01-01T00:00:00Z` at the server.
const NEW_YEAR: Option<&str> = Some("Sat, 01 Jan 2022 00:00:00 GMT");

#[tokio::test]
async fn a_token_lives_by_the_servers_own_clock() {
    for (dates, date, seconds) in [
        (
            r#""issued_at":"2022-01-01T00:00:00Z","expires_at":"2022-01-02T00:00:00Z""#,
            None,
            86_400,
        ),
        (
            r#""issued_at":"2022-01-01T00:00:00Z","expires_at":"2022-01-02T00:00:00Z""#,
            NEW_YEAR,
            86_400,
        ),
        // An older session is handed out again.
        (
            r#""issued_at":"2021-12-31T00:00:00Z","expires_at":"2022-01-01T01:00:00Z""#,
            NEW_YEAR,
            3_600,
        ),
        (
            r#""expires_at":"2022-01-01T00:10:00.5+00:00""#,
            NEW_YEAR,
            600,
        ),
        (
            r#""issued_at":"nonsense","expires_at":"2022-01-01T00:10:00Z""#,
            NEW_YEAR,
            600,
        ),
        // Nothing is said: the vendor's own example logs in that often.
        ("", NEW_YEAR, 3_000),
        (r#""expires_at":null"#, NEW_YEAR, 3_000),
    ] {
        let body = format!(r#"{{"session_token":"t","session":{{"id":"x",{dates}}}}}"#);
        let body = body.replace(",}", "}");
        let renewed = submitted(&body, date).await.unwrap();
        let lifetime = renewed.credential().lifetime().unwrap();
        assert_eq!(lifetime.as_secs(), seconds, "{dates}");
    }
    let renewed = submitted(r#"{"session_token":"t"}"#, None).await.unwrap();
    assert_eq!(
        renewed.credential().lifetime(),
        Some(Duration::from_secs(3_000))
    );
}

#[tokio::test]
async fn dates_that_are_no_good_cost_no_token_and_make_a_warning() {
    for session in [
        r#"{"issued_at":"2022-01-01T00:00:00Z","expires_at":"2022-01-01T00:00:00Z"}"#,
        r#"{"expires_at":"2021-01-01T00:00:00Z"}"#,
        r#"{"expires_at":"tomorrow"}"#,
        r#"{"expires_at":7}"#,
        r#"{"expires_at":"2022-01-01T00:00:00Z","expires_at":1}"#,
        "[]",
        "7",
    ] {
        let session = session.to_owned();
        let script = Script::but(move |seen| {
            let body = format!(r#"{{"session_token":"t","session":{session}}}"#);
            let mut response = answer(200, &body);
            response
                .headers_mut()
                .insert(DATE, NEW_YEAR.unwrap().parse().unwrap());
            (seen.step() == Step::Submit).then_some(response)
        });
        let session = script.v2().session().build().unwrap();
        let mut events = session.events();
        let current = session.token().await.unwrap();
        assert_eq!(current.token().lifetime(), Some(Duration::from_secs(3_000)));
        assert!(matches!(events.next().await, Some(Event::SignedIn { .. })));
        let Some(Event::Warned { error, .. }) = events.next().await else {
            panic!("a warning");
        };
        assert!(error.to_string().contains("fallback_ttl"), "{error}");
    }
}

#[tokio::test]
async fn a_token_is_taken_whatever_stands_beside_it_with_a_warning() {
    for (step, body) in [
        (Step::V1, r#"{"accessToken":"t"} and more"#),
        (Step::V1, r#"{"accessToken":"s","accessToken":"t"}"#),
        (Step::Submit, r#"{"session_token":"t"}{}"#),
        (Step::Submit, r#"{"session_token":"s","session_token":"t"}"#),
    ] {
        let script = Script::but(move |seen| (seen.step() == step).then(|| answer(200, body)));
        let my2n = if step == Step::V1 {
            script.v1()
        } else {
            script.v2()
        };
        let session = my2n.session().build().unwrap();
        let mut events = session.events();
        assert_eq!(session.token().await.unwrap().token().expose(), "t");
        assert!(matches!(events.next().await, Some(Event::SignedIn { .. })));
        assert!(
            matches!(events.next().await, Some(Event::Warned { .. })),
            "{body}"
        );
    }
}

#[tokio::test]
async fn the_ttls_are_settings() {
    let script = Script::new(well);
    let builder = || {
        script
            .builder()
            .v1_ttl(Duration::from_secs(7))
            .fallback_ttl(Duration::from_secs(9))
    };
    for (version, seconds) in [
        (tower_reauth::providers::my2n::ApiVersion::V1, 7),
        (tower_reauth::providers::my2n::ApiVersion::V2, 9),
    ] {
        let renewed = sign_in(&builder().api_version(version).build().unwrap())
            .await
            .unwrap();
        let lifetime = renewed.credential().lifetime();
        assert_eq!(lifetime, Some(Duration::from_secs(seconds)));
    }
}

#[tokio::test]
async fn an_answer_without_a_good_token_is_an_error() {
    for (step, body, expected) in [
        (Step::V1, "{}", "has no `accessToken`"),
        (Step::V1, r#"{"accessToken":null}"#, "has no `accessToken`"),
        (Step::V1, r#"{"accessToken":7}"#, "is no text"),
        (Step::V1, r#"{"accessToken":""}"#, "cannot be sent"),
        (Step::V1, r#"{"accessToken":"s3cr3t\n"}"#, "cannot be sent"),
        (Step::V1, "", "it is empty"),
        (Step::V1, "<html>s3cr3t", "it is a web page"),
        (Step::V1, r#"{"accessToken":"s3cr3t"#, "it breaks off"),
        (Step::V1, r#"["s3cr3t"]"#, "a list"),
        (Step::Init, "{}", "has no `id`"),
        (Step::Init, r#"{"id":""}"#, "not the id of a flow"),
        (Step::Init, r#"{"id":"a&b=c"}"#, "not the id of a flow"),
        (Step::Init, r#"{"id":"a b"}"#, "not the id of a flow"),
        (Step::Init, r#"{"id":{}}"#, "is no text"),
        (
            Step::Submit,
            r#"{"session":{"id":"x"},"continue_with":[]}"#,
            "has no `session_token`",
        ),
        (
            Step::Submit,
            r#"{"session_token":null}"#,
            "has no `session_token`",
        ),
        (
            Step::Submit,
            r#"{"session_token":"s3cr3t tök"}"#,
            "cannot be sent",
        ),
        (Step::Submit, "null", "could not be understood"),
    ] {
        let script = Script::but(move |seen| (seen.step() == step).then(|| answer(200, body)));
        let my2n = if step == Step::V1 {
            script.v1()
        } else {
            script.v2()
        };
        let error = sign_in(&my2n).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{body}");
        assert!(error.to_string().contains(expected), "{body}: {error}");
        assert!(
            !format!("{error} {error:?}").contains("s3cr3t"),
            "{error:?}"
        );
        // It is not tried again.
        assert_eq!(script.count(step), 1);
    }
}

#[tokio::test]
async fn every_prefix_of_a_good_answer_is_an_error_and_no_panic() {
    let whole = r#"{"session_token":"s3cr3t","session":{"expires_at":"2022-01-01T00:00:00Z"}}"#;
    for step in [Step::V1, Step::Init, Step::Submit] {
        let whole = match step {
            Step::V1 => r#"{"accessToken":"s3cr3t"}"#.to_owned(),
            Step::Init => flow("f-2"),
            _ => whole.to_owned(),
        };
        for end in 0..whole.len() {
            let body = whole[..end].to_owned();
            let script = Script::but(move |seen| (seen.step() == step).then(|| answer(200, &body)));
            let my2n = if step == Step::V1 {
                script.v1()
            } else {
                script.v2()
            };
            let error = sign_in(&my2n).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Protocol);
            assert!(!format!("{error} {error:?}").contains("s3cr3t"));
        }
        let marked = format!("\u{FEFF}{whole}");
        let script = Script::but(move |seen| (seen.step() == step).then(|| answer(200, &marked)));
        let my2n = if step == Step::V1 {
            script.v1()
        } else {
            script.v2()
        };
        sign_in(&my2n).await.unwrap();
    }
}

#[tokio::test]
async fn each_login_counts_as_a_sign_in() {
    let script = Script::new(well);
    let session = script.auto().session().build().unwrap();
    let mut events = session.events();
    session.token().await.unwrap();
    session.renew().await.unwrap();
    for expected in 1..=2 {
        let Some(Event::SignedIn { generation, .. }) = events.next().await else {
            panic!("a sign-in");
        };
        assert_eq!(generation, expected);
    }
}
