//! Settings that cannot be right are refused when a client or a receiver is built.

use std::time::Duration;

use tower_reauth::{
    ErrorKind,
    providers::q2::{Endpoint, Q2, Q2Builder, SigningKey, WebhookBuilder, webhook::DecryptionKey},
};

use crate::support::*;

fn builder() -> Q2Builder {
    Q2::builder(server().0, BASE).api_key(API_KEY)
}

#[test]
fn a_client_says_what_is_wrong() {
    let zero = Duration::ZERO;
    for (builder, part) in [
        (Q2::builder(server().0, BASE), "api_key(key)"),
        (builder().api_key(""), "API key"),
        (builder().api_key("a key"), "API key"),
        (
            Q2::builder(server().0, "http://host.name").api_key("k"),
            "https://host.name",
        ),
        (Q2::builder(server().0, "").api_key("k"), "base URL"),
        (builder().path(Endpoint::Step, "step"), "slash"),
        (builder().max_answer(0), "max_answer"),
        (builder().max_mfa_rounds(0), "max_mfa_rounds"),
        (builder().remembered_events(0), "remembered_events"),
        (builder().first_event_timeout(zero), "first_event_timeout"),
        (builder().mfa_timeout(zero), "mfa_timeout"),
        (builder().request_timeout(zero), "request_timeout"),
        (builder().poll_interval(zero), "poll_interval"),
    ] {
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(part), "{error}");
    }
    assert!(
        Q2::builder(server().0, "http://127.0.0.1:7/v1")
            .api_key("k")
            .build()
            .is_ok()
    );
    let trusted = Q2::builder(server().0, "http://host.name").api_key("k");
    assert!(trusted.insecure_http().build().is_ok());
}

#[test]
fn a_receiver_says_what_is_wrong() {
    let q2 = builder().build().unwrap();
    let insecure = || q2.webhook().insecure_unverified();
    let zero = Duration::ZERO;
    let cases: [(WebhookBuilder, &str); 10] = [
        (q2.webhook(), "published_keys()"),
        (q2.webhook().require_encryption(), "published_keys()"),
        (insecure().require_encryption(), "decryption_key()"),
        (insecure().max_body(0), "max_body"),
        (insecure().max_deliveries(0), "max_deliveries"),
        (insecure().read_timeout(zero), "read_timeout"),
        (insecure().handler_timeout(zero), "handler_timeout"),
        (q2.webhook().public_keys("{}"), "public RSA key"),
        (q2.webhook().public_keys("<html>"), "not JSON"),
        (
            q2.webhook().published_keys_at("http://host.name/keys"),
            "host.name",
        ),
    ];
    for (builder, part) in cases {
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(part), "{error}");
    }
    assert!(q2.webhook().published_keys().build().is_ok());
    assert!(insecure().build().is_ok());
}

#[test]
fn a_key_that_is_none_is_refused_without_repeating_it() {
    let nonsense = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n";
    for pem in ["", "secret", nonsense] {
        let one = SigningKey::from_pem(pem).unwrap_err();
        let two = DecryptionKey::from_pem(pem).unwrap_err();
        for error in [one, two] {
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(!format!("{error:?}").contains("c2VjcmV0"), "{error:?}");
        }
    }
}
