//! What a `401` says about the token: RFC 9110 section 11.6.1, RFC 6750 section 3.

use http::{HeaderMap, HeaderValue, header::WWW_AUTHENTICATE};
use http_auth::{ChallengeRef, parser::ChallengeParser};

/// Whether a `401` with these headers can be cured by a new token.
///
/// It can if the server gives no reason, or `invalid_token`. Other errors (`insufficient_scope`,
/// `invalid_request`, `insufficient_user_authentication`) are about something else, and so are
/// challenges of other schemes only, if ours is `Bearer`. What cannot be parsed is taken for no
/// reason.
pub(super) fn calls_for_a_new_token(headers: &HeaderMap, ours_is_bearer: bool) -> bool {
    let mut others = false;
    let mut unclear = false;
    for value in headers.get_all(WWW_AUTHENTICATE) {
        let Ok(text) = value.to_str() else {
            unclear = true;
            continue;
        };
        for challenge in ChallengeParser::new(text) {
            match challenge {
                Ok(challenge) if challenge.scheme.eq_ignore_ascii_case("Bearer") => {
                    return error_of(&challenge).is_none_or(|error| error == "invalid_token");
                }
                Ok(_) => others = true,
                Err(_) => unclear = true,
            }
        }
    }
    unclear || !others || !ours_is_bearer
}

/// The values of `WWW-Authenticate`, joined by commas.
pub(super) fn text(headers: &HeaderMap) -> Option<Box<str>> {
    let values: Vec<_> = headers
        .get_all(WWW_AUTHENTICATE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    (!values.is_empty()).then(|| {
        String::from_utf8_lossy(&values.join(&b", "[..]))
            .into_owned()
            .into_boxed_str()
    })
}

fn error_of(challenge: &ChallengeRef<'_>) -> Option<String> {
    let error = challenge
        .params
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("error"));
    error.map(|(_, value)| value.to_unescaped())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&'static str]) -> HeaderMap {
        let values = values.iter().map(|value| HeaderValue::from_static(value));
        values.map(|value| (WWW_AUTHENTICATE, value)).collect()
    }

    #[test]
    fn no_reason_or_an_invalid_token_calls_for_a_new_one() {
        let cases: [&[&'static str]; 9] = [
            &[],
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
            &["\""],
        ];
        for case in cases {
            assert!(calls_for_a_new_token(&headers(case), true), "{case:?}");
        }
    }

    #[test]
    fn other_errors_do_not() {
        let cases: [&[&'static str]; 5] = [
            &["Bearer error=\"insufficient_scope\", scope=\"a b\""],
            &["Bearer error=invalid_request"],
            &["Bearer realm=x, error=\"insufficient_user_authentication\", acr_values=\"mfa\""],
            &["Basic realm=x, Bearer error=\"insufficient_scope\", Negotiate"],
            &["Digest realm=x", "Bearer error=\"insufficient_scope\""],
        ];
        for case in cases {
            assert!(!calls_for_a_new_token(&headers(case), true), "{case:?}");
            assert!(!calls_for_a_new_token(&headers(case), false), "{case:?}");
        }
    }

    #[test]
    fn challenges_of_other_schemes_only_are_about_something_else_if_ours_is_bearer() {
        let case = headers(&["Basic realm=\"x\", Digest realm=y"]);
        assert!(!calls_for_a_new_token(&case, true));
        assert!(calls_for_a_new_token(&case, false));
    }
}
