//! What `BackOffice::session` sets. Each of these fails if one setting is dropped.

use super::*;

#[tokio::test(start_paused = true)]
async fn the_origin_is_that_of_the_base_url() {
    // Without an origin nothing can be built; with another one the token does not go there.
    let server = Server::new([signed_in(1), answer(200, "")]);
    let back_office = server.back_office();
    let session = back_office.session().build().unwrap();
    let inner = server.clone();
    let client = service_fn(move |request: Request<_>| inner.clone().serve(request));
    let client = tower::ServiceBuilder::new()
        .layer(crate::layers::BearerLayer::new(session))
        .service(client);
    let request = Request::get("https://host.name/api/v2/accounts");
    let request = request.body(Full::<Bytes>::default()).unwrap();
    client.oneshot(request).await.unwrap();
    let seen = server.seen.lock().unwrap();
    assert_eq!(seen[1].headers["authorization"], "Bearer access-1");
}

#[tokio::test(start_paused = true)]
async fn insecure_http_is_for_the_session_too() {
    let builder = |base_url: &str| {
        let client = service_fn(|request: Request<Full<Bytes>>| Server::default().serve(request));
        BackOffice::builder(client, base_url).credentials(EMAIL, PASSWORD)
    };
    let back_office = builder("http://host.name").insecure_http().build().unwrap();
    back_office.session().build().unwrap();
    // Where it was not needed, it is not allowed for further origins either.
    let back_office = builder("https://host.name")
        .insecure_http()
        .build()
        .unwrap();
    let further = back_office.session().origin("http://other.name").build();
    further.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn signing_out_reaches_the_server() {
    let server = Server::new([signed_in(1), answer(200, "")]);
    let session = server.back_office().session().build().unwrap();
    session.token().await.unwrap();
    session.sign_out().await.unwrap();
    assert_eq!(server.calls(), "signin signout");
    let seen = server.seen.lock().unwrap();
    assert_eq!(seen[1].headers["authorization"], "Bearer access-1");
}

#[tokio::test(start_paused = true)]
async fn the_deadline_leaves_a_person_all_the_time_there_is() {
    // Far beyond the 30 s of other sessions.
    let server = Server::new([
        sample_two_factor(),
        answer(401, ""),
        answer(401, ""),
        answer(200, pair(1)),
    ]);
    let person = Person::slow([(299, "1"), (299, "2"), (299, "3")]);
    let back_office = server.builder().person(&person).build().unwrap();
    let session = back_office.session().build().unwrap();
    session.token().await.unwrap();
    assert_eq!(server.count(), 4);

    // And it ends: this one waits for its turn for longer.
    let server = Server::new([sample_two_factor()]);
    let person = Person::slow([(290, "1")]);
    let back_office = server.builder().person(&person).build().unwrap();
    let _turn = back_office.inner.signing_in.lock().await;
    let session = back_office.session().build().unwrap();
    let start = tokio::time::Instant::now();
    let error = session.token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(
        start.elapsed().as_secs(),
        back_office.worst_case().as_secs()
    );
}

#[cfg(feature = "testing")]
#[tokio::test]
async fn the_clock_is_that_of_the_back_office() {
    let clock = crate::testing::FakeClock::new();
    let server = Server::new([signed_in(1)]);
    let back_office = server.builder().clock(clock.clone()).build().unwrap();
    let session = back_office.session().build().unwrap();
    session.token().await.unwrap();
    assert!(session.current().is_some());
    clock.advance(Duration::from_secs(11 * 3600));
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    assert!(session.current().is_none());
}
