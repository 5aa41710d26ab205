//! What an API says in `WWW-Authenticate` decides whether a refusal is the token's fault, and reaches
//! the caller where it is not.

mod common;
#[path = "common/vectors.rs"]
mod vectors;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use common::{Body, Minter, ORIGIN};
use http::{HeaderValue, Request, Response, StatusCode, header::WWW_AUTHENTICATE};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
use tower_reauth::{
    Error, ErrorKind, Session,
    layers::{BearerLayer, RefreshLayer},
    replay::{NotReplayed, ReplayBody},
};

/// An API that refuses everything with this status and these challenges, and counts.
#[derive(Clone)]
struct Api {
    status: StatusCode,
    challenges: Arc<[HeaderValue]>,
    sends: Arc<AtomicUsize>,
}

impl Api {
    fn new(status: u16, challenges: impl IntoIterator<Item = HeaderValue>) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap(),
            challenges: challenges.into_iter().collect(),
            sends: Arc::default(),
        }
    }

    fn service<B: Send + 'static>(
        &self,
    ) -> impl Service<Request<B>, Response = Response<Body>, Error = BoxError, Future: Send>
    + Clone
    + Send
    + 'static {
        let api = self.clone();
        service_fn(move |_: Request<B>| {
            api.sends.fetch_add(1, Ordering::Relaxed);
            let mut response = Response::new(Body::from("no entry"));
            *response.status_mut() = api.status;
            for challenge in &*api.challenges {
                response
                    .headers_mut()
                    .append(WWW_AUTHENTICATE, challenge.clone());
            }
            std::future::ready(Ok(response))
        })
    }

    fn sends(&self) -> usize {
        self.sends.load(Ordering::Relaxed)
    }
}

fn session(minter: &Minter) -> Session {
    Session::builder(minter.service())
        .origin(ORIGIN)
        .build()
        .unwrap()
}

fn request() -> Request<Body> {
    Request::post(format!("{ORIGIN}/x"))
        .body(Body::from("{}"))
        .unwrap()
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap()
}

/// Calls once, and returns the answer and how many tokens were fetched for it beyond the first.
async fn call(api: &Api) -> (Response<()>, usize) {
    let minter = Minter::default();
    let session = session(&minter);
    session.token().await.unwrap();
    let response = session
        .layer()
        .layer(api.service())
        .oneshot(request())
        .await
        .unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    assert_eq!(body, "no entry");
    (Response::from_parts(head, ()), minter.count() - 1)
}

#[tokio::test]
async fn for_every_vector_of_others_a_new_token_is_fetched_only_if_it_may_help() {
    let Some(file) = vectors::file("www-authenticate/cases.json") else {
        return;
    };
    let vectors: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 119);
    let (mut renewals, mut passed) = (0, 0);
    for case in cases {
        let id = case["id"].as_str().unwrap();
        let challenges = case["headers"].as_array().unwrap().iter();
        let challenges: Result<Vec<_>, _> = challenges
            .map(|text| {
                let bytes: Vec<u8> = text.as_str().unwrap().chars().map(|c| c as u8).collect();
                HeaderValue::from_bytes(&bytes)
            })
            .collect();
        let Ok(challenges) = challenges else {
            assert_eq!(case["expect"], "unreachable", "{id}");
            continue;
        };
        let api = Api::new(401, challenges);
        let (answer, fetched) = call(&api).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{id}");
        assert_eq!(api.sends(), 1 + fetched, "{id}");
        // What breaks off may have gone on with a challenge for a token.
        let may_help = match case["challenges"].as_array() {
            Some(challenges) => asks_for_a_token(challenges),
            None => true,
        };
        assert_eq!(fetched, usize::from(may_help), "{id}");
        renewals += fetched;
        passed += 1 - fetched;
        let told = answer.extensions().get::<Error>();
        let code = (id == "rfc/9470-step-up").then_some("insufficient_user_authentication");
        assert_eq!(told.and_then(Error::provider_code), code, "{id}");
    }
    // 18 that are broken, 2 that are empty, and 3 for a token.
    assert_eq!((renewals, passed), (23, 95));
}

fn asks_for_a_token(challenges: &[Value]) -> bool {
    let is_bearer = |challenge: &&Value| challenge["scheme"] == "Bearer";
    let Some(bearer) = challenges.iter().find(is_bearer) else {
        return challenges.is_empty();
    };
    let params = bearer["params"].as_array().unwrap();
    let error = params.iter().find(|param| param[0] == "error");
    error.is_none_or(|error| error[1] == "invalid_token")
}

#[tokio::test]
async fn what_is_wrong_beside_the_token_reaches_the_caller() {
    let challenge = "Bearer error=\"insufficient_scope\", scope=\"accounts:read payments\"";
    for status in [400, 401, 403] {
        let api = Api::new(status, [value("Basic realm=\"x\""), value(challenge)]);
        let (answer, fetched) = call(&api).await;
        assert_eq!(
            (answer.status().as_u16(), fetched, api.sends()),
            (status, 0, 1)
        );
        let error = answer.extensions().get::<Error>().unwrap();
        assert_eq!(error.kind(), ErrorKind::Provider);
        assert_eq!(error.provider_code(), Some("insufficient_scope"));
        let text = error.to_string();
        assert!(text.contains("ask for more scope"), "{text}");
        assert!(
            text.ends_with("it wants the scope: accounts:read payments"),
            "{text}"
        );
        assert!(answer.extensions().get::<NotReplayed>().is_none());
        assert_eq!(answer.headers().get_all(WWW_AUTHENTICATE).iter().count(), 2);
    }
    // Where it means nothing, it is not looked at.
    for status in [200, 204, 302, 404, 407, 500] {
        let (answer, fetched) = call(&Api::new(status, [value(challenge)])).await;
        assert_eq!((answer.status().as_u16(), fetched), (status, 0));
        assert!(answer.extensions().get::<Error>().is_none());
    }
}

#[tokio::test]
async fn the_second_refusal_is_told_as_well() {
    // The first says that the token is no good, the second what else is wrong.
    let minter = Minter::default();
    let session = session(&minter);
    let sends = Arc::new(AtomicUsize::new(0));
    let server = service_fn({
        let sends = Arc::clone(&sends);
        move |_: Request<ReplayBody<Body>>| {
            let error = match sends.fetch_add(1, Ordering::Relaxed) {
                0 => "invalid_token",
                _ => "insufficient_scope",
            };
            let challenge = format!("Bearer error=\"{error}\"");
            let response = Response::builder()
                .status(401)
                .header(WWW_AUTHENTICATE, challenge);
            std::future::ready(response.body(Body::default()))
        }
    });
    let answer = session
        .layer()
        .layer(server)
        .oneshot(request())
        .await
        .unwrap();
    assert_eq!((sends.load(Ordering::Relaxed), minter.count()), (2, 2));
    let error = answer.extensions().get::<Error>().unwrap();
    assert_eq!(error.provider_code(), Some("insufficient_scope"));
}

#[tokio::test]
async fn nothing_is_said_of_requests_that_carry_no_token_and_nothing_over_what_is_there() {
    let challenge = value("Bearer error=\"insufficient_scope\"");
    let minter = Minter::default();
    let session = session(&minter);
    let api = Api::new(403, [challenge]);
    let elsewhere = Request::get("https://other.example.com/")
        .body(Body::default())
        .unwrap();
    let layer = (
        RefreshLayer::new(session.clone()),
        BearerLayer::new(session),
    );
    let answer = layer.layer(api.service()).oneshot(elsewhere).await.unwrap();
    assert!(answer.extensions().get::<Error>().is_none());
    assert_eq!(minter.count(), 0);

    let known = tower::util::MapResponse::new(api.service(), |mut response: Response<Body>| {
        let error = Error::with_message(ErrorKind::Locked, "the body says so");
        response.extensions_mut().insert(error);
        response
    });
    let answer = layer.layer(known).oneshot(request()).await.unwrap();
    let error = answer.extensions().get::<Error>().unwrap();
    assert_eq!(error.kind(), ErrorKind::Locked);
}
