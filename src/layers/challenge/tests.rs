use super::*;

fn headers(values: &[&'static str]) -> HeaderMap {
    let values = values.iter().map(|value| HeaderValue::from_static(value));
    values.map(|value| (WWW_AUTHENTICATE, value)).collect()
}

#[test]
fn no_reason_or_an_invalid_token_calls_for_a_new_one() {
    let cases: [&[&'static str]; 14] = [
        &[],
        &[""],
        &["Bearer"],
        &["Bearer realm=\"example\""],
        &["Bearer error=\"invalid_token\""],
        &["bEaReR ERROR=invalid_token, realm=x"],
        &["Basic realm=\"a, Bearer error=\\\"insufficient_scope\\\"\", Bearer realm=x"],
        &[
            "Basic realm=x",
            "Bearer error=\"invalid_token\", error_description=\"expired\"",
        ],
        &["Negotiate YII==, Bearer"],
        &["Negotiate YII==, Bearer error=\"invalid_token\""],
        // Of several, the one that a new token may mend.
        &["Bearer error=\"insufficient_scope\", Bearer error=\"invalid_token\""],
        // What breaks off may have gone on with anything.
        &["\""],
        &["Basic realm=\"x"],
        &["Digest, Basic realm=\"x"],
    ];
    for case in cases {
        assert!(calls_for_a_new_token(&headers(case), true), "{case:?}");
        assert!(reason(StatusCode::UNAUTHORIZED, &headers(case)).is_none());
    }
}

#[test]
fn other_errors_do_not_and_are_told() {
    let cases: [(&[&'static str], &str); 8] = [
        (
            &["Bearer error=\"insufficient_scope\", scope=\"a b\""],
            "insufficient_scope",
        ),
        (
            &["Bearer   error=\"insufficient_scope\""],
            "insufficient_scope",
        ),
        (&["Bearer error=invalid_request"], "invalid_request"),
        (
            &["Bearer realm=x, error=\"insufficient_user_authentication\", acr_values=\"mfa\""],
            "insufficient_user_authentication",
        ),
        (
            &["Basic realm=x, Bearer error=\"insufficient_scope\", Negotiate"],
            "insufficient_scope",
        ),
        (
            &["Digest realm=x", "Bearer error=\"insufficient_scope\""],
            "insufficient_scope",
        ),
        (
            &["Negotiate YII==, Bearer error=\"use_dpop_nonce\""],
            "use_dpop_nonce",
        ),
        // One that says what is wrong says more than one that does not.
        (
            &["Bearer, Bearer error=\"insufficient_scope\""],
            "insufficient_scope",
        ),
    ];
    for (case, code) in cases {
        let headers = headers(case);
        assert!(!calls_for_a_new_token(&headers, true), "{case:?}");
        assert!(!calls_for_a_new_token(&headers, false), "{case:?}");
        for status in [400, 401, 403] {
            let error = reason(StatusCode::from_u16(status).unwrap(), &headers).unwrap();
            assert_eq!(error.provider_code(), Some(code), "{case:?}");
            assert_eq!(error.kind(), ErrorKind::Provider);
            let text = format!("the API refused the request ({status}, {code}): ");
            assert!(error.to_string().starts_with(&text), "{error}");
        }
        assert!(reason(StatusCode::OK, &headers).is_none());
        assert!(reason(StatusCode::NOT_FOUND, &headers).is_none());
    }
}

#[test]
fn challenges_of_other_schemes_only_are_about_something_else_if_ours_is_bearer() {
    for value in [
        "Basic realm=\"x\", Digest realm=y",
        "Negotiate 749efa7b23409c20b92356",
        "Basic realm=\"foo-\u{e4}\"",
        "DPoP error=\"invalid_token\"",
    ] {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        let case = HeaderMap::from_iter([(WWW_AUTHENTICATE, value)]);
        assert!(!calls_for_a_new_token(&case, true));
        assert!(calls_for_a_new_token(&case, false));
        assert!(reason(StatusCode::UNAUTHORIZED, &case).is_none());
    }
}

#[test]
fn the_scope_is_repeated_if_it_is_words() {
    for (scope, is_shown) in [
        ("accounts:read payments.write", true),
        ("https://api.example.com/auth/drive.readonly", true),
        ("", false),
        ("AbC", false),
        ("eyj0exaioijkv1qi", false),
        ("a0b1c2d3e4f5", false),
        ("abcdefghijklmnopqrstu", false),
        ("a\u{7f}", false),
    ] {
        let value = format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"");
        let Ok(value) = HeaderValue::from_str(&value) else {
            continue;
        };
        let headers = HeaderMap::from_iter([(WWW_AUTHENTICATE, value)]);
        let text = reason(StatusCode::FORBIDDEN, &headers).unwrap().to_string();
        let said = format!("; it wants the scope: {scope}");
        assert_eq!(text.ends_with(&said), is_shown, "{text}");
        assert!(text.contains("ask for more scope"));
    }
    let value = "Bearer error=\"eyJ0eXAiOiJKV1Qi\"";
    let error = reason(StatusCode::FORBIDDEN, &headers(&[value])).unwrap();
    assert_eq!(error.provider_code(), None);
    assert!(!error.to_string().contains("eyJ0"), "{error}");
}
