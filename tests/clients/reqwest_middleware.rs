//! The layers in chains of reqwest-middleware, by its own means.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{Extensions, HeaderName, Request, StatusCode, header, response};
use http_body_util::{BodyExt, Full};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Middleware, Next, Result};
use tower::{
    Layer, ServiceBuilder, ServiceExt, limit::GlobalConcurrencyLimitLayer, timeout::TimeoutLayer,
};
use tower_reauth::{
    Error, ErrorKind, Renewal, Session, Token,
    clients::{
        reqwest::{FinalUrl, HttpService},
        reqwest_middleware::{LayerMiddleware, MiddlewareLayer, RequestBody},
    },
    layers::{
        BearerLayer, Mfa, NormalizeLayer, RefreshLayer, VersionUpgradeLayer, normalize::GrpcStatus,
    },
    replay::{NotReplayed, ReplayBody, ReplayLayer},
};

use crate::{
    kinds::{Body, Kind, reqwest as client},
    server::{Act, Server},
    support::World,
};

/// What a middleware of somebody else's does: counts, reads and leaves a note.
#[derive(Clone, Default)]
struct Onlooker {
    name: &'static str,
    log: Log,
}

type Log = Arc<Mutex<Vec<String>>>;

/// What middlewares tell each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Note(Vec<&'static str>);

#[async_trait::async_trait]
impl Middleware for Onlooker {
    async fn handle(
        &self,
        request: reqwest::Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<reqwest::Response> {
        let credential = request.headers().get(header::AUTHORIZATION).cloned();
        assert!(
            credential
                .as_ref()
                .is_none_or(http::HeaderValue::is_sensitive)
        );
        let credential = credential.map(|value| value.to_str().unwrap().to_owned());
        extensions.get_or_insert_default::<Note>().0.push(self.name);
        let note = extensions.get::<Note>().cloned();
        let response = next.run(request, extensions).await;
        let status = response.as_ref().map(|response| response.status().as_u16());
        let line = format!("{} {credential:?} {note:?} {:?}", self.name, status.ok());
        self.log.lock().unwrap().push(line);
        response
    }
}

fn onlooker(name: &'static str, log: &Log) -> Onlooker {
    let log = Arc::clone(log);
    Onlooker { name, log }
}

fn with(layer: impl MiddlewareLayer) -> ClientWithMiddleware {
    ClientBuilder::new(client(false))
        .with(LayerMiddleware::new(layer))
        .build()
}

#[tokio::test]
async fn its_request_builder_is_all_that_callers_need() {
    let world = World::new(Kind::MiddlewareH1).await;
    let client = with(world.session.layer());
    world.server.next(Act::RefuseEarly);
    let url = world.server.url("/things?x=y");
    let response = client.post(&url).body("hello").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.url().as_str(), url);
    assert_eq!(response.remote_addr(), Some(world.server.address()));
    assert_eq!(response.content_length(), None, "the server did not say");
    let response = response.error_for_status().unwrap();
    assert_eq!(response.text().await.unwrap(), "hello");
    assert_eq!(world.minted(), 2);
}

#[tokio::test]
async fn the_length_of_a_response_is_known() {
    let world = World::new(Kind::MiddlewareH1).await;
    let client = with(world.session.layer());
    world
        .server
        .next(Act::Answer(http::Response::new("hello".into())));
    let response = client.get(world.server.url("/")).send().await.unwrap();
    assert_eq!(response.content_length(), Some(5));
}

#[tokio::test]
async fn each_layer_alone_and_every_stack_is_a_middleware() {
    let world = World::new(Kind::MiddlewareH1).await;
    let session = &world.session;
    let bearer = || BearerLayer::new(session.clone());
    let refresh = || RefreshLayer::new(session.clone());
    let mfa = Mfa::builder(
        HeaderName::from_static("x-otp"),
        |_: &response::Parts, _: &[u8]| None,
    )
    .origin(world.server.url(""))
    .build()
    .unwrap();
    let clients = [
        with(session.layer()),
        with((ReplayLayer::new(), refresh(), bearer())),
        with((refresh(), bearer())),
        with(
            ServiceBuilder::new()
                .layer(refresh())
                .layer(bearer())
                .into_inner(),
        ),
        with(ServiceBuilder::new().layer(refresh()).layer(bearer())),
        // With all the others that stand around an API.
        with((
            session.layer().mfa(&mfa),
            NormalizeLayer::new(GrpcStatus::new()),
        )),
        with((
            mfa.layer(),
            refresh(),
            bearer(),
            NormalizeLayer::new(GrpcStatus::new()),
        )),
        with((
            TimeoutLayer::new(Duration::from_secs(60)),
            session.layer(),
            GlobalConcurrencyLimitLayer::new(1),
        )),
        // Each a middleware of its own.
        ClientBuilder::new(client(false))
            .with(LayerMiddleware::new(refresh()))
            .with(LayerMiddleware::new(bearer()))
            .build(),
        ClientBuilder::new(client(false))
            .with(LayerMiddleware::new(ReplayLayer::new()))
            .with(LayerMiddleware::new(refresh()))
            .with(LayerMiddleware::new(bearer()))
            .build(),
    ];
    for (index, client) in clients.iter().enumerate() {
        world.server.revoke_all();
        for body in [
            Body::from("hello"),
            Body::wrap(Full::<bytes::Bytes>::from("hello")),
        ] {
            let call = client.post(world.server.url("/")).body(body).send();
            let response = call.await.unwrap();
            assert_eq!(response.status(), StatusCode::OK, "{index}");
            assert_eq!(response.text().await.unwrap(), "hello");
        }
        assert_eq!(world.minted(), index + 1);
    }
    let alone = with(bearer());
    world.server.revoke_all();
    let response = alone.get(world.server.url("/")).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "nobody renews");
}

#[tokio::test]
async fn extensions_go_both_ways() {
    let world = World::new(Kind::MiddlewareH1).await;
    world.session.token().await.unwrap();
    let log = Log::default();
    let chain = ClientBuilder::new(client(false))
        .with(onlooker("outer", &log))
        .with(LayerMiddleware::new(world.session.layer()))
        .with(onlooker("inner", &log))
        .build();
    world.server.next(Act::RefuseEarly);
    let mut extensions = Extensions::new();
    extensions.insert(Note(vec!["caller"]));
    let request = reqwest::Request::new(http::Method::GET, world.server.url("/").parse().unwrap());
    let response = chain
        .execute_with_extensions(request, &mut extensions)
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    // Each send begins with what the outer ones have left, and its own notes come back.
    let note = r#"Some(Note(["caller", "outer", "inner"]))"#;
    let lines = [
        format!(r#"inner Some("Bearer the-token-number-1") {note} Some(401)"#),
        format!(r#"inner Some("Bearer the-token-number-2") {note} Some(200)"#),
        r#"outer None Some(Note(["caller", "outer"])) Some(200)"#.to_owned(),
    ];
    assert_eq!(*log.lock().unwrap(), lines);
    let left = extensions.get::<Note>().unwrap();
    assert_eq!(left.0, ["caller", "outer", "inner"]);
}

#[tokio::test]
async fn what_was_left_behind_is_there_even_if_the_call_fails() {
    let world = World::new(Kind::MiddlewareH1).await;
    let log = Log::default();
    let chain = ClientBuilder::new(client(false))
        .with(LayerMiddleware::new(world.session.layer()))
        .with(onlooker("inner", &log))
        .build();
    world.server.next(Act::Drop);
    let mut extensions = Extensions::new();
    let request =
        || reqwest::Request::new(http::Method::GET, world.server.url("/").parse().unwrap());
    let error = chain
        .execute_with_extensions(request(), &mut extensions)
        .await
        .unwrap_err();
    assert!(
        matches!(error, reqwest_middleware::Error::Reqwest(_)),
        "{error:?}"
    );
    assert_eq!(extensions.get::<Note>().unwrap().0, ["inner"]);

    // Nothing is sent, so nothing is lost.
    let session = locked(&world.server);
    let chain = with(session.layer());
    let error = chain
        .execute_with_extensions(request(), &mut extensions)
        .await
        .unwrap_err();
    assert!(error.is_middleware());
    assert_eq!(extensions.get::<Note>().unwrap().0, ["inner"]);
}

/// A session that cannot sign in.
fn locked(server: &Server) -> Session {
    let tokens = tower::service_fn(|_: Renewal| async {
        Err::<Token, _>(Error::new(ErrorKind::Locked, "for a while"))
    });
    Session::builder(tokens)
        .origin(server.url(""))
        .build()
        .unwrap()
}

#[tokio::test]
async fn errors_of_the_session_can_be_told_from_those_of_the_client() {
    let server = Server::start().await;
    let chain = with(locked(&server).layer());
    let error = chain.get(server.url("/")).send().await.unwrap_err();
    let reqwest_middleware::Error::Middleware(error) = error else {
        panic!("{error:?}");
    };
    assert_eq!(
        error.downcast_ref::<Error>().unwrap().kind(),
        ErrorKind::Locked
    );

    // A timeout of tower's is found as well.
    let world = World::new(Kind::MiddlewareH1).await;
    world.server.next(Act::Hang);
    let timeout = TimeoutLayer::new(Duration::from_millis(20));
    let chain = with((timeout, world.session.layer()));
    let error = chain.get(world.server.url("/")).send().await.unwrap_err();
    assert!(
        error.is_middleware() && error.to_string().contains("timed out"),
        "{error:?}"
    );

    // And one of reqwest's is what it was.
    world.server.next(Act::Hang);
    let chain = with(world.session.layer());
    let call = chain
        .get(world.server.url("/"))
        .timeout(Duration::from_millis(20));
    assert!(call.send().await.unwrap_err().is_timeout());
}

#[tokio::test]
async fn a_retry_outside_has_the_newest_token_each_time() {
    /// Sends again after a 503, once.
    struct Retry;

    #[async_trait::async_trait]
    impl Middleware for Retry {
        async fn handle(
            &self,
            request: reqwest::Request,
            extensions: &mut Extensions,
            next: Next<'_>,
        ) -> Result<reqwest::Response> {
            let again = request.try_clone().expect("it is in memory");
            let response = next.clone().run(request, extensions).await?;
            if response.status() == StatusCode::SERVICE_UNAVAILABLE {
                return next.run(again, extensions).await;
            }
            Ok(response)
        }
    }

    let world = World::new(Kind::MiddlewareH1).await;
    let chain = ClientBuilder::new(client(false))
        .with(Retry)
        .with(LayerMiddleware::new(world.session.layer()))
        .build();
    let mut unavailable = http::Response::new("later".into());
    *unavailable.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    world.server.next(Act::Answer(unavailable));
    world.server.next(Act::RefuseEarly);
    let response = chain
        .post(world.server.url("/"))
        .body("hello")
        .send()
        .await
        .unwrap();
    assert_eq!(response.text().await.unwrap(), "hello");
    let counts = world.server.counts();
    assert_eq!((counts.sends, counts.refused, world.minted()), (3, 1, 2));
}

#[tokio::test]
async fn streams_are_kept_up_to_the_cap_of_the_stack() {
    let world = World::new(Kind::MiddlewareH1).await;
    world.session.token().await.unwrap();
    let body = || Body::wrap(Full::new(bytes::Bytes::from(vec![7; 100_000])));
    for (max_body, good) in [(1 << 20, true), (1 << 10, false)] {
        world.server.next(Act::RefuseEarly);
        let chain = with(world.session.layer().max_body(max_body));
        let response = chain
            .post(world.server.url("/"))
            .body(body())
            .send()
            .await
            .unwrap();
        assert_eq!(response.status().is_success(), good);
        let why = response.extensions().get::<NotReplayed>();
        assert_eq!(why, (!good).then_some(&NotReplayed::TooLarge));
        world.session.settled().await;
    }
    let counts = world.server.counts();
    assert_eq!((counts.sends, counts.refused), (3, 2));
}

#[tokio::test]
async fn a_chain_below_the_layers_sees_each_send_and_its_notes_come_back() {
    let world = World::new(Kind::Chain).await;
    let log = Log::default();
    let chain = ClientBuilder::new(client(false))
        .with(onlooker("below", &log))
        .build();
    let service = HttpService::<ReplayBody<Full<bytes::Bytes>>, _>::new(chain);
    world.server.next(Act::RefuseEarly);
    let mut request = Request::post(world.server.url("/"))
        .body(Full::from("hello"))
        .unwrap();
    request.extensions_mut().insert(Note(vec!["caller"]));
    let response = world
        .session
        .layer()
        .layer(service)
        .oneshot(request)
        .await
        .unwrap();
    let note = r#"Some(Note(["caller", "below"]))"#;
    let lines = [
        format!(r#"below Some("Bearer the-token-number-1") {note} Some(401)"#),
        format!(r#"below Some("Bearer the-token-number-2") {note} Some(200)"#),
    ];
    assert_eq!(*log.lock().unwrap(), lines);
    let extensions = response.extensions();
    assert_eq!(extensions.get::<Note>().unwrap().0, ["caller", "below"]);
    let url = extensions.get::<FinalUrl>().unwrap().url();
    assert_eq!(url.as_str(), world.server.url("/"));
    let body = response.into_body().collect().await.unwrap();
    assert_eq!(body.to_bytes(), "hello");
}

/// A sign-in through a chain that carries the session's own layers would wait for itself.
#[tokio::test]
async fn a_sign_in_through_its_own_chain_is_an_error_and_not_a_deadlock() {
    use tower_reauth::{providers::back_office::BackOffice, testing::back_office::Simulator};

    let server = Simulator::builder().start().await.unwrap();
    // The session is there only after the client that it signs in with.
    let late: Arc<Mutex<Option<Session>>> = Arc::default();
    let attempts = Arc::new(AtomicUsize::new(0));
    let guarded = {
        let (late, attempts) = (Arc::clone(&late), Arc::clone(&attempts));
        tower::service_fn(move |request: Request<bytes::Bytes>| {
            attempts.fetch_add(1, Ordering::SeqCst);
            let session = late.lock().unwrap().clone().unwrap();
            let service = HttpService::<Body, _>::new(with(session.layer()));
            service.oneshot(request.map(Body::from))
        })
    };
    let back_office = BackOffice::builder(guarded, server.base_url())
        .credentials("foo@bar.com", "Secret123")
        .build()
        .unwrap();
    let session = back_office.session().build().unwrap();
    *late.lock().unwrap() = Some(session.clone());
    let error = session.token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error:?}");
    assert_eq!(
        (attempts.load(Ordering::SeqCst), server.counts().connections),
        (1, 0)
    );
    late.lock().unwrap().take();
    assert_eq!(server.violations(), [""; 0]);
}

#[tokio::test]
async fn a_sign_in_moves_to_its_next_version_for_good() {
    let server = Server::start().await;
    server.accept("key");
    let v2 = tower::service_fn(|_: Request<RequestBody>| async {
        Ok::<_, tower::BoxError>(http::Response::new(Body::from("v2")))
    });
    let chain = with(VersionUpgradeLayer::new(v2));
    let mut conflict = http::Response::new("gone".into());
    *conflict.status_mut() = StatusCode::CONFLICT;
    server.next(Act::Answer(conflict));
    for _ in 0..3 {
        let response = chain
            .post(server.url("/login"))
            .body("hello")
            .send()
            .await
            .unwrap();
        assert_eq!(response.url().as_str(), server.url("/login"));
        assert_eq!(response.text().await.unwrap(), "v2");
    }
    assert_eq!(server.counts().sends, 1, "the latch is in the layer");
}
