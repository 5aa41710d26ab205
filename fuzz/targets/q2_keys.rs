//! The set of keys that signatures are checked with.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_reauth::providers::q2::Q2;
use tower_reauth_fuzz::{Answer, Calls, shows_no_secret};

fuzz_target!(|data: &[u8]| {
    let server = Answer::of(b"\0")
        .expect("an answer")
        .server(&Calls::default());
    let q2 = Q2::builder(server, "https://api.example.com/v1")
        .api_key("key-of-the-partner")
        .build()
        .expect("the settings are right");
    if let Err(error) = q2.webhook().public_keys(data).build() {
        shows_no_secret(&error);
    }
});
