//! What both logins of My2N answer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_reauth::providers::my2n::My2n;
use tower_reauth_fuzz::{Answer, Calls, PASSWORD, block_on, sign_in};

fuzz_target!(|data: &[u8]| {
    let Some(answer) = Answer::of(data) else {
        return;
    };
    let calls = Calls::default();
    let base = "https://my2n.com/middleware/api/partner/v1";
    let my2n = My2n::builder(answer.server(&calls), base)
        .credentials("user@example.com", PASSWORD)
        .build()
        .expect("the settings are right");
    let session = block_on(async { my2n.session().build() });
    sign_in(&session.expect("the settings are right"), &calls);
});
