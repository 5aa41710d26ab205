use http::{StatusCode, response};

use super::{MfaErrorCode, errors::Errors};
use crate::{Error, ErrorKind, layers::mfa::CodeChallenge};

/// Recognises the API's challenge: a `403` whose body has the code 5900 or 5901, in any of the
/// [shapes](super#error-bodies) that the API has for it.
///
/// A `403` with another code is none. Above all not `002`, which says that the token is missing. Nor
/// is one that answers `HEAD`, because it has no body: for such requests set a
/// [policy](crate::layers::mfa::MfaPolicy), as the vendor's source wants a code for them too.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct GlueChallenge;

impl GlueChallenge {
    /// Creates the challenge.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

impl CodeChallenge for GlueChallenge {
    fn is_candidate(&self, head: &response::Parts) -> bool {
        head.status == StatusCode::FORBIDDEN
    }

    fn judge(&self, _: &response::Parts, body: &[u8]) -> Option<Error> {
        let errors = Errors::read(body);
        let (code, kind) =
            errors
                .codes()
                .find_map(|code| match MfaErrorCode::from_code(&code)? {
                    code @ MfaErrorCode::CodeMissing => Some((code, ErrorKind::CodeRequired)),
                    code @ MfaErrorCode::CodeInvalid => Some((code, ErrorKind::CodeRejected)),
                    _ => None,
                })?;
        let message = format!("the server says {}: {code}", code.number());
        Some(Error::with_message(kind, message).code(code.number().to_string()))
    }
}

#[cfg(test)]
mod tests {
    use http::Response;

    use super::*;

    fn judge(body: &str) -> Option<(ErrorKind, String)> {
        let (head, ()) = Response::new(()).into_parts();
        let error = GlueChallenge::new().judge(&head, body.as_bytes())?;
        Some((error.kind(), error.provider_code()?.to_owned()))
    }

    #[test]
    fn the_code_decides_and_not_the_status() {
        let required = Some((ErrorKind::CodeRequired, "5900".to_owned()));
        let rejected = Some((ErrorKind::CodeRejected, "5901".to_owned()));
        for (body, expected) in [
            (
                r#"{"errors":[{"status":403,"code":"5900","detail":"X-MFA-Code header is missing."}]}"#,
                &required,
            ),
            (
                r#"{"errors":[{"status":"403","code":5901,"message":"x"}]}"#,
                &rejected,
            ),
            (r#"[{"status":403,"code":"5900","message":"x"}]"#, &required),
            (
                r#"[{"code":"002"},{"code":"901"},{"code":5901}]"#,
                &rejected,
            ),
            (
                r#"{"errors":[{"status":403,"code":"002","detail":"Missing access token."}]}"#,
                &None,
            ),
            (
                r#"{"errors":[{"status":400,"code":"5906","detail":"x"}]}"#,
                &None,
            ),
            (r#"{"errors":[{"detail":"5900"}]}"#, &None),
            (r#"{"errors":[]}"#, &None),
            ("5900", &None),
            ("", &None),
        ] {
            assert_eq!(&judge(body), expected, "{body}");
        }
        for (status, expected) in [(200, false), (400, false), (401, false), (403, true)] {
            let (head, ()) = Response::builder()
                .status(status)
                .body(())
                .unwrap()
                .into_parts();
            assert_eq!(GlueChallenge::new().is_candidate(&head), expected);
        }
    }
}
