//! Settings that are wrong are told when the service is built.

use super::{super::Endpoint, *};

fn builder(base_url: &str) -> BackOfficeBuilder {
    let client = service_fn(|request: Request<Full<Bytes>>| Server::default().serve(request));
    BackOffice::builder(client, base_url)
}

#[track_caller]
fn assert_wrong(builder: BackOfficeBuilder, text: &str) {
    let error = builder.build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains(text), "{error}");
}

#[test]
fn settings_that_are_wrong_are_told_with_advice() {
    let good = || builder("https://host.name").credentials(EMAIL, PASSWORD);
    good().build().unwrap();
    assert_wrong(
        builder("host.name").credentials(EMAIL, PASSWORD),
        "the base URL `host.name` has no scheme: write https://host.name",
    );
    assert_wrong(
        builder("https://host.name"),
        "Call credentials(email, password)",
    );
    assert_wrong(good().credentials("", PASSWORD), "is empty");
    assert_wrong(good().credentials(EMAIL, ""), "is empty");
    assert_wrong(good().sign_in_limit(0), "sign_in_limit is 0");
    assert_wrong(good().confirm_limit(0), "confirm_limit is 0");
    assert_wrong(good().refresh_limit(0), "refresh_limit is 0");
    assert_wrong(good().max_2fa_attempts(0), "max_2fa_attempts is 0");
    assert_wrong(good().max_answer(0), "max_answer is 0");
    assert_wrong(good().lockout(Duration::ZERO), "lockout is 0");
    assert_wrong(good().code_timeout(Duration::ZERO), "code_timeout is 0");
    assert_wrong(
        good().request_timeout(Duration::ZERO),
        "request_timeout is 0",
    );
    let path = |path: &str| good().path(Endpoint::Refresh, path);
    assert_wrong(path("api"), "the path `api` has no slash at its beginning");
    assert_wrong(path("/a#b"), "the path `/a#b` has a fragment");
    assert_wrong(path("/a b"), "the path `/a b` cannot be a part of a URL");
}

#[test]
fn plain_http_is_refused_before_any_byte() {
    let plain = |base: &str| builder(base).credentials(EMAIL, PASSWORD);
    assert_wrong(plain("http://host.name"), "write https://host.name");
    plain("http://127.0.0.1:8080").build().unwrap();
    plain("http://host.name").insecure_http().build().unwrap();
}

#[test]
fn the_origin_is_what_a_session_asks_for() {
    let back_office = builder("https://Host.Name:8443/prefix/")
        .credentials(EMAIL, PASSWORD)
        .build()
        .unwrap();
    assert_eq!(back_office.origin(), "https://host.name:8443");
}

#[tokio::test(start_paused = true)]
async fn paths_and_a_prefix_are_used() {
    let server = Server::new([signed_in(1), answer(200, pair(2))]);
    let inner = server.clone();
    let client = service_fn(move |request: Request<Full<Bytes>>| inner.clone().serve(request));
    let back_office = BackOffice::builder(client, "https://host.name/crm/")
        .credentials(EMAIL, PASSWORD)
        .path(Endpoint::Refresh, "/v3/renew")
        .build()
        .unwrap();
    let renewed = first(&back_office).await.unwrap();
    again(&back_office, renewed.credential()).await.unwrap();
    let seen = server.seen.lock().unwrap();
    assert_eq!(seen[0].path, "https://host.name/crm/api/v2/signin");
    assert_eq!(seen[1].path, "https://host.name/crm/v3/renew");
}

#[test]
fn the_service_and_its_futures_can_go_anywhere() {
    fn anywhere<T: Clone + Send + Sync + 'static>(_: &T) {}
    fn moved<T: Send + 'static>(_: T) {}
    let back_office = builder("https://host.name")
        .credentials(EMAIL, PASSWORD)
        .build()
        .unwrap();
    anywhere(&back_office);
    moved(back_office.sign_out(&held("refresh-0")));
    moved(back_office.oneshot(Renewal::new(Reason::Missing)));
}
