//! What each failure of the sign-in means, and that it is not tried again where that is no use.

use std::time::Duration;

use tower_reauth::{Error, ErrorKind, providers::my2n::My2n, testing::FakeClock};

use crate::script::{PASSWORD, Script, Step, USER, answer, sign_in, well};

/// The vendor's failures with a body, and what they mean.
const FLOW_GENERIC: &str = r#"{"id":"f-1","type":"api","ui":{"action":"x","method":"POST","nodes":[],
    "messages":[{"id":4000001,"type":"error","text":"REASON","context":{"reason":"REASON"}}]}}"#;

fn generic(reason: &str) -> String {
    FLOW_GENERIC.replace("REASON", reason)
}

fn message(id: &str, text: &str) -> String {
    format!(
        r#"{{"id":"f-1","ui":{{"nodes":[],"messages":[{{"id":{id},"type":"error","text":"{text}"}}]}}}}"#
    )
}

/// Signs in where `step` fails, and returns the error and the steps.
async fn failing(step: Step, status: u16, body: &str) -> (Error, Vec<Step>) {
    let body = body.to_owned();
    let script = Script::but(move |seen| (seen.step() == step).then(|| answer(status, &body)));
    let my2n = if step == Step::V1 {
        script.v1()
    } else {
        script.v2()
    };
    let error = sign_in(&my2n).await.unwrap_err();
    (error, script.steps())
}

#[tokio::test]
async fn a_400_to_the_login_is_told_apart_by_its_body() {
    let invalid = "The provided credentials are invalid, check for spelling mistakes.";
    let in_node = r#"{"id":"f-1","ui":{"messages":[],"nodes":[{"type":"input","messages":[]},
        {"type":"input","messages":[{"id":4000002,"type":"error","text":"Property identifier is missing."}]}]}}"#;
    let both = r#"{"ui":{"messages":[{"id":4000001,"type":"error","text":"Something."}],
        "nodes":[{"messages":[{"id":4000006,"type":"error","text":"Invalid."}]}]}}"#;
    let unknown = r#"{"ui":{"messages":[{"id":1,"text":"One."},{"id":2,"text":"Two."}]}}"#;
    let known = r#"{"ui":{"messages":[{"id":1,"text":"One."},{"id":4000037,"text":"Two."},
        {"id":4000010,"text":"Three."}]}}"#;
    let informs = r#"{"ui":{"messages":[{"id":1010003,"type":"info","text":"Confirm this."},
        {"id":4000037,"type":"error","text":"This account does not exist."}]}}"#;
    let object = |id: &str, reason: &str| {
        format!(
            r#"{{"error":{{"id":"{id}","code":400,"status":"Bad Request","message":"It failed.","reason":"{reason}"}}}}"#
        )
    };
    let seed =
        r#"{"error":{"code":400,"message":"There is already an active session for this user."}}"#;
    for (body, kind, code, texts) in [
        (
            message("4000006", invalid),
            ErrorKind::Rejected,
            Some("4000006"),
            &[
                "check the user name and the password",
                "The provided credentials are invalid",
            ][..],
        ),
        (
            message("\"4000006\"", invalid),
            ErrorKind::Rejected,
            Some("4000006"),
            &["check the user name"],
        ),
        (
            in_node.into(),
            ErrorKind::Rejected,
            Some("4000002"),
            &["misses a field", "Property identifier is missing"],
        ),
        (
            both.into(),
            ErrorKind::Rejected,
            Some("4000006"),
            &["Invalid"],
        ),
        (
            unknown.into(),
            ErrorKind::Rejected,
            Some("1"),
            &["says: One"],
        ),
        (
            known.into(),
            ErrorKind::Rejected,
            Some("4000037"),
            &["no such account", "says: Two"],
        ),
        (
            informs.into(),
            ErrorKind::Rejected,
            Some("4000037"),
            &["there is no such account", "does not exist"],
        ),
        (
            message("4000010", "Account not active yet."),
            ErrorKind::Rejected,
            Some("4000010"),
            &["not verified yet"],
        ),
        (
            message("4999999", "Something new."),
            ErrorKind::Rejected,
            Some("4999999"),
            &["Something new"],
        ),
        (
            generic("A valid session was detected and thus login is not possible."),
            ErrorKind::SessionActive,
            Some("4000001"),
            &["already an active session", "plain client"],
        ),
        (
            object("session_already_available", "A valid session was detected."),
            ErrorKind::SessionActive,
            Some("session_already_available"),
            &["already an active session"],
        ),
        (
            seed.into(),
            ErrorKind::SessionActive,
            None,
            &["cookie store"],
        ),
        (
            generic(r#"The HTTP Request Header included the \"Cookie\" key"#),
            ErrorKind::Config,
            Some("4000001"),
            &["Cookie or an Origin header"],
        ),
        (
            generic(r#"The HTTP Request Header included the \"Origin\" key"#),
            ErrorKind::Config,
            Some("4000001"),
            &["Cookie or an Origin header"],
        ),
        (
            generic("The original request was odd"),
            ErrorKind::Rejected,
            Some("4000001"),
            &["The original request was odd"],
        ),
        (
            object("", "The flow query parameter is missing or malformed."),
            ErrorKind::Protocol,
            None,
            &["missing or malformed", "drop the query"],
        ),
        (
            object("something_else", "Odd."),
            ErrorKind::Rejected,
            Some("something_else"),
            &["It failed; Odd"],
        ),
        (
            r#"{"message":"Bad request."}"#.into(),
            ErrorKind::Rejected,
            None,
            &["Bad request"],
        ),
        (
            "{}".into(),
            ErrorKind::Rejected,
            None,
            &["check the user name"],
        ),
        (
            r#"{"ui":7,"error":null}"#.into(),
            ErrorKind::Rejected,
            None,
            &["check the user name"],
        ),
        (
            "<html>".into(),
            ErrorKind::Rejected,
            None,
            &["check the user name"],
        ),
        (
            String::new(),
            ErrorKind::Rejected,
            None,
            &["check the user name"],
        ),
    ] {
        let (error, steps) = failing(Step::Submit, 400, &body).await;
        assert_eq!(error.kind(), kind, "{body}");
        assert_eq!(error.provider_code(), code, "{body}");
        for text in texts {
            assert!(error.to_string().contains(text), "{body}: {error}");
        }
        // Never a second time.
        assert_eq!(steps, [Step::Init, Step::Submit], "{body}");
    }
}

#[tokio::test]
async fn a_400_to_the_start_of_a_flow_is_told_apart_as_well() {
    let active = r#"{"error":{"id":"session_already_available","code":400,"message":"Valid."}}"#;
    for (body, kind) in [
        (active, ErrorKind::SessionActive),
        ("{}", ErrorKind::Protocol),
        (
            r#"{"error":{"id":"security_csrf_violation","reason":"the Cookie"}}"#,
            ErrorKind::Config,
        ),
    ] {
        let (error, steps) = failing(Step::Init, 400, body).await;
        assert_eq!(error.kind(), kind, "{body}");
        assert_eq!(steps, [Step::Init]);
    }
}

#[tokio::test]
async fn other_statuses_mean_what_the_table_says() {
    use ErrorKind::{
        Config, Locked, MfaNotAllowed, Protocol, RateLimited, Rejected, Transport, Upgrade,
    };

    let aal2 = r#"{"error":{"id":"session_aal2_required","code":403,"reason":"Second factor."}}"#;
    let browser = r#"{"error":{"id":"browser_location_change_required","code":422}}"#;
    for (status, body, v1, init, submit) in [
        (401, "", Rejected, Protocol, Rejected),
        (403, "", Protocol, Protocol, Protocol),
        (403, aal2, Protocol, Protocol, MfaNotAllowed),
        (405, "", Config, Config, Config),
        (409, "", Upgrade, Protocol, Protocol),
        (422, browser, Protocol, Protocol, Protocol),
        (423, "", Locked, Locked, Locked),
        (429, "", RateLimited, RateLimited, RateLimited),
        (408, "", Transport, Transport, Transport),
        (500, "", Transport, Transport, Transport),
        (503, "", Transport, Transport, Transport),
        (302, "", Protocol, Protocol, Protocol),
        (418, "", Protocol, Protocol, Protocol),
    ] {
        for (step, kind) in [(Step::V1, v1), (Step::Init, init), (Step::Submit, submit)] {
            let (error, steps) = failing(step, status, body).await;
            assert_eq!(error.kind(), kind, "{step:?} {status}: {error}");
            assert!(error.to_string().contains(&status.to_string()), "{error}");
            let count = steps.iter().filter(|other| **other == step).count();
            assert_eq!(count, 1, "{step:?} {status}");
        }
    }
    for (step, status, advice) in [
        (Step::V1, 401, "only Auth v.2"),
        (Step::V1, 404, "middleware/api/partner/v1"),
        (Step::V1, 409, "has been migrated and must use Auth v.2"),
        (Step::Init, 404, "different domain than the API"),
        (Step::Init, 500, "different domain than the API"),
        (Step::Submit, 302, "redirects are not followed"),
    ] {
        let (error, _) = failing(step, status, "").await;
        assert!(
            error.to_string().contains(advice),
            "{step:?} {status}: {error}"
        );
    }
    let (error, _) = failing(Step::Submit, 403, aal2).await;
    assert!(
        error.to_string().contains("separate account without MFA"),
        "{error}"
    );
    assert_eq!(error.provider_code(), Some("session_aal2_required"));
    let (error, _) = failing(Step::Submit, 422, browser).await;
    assert!(error.to_string().contains("single sign-on"), "{error}");
}

#[tokio::test]
async fn a_flow_that_is_gone_is_begun_once_more_and_no_further() {
    let expired =
        r#"{"error":{"id":"self_service_flow_expired","code":410},"use_flow_id":"chased"}"#;
    let replaced =
        r#"{"error":{"id":"self_service_flow_replaced","code":410},"use_flow_id":"chased"}"#;
    let gone = [(404, "{}"), (410, expired), (410, replaced), (410, "")];
    for first in gone {
        for second in gone.into_iter().map(Some).chain([None]) {
            let inits = std::sync::atomic::AtomicUsize::new(0);
            let script = Script::but(move |seen| {
                use std::sync::atomic::Ordering::SeqCst;
                match (seen.step(), inits.load(SeqCst)) {
                    (Step::Init, before) => {
                        inits.store(before + 1, SeqCst);
                        Some(answer(
                            200,
                            &crate::script::flow(&format!("f-{}", before + 1)),
                        ))
                    }
                    (Step::Submit, 1) => Some(answer(first.0, first.1)),
                    (Step::Submit, _) => second.map(|(status, body)| answer(status, body)),
                    _ => None,
                }
            });
            let result = sign_in(&script.v2()).await;
            let expected = [Step::Init, Step::Submit, Step::Init, Step::Submit];
            assert_eq!(script.steps(), expected);
            let flows = script.seen();
            let flows = [&flows[1], &flows[3]].map(|seen| seen.uri.query().unwrap().to_owned());
            assert_eq!(flows, ["flow=f-1", "flow=f-2"]);
            match second {
                None => assert_eq!(result.unwrap().credential().expose(), "v2-token"),
                Some(_) => {
                    let error = result.unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::FlowExpired);
                    assert!(error.to_string().contains("so was a second one"), "{error}");
                }
            }
        }
    }
}

#[tokio::test]
async fn another_failure_of_the_second_flow_is_told_as_it_is() {
    let submits = std::sync::atomic::AtomicUsize::new(0);
    let script = Script::but(move |seen| {
        (seen.step() == Step::Submit).then(|| {
            match submits.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
                0 => answer(410, ""),
                _ => answer(400, &message("4000006", "Invalid.")),
            }
        })
    });
    let error = sign_in(&script.v2()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert_eq!(script.count(Step::Submit), 2);
}

/// A server that says `429` or `423` to `step`, and an account there.
fn limited(
    step: Step,
    status: u16,
    retry_after: Option<&'static str>,
) -> (Script, My2n, FakeClock) {
    let script = Script::but(move |seen| {
        (seen.step() == step).then(|| {
            let mut response = answer(status, "");
            if let Some(wait) = retry_after {
                response
                    .headers_mut()
                    .insert("retry-after", wait.parse().unwrap());
            }
            response
        })
    });
    let clock = FakeClock::new();
    let version = match step {
        Step::V1 => tower_reauth::providers::my2n::ApiVersion::V1,
        _ => tower_reauth::providers::my2n::ApiVersion::V2,
    };
    let my2n = script
        .builder()
        .api_version(version)
        .clock(clock.clone())
        .build()
        .unwrap();
    (script, my2n, clock)
}

#[tokio::test]
async fn after_a_limit_nothing_is_sent_until_its_time_is_over() {
    for step in [Step::V1, Step::Init, Step::Submit] {
        for (status, kind) in [(429, ErrorKind::RateLimited), (423, ErrorKind::Locked)] {
            for (retry_after, seconds) in [
                (Some("120"), 120),
                (None, 60),
                (Some("soon"), 60),
                (Some("0"), 60),
            ] {
                let (script, my2n, clock) = limited(step, status, retry_after);
                let error = sign_in(&my2n).await.unwrap_err();
                assert_eq!(error.kind(), kind);
                assert_eq!(error.retry_after_hint(), Some(Duration::from_secs(seconds)));
                let sent = script.seen().len();
                clock.advance(Duration::from_secs(seconds - 1));
                let error = sign_in(&my2n).await.unwrap_err();
                assert_eq!(error.kind(), kind);
                assert_eq!(error.retry_after_hint(), Some(Duration::from_secs(1)));
                assert_eq!(script.seen().len(), sent, "{step:?} {status}");
                clock.advance(Duration::from_secs(1));
                sign_in(&my2n).await.unwrap_err();
                assert_eq!(script.seen().len(), 2 * sent);
            }
        }
    }
}

#[tokio::test]
async fn a_limit_on_version_1_does_not_lead_to_version_2() {
    let script = Script::but(|seen| (seen.step() == Step::V1).then(|| answer(429, "")));
    let my2n = script.auto();
    let error = sign_in(&my2n).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert_eq!(script.steps(), [Step::V1]);
    assert_eq!(my2n.upgrades(), 0);
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_are_presented_once_by_a_session() {
    let script = Script::but(|seen| (seen.step() == Step::Submit).then(|| answer(401, "")));
    let session = script.v2().session().build().unwrap();
    for _ in 0..5 {
        let error = session.token().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected);
        tokio::time::sleep(Duration::from_secs(3_600)).await;
    }
    assert_eq!(script.count(Step::Submit), 1);
}

#[tokio::test]
async fn a_classifier_can_say_otherwise() {
    let script = Script::but(|seen| (seen.step() == Step::V1).then(|| answer(410, "")));
    let my2n = script.builder().classifier(|answer| {
        assert!(!format!("{answer:?}").contains("session_token"));
        (answer.status() == 410).then_some(ErrorKind::Upgrade)
    });
    let my2n = my2n.build().unwrap();
    assert_eq!(
        sign_in(&my2n).await.unwrap().credential().expose(),
        "v2-token"
    );
    assert_eq!(my2n.upgrades(), 1);

    // Also about what looks well.
    let script = Script::new(well);
    let my2n = script.builder().classifier(|answer| {
        answer
            .body()
            .starts_with(b"{\"accessToken\"")
            .then_some(ErrorKind::Provider)
    });
    let error = sign_in(&my2n.build().unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Provider);
}

#[tokio::test]
async fn no_error_repeats_a_secret() {
    for text in [
        format!("The password {PASSWORD} is wrong"),
        format!("No user {USER}"),
        "P a 5 5 - w 0 r d".to_owned(),
    ] {
        for body in [
            message("4000006", &text),
            generic(&text),
            format!(r#"{{"error":{{"id":"pa55","message":"{text}","reason":"fine"}}}}"#),
            format!(r#"{{"message":"{text}"}}"#),
        ] {
            for (step, status) in [(Step::Submit, 400), (Step::Init, 400), (Step::V1, 401)] {
                let (error, _) = failing(step, status, &body).await;
                let shown = format!("{error} {error:?} {:?}", error.provider_code());
                for secret in [PASSWORD, USER, "machine", "pa55", "Pa55", "P a 5"] {
                    assert!(!shown.contains(secret), "{shown}");
                }
            }
        }
    }
}

#[tokio::test]
async fn nothing_shows_a_secret_in_debug() {
    let script = Script::new(well);
    let my2n = script.auto();
    let session = my2n.session().build().unwrap();
    session.token().await.unwrap();
    let shown = format!(
        "{my2n:?} {:?} {session:?} {:?}",
        script.builder(),
        session.current()
    );
    for secret in [PASSWORD, USER, "v1-token", "v2-token"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
