//! A connection that breaks at any byte, of the request or of the answer: nothing is sent twice.

use std::net::{Ipv4Addr, SocketAddr};

use http::{Request, StatusCode};
use tokio::{
    io::{AsyncReadExt, copy},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tower_reauth::{Session, Token};

use crate::{
    common::calls,
    kinds::{Kind, on_each_client},
    server::Server,
    support::send,
};

on_each_client!(
    a_request_that_is_cut_anywhere_has_one_effect_at_most,
    an_answer_that_is_cut_anywhere_costs_its_call_and_no_second_one,
);

#[derive(Clone, Copy)]
enum Cut {
    Request,
    Answer,
}

async fn a_request_that_is_cut_anywhere_has_one_effect_at_most(kind: Kind) {
    cut_everywhere(kind, Cut::Request).await;
}

async fn an_answer_that_is_cut_anywhere_costs_its_call_and_no_second_one(kind: Kind) {
    cut_everywhere(kind, Cut::Answer).await;
}

/// Cuts after 0, 1, 2 … bytes, until the call succeeds.
async fn cut_everywhere(kind: Kind, what: Cut) {
    let server = Server::start().await;
    server.accept("good");
    for bytes in 0..2000 {
        let before = server.counts();
        let proxy = Proxy::start(server.address(), what, bytes).await;
        let (tokens, mut calls) = calls();
        let session = Session::builder(tokens)
            .origin(proxy.url())
            .token(Token::new("good").unwrap())
            .build()
            .unwrap();
        let client = kind.signed_in(session.layer());
        let request = Request::post(format!("{}/things", proxy.url()));
        let answer = send(&client, request.body("hello".into()).unwrap()).await;
        drop(client);
        drop(proxy);
        server.open(0).await;

        let after = server.counts();
        let effects = after.effects - before.effects;
        assert!(effects <= 1, "{effects} effects, cut after {bytes} bytes");
        assert_eq!(after.refused, before.refused);
        assert!(calls.is_idle(), "the session has nothing to do with it");
        if let Ok(answer) = answer {
            assert_eq!((answer.status, effects), (StatusCode::OK, 1));
            // All of it had to pass: a head with a token, and a body.
            assert!(bytes > 60, "whole after {bytes} bytes");
            return;
        }
    }
    panic!("it never gets through");
}

/// Passes all on, but for what comes after so many bytes in one direction: there it breaks.
struct Proxy {
    address: SocketAddr,
    /// Ends what it does when it is dropped.
    _connections: JoinSet<()>,
}

impl Proxy {
    async fn start(server: SocketAddr, what: Cut, bytes: usize) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut connections = JoinSet::new();
        connections.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                open.spawn(pass(client, server, what, bytes as u64));
            }
        });
        Self {
            address,
            _connections: connections,
        }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn pass(mut client: TcpStream, server: SocketAddr, what: Cut, bytes: u64) {
    let mut server = TcpStream::connect(server).await.unwrap();
    let (from_client, mut to_client) = client.split();
    let (from_server, mut to_server) = server.split();
    let (request, answer) = match what {
        Cut::Request => (bytes, u64::MAX),
        Cut::Answer => (u64::MAX, bytes),
    };
    let (mut request, mut answer) = (from_client.take(request), from_server.take(answer));
    // Whichever ends, both connections do.
    tokio::select! {
        _ = copy(&mut request, &mut to_server) => {}
        _ = copy(&mut answer, &mut to_client) => {}
    }
}
