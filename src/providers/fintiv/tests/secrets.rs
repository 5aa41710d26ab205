//! Nothing that is secret is in any text.

use std::{error::Error as StdError, fmt::Write as _};

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

#[tokio::test(start_paused = true)]
async fn errors_never_repeat_what_the_server_echoes() {
    let word = |length| {
        let letters = std::iter::repeat_with(fastrand::alphanumeric);
        letters.take(length).collect::<String>()
    };
    let (user, password, key, token) = (
        format!("{}@{}.example", word(9), word(9)),
        format!("{}\"\\/ü{}", word(5), word(5)),
        word(24),
        word(40),
    );
    let all = [&*user, &*password, &*key, &*token];
    let assert_clean = |text: &str| {
        for secret in all {
            let escaped = serde_json::to_string(secret).unwrap();
            for form in [secret, escaped.trim_matches('"'), &secret[..5]] {
                assert!(!text.contains(form), "{form} in {text}");
            }
        }
    };
    let joined = all.join(" , ");
    let mut additional = envelope("VALIDATION", "no");
    additional["contextResponse"]["additionalStatusMessage"] = joined.clone().into();
    let mut failures = 0;
    for body in [
        joined.clone(),
        json!({"message": joined}).to_string(),
        envelope("SECURITY", &joined).to_string(),
        envelope("SECURITY", &all[..2].join("-").to_uppercase()).to_string(),
        envelope(&joined, "no").to_string(),
        envelope(&format!("{token}{token}"), "no").to_string(),
        additional.to_string(),
        json!({"access_token": format!("{token} {password}")}).to_string(),
        json!({"contextResponse": joined}).to_string(),
    ] {
        for status in [200, 302, 400, 401, 403, 404, 418, 422, 423, 429, 500] {
            let server = Server::new([answer(status, &body)]);
            let client = server.clone();
            let client = service_fn(move |request| client.clone().serve(request));
            let builder = Fintiv::builder(client, BASE)
                .api_key(key.as_str())
                .credentials(user.as_str(), password.as_str());
            assert_clean(&format!("{builder:?}"));
            let fintiv = builder.build().unwrap();
            assert_clean(&format!("{fintiv:?} {fintiv:#?}"));
            let session = fintiv.session().build().unwrap();
            assert_clean(&format!("{:?} {session:?}", fintiv.layer(&session)));
            assert_clean(&texts(&sign_on(fintiv).await.unwrap_err()));
            failures += 1;
        }
    }
    assert_eq!(failures, 99);
}
