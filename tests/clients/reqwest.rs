//! reqwest as an HTTP service: what it can do is not lost.

use std::time::Duration;

use http::{HeaderName, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::connect::HttpInfo;
use reqwest::{Client, Url};
use tower::{Layer, ServiceExt, limit::ConcurrencyLimit};
use tower_reauth::{
    Placement,
    clients::reqwest::{FinalUrl, HttpService, same_origin},
    inspect::PeekBody,
    replay::ReplayBody,
};

use crate::{
    kinds::{Body, Kind, reqwest_builder},
    server::{Act, Server},
    support::World,
};

type Stack = HttpService<ReplayBody<Full<bytes::Bytes>>>;

fn http(client: Client) -> Stack {
    HttpService::new(client)
}

async fn call(
    world: &World,
    client: Client,
    request: Request<Full<bytes::Bytes>>,
) -> Result<Response<PeekBody<Body>>, tower::BoxError> {
    world
        .session
        .layer()
        .layer(http(client))
        .oneshot(request)
        .await
}

fn post(server: &Server, path: &str) -> Request<Full<bytes::Bytes>> {
    Request::post(server.url(path))
        .body("hello".into())
        .unwrap()
}

fn same() -> Client {
    reqwest_builder(false)
        .redirect(same_origin())
        .build()
        .unwrap()
}

#[tokio::test]
async fn within_the_origin_it_is_followed_with_body_and_credential() {
    let world = World::new(Kind::ReqwestH1).await;
    for (status, method) in [(307, "POST"), (308, "POST"), (303, "GET"), (302, "GET")] {
        let before = world.server.seen().len();
        let status = StatusCode::from_u16(status).unwrap();
        for location in ["/there".to_owned(), world.server.url("/there?x=y")] {
            world.server.next(Act::Redirect(status, location));
        }
        let response = call(&world, same(), post(&world.server, "/here"))
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let url = response
            .extensions()
            .get::<FinalUrl>()
            .unwrap()
            .url()
            .clone();
        assert_eq!(url.as_str(), world.server.url("/there?x=y"));
        // And reqwest's own response has it too.
        let response = reqwest::Response::from(response.map(Body::wrap));
        assert_eq!(*response.url(), url);
        let seen = world.server.seen().split_off(before);
        assert_eq!(seen.len(), 3);
        assert_eq!(seen[2].method, method);
        assert_eq!(seen[2].body.len(), if method == "POST" { 5 } else { 0 });
    }
    assert_eq!(world.minted(), 1);
}

#[tokio::test]
async fn ten_redirects_are_followed_and_no_more() {
    let world = World::new(Kind::ReqwestH1).await;
    for (redirects, good) in [(10, true), (11, false)] {
        let before = world.server.counts().sends;
        for number in 0..redirects {
            let location = format!("/{number}");
            world
                .server
                .next(Act::Redirect(StatusCode::FOUND, location));
        }
        let answer = call(&world, same(), post(&world.server, "/")).await;
        assert_eq!(world.server.counts().sends - before, 11);
        match answer {
            Ok(response) => assert!(good && response.status() == StatusCode::OK),
            Err(error) => {
                assert!(!good);
                assert!(error.downcast::<reqwest::Error>().unwrap().is_redirect());
            }
        }
    }
}

/// Why `same_origin` is there.
#[tokio::test]
async fn by_itself_reqwest_takes_a_credential_in_a_header_of_its_own_along() {
    let key = HeaderName::from_static("x-session-key");
    let world = World::with_tokens_in(Kind::ReqwestH1, Placement::header(key.clone())).await;
    let other = Server::start().await;
    for (client, arrived) in [(reqwest_builder(false).build().unwrap(), 1), (same(), 1)] {
        let redirect = StatusCode::TEMPORARY_REDIRECT;
        world
            .server
            .next(Act::Redirect(redirect, other.url("/there")));
        call(&world, client, post(&world.server, "/"))
            .await
            .unwrap();
        assert_eq!(other.seen().len(), arrived);
    }
    let stolen = &other.seen()[0];
    assert_eq!(stolen.headers[&key], "the-token-number-1");
    assert_eq!(stolen.body, "hello");
}

#[tokio::test]
async fn timeouts_of_the_client_and_of_a_request_apply() {
    let world = World::new(Kind::ReqwestH1).await;
    let short = Duration::from_millis(20);
    let patient = reqwest_builder(false).build().unwrap();
    let client = reqwest_builder(false).timeout(short).build().unwrap();
    world.server.next(Act::Hang);
    let error = call(&world, client, post(&world.server, "/"))
        .await
        .unwrap_err();
    assert!(error.downcast::<reqwest::Error>().unwrap().is_timeout());

    // Its own is kept for the second send as well.
    let mut request = reqwest::Request::new(
        http::Method::GET,
        Url::parse(&world.server.url("/")).unwrap(),
    );
    *request.timeout_mut() = Some(short);
    let request = Request::<Body>::try_from(request).unwrap();
    world.server.next(Act::RefuseEarly);
    world.server.next(Act::Hang);
    let service = HttpService::<ReplayBody<Body>>::new(patient);
    let error = world
        .session
        .layer()
        .layer(service)
        .oneshot(request)
        .await
        .unwrap_err();
    assert!(error.downcast::<reqwest::Error>().unwrap().is_timeout());
    assert_eq!(world.server.counts().sends, 3);
}

#[tokio::test]
async fn extensions_of_the_response_are_kept() {
    let world = World::new(Kind::ReqwestH1).await;
    let response = call(&world, same(), post(&world.server, "/"))
        .await
        .unwrap();
    let info = response.extensions().get::<HttpInfo>().unwrap();
    assert_eq!(info.remote_addr(), world.server.address());
    let response = reqwest::Response::from(response.map(Body::wrap));
    assert_eq!(response.remote_addr(), Some(world.server.address()));
    assert_eq!(response.text().await.unwrap(), "hello");
}

#[tokio::test]
async fn an_address_that_is_none_is_an_error_and_not_a_panic() {
    let service = HttpService::<Full<bytes::Bytes>>::new(same());
    for uri in ["/things", "host:80", "ftp://127.0.0.1/"] {
        let request = Request::get(uri).body(Full::default()).unwrap();
        let error = service.clone().oneshot(request).await.unwrap_err();
        assert!(error.is_builder(), "{uri}: {error:?}");
    }
}

#[tokio::test]
async fn any_body_will_do() {
    let server = Server::start().await;
    server.next(Act::EchoFrames);
    let text = HttpService::<String>::new(same());
    let request = Request::post(server.url("/"))
        .body("hello".to_owned())
        .unwrap();
    let response = text.oneshot(request).await.unwrap();
    assert_eq!(
        response.into_body().collect().await.unwrap().to_bytes(),
        "hello"
    );

    // One that is `Send` alone is `Sync` as well once a layer has it.
    server.next(Act::EchoFrames);
    server.accept("good");
    let body = Full::<bytes::Bytes>::from("hello").boxed_unsync();
    let service = HttpService::<ReplayBody<_>>::new(same());
    let service = tower_reauth::replay::ReplayLayer::new().layer(service);
    let request = Request::post(server.url("/")).body(body).unwrap();
    let response = service.oneshot(request).await.unwrap();
    assert_eq!(
        response.into_body().collect().await.unwrap().to_bytes(),
        "hello"
    );
}

#[tokio::test]
async fn it_stands_below_a_limit_of_one() {
    let world = World::new(Kind::ReqwestH1).await;
    let service = ConcurrencyLimit::new(http(same()), 1);
    let client = world.session.layer().layer(service);
    for _ in 0..3 {
        world.server.revoke_all();
        let calls = (0..10).map(|_| client.clone().oneshot(post(&world.server, "/")));
        let mut calls: tokio::task::JoinSet<_> = calls.collect();
        while let Some(response) = calls.join_next().await {
            assert_eq!(response.unwrap().unwrap().status(), StatusCode::OK);
        }
    }
    assert_eq!(world.minted(), 3);
}

#[test]
fn debug_shows_no_default_header() {
    let mut headers = http::HeaderMap::new();
    headers.insert("x-api-key", "hunter2".parse().unwrap());
    let client = reqwest_builder(false)
        .default_headers(headers)
        .build()
        .unwrap();
    assert!(
        format!("{client:?}").contains("hunter2"),
        "reqwest shows it"
    );
    assert!(!format!("{:?}", http(client)).contains("hunter2"));
}
