//! Where the `api-key` and the tenant go.

use bytes::Bytes;
use http::{HeaderName, Request};
use http_body_util::Full;
use tower::ServiceExt;
use tower_reauth::providers::fintiv::Fintiv;

use crate::support::{self, BASE, KEY, Server, client, client_of, post, send};

#[tokio::test]
async fn they_go_with_every_request_and_are_sensitive() {
    let server = Server::default();
    let (client, _session) = client(&server);
    let mut request = post("{}");
    // The caller's own are replaced.
    let headers = request.headers_mut();
    headers.append("api-key", "mine".parse().unwrap());
    headers.append("api-key", "mine too".parse().unwrap());
    headers.append("tenantname", "mine".parse().unwrap());
    send(&client, request).await;
    let seen = &server.seen()[0];
    let keys: Vec<_> = seen.headers.get_all("api-key").iter().collect();
    assert_eq!(keys, [KEY]);
    assert!(keys[0].is_sensitive());
    let tenants: Vec<_> = seen.headers.get_all("tenantname").iter().collect();
    assert_eq!(tenants, ["JANUS"]);
}

#[tokio::test]
async fn they_go_again_with_the_second_send() {
    let server = Server::default();
    let (client, _session) = client(&server);
    send(&client, post("{}")).await;
    server.revoke();
    send(&client, post("{}")).await;
    for seen in server.seen() {
        assert_eq!(seen.headers["api-key"], KEY);
        assert_eq!(seen.headers["tenantname"], "JANUS");
    }
    assert_eq!(server.sends(), 3);
}

#[tokio::test]
async fn elsewhere_nothing_is_added_and_the_key_is_taken_out() {
    let server = Server::default().answers(200, "<html>").answers(200, "");
    let (client, _session) = client(&server);
    for uri in [
        "https://evil.example/auth/user",
        "http://api-dev.fintiv.co:8080/auth/user",
    ] {
        let request = Request::get(uri)
            .header("api-key", KEY)
            .header("api-key", "mine");
        let response = send(&client, request.body(Full::default()).unwrap()).await;
        // An answer from there is none of ours to judge.
        assert_eq!(response.status(), 200);
    }
    for seen in server.seen() {
        let keys: Vec<_> = seen.headers.get_all("api-key").iter().collect();
        assert_eq!(keys, ["mine"]);
        assert!(!seen.headers.contains_key("tenantname"));
        assert!(!seen.headers.contains_key("authorization"));
    }
    assert_eq!((server.sign_ons(), server.sends()), (0, 2));
}

#[tokio::test]
async fn their_headers_can_be_called_otherwise() {
    let server = Server::default();
    let fintiv = support::builder(&server)
        .api_key_header(HeaderName::from_static("x-key"))
        .tenant_header(HeaderName::from_static("x-tenant"))
        .build()
        .unwrap();
    let (client, _session) = client_of(&fintiv, &server);
    send(&client, post("{}")).await;
    let seen = &server.seen()[0];
    assert_eq!(seen.headers["x-key"], KEY);
    assert_eq!(seen.headers["x-tenant"], "JANUS");
    assert!(!seen.headers.contains_key("api-key") && !seen.headers.contains_key("tenantname"));
}

#[tokio::test]
async fn without_a_tenant_there_is_none() {
    let server = Server::default();
    let fintiv = Fintiv::builder(server.plain(), BASE)
        .api_key(KEY)
        .credentials("a", "b");
    let (client, _session) = client_of(&fintiv.build().unwrap(), &server);
    let request = Request::get(format!("{BASE}/user")).body(Full::<Bytes>::default());
    let response = client.clone().oneshot(request.unwrap()).await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(!server.seen()[0].headers.contains_key("tenantname"));
}
