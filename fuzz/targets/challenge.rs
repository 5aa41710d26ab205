//! What an API says of a token that it refuses.
#![no_main]

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Full};
use libfuzzer_sys::fuzz_target;
use tower::{Layer, ServiceExt, service_fn};
use tower_reauth::{Error, Renewal, Session, Token};
use tower_reauth_fuzz::{Answer, Calls, PASSWORD, block_on, shows_no_secret};

fuzz_target!(|data: &[u8]| {
    // The value of a WWW-Authenticate that comes with a 401, and a body.
    let mut first = vec![0xA3];
    first.extend_from_slice(data);
    let Some(answer) = Answer::of(&first) else {
        return;
    };
    let challenges = answer
        .response()
        .headers()
        .contains_key(header::WWW_AUTHENTICATE);
    assert!(challenges);
    let calls = Calls::default();
    block_on(async {
        let tokens = service_fn(|_: Renewal| async { Token::new("u") });
        let session = Session::builder(tokens)
            .origin("https://api.example.com")
            .token(Token::new(PASSWORD).expect("visible ASCII"))
            .build()
            .expect("the settings are right");
        let client = session.layer().layer(answer.server(&calls));
        let request = Request::get("https://api.example.com/").body(Full::<Bytes>::default());
        let response = client.oneshot(request.expect("a request")).await;
        let response = response.expect("a refusal is an answer");
        if let Some(error) = response.extensions().get::<Error>() {
            shows_no_secret(error);
        }
        let body = response
            .into_body()
            .collect()
            .await
            .expect("nothing is cut");
        assert_eq!(body.to_bytes(), answer.body());
    });
    assert!(calls.count() <= 2, "{} sends", calls.count());
});
