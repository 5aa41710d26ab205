//! Q2 Open: logins of clients are queued, and end by a webhook, some after a code.

use std::{net::SocketAddr, sync::Arc};

use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, task::JoinSet};
use tower::service_fn;
use tower_reauth::{
    BoxError, Code, CodeRequest,
    providers::q2::{NewAuth, Q2, Webhook},
    testing::q2::{Signature, Simulator},
};

use crate::{calls, row::Row};

const COMPANY: &str = "579b695decea110719b1874d";
const AUTHS: u64 = 16;

pub(crate) async fn run() -> Result<Row, BoxError> {
    // Where events are received.
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    // A server, in place of the real one. It signs its events.
    let server = Simulator::builder()
        .webhook(format!("http://{}/q2", listener.local_addr()?))
        .sign_events(Signature::new())
        .start()
        .await?;
    let server = Arc::new(server);

    // Where the codes come from that the companies send. People would be asked here.
    let mailbox = Arc::clone(&server);
    let codes = service_fn(move |_: CodeRequest| {
        let mailbox = Arc::clone(&mailbox);
        async move { Ok::<_, BoxError>(Code::new(mailbox.next_code("client-1").await)?) }
    });
    let q2 = Q2::builder(calls::client(), server.base_url())
        .api_key("dc220490-e6ee-11e5-8a94-e7385a8d929e")
        .code_service(codes)
        .build()?;
    let webhook = q2.webhook().published_keys().build()?;
    tokio::spawn(receive(listener, webhook));

    let mut auths = JoinSet::new();
    for number in 0..AUTHS {
        let q2 = q2.clone();
        // One of them has a company that asks for a code.
        let login = if number == 1 { "testmfacode" } else { "test" };
        let auth = NewAuth::new(format!("client-{number}"), COMPANY)
            .field("username", login)
            .field("password", "Secret123");
        auths.spawn(async move { q2.create_auth(auth).await });
    }
    let mut failed = 0;
    while let Some(auth) = auths.join_next().await {
        failed += u64::from(auth?.is_err());
    }

    let seen = server.counts();
    Ok(Row {
        vendor: "Q2 Open",
        calls: AUTHS,
        failed,
        sign_ins: 0,
        renewals: 0,
        codes: seen.codes_sent,
        unseen: 0,
        broken: seen.violations,
        story: format!("logins ended by {} signed events", seen.delivered),
    })
}

/// Runs the receiver. In a program of your own it is a route of your server.
async fn receive(listener: TcpListener, webhook: Webhook) {
    while let Ok((stream, _)) = listener.accept().await as std::io::Result<(_, SocketAddr)> {
        let service = TowerToHyperService::new(webhook.clone());
        tokio::spawn(async move {
            let server = auto::Builder::new(TokioExecutor::new());
            // How a connection ends is the sender's to notice.
            let _ = server.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
