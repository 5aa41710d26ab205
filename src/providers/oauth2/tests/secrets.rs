//! Nothing that is secret is in any text.

use std::{error::Error as StdError, fmt::Write as _};

use base64::{Engine, prelude::BASE64_STANDARD};

use super::*;

/// Everything that can be printed of an error and those below it.
fn texts(error: &Error) -> String {
    let mut all = format!("{error} {error:?} {error:#?}");
    let mut below = error.source();
    while let Some(cause) = below {
        let _ = write!(all, " {cause} {cause:?}");
        below = cause.source();
    }
    all
}

/// Words that no text has by chance.
struct Canaries([String; 5]);

impl Canaries {
    fn new() -> Self {
        Self(std::array::from_fn(|number| {
            let letters = std::iter::repeat_with(fastrand::alphanumeric);
            letters.take(6 + 8 * number).collect()
        }))
    }

    #[track_caller]
    fn assert_not_in(&self, text: &str) {
        for secret in &self.0 {
            let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
            for form in [secret, &secret[..5], &hex, &BASE64_STANDARD.encode(secret)] {
                assert!(!text.contains(form), "{form} in {text}");
            }
        }
    }

    /// All of them in an answer, in one form or another.
    fn echo(&self, shape: usize) -> String {
        let all = self.0.join(" ");
        match shape {
            0 => all,
            1 => json!({"error": all, "error_description": all}).to_string(),
            2 => json!({"error": "invalid_client", "error_description": all}).to_string(),
            3 => json!({"error": self.0[0].to_lowercase(), "error_uri": all}).to_string(),
            4 => json!({"error": {"message": all}, "message": all}).to_string(),
            5 => json!({"access_token": all, "token_type": all, "expires_in": all}).to_string(),
            6 => json!({"access_token": "a", "token_type": self.0[0]}).to_string(),
            7 => {
                json!({"error": "invalid_grant", "error_description": BASE64_STANDARD.encode(all)})
                    .to_string()
            }
            _ => format!("{{\"access_token\": \"a\", \"refresh_token\": {all}"),
        }
    }
}

#[tokio::test]
async fn errors_never_repeat_what_the_server_echoes() {
    let mut failures = 0;
    for shape in 0..9 {
        for status in [200, 302, 400, 401, 403, 404, 429, 500] {
            for stage in 0..3 {
                let canaries = Canaries::new();
                let [id, secret, refresh, access, param] = &canaries.0;
                let echo = || answer(status, canaries.echo(shape));
                let server = match stage {
                    0 => Server::new([oops(400, "invalid_grant"), echo()]),
                    _ => Server::new([echo(), echo()]),
                };
                let builder = server
                    .bare()
                    .client_id(id.as_str())
                    .client_secret(secret.as_str())
                    .client_credentials()
                    .param("tenant", param.as_str())
                    .revocation_url("https://auth.example.com/revoke");
                canaries.assert_not_in(&format!("{builder:?}"));
                let oauth2 = builder.build().unwrap();
                canaries.assert_not_in(&format!("{oauth2:?} {oauth2:#?}"));
                let token = Token::new(access.as_str()).unwrap();
                let token = token.with_refresh_token(refresh.as_str()).unwrap();
                let (error, warning) = match stage {
                    2 => (oauth2.sign_out(&token).await.err(), None),
                    _ => match again(&oauth2, &token).await {
                        Ok(renewed) => (None, renewed.warning),
                        Err(error) => (Some(error), None),
                    },
                };
                failures += usize::from(error.is_some());
                for error in error.iter().chain(&warning) {
                    canaries.assert_not_in(&texts(error));
                }
            }
        }
    }
    assert!(failures > 150, "{failures}");
}

#[tokio::test]
async fn a_client_that_repeats_the_request_is_not_quoted() {
    let http = service_fn(|request: Request<Full<Bytes>>| async move {
        let header = request.headers()["authorization"].to_str().unwrap();
        Err::<http::Response<Full<Bytes>>, crate::BoxError>(format!("cannot send {header}").into())
    });
    let oauth2 = OAuth2::builder(http, URL)
        .client_id(ID)
        .client_secret(SECRET);
    let oauth2 = oauth2.client_credentials().build().unwrap();
    let text = texts(&first(&oauth2).await.unwrap_err());
    assert!(!text.contains("czZCaGRSa3F0Mzo3RmpmcDBa"), "{text}");
    assert!(text.contains("did not get through"), "{text}");
}
