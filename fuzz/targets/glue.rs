//! What Glue answers: to a sign-in, and to a call that may be a challenge for a code.
#![no_main]

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use libfuzzer_sys::fuzz_target;
use tower::{Layer, ServiceExt, service_fn};
use tower_reauth::{Code, CodeRequest, Error, Token, providers::glue::Glue};
use tower_reauth_fuzz::{Answer, Calls, PASSWORD, block_on, shows_no_secret, sign_in};

fuzz_target!(|data: &[u8]| {
    let Some(answer) = Answer::of(data) else {
        return;
    };
    let calls = Calls::default();
    let codes = service_fn(|_: CodeRequest| async { Code::new("123456") });
    let glue = Glue::builder(answer.server(&calls), "https://glue.example.com")
        .credentials("user@example.com", PASSWORD)
        .code_service(codes)
        .build()
        .expect("the settings are right");
    let session = block_on(async { glue.session().build() });
    sign_in(&session.expect("the settings are right"), &calls);

    // And to a call of somebody who is signed in.
    let calls = Calls::default();
    block_on(async {
        let token = Token::new("t").expect("visible ASCII");
        let session = glue.session().token(token).build();
        let session = session.expect("the settings are right");
        let mfa = glue.mfa(&session).build().expect("the settings are right");
        let client = session.layer().mfa(&mfa).layer(answer.server(&calls));
        let request = Request::post("https://glue.example.com/checkout");
        let request = request
            .body(Full::new(Bytes::from("{}")))
            .expect("a request");
        match client.oneshot(request).await {
            Ok(response) => {
                if let Some(error) = response.extensions().get::<Error>() {
                    shows_no_secret(error);
                }
                let body = response
                    .into_body()
                    .collect()
                    .await
                    .expect("nothing is cut");
                assert_eq!(body.to_bytes(), answer.body());
            }
            Err(error) => shows_no_secret(&Error::from_boxed(error)),
        }
    });
    assert!(calls.count() <= 3, "{} sends", calls.count());
});
