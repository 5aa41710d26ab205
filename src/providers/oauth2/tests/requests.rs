//! What is sent.

use http::Method;

use super::*;

#[tokio::test]
async fn a_sign_in_is_a_form_and_says_who_the_client_is() {
    let server = Server::new([answer(200, tokens(1))]);
    first(&server.builder().build().unwrap()).await.unwrap();
    let seen = server.seen.lock().unwrap();
    assert_eq!(
        (seen[0].path.as_str(), &seen[0].method),
        (URL, &Method::POST)
    );
    assert_eq!(seen[0].body, "grant_type=client_credentials");
    let headers = &seen[0].headers;
    assert_eq!(headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(headers["accept"], "application/json");
    assert_eq!(
        headers["authorization"],
        "Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3"
    );
    assert!(headers["authorization"].is_sensitive());
    assert_eq!(headers.len(), 3);
    assert!(seen[0].marked);
}

#[tokio::test]
async fn a_refresh_presents_the_refresh_token_in_every_alphabet() {
    let server = Server::new([answer(200, tokens(1)), answer(200, tokens(2))]);
    let oauth2 = server
        .builder()
        .client_auth(ClientAuth::Form)
        .build()
        .unwrap();
    again(&oauth2, &held("r&f=1 ü+%")).await.unwrap();
    let client = format!("client_id={ID}&client_secret={SECRET}");
    let refresh = "grant_type=refresh_token&refresh_token=r%26f%3D1+%C3%BC%2B%25";
    {
        let seen = server.seen.lock().unwrap();
        assert_eq!(seen[0].body, format!("{refresh}&{client}"));
        assert_eq!(seen[0].headers.get("authorization"), None);
    }
    // A public client has no secret, and still an id.
    let oauth2 = server.for_user("r&f=1 ü+%");
    first(&oauth2).await.unwrap();
    let seen = server.seen.lock().unwrap();
    assert_eq!(seen[1].body, format!("{refresh}&client_id={ID}"));
    assert_eq!(seen[1].headers.get("authorization"), None);
}

#[tokio::test]
async fn scope_audience_resources_and_parameters_are_sent_where_they_belong() {
    let server = Server::new([answer(200, tokens(1)), answer(200, tokens(2))]);
    let oauth2 = server
        .builder()
        .scope("read write")
        .audience("https://api.example.com/")
        .resource("https://one.example.com/a?b=c")
        .resource("urn:example:two")
        .param("tenant", "a b")
        .build()
        .unwrap();
    let renewed = first(&oauth2).await.unwrap();
    again(&oauth2, renewed.credential()).await.unwrap();
    let resources = "resource=https%3A%2F%2Fone.example.com%2Fa%3Fb%3Dc\
                     &resource=urn%3Aexample%3Atwo&tenant=a+b";
    let seen = server.seen.lock().unwrap();
    assert_eq!(
        seen[0].body,
        format!(
            "grant_type=client_credentials&scope=read+write\
             &audience=https%3A%2F%2Fapi.example.com%2F&{resources}"
        )
    );
    // A refresh has what was granted if it asks for nothing, and cannot have more.
    assert_eq!(
        seen[1].body,
        format!("grant_type=refresh_token&refresh_token=refresh-1&{resources}")
    );
}

#[tokio::test]
async fn a_refresh_may_ask_for_less() {
    let server = Server::new([answer(200, tokens(1))]);
    let oauth2 = server.builder().scope("read write").refresh_scope("read");
    again(&oauth2.build().unwrap(), &held("refresh-0"))
        .await
        .unwrap();
    let body = &server.seen.lock().unwrap()[0].body;
    assert_eq!(
        body,
        "grant_type=refresh_token&refresh_token=refresh-0&scope=read"
    );
}

#[tokio::test]
async fn the_url_stays_as_it_is() {
    for url in [
        "https://auth.example.com/token/",
        "https://auth.example.com/t//x?version=2&x=%20",
        "http://127.0.0.1:8080/?a=b",
    ] {
        let server = Server::new([answer(200, tokens(1))]);
        let client = server.clone();
        let http = service_fn(move |request: Request<Full<Bytes>>| client.clone().serve(request));
        let oauth2 = OAuth2::builder(http, url)
            .client_id(ID)
            .client_secret(SECRET);
        first(&oauth2.client_credentials().build().unwrap())
            .await
            .unwrap();
        assert_eq!(server.seen.lock().unwrap()[0].path, url);
    }
}
