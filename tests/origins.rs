//! The token goes to the session's origins and nowhere else.

mod common;

use std::sync::{Arc, Mutex};

use common::{Body, Minter, ORIGIN};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
use tower_reauth::{Error, ErrorKind, Session, Token, layers::BearerLayer, replay::ReplayBody};

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

#[tokio::test(start_paused = true)]
async fn a_request_with_an_anonymous_header_goes_without_the_token_and_waits_for_none() {
    const GUEST: HeaderName = HeaderName::from_static("x-guest");
    let minter = Minter::default();
    let session = minter.builder().anonymous_header(GUEST).build().unwrap();
    let guest = |authorization: Option<&str>| {
        let mut request = to("https://api.example.com/users");
        let headers = request.headers_mut();
        headers.insert(GUEST, HeaderValue::from_static("1"));
        if let Some(value) = authorization {
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
        }
        request
    };
    let headers = arriving(&session, guest(None)).await.unwrap();
    assert!(headers.get(header::AUTHORIZATION).is_none());
    assert_eq!(minter.count(), 0);

    // Neither is a token that somebody has put there, if it is ours.
    session.set(Token::new("ours").unwrap());
    let headers = arriving(&session, guest(Some("Bearer ours")))
        .await
        .unwrap();
    assert!(headers.get(header::AUTHORIZATION).is_none());
    let headers = arriving(&session, guest(Some("Bearer theirs")))
        .await
        .unwrap();
    assert_eq!(headers[header::AUTHORIZATION], "Bearer theirs");

    // What it is answered says nothing about the token.
    let refused = service_fn(|request: Request<Body>| {
        let is_guest = request.headers().contains_key(GUEST);
        let status = if is_guest {
            StatusCode::OK
        } else {
            StatusCode::UNAUTHORIZED
        };
        async move { Ok::<_, BoxError>(common::status(status)) }
    });
    let client = session.layer().layer(refused.map_request(plain));
    for number in 0..20 {
        client.clone().oneshot(guest(None)).await.unwrap();
        let answer = client.clone().oneshot(to("https://api.example.com/")).await;
        let answer = answer.unwrap();
        // With the third fresh token that is refused in a row no more are fetched.
        let is_tripped = answer.extensions().get::<Error>().is_some();
        assert_eq!(is_tripped, number >= 2, "{number}");
    }
    assert_eq!(minter.count(), 2);
}

fn plain(request: Request<ReplayBody<Body>>) -> Request<Body> {
    request.map(|_| Body::default())
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
