//! The token goes to the session's origins and nowhere else.

mod common;

use std::sync::{Arc, Mutex};

use common::{Body, Minter, ORIGIN};
use http::{HeaderMap, Request, Response, header};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
use tower_reauth::{Error, ErrorKind, Session, Token, layers::BearerLayer};

/// Sends a request through Bearer and returns the headers that arrive.
async fn arriving(session: &Session, request: Request<Body>) -> Result<HeaderMap, BoxError> {
    let arrived = Arc::new(Mutex::new(None));
    let server = service_fn({
        let arrived = Arc::clone(&arrived);
        move |request: Request<Body>| {
            *arrived.lock().unwrap() = Some(request.headers().clone());
            async { Ok::<_, BoxError>(Response::new(Body::default())) }
        }
    });
    BearerLayer::new(session.clone())
        .layer(server)
        .oneshot(request)
        .await?;
    let headers = arrived.lock().unwrap().take();
    Ok(headers.expect("the request arrived"))
}

fn to(uri: &str) -> Request<Body> {
    Request::get(uri).body(Body::default()).unwrap()
}

fn session() -> Session {
    Minter::default()
        .builder()
        .token(Token::new("ours").unwrap())
        .build()
        .unwrap()
}

#[tokio::test]
async fn at_our_origin_the_callers_own_credential_is_replaced() {
    let mut request = to("https://api.example.com/users");
    for value in ["Basic dTpw", "Bearer other"] {
        request
            .headers_mut()
            .append(header::AUTHORIZATION, value.parse().unwrap());
    }
    let headers = arriving(&session(), request).await.unwrap();
    let values: Vec<_> = headers.get_all(header::AUTHORIZATION).iter().collect();
    assert_eq!(values, ["Bearer ours"]);
    assert!(values[0].is_sensitive());
}

#[tokio::test]
async fn elsewhere_nothing_is_added() {
    for uri in [
        "https://evil.example.com/",
        "http://api.example.com/",
        "https://api.example.com:8443/",
        "https://api.example.com.evil.test/",
    ] {
        let headers = arriving(&session(), to(uri)).await.unwrap();
        assert!(headers.is_empty(), "{uri}: {headers:?}");
    }
}

#[tokio::test]
async fn elsewhere_no_sign_in_is_needed() {
    let minter = Minter::default();
    minter.fail(Some(Error::new(ErrorKind::Rejected, "wrong password")));
    assert!(
        arriving(&minter.session(), to("https://elsewhere.test/"))
            .await
            .is_ok()
    );
    assert_eq!(minter.count(), 0);
}

#[tokio::test]
async fn elsewhere_our_token_is_taken_out_and_the_callers_own_stays() {
    let session = session();
    session.set(Token::new("newer").unwrap());
    let mut request = to("https://elsewhere.test/");
    for value in ["Bearer ours", "Basic dTpw", "Bearer newer"] {
        request
            .headers_mut()
            .append(header::AUTHORIZATION, value.parse().unwrap());
    }
    let headers = arriving(&session, request).await.unwrap();
    let values: Vec<_> = headers.get_all(header::AUTHORIZATION).iter().collect();
    assert_eq!(values, ["Basic dTpw"]);
}

#[tokio::test]
async fn a_uri_without_authority_fails_unless_it_is_allowed() {
    let error = arriving(&session(), to("/users")).await.unwrap_err();
    let error = Error::from_boxed(error);
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("allow_relative"), "{error}");

    let minter = Minter::default();
    let router = Session::builder(minter.service())
        .allow_relative()
        .build()
        .unwrap();
    let headers = arriving(&router, to("/users")).await.unwrap();
    assert_eq!(headers[header::AUTHORIZATION], "Bearer t1");
}

#[tokio::test]
async fn behind_a_redirect_to_another_origin_there_is_no_token() {
    // In place of tower-http's FollowRedirect, which sends the head of the first request again.
    let hops = Arc::new(Mutex::new(Vec::new()));
    let server = service_fn({
        let hops = Arc::clone(&hops);
        move |request: Request<Body>| {
            let carried = request.headers().contains_key(header::AUTHORIZATION);
            hops.lock()
                .unwrap()
                .push((request.uri().to_string(), carried));
            async { Ok::<_, BoxError>(Response::new(Body::default())) }
        }
    });
    let mut client = BearerLayer::new(session()).layer(server);
    for uri in [
        format!("{ORIGIN}/a"),
        "https://evil.test/a".into(),
        format!("{ORIGIN}/b"),
    ] {
        client.ready().await.unwrap().call(to(&uri)).await.unwrap();
    }
    let hops = hops.lock().unwrap();
    let carried: Vec<_> = hops.iter().map(|(_, carried)| *carried).collect();
    assert_eq!(carried, [true, false, true], "{hops:?}");
}
