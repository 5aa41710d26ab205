//! What Q2 answers to a new auth.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_reauth::providers::q2::{NewAuth, Q2};
use tower_reauth_fuzz::{Answer, Calls, PASSWORD, block_on, shows_no_secret};

fuzz_target!(|data: &[u8]| {
    let Some(answer) = Answer::of(data) else {
        return;
    };
    let calls = Calls::default();
    let q2 = Q2::builder(answer.server(&calls), "https://api.example.com/v1")
        .api_key("key-of-the-partner")
        .build()
        .expect("the settings are right");
    let auth = NewAuth::new("client", "company").field("password", PASSWORD);
    // No event ever comes.
    let error = block_on(q2.create_auth(auth)).expect_err("nothing says that it is verified");
    shows_no_secret(&error);
    assert_eq!(calls.count(), 1, "credentials are submitted once");
});
