//! Settings that cannot be right, and what they default to.

use super::*;
use crate::providers::glue::Endpoint;

#[test]
fn wrong_settings_are_refused_with_advice() {
    let server = Server::default();
    let bare = || Glue::builder(server.client(), BASE);
    let with = |base: &str| Glue::builder(server.client(), base).credentials(USERNAME, PASSWORD);
    for (builder, text) in [
        (bare(), "credentials(username, password)"),
        (bare().credentials("", PASSWORD), "is the variable set"),
        (bare().credentials(USERNAME, ""), "is the variable set"),
        (with("glue.mysprykershop.com"), "https://"),
        (with("http://glue.mysprykershop.com"), "insecure_http"),
        (with(BASE).mfa_type(""), "mfa_type"),
        (with(BASE).max_answer(0), "max_answer is 0"),
        (with(BASE).lockout(Duration::ZERO), "lockout is 0"),
        (with(BASE).code_timeout(Duration::ZERO), "code_timeout is 0"),
        (
            with(BASE).request_timeout(Duration::ZERO),
            "request_timeout is 0",
        ),
        (with(BASE).code_ttl(secs(30)), "code_skew"),
        (with(BASE).path(Endpoint::Trigger, "no-slash"), "no-slash"),
    ] {
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(text), "{error}");
    }
    assert!(with("http://127.0.0.1:8080").build().is_ok());
    let clear = with("http://glue.mysprykershop.com").insecure_http();
    let glue = clear.build().unwrap();
    let session = glue.session().build().unwrap();
    assert!(glue.mfa(&session).build().is_ok());
}

#[test]
fn the_worst_case_is_the_sum_of_the_timeouts() {
    let server = Server::default();
    assert_eq!(server.glue().worst_case(), secs(90));
    let glue = server.builder().company_user("1").request_timeout(secs(10));
    assert_eq!(glue.build().unwrap().worst_case(), secs(40));
    assert_eq!(server.glue().origin(), BASE);
}
