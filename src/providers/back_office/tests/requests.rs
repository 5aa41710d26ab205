//! What is sent: exactly this, and nothing of anybody else's.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_sign_in_is_one_plain_request() {
    let server = Server::new([signed_in(1)]);
    let renewed = first(&server.back_office()).await.unwrap();
    assert_eq!(access_of(&renewed), "access-1");
    assert_eq!(refresh_of(&renewed), Some("refresh-1"));
    assert_eq!(renewed.signed_in, Some(true));
    assert!(renewed.warning.is_none());

    let seen = server.seen.lock().unwrap();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].method, Method::POST);
    assert_eq!(seen[0].path, "https://host.name/api/v2/signin");
    assert_eq!(
        seen[0].body,
        r#"{"email":"foo@bar.com","password":"Secret123"}"#
    );
    assert_eq!(seen[0].headers.len(), 2);
    assert_eq!(seen[0].headers["accept"], "application/json");
    assert_eq!(seen[0].headers["content-type"], "application/json");
    assert!(seen[0].marked);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_and_a_confirmation_are_as_plain() {
    let server = Server::new([answer(401, ""), sample_two_factor(), answer(200, pair(1))]);
    let person = Person::new(["123456"]);
    let back_office = server.builder().person(&person).build().unwrap();
    again(&back_office, &held("refresh-0")).await.unwrap();

    let seen = server.seen.lock().unwrap();
    assert_eq!(seen[0].path, "https://host.name/api/v2/refresh");
    assert_eq!(seen[0].body, r#"{"refreshToken":"refresh-0"}"#);
    assert_eq!(seen[2].path, "https://host.name/api/v2/2fa/confirm");
    assert_eq!(
        seen[2].body,
        format!(r#"{{"token":"{FLOW}","code":"123456"}}"#)
    );
    for seen in seen.iter() {
        assert_eq!(seen.headers.len(), 2, "{seen:?}");
        assert!(seen.marked);
    }
}

#[tokio::test(start_paused = true)]
async fn a_sign_out_carries_the_token_and_no_body() {
    let server = Server::new([answer(200, "")]);
    let back_office = server.back_office();
    back_office.sign_out(&held("refresh-0")).await.unwrap();

    let seen = server.seen.lock().unwrap();
    assert_eq!(seen[0].path, "https://host.name/api/v2/signout");
    assert_eq!(seen[0].method, Method::POST);
    assert_eq!(seen[0].body, "");
    assert_eq!(seen[0].headers.len(), 2);
    assert_eq!(seen[0].headers["authorization"], "Bearer access-0");
    assert!(seen[0].headers["authorization"].is_sensitive());
    assert_eq!(seen[0].headers["accept"], "application/json");
    assert!(seen[0].marked);
}

#[tokio::test(start_paused = true)]
async fn redirects_are_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        for location in [
            "/api/v2/signin/",
            "https://host.name/x",
            "https://evil.example/",
            "https://host.name:444/",
            "http://host.name/",
            "https://a:b@host.name/",
        ] {
            let server = Server::new([with(status, "location", location)]);
            let result = first(&server.back_office()).await;
            let text = "redirects are not followed, is the base URL right?";
            assert_fails(result, ErrorKind::Protocol, text);
            assert_eq!(server.count(), 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_before_the_first_poll() {
    let server = Server::new([]);
    let back_office = server.back_office();
    drop(first(&back_office));
    drop(back_office.sign_out(&held("refresh-0")));
    assert_eq!(server.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_client_is_made_ready_before_it_is_called() {
    let server = Server::new([sample_two_factor(), answer(200, pair(1))]);
    let inner = server.clone();
    let client = service_fn(move |request: Request<Full<Bytes>>| inner.clone().serve(request));
    // Panics if it is called without being ready, and deadlocks if a permit is kept.
    let client = tower::limit::ConcurrencyLimit::new(client, 1);
    let person = Person::new(["1"]);
    let back_office = BackOffice::builder(client, "https://host.name")
        .credentials(EMAIL, PASSWORD)
        .person(&person)
        .build()
        .unwrap();
    first(&back_office).await.unwrap();
    assert_eq!(server.calls(), "signin confirm");
}
