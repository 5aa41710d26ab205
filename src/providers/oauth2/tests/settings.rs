//! Settings that cannot be meant.

use super::*;

#[track_caller]
fn assert_config(builder: OAuth2Builder, text: &str) {
    let error = builder.build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains(text), "{error}");
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

fn at(url: &str) -> OAuth2Builder {
    let http = service_fn(|request| Server::default().serve(request));
    OAuth2::builder::<_, Full<Bytes>, _>(http, url).client_id(ID)
}

#[test]
fn urls_are_checked_and_secrets_in_them_not_repeated() {
    for (url, text) in [
        ("", "the token URL is empty"),
        (
            "auth.example.com/token",
            "the token URL `auth.example.com/token` has no scheme",
        ),
        ("ftp://auth.example.com", "is neither https nor http"),
        ("http://auth.example.com/token", "over plain http"),
        (
            "https://a:hunter2@auth.example.com/token",
            "a user name or a password",
        ),
        ("https://auth.example.com/token#hunter2", "a fragment"),
        (
            "https://auth.example.com/token?a#hunter2",
            "a query that cannot be sent",
        ),
        (
            "https://auth.example.com/token?hunter2 b",
            "a query that cannot be sent",
        ),
    ] {
        assert_config(at(url), text);
    }
    let revocation = |url: &str| at(URL).revocation_url(url);
    assert_config(revocation("auth.example.com"), "the revocation URL `auth");
    assert_config(revocation("http://auth.example.com/r"), "over plain http");
    at("http://auth.example.com/token")
        .insecure_http()
        .build()
        .unwrap();
    at("http://[::1]:8080/token").build().unwrap();
}

#[test]
fn the_client_is_checked() {
    let http = service_fn(|request| Server::default().serve(request));
    let nobody = OAuth2::builder::<_, Full<Bytes>, _>(http, URL);
    assert_config(nobody, "Call client_id(id)");
    assert_config(at(URL).client_id(""), "is empty");
    assert_config(at(URL).client_secret(""), "is empty");
    assert_config(at(URL).client_credentials(), "call client_secret(secret)");
    assert_config(
        at(URL).refresh_token(""),
        "the refresh token cannot be used",
    );
    assert_config(at(URL).refresh_token("hunter2\n"), "cannot be used");
    at(URL).build().unwrap();
}

#[test]
fn scopes_resources_and_parameters_are_checked() {
    for scope in ["", " ", "a  b", " a", "a ", "a\nb", "a\"b", "a\\b", "ä"] {
        assert_config(at(URL).scope(scope), "the scope `");
        assert_config(at(URL).refresh_scope(scope), "the refresh_scope `");
    }
    let wider = at(URL).scope("read write").refresh_scope("read admin");
    assert_config(wider, "refresh_scope has `admin`");
    at(URL).refresh_scope("read admin").build().unwrap();
    for resource in [
        "",
        "api",
        "/api",
        "://x",
        "https:",
        "1a:b",
        "https://a#b",
        "https://a b",
    ] {
        assert_config(at(URL).resource(resource), "the resource `");
    }
    for resource in ["https://a", "urn:a:b", "api://0000/x?y=z", "a+b-c.d:e"] {
        at(URL).resource(resource).build().unwrap();
    }
    for name in [
        "",
        "grant_type",
        "client_secret",
        "refresh_token",
        "scope",
        "resource",
    ] {
        assert_config(
            at(URL).param(name, "hunter2"),
            &format!("param(`{name}`, ..)"),
        );
    }
    assert_config(at(URL).max_answer(0), "max_answer is 0");
    assert_config(
        at(URL).request_timeout(Duration::ZERO),
        "request_timeout is 0",
    );
}
