//! No secret in any text.

use super::*;

#[tokio::test(start_paused = true)]
async fn what_the_server_repeats_is_left_out() {
    for echo in [
        USERNAME,
        PASSWORD,
        "you sent change123",
        "spencor hopkin is unknown",
        "access-0",
        "refresh-0",
    ] {
        for body in [
            json!({"errors": [{"status": 401, "code": "003", "detail": echo}]}),
            json!({"errors": [{"status": 401, "code": "003", "message": echo}]}),
            json!([{"code": echo, "message": "fine"}]),
            json!({"error": "invalid_grant", "error_description": echo}),
            json!({"error": echo}),
        ] {
            // Of the refresh, and of a sign-in.
            let server = Server::new([answer(401, &body), answer(401, &body)]);
            let glue = server.builder().allow_relogin(false).build().unwrap();
            let refused = again(&glue, &held("refresh-0")).await.unwrap_err();
            let mut texts = format!("{refused} {refused:?}");
            if !echo.ends_with('0') {
                let refused = first(&glue).await.unwrap_err();
                let _ = write!(texts, "{refused} {refused:?}");
            }
            for secret in [
                USERNAME,
                PASSWORD,
                "spencor",
                "hopkin",
                "access-0",
                "refresh-0",
            ] {
                assert!(!texts.contains(secret), "{secret} in {texts}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_debug_shows_one() {
    let server = Server::new([tokens(1)]);
    let person = Person::default();
    let builder = server.builder().person(&person);
    let mut texts = format!("{builder:?}");
    let glue = builder.build().unwrap();
    let session = glue.session().build().unwrap();
    session.token().await.unwrap();
    let mfa = glue.mfa(&session).build().unwrap();
    mfa.set(Code::new("913377").unwrap());
    let types = glue.mfa_types(&session, &mfa);
    let _ = write!(
        texts,
        "{glue:?} {session:?} {mfa:?} {types:?} {:?}",
        glue.mfa(&session)
    );
    for secret in [USERNAME, PASSWORD, "913377", "access-1", "refresh-1"] {
        assert!(!texts.contains(secret), "{secret} in {texts}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_code_that_repeats_the_password_is_none() {
    let server = Server::new([answer(400, json!({"error": "hunter_two"}))]);
    let glue = Glue::builder(server.client(), BASE).credentials("anna", "huntertwo");
    let error = first(&glue.build().unwrap()).await.unwrap_err();
    assert_eq!(error.provider_code(), None);
    assert!(!format!("{error:?}").contains("hunter"));
}
