//! What is sent, to the letter.

use std::sync::{Arc, OnceLock};

use http::{Method, header};
use tower::ServiceExt;
use tower_reauth::{
    ErrorKind, Placement, Reason, Renewal, Session, Token,
    providers::my2n::{ApiVersion, Endpoint, My2n},
};

use crate::script::{API, LOGIN, PASSWORD, Script, Seen, Step, USER, answer, sign_in, well};

fn names(seen: &Seen) -> Vec<&str> {
    let mut names: Vec<_> = seen
        .headers
        .keys()
        .map(header::HeaderName::as_str)
        .collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn version_1_is_one_post() {
    let script = Script::new(well);
    let renewed = sign_in(&script.v1()).await.unwrap();
    let [login] = &script.seen()[..] else {
        panic!("one request")
    };
    assert_eq!(login.method, Method::POST);
    assert_eq!(login.uri.to_string(), format!("{API}/auth"));
    assert_eq!(names(login), ["accept", "content-type"]);
    assert_eq!(login.header("accept"), Some("application/json"));
    assert_eq!(login.header("content-type"), Some("application/json"));
    let expected = serde_json::json!({"username": USER, "password": PASSWORD});
    assert_eq!(login.json(), expected);
    let (name, value) = renewed.credential().header();
    assert_eq!(
        (name.as_str(), value.as_bytes()),
        ("x-api-key", &b"v1-token"[..])
    );
    assert!(value.is_sensitive());
}

#[tokio::test]
async fn version_2_is_a_get_without_a_body_and_a_post_with_the_flow() {
    let script = Script::new(well);
    let renewed = sign_in(&script.v2()).await.unwrap();
    let [init, submit] = &script.seen()[..] else {
        panic!("two requests")
    };
    assert_eq!(init.method, Method::GET);
    assert_eq!(
        init.uri.to_string(),
        format!("{LOGIN}/self-service/login/api")
    );
    assert_eq!(names(init), ["accept"]);
    assert_eq!(init.header("accept"), Some("application/json"));
    assert!(init.body.is_empty());

    assert_eq!(submit.method, Method::POST);
    // Where the flow's own `action` points is nobody's business.
    assert_eq!(
        submit.uri.to_string(),
        format!("{LOGIN}/self-service/login?flow=f-1")
    );
    assert_eq!(names(submit), ["accept", "content-type"]);
    assert_eq!(submit.header("accept"), Some("application/json"));
    assert_eq!(submit.header("content-type"), Some("application/json"));
    let expected =
        serde_json::json!({"identifier": USER, "password": PASSWORD, "method": "password"});
    assert_eq!(submit.json(), expected);
    assert_eq!(renewed.credential().placement(), &Placement::bearer());
    assert_eq!(renewed.credential().expose(), "v2-token");
}

#[tokio::test]
async fn a_login_carries_nothing_of_the_token_that_it_replaces() {
    let script = Script::new(well);
    for previous in [
        Token::new("old").unwrap(),
        Token::placed("old", Placement::header("x-api-key".parse().unwrap())).unwrap(),
    ] {
        let renewal = Renewal::new(Reason::Expiring).with_previous(previous);
        script.v2().oneshot(renewal.clone()).await.unwrap();
        script.v1().oneshot(renewal).await.unwrap();
    }
    assert_eq!(script.seen().len(), 6);
    for seen in script.seen() {
        assert!(
            names(&seen)
                .iter()
                .all(|name| ["accept", "content-type"].contains(name))
        );
        assert!(!String::from_utf8_lossy(&seen.body).contains("old"));
    }
}

#[tokio::test]
async fn a_logout_is_sent_only_for_a_session_of_version_2_and_only_if_it_is_on() {
    for (is_on, version, expected) in [
        (false, ApiVersion::V2, 0),
        (true, ApiVersion::V1, 0),
        (true, ApiVersion::V2, 1),
    ] {
        let script = Script::new(well);
        let my2n = script
            .builder()
            .api_version(version)
            .logout(is_on)
            .build()
            .unwrap();
        let session = my2n.session().build().unwrap();
        session.token().await.unwrap();
        session.sign_out().await.unwrap();
        assert!(session.current().is_none());
        assert_eq!(script.count(Step::Logout), expected, "{version:?}");
        if let Some(logout) = script
            .seen()
            .iter()
            .find(|seen| seen.step() == Step::Logout)
        {
            assert_eq!(logout.method, Method::DELETE);
            assert_eq!(
                logout.uri.to_string(),
                format!("{LOGIN}/self-service/logout/api")
            );
            assert_eq!(names(logout), ["accept", "content-type"]);
            assert_eq!(
                logout.json(),
                serde_json::json!({"session_token": "v2-token"})
            );
        }
    }
}

#[tokio::test]
async fn nobody_is_signed_in_who_has_just_signed_out() {
    for (at, version, expected) in [
        (Step::Init, ApiVersion::V2, &[Step::Init][..]),
        (Step::V1, ApiVersion::Auto, &[Step::V1]),
    ] {
        let signed_out = Arc::new(OnceLock::<Session>::new());
        let script = Script::but({
            let signed_out = Arc::clone(&signed_out);
            move |seen| {
                if seen.step() == at {
                    signed_out.get().unwrap().clear();
                }
                (seen.step() == Step::V1).then(|| answer(409, ""))
            }
        });
        let my2n = script.builder().api_version(version).build().unwrap();
        let session = my2n.session().build().unwrap();
        signed_out.set(session.clone()).unwrap();
        let error = session.token().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cleared);
        session.settled().await;
        assert_eq!(script.steps(), expected);
    }
}

#[tokio::test]
async fn paths_and_prefixes_are_kept() {
    let script = Script::new(well);
    let my2n = My2n::builder(
        script.client::<crate::script::Body>(),
        "https://api.example.com/a/",
    )
    .login_base_url("https://auth.example.com/b/")
    .credentials(USER, PASSWORD)
    .path(Endpoint::LoginV1, "/x/auth")
    .path(Endpoint::InitFlow, "/x/self-service/login/api?c=d")
    .path(Endpoint::SubmitFlow, "/x/self-service/login?e=f");
    let v1 = my2n.clone().api_version(ApiVersion::V1).build().unwrap();
    drop(sign_in(&v1).await.unwrap());
    let v2 = my2n.api_version(ApiVersion::V2).build().unwrap();
    drop(sign_in(&v2).await.unwrap());
    let uris: Vec<_> = script
        .seen()
        .iter()
        .map(|seen| seen.uri.to_string())
        .collect();
    let expected = [
        "https://api.example.com/a/x/auth",
        "https://auth.example.com/b/x/self-service/login/api?c=d",
        "https://auth.example.com/b/x/self-service/login?e=f&flow=f-1",
    ];
    assert_eq!(uris, expected);
    assert_eq!(v1.origin(), "https://api.example.com");
}

#[test]
fn the_login_of_the_vendor_is_known_and_others_are_asked_for() {
    let script = Script::new(well);
    let build = |base: &str, version| {
        let builder = My2n::builder(script.client::<crate::script::Body>(), base);
        builder
            .credentials(USER, PASSWORD)
            .api_version(version)
            .build()
    };
    let vendor = "https://my2n.com/middleware/api/partner/v1";
    for (base, version, is_good) in [
        (vendor, ApiVersion::V2, true),
        ("https://MY2N.com:443/x", ApiVersion::V2, true),
        ("https://my2n.com.example.com/", ApiVersion::V2, false),
        ("https://staging.my2n.com/", ApiVersion::V2, false),
        ("https://my2n.com:8443/", ApiVersion::V2, false),
        (API, ApiVersion::V2, false),
        (API, ApiVersion::Auto, true),
        (API, ApiVersion::V1, true),
    ] {
        let built = build(base, version);
        assert_eq!(built.is_ok(), is_good, "{base}");
        if let Err(error) = built {
            assert!(error.to_string().contains("login_base_url"), "{error}");
        }
    }
}

#[test]
fn settings_that_cannot_be_right_are_refused_with_advice() {
    let script = Script::new(well);
    let builder = || script.builder();
    let zero = std::time::Duration::ZERO;
    for (builder, expected) in [
        (
            My2n::builder(script.client::<crate::script::Body>(), API),
            "credentials(username, password)",
        ),
        (builder().credentials("", PASSWORD), "is empty"),
        (builder().credentials(USER, ""), "is empty"),
        (
            builder().login_base_url("http://auth.example.com"),
            "plain http",
        ),
        (
            builder().login_base_url("auth.example.com"),
            "write https://auth.example.com",
        ),
        (
            builder().path(Endpoint::SubmitFlow, "login"),
            "has no slash",
        ),
        (builder().max_answer(0), "max_answer is 0"),
        (builder().v1_ttl(zero), "v1_ttl is 0"),
        (builder().fallback_ttl(zero), "fallback_ttl is 0"),
        (builder().lockout(zero), "lockout is 0"),
        (builder().request_timeout(zero), "request_timeout is 0"),
    ] {
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!format!("{error:?}").contains(PASSWORD));
    }
}
