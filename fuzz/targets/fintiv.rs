//! What Fintiv answers to a sign-on.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_reauth::providers::fintiv::Fintiv;
use tower_reauth_fuzz::{Answer, Calls, PASSWORD, block_on, sign_in};

fuzz_target!(|data: &[u8]| {
    let Some(answer) = Answer::of(data) else {
        return;
    };
    let calls = Calls::default();
    let fintiv = Fintiv::builder(answer.server(&calls), "https://api.example.com/auth")
        .api_key("key-of-the-app")
        .tenant("tenant")
        .credentials("user@example.com", PASSWORD)
        .build()
        .expect("the settings are right");
    let session = block_on(async { fintiv.session().build() });
    sign_in(&session.expect("the settings are right"), &calls);
});
