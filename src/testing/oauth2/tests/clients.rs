use super::*;
use crate::testing::oauth2::ClientAuth;

const GRANT: &str = "grant_type=client_credentials";

#[tokio::test]
async fn clients_are_known_by_basic_or_by_form() {
    let pair = start_default().await;
    assert_eq!(pair.token(GRANT).await.status, 200);
    let own = format!("{GRANT}&client_id={ID}");
    assert_eq!(pair.token(&own).await.status, 200);
    let form = format!("{own}&client_secret={SECRET}");
    let answer = pair.send(pair.bare("/token", &form)).await;
    assert_eq!(answer.status, 200);
    pair.assert_clean();
    assert_eq!(pair.counts().client_credentials_ok, 3);
}

#[tokio::test]
async fn basic_is_encoded_inside() {
    let pair = start(Simulator::builder().client("me:mine", "1 +%&=ä")).await;
    let with = |value: HeaderValue| {
        let mut request = pair.bare("/token", GRANT);
        request.headers_mut().insert(header::AUTHORIZATION, value);
        request
    };
    let encoded = basic("me%3Amine", "1+%2B%25%26%3D%C3%A4");
    assert_eq!(pair.send(with(encoded)).await.status, 200);
    pair.assert_clean();
    let plain = basic("me%3Amine", "1 +%&=ä");
    assert_error(&pair.send(with(plain)).await, 400, "invalid_request");
    let sentence = "token request: what stands in Basic is not form-urlencoded";
    assert_eq!(pair.server.violations(), [sentence]);

    // A secret that may be taken for an encoded one is told as well.
    let pair = start(Simulator::builder().client("me", "a+b%20c")).await;
    let mut request = pair.bare("/token", GRANT);
    let plain = basic("me", "a+b%20c");
    request.headers_mut().insert(header::AUTHORIZATION, plain);
    assert_error(&pair.send(request).await, 401, "invalid_client");
    assert_eq!(pair.server.violations(), [sentence]);
}

#[tokio::test]
async fn one_way_is_enough() {
    let pair = start_default().await;
    let form = format!("{GRANT}&client_secret={SECRET}");
    assert_error(&pair.token(&form).await, 400, "invalid_request");
    let form = format!("{GRANT}&client_id=other");
    assert_error(&pair.token(&form).await, 400, "invalid_request");
    assert_eq!(
        pair.server.violations(),
        [
            "token request: the client authenticates itself in two ways",
            "token request: the client has one id in Basic and another in the form",
        ]
    );
    assert_eq!(pair.counts().tokens_issued, 0);
}

#[tokio::test]
async fn a_client_that_is_not_who_it_says_gets_401() {
    let pair = start(Simulator::builder().echo_secrets(true).client(ID, SECRET)).await;
    for (id, secret) in [(ID, "other"), ("other", SECRET), (ID, "")] {
        let mut request = pair.bare("/token", GRANT);
        let value = basic(id, secret);
        request.headers_mut().insert(header::AUTHORIZATION, value);
        let answer = pair.send(request).await;
        assert_error(&answer, 401, "invalid_client");
        let challenge = answer.header(header::WWW_AUTHENTICATE);
        assert_eq!(challenge, Some(r#"Basic realm="token""#));
        assert!(answer.text("/error_description").ends_with(secret));

        let form = format!("{GRANT}&client_id={id}&client_secret={secret}");
        let answer = pair.send(pair.bare("/token", &form)).await;
        assert_error(&answer, 401, "invalid_client");
        assert_eq!(answer.header(header::WWW_AUTHENTICATE), None);
    }
    let answer = pair.send(pair.bare("/token", GRANT)).await;
    assert_error(&answer, 401, "invalid_client");
    assert_eq!(pair.counts().unknown_clients, 7);
    pair.assert_clean();
}

#[tokio::test]
async fn a_server_may_take_one_way_only() {
    for (taken, basic, form) in [(ClientAuth::Basic, 200, 401), (ClientAuth::Form, 401, 200)] {
        let pair = start(Simulator::builder().client_auth([taken])).await;
        assert_eq!(pair.token(GRANT).await.status, basic);
        let body = format!("{GRANT}&client_id={ID}&client_secret={SECRET}");
        let answer = pair.send(pair.bare("/token", &body)).await;
        assert_eq!(answer.status, form);
        pair.assert_clean();
        assert_eq!(pair.counts().unknown_clients, 1);
    }
}

#[tokio::test]
async fn a_public_client_says_its_id_and_acts_for_others() {
    let pair = start(Simulator::builder().public_client("app")).await;
    let (_, refresh) = pair.server.issue_tokens("app", "read");
    let form = format!("grant_type=refresh_token&refresh_token={refresh}&client_id=app");
    let answer = pair.send(pair.bare("/token", &form)).await;
    assert_eq!(answer.status, 200);
    let form = format!("{GRANT}&client_id=app");
    let answer = pair.send(pair.bare("/token", &form)).await;
    assert_error(&answer, 400, "unauthorized_client");
    let form = format!("{GRANT}&client_id=app&client_secret=guessed");
    let answer = pair.send(pair.bare("/token", &form)).await;
    assert_error(&answer, 401, "invalid_client");
    pair.assert_clean();
}

#[tokio::test]
async fn a_secret_may_change() {
    let pair = start_default().await;
    pair.server.set_client_secret(ID, "newer");
    assert_error(&pair.token(GRANT).await, 401, "invalid_client");
    pair.server.set_client_secret(ID, SECRET);
    assert_eq!(pair.token(GRANT).await.status, 200);
    pair.assert_clean();
}
