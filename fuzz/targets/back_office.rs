//! What the Back Office answers to a sign-in, and to the code that it asks for.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tower::service_fn;
use tower_reauth::{Code, CodeRequest, providers::back_office::BackOffice};
use tower_reauth_fuzz::{Answer, Calls, PASSWORD, block_on, sign_in};

fuzz_target!(|data: &[u8]| {
    let Some(answer) = Answer::of(data) else {
        return;
    };
    let calls = Calls::default();
    let codes = service_fn(|_: CodeRequest| async { Code::new("123456") });
    let back_office = BackOffice::builder(answer.server(&calls), "https://host.example.com")
        .credentials("user@example.com", PASSWORD)
        .code_service(codes)
        .build()
        .expect("the settings are right");
    let session = block_on(async { back_office.session().build() });
    sign_in(&session.expect("the settings are right"), &calls);
});
