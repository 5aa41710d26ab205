//! What a token endpoint answers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_reauth::providers::oauth2::OAuth2;
use tower_reauth_fuzz::{Answer, Calls, PASSWORD, block_on, sign_in};

fuzz_target!(|data: &[u8]| {
    let Some(answer) = Answer::of(data) else {
        return;
    };
    let calls = Calls::default();
    let oauth2 = OAuth2::builder(answer.server(&calls), "https://auth.example.com/token")
        .client_id("fuzzer")
        .client_secret(PASSWORD)
        .client_credentials()
        .build()
        .expect("the settings are right");
    let session = || oauth2.session().origin("https://api.example.com").build();
    let session = block_on(async { session() }).expect("the settings are right");
    sign_in(&session, &calls);
});
