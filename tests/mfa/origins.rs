//! Where codes go, and where not.

use http::{HeaderValue, Uri};
use tower::{Layer, ServiceExt};
use tower_reauth::{Code, ConfigError, Error, ErrorKind};

use crate::{
    common::{Body, ORIGIN},
    support::*,
};

fn to(uri: &str) -> http::Request<Body> {
    let mut request = post();
    *request.uri_mut() = uri.parse::<Uri>().unwrap();
    request
}

fn sensitive(text: &'static str) -> HeaderValue {
    let mut value = HeaderValue::from_static(text);
    value.set_sensitive(true);
    value
}

#[tokio::test(start_paused = true)]
async fn other_origins_get_no_code_and_their_challenges_are_not_ours() {
    let api = Api::default();
    let person = api.person();
    let mfa = person.mfa();
    let client = api.client(&mfa);
    mfa.set(Code::new("c1").unwrap());
    for uri in [
        "https://evil.test/password",
        "http://api.example.com/password",
        "https://api.example.com:8443/password",
        "https://api.example.com.evil.test/password",
        "https://api.example.com@evil.test/password",
    ] {
        let answer = call(&client, to(uri)).await;
        assert_eq!(outcome(&answer), (403, None), "{uri}");
        assert_eq!(answer.body(), "5900");
    }
    assert_eq!((api.codes().as_str(), person.asked()), ("- - - - -", 0));
    call(&client, to("https://API.example.com:443/password")).await;
    assert!(api.codes().starts_with("c1"));
}

#[tokio::test(start_paused = true)]
async fn our_own_codes_are_taken_out_on_the_way_elsewhere_and_others_stay() {
    let api = Api::default();
    let mfa = bare().build().unwrap();
    let client = api.client(&mfa);
    mfa.set(Code::new("first").unwrap());
    mfa.set(Code::new("second").unwrap());
    // And one that was refused.
    call(&client, post()).await;
    mfa.set(Code::new("third").unwrap());
    api.codes();
    for (code, expected) in [
        ("first", "-"),
        ("second", "-"),
        ("third", "-"),
        ("theirs", "theirs"),
    ] {
        let mut request = to("https://evil.test/");
        request.headers_mut().append(HEADER, sensitive(code));
        call(&client, request).await;
        assert_eq!(api.codes(), expected);
    }
    let mut request = to("https://evil.test/");
    for code in ["third", "theirs", "first"] {
        request.headers_mut().append(HEADER, sensitive(code));
    }
    call(&client, request).await;
    assert_eq!(api.codes(), "theirs");
}

#[tokio::test(start_paused = true)]
async fn a_uri_that_says_not_where_it_goes_is_refused_unless_that_is_allowed() {
    let api = Api::default();
    let mfa = bare().build().unwrap();
    let stack = mfa.layer().layer(api.service::<Body>());
    let failed = stack.oneshot(to("/password")).await.unwrap_err();
    assert_eq!(Error::from_boxed(failed).kind(), ErrorKind::Config);
    assert_eq!(api.sends(), 0);

    let mfa = bare().allow_relative().build().unwrap();
    mfa.set(Code::new("c1").unwrap());
    call(&api.client(&mfa), to("/password")).await;
    assert!(api.codes().starts_with("c1"));
}

#[test]
fn a_code_needs_an_origin_and_does_not_go_in_the_clear() {
    let challenge = |_: &http::response::Parts, _: &[u8]| None;
    let builder = || tower_reauth::layers::Mfa::builder(HEADER, challenge);
    let wrong = builder().build().unwrap_err();
    assert_eq!(wrong, ConfigError::NoOrigin);
    let clear = "http://api.example.com";
    let wrong = builder().origin(clear).build().unwrap_err();
    assert!(matches!(wrong, ConfigError::InsecureOrigin { .. }));
    let allowed = builder().origin(clear).insecure_http().build();
    assert!(allowed.is_ok());
    let loopback = builder().origin("http://127.0.0.1:80").origin(ORIGIN);
    assert!(loopback.build().is_ok());
}
