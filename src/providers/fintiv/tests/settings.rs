//! Settings that cannot be right.

use super::*;

fn refused(change: impl FnOnce(FintivBuilder) -> FintivBuilder) -> String {
    let error = change(builder(&Server::default())).build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    error.to_string()
}

#[test]
fn what_is_wrong_is_said_and_how_to_mend_it() {
    let hour = Duration::from_secs(3600);
    for (error, expected) in [
        (
            refused(|all| all.ttl(Duration::ZERO)),
            "ttl is 0, so nothing would ever work",
        ),
        (
            refused(|all| all.request_timeout(Duration::ZERO)),
            "request_timeout is 0",
        ),
        (refused(|all| all.max_answer(0)), "max_answer is 0"),
        (
            refused(|all| all.max_inspect_body(0)),
            "max_inspect_body is 0",
        ),
        (
            refused(|all| all.max_request_body(0)),
            "max_request_body is 0",
        ),
        (
            refused(|all| all.ttl(hour).credentials("", "x")),
            "the user or the password is empty",
        ),
        (
            refused(|all| all.credentials("x", "")),
            "the user or the password is empty",
        ),
        (refused(|all| all.api_key("")), "the APP key cannot be sent"),
        (
            refused(|all| all.api_key("key\n")),
            "the APP key cannot be sent",
        ),
        (refused(|all| all.tenant("")), "the tenant cannot be sent"),
        (
            refused(|all| all.tenant("a\nb")),
            "the tenant cannot be sent",
        ),
        (
            refused(|all| all.token_pointers([""; 0])),
            "token_pointers is empty",
        ),
        (
            refused(|all| all.token_pointers(["access_token"])),
            "`access_token` is no JSON pointer: write it like /contextResponse/token",
        ),
        (
            refused(|all| all.sign_on_url("http://fintiv.example/signon")),
            "the sign-on URL `http://fintiv.example/signon` would send the password over plain http",
        ),
        (
            refused(|all| all.sign_on_url("signon")),
            "the sign-on URL `signon` has no scheme",
        ),
    ] {
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn what_is_missing_is_asked_for() {
    let bare = || Fintiv::builder(plain(), BASE);
    let error = bare().credentials(USER, PASSWORD).build().unwrap_err();
    assert_eq!(
        error.to_string(),
        "the APP key is missing: call api_key(key)"
    );
    let error = bare().api_key(KEY).build().unwrap_err();
    assert_eq!(
        error.to_string(),
        "who signs on? Call credentials(user, password), or without_sign_on() if the tokens come \
         from a service of your own"
    );
    assert!(bare().api_key(KEY).without_sign_on().build().is_ok());
    let error = Fintiv::builder(plain(), "http://fintiv.example/auth")
        .build()
        .unwrap_err();
    assert!(error.to_string().contains("plain http"), "{error}");
    let insecure = Fintiv::builder(plain(), "http://fintiv.example/auth").insecure_http();
    let insecure = insecure
        .api_key(KEY)
        .credentials(USER, PASSWORD)
        .build()
        .unwrap();
    assert!(insecure.session().build().is_ok());
}

fn plain() -> impl tower::Service<
    Request<Full<Bytes>>,
    Response = http::Response<crate::providers::common::script::TestBody>,
    Error = crate::BoxError,
    Future: Send,
> + Clone
+ Send
+ Sync
+ 'static {
    service_fn(|request: Request<Full<Bytes>>| Server::default().serve(request))
}
