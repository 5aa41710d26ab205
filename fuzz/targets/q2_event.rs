//! Events of Q2, as they come to the receiver and by another way.
#![no_main]

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use libfuzzer_sys::fuzz_target;
use tower::ServiceExt;
use tower_reauth::providers::q2::Event;
use tower_reauth_fuzz::{block_on, q2};

fuzz_target!(|data: &[u8]| {
    let q2 = q2();
    let event = Event::from_json(data.to_vec());
    if let Some(event) = &event {
        // Nobody waits for it, so it may come again or not.
        let _ = q2.deliver(event);
    }
    let webhook = q2.webhook().insecure_unverified().build();
    let webhook = webhook.expect("the settings are right");
    let request = Request::post("/events").body(Full::new(Bytes::copy_from_slice(data)));
    let response = block_on(webhook.oneshot(request.expect("a request")));
    let Ok(response) = response;
    assert_eq!(response.status().is_success(), event.is_some());
});
