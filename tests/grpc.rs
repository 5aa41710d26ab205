//! A generated gRPC client over the layers, against a server that answers UNAUTHENTICATED.

#[path = "../examples/grpc/greeter.rs"]
mod greeter;
#[path = "../examples/grpc/server.rs"]
mod server;

mod common;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use common::calls;
use greeter::{Hello, greeter_client::GreeterClient};
use http::{Request, Response};
use server::Server;
use tokio::task::JoinSet;
use tonic::{Code, Status, body::Body, transport::Endpoint};
use tower::{ServiceBuilder, service_fn, util::BoxCloneSyncService};
use tower_reauth::{
    Error, ErrorKind, Renewal, Session, Token,
    inspect::PeekBody,
    layers::{NormalizeLayer, normalize::GrpcStatus},
    replay::ReplayBody,
};

type Client =
    GreeterClient<BoxCloneSyncService<Request<Body>, Response<PeekBody<PeekBody<Body>>>, Status>>;

/// The stack of the example.
fn client(server: &Server, session: &Session) -> Client {
    let channel = Endpoint::from_shared(server.url()).unwrap().connect_lazy();
    let channel = ServiceBuilder::new()
        .map_err(Status::from_error)
        .layer(session.layer())
        .layer(NormalizeLayer::new(GrpcStatus::new()))
        .map_request(|request: Request<ReplayBody<Body>>| request.map(Body::new))
        .service(channel);
    GreeterClient::with_origin(
        BoxCloneSyncService::new(channel),
        server.url().parse().unwrap(),
    )
}

/// A session that is given a good token whenever it asks, and how often it did.
fn session(server: &Arc<Server>) -> (Session, Arc<AtomicUsize>) {
    let minted = Arc::new(AtomicUsize::new(0));
    let tokens = service_fn({
        let (server, minted) = (Arc::clone(server), Arc::clone(&minted));
        move |_: Renewal| {
            minted.fetch_add(1, Ordering::SeqCst);
            let token = Token::new(server.issue());
            async { token }
        }
    });
    let session = Session::builder(tokens)
        .origin(server.url())
        .build()
        .unwrap();
    (session, minted)
}

fn hello(name: &str) -> Hello {
    Hello { name: name.into() }
}

#[tokio::test]
async fn an_unauthenticated_call_is_made_again_with_a_new_token() {
    let server = Arc::new(Server::start().await.unwrap());
    let (session, minted) = session(&server);
    let mut client = client(&server, &session);
    for call in 1..=5 {
        let greeting = client.greet(hello("Ada")).await.unwrap();
        assert_eq!(greeting.into_inner().text, "Hello, Ada!");
        assert_eq!((server.greeted(), server.refused()), (call, call - 1));
        server.revoke();
    }
    assert_eq!(minted.load(Ordering::SeqCst), 5);
}

#[tokio::test]
async fn a_storm_of_them_causes_one_renewal() {
    const CALLERS: usize = 50;
    let server = Arc::new(Server::start().await.unwrap());
    let (tokens, mut calls) = calls();
    let session = Session::builder(tokens)
        .origin(server.url())
        .build()
        .unwrap();
    session.set(Token::new("dead").unwrap());
    let client = client(&server, &session);
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let mut client = client.clone();
        callers.spawn(async move { client.greet(hello(&caller.to_string())).await });
    }
    let renewal = calls.next().await;
    // All of them are on the way before there is a good token.
    while server.refused() < CALLERS {
        tokio::task::yield_now().await;
    }
    renewal.give(&server.issue());
    while let Some(greeting) = callers.join_next().await {
        greeting.unwrap().unwrap();
    }
    assert_eq!((server.greeted(), server.refused()), (CALLERS, CALLERS));
    assert!(calls.is_idle());
}

#[tokio::test]
async fn a_stream_of_messages_is_sent_again_from_its_start() {
    let server = Arc::new(Server::start().await.unwrap());
    let (session, minted) = session(&server);
    session.set(Token::new("dead").unwrap());
    let names: Vec<_> = (0..1000).map(|number| number.to_string()).collect();
    let hellos = names.clone().into_iter().map(|name| Hello { name });
    let greeting = client(&server, &session)
        .greet_all(tokio_stream::iter(hellos))
        .await
        .unwrap();
    assert_eq!(
        greeting.into_inner().text,
        format!("Hello, {}!", names.join(", "))
    );
    assert_eq!((server.greeted(), server.refused()), (1, 1));
    assert_eq!(minted.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_stream_of_answers_arrives() {
    let server = Arc::new(Server::start().await.unwrap());
    let (session, _) = session(&server);
    session.set(Token::new("dead").unwrap());
    let greetings = client(&server, &session).greet_often(hello("Ada")).await;
    let mut greetings = greetings.unwrap().into_inner();
    let mut count = 0;
    while let Some(greeting) = greetings.message().await.unwrap() {
        assert_eq!(greeting.text, "Hello, Ada!");
        count += 1;
    }
    assert_eq!(count, 3);
    assert!(greetings.trailers().await.unwrap().is_some());
}

#[tokio::test]
async fn other_failures_are_the_callers_as_the_server_put_them() {
    let server = Arc::new(Server::start().await.unwrap());
    let (session, minted) = session(&server);
    let mut client = client(&server, &session);
    let status = client.greet(hello("Mallory")).await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::PermissionDenied, "not you")
    );
    assert_eq!((server.greeted(), server.refused()), (1, 0));
    assert_eq!(minted.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_fresh_token_that_is_refused_is_the_callers_to_know() {
    let server = Arc::new(Server::start().await.unwrap());
    let tokens = service_fn(|_: Renewal| async { Token::new("never-good") });
    let session = Session::builder(tokens)
        .origin(server.url())
        .build()
        .unwrap();
    let status = client(&server, &session)
        .greet(hello("Ada"))
        .await
        .unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::Unauthenticated, "the token is dead")
    );
    assert_eq!((server.greeted(), server.refused()), (0, 2));
}

#[tokio::test]
async fn without_a_token_nothing_is_sent_and_the_status_says_why() {
    let server = Arc::new(Server::start().await.unwrap());
    let tokens = service_fn(|_: Renewal| async {
        Err::<Token, _>(Error::new(ErrorKind::Locked, "for a while"))
    });
    let session = Session::builder(tokens)
        .origin(server.url())
        .build()
        .unwrap();
    let status = client(&server, &session)
        .greet(hello("Ada"))
        .await
        .unwrap_err();
    let source = std::error::Error::source(&status).unwrap();
    let error = source.downcast_ref::<Error>().unwrap();
    assert_eq!(
        (status.code(), error.kind()),
        (Code::Unknown, ErrorKind::Locked)
    );
    assert_eq!((server.greeted(), server.refused()), (0, 0));
}
