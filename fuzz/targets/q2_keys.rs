//! The set of keys that signatures are checked with.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_reauth_fuzz::{q2, shows_no_secret};

fuzz_target!(|data: &[u8]| {
    let q2 = q2();
    if let Err(error) = q2.webhook().public_keys(data).build() {
        shows_no_secret(&error);
    }
});
