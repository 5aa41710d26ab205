//! An HTTP/2 server that says GOAWAY in the middle of things, frame by frame.

use std::{
    future::poll_fn,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use h2::{Reason, server};
use http::Request;
use tokio::net::TcpListener;
use tower::Layer;
use tower_reauth::{
    Session, Token,
    clients::{boxed, reqwest::HttpService},
    layers::SessionLayer,
    replay::ReplayBody,
};

use crate::{
    common::calls,
    kinds::{Body, Kind, TestClient, reqwest_builder},
    support::send,
};

/// What comes of a request that was read to its end.
#[derive(Clone, Copy)]
enum End {
    /// GOAWAY without an error, and the connection closes.
    GoAway,
    /// The stream is reset, for the reason that it was not processed; which is a lie.
    Refused,
}

/// Returns the address, and how many requests were read to their end.
async fn serve(end: End) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let effects = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&effects);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let counted = Arc::clone(&counted);
            tokio::spawn(async move {
                let mut connection = server::handshake(stream).await.unwrap();
                while let Some(request) = connection.accept().await {
                    let Ok((request, mut answer)) = request else {
                        return;
                    };
                    let mut body = request.into_body();
                    tokio::select! {
                        () = async { while body.data().await.is_some() {} } => {}
                        // Reads the frames.
                        _ = poll_fn(|cx| connection.poll_closed(cx)) => return,
                    }
                    counted.fetch_add(1, Ordering::SeqCst);
                    match end {
                        End::GoAway => connection.abrupt_shutdown(Reason::NO_ERROR),
                        End::Refused => answer.send_reset(Reason::REFUSED_STREAM),
                    }
                }
            });
        }
    });
    (address, effects)
}

/// Sends one request, which fails; returns how often it had its effect.
async fn effects_of_one_call(client: impl FnOnce(SessionLayer) -> TestClient, end: End) -> usize {
    let (address, effects) = serve(end).await;
    let (tokens, mut calls) = calls();
    let session = Session::builder(tokens)
        .origin(format!("http://{address}"))
        .token(Token::new("good").unwrap())
        .build()
        .unwrap();
    let request = Request::post(format!("http://{address}/")).body(Body::from("once"));
    let client = client(session.layer());
    send(&client, request.unwrap()).await.unwrap_err();
    assert!(calls.is_idle(), "the session has nothing to do with it");
    effects.load(Ordering::SeqCst)
}

#[tokio::test]
async fn what_was_processed_before_a_goaway_is_not_sent_again() {
    for kind in [Kind::HyperH2, Kind::ReqwestH2, Kind::MiddlewareH2] {
        let effects = effects_of_one_call(|layer| kind.signed_in(layer), End::GoAway).await;
        assert_eq!(effects, 1, "{kind:?}");
    }
}

/// RFC 9113 section 8.7: the server promises that it did not process the request.
#[tokio::test]
async fn reqwest_itself_sends_again_what_the_server_says_it_did_not_process() {
    let cases = [
        (Kind::HyperH2, 1),
        (Kind::ReqwestH2, 3),
        (Kind::MiddlewareH2, 3),
    ];
    for (kind, expected) in cases {
        let effects = effects_of_one_call(|layer| kind.signed_in(layer), End::Refused).await;
        assert_eq!(effects, expected, "{kind:?}");
    }
    let without = |layer: SessionLayer| {
        let client = reqwest_builder(true).retry(reqwest::retry::never());
        let client = client.build().unwrap();
        boxed(layer.layer(HttpService::<ReplayBody<Body>>::new(client)))
    };
    assert_eq!(effects_of_one_call(without, End::Refused).await, 1);
}
