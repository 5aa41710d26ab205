//! Q2 Open: a login of a client at a company is submitted, ends by a webhook, and asks for a code in
//! between.
//!
//! It starts a simulator of the API on a loopback port, and runs the receiver of its events on hyper:
//!
//! ```sh
//! cargo run --example q2
//! ```

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::net::TcpListener;
use tower::service_fn;
use tower_reauth::{
    BoxError, Code, CodeRequest,
    providers::q2::{AuthFailure, NewAuth, Q2, Webhook},
    replay::ReplayBody,
    testing::q2::{Signature, Simulator},
};

const CLIENT: &str = "579b695decfa11012711875d";
const COMPANY: &str = "579b695decea110719b1874d";

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // Where events are received. The real one is told in the vendor's Nexus portal.
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    // A server, in place of the real one. It signs its events.
    let server = Simulator::builder()
        .webhook(format!("http://{}/q2", listener.local_addr()?))
        .sign_events(Signature::new())
        .start()
        .await?;
    let server = Arc::new(server);

    // Where the code comes from that the company sends. The person would be asked here.
    let mailbox = Arc::clone(&server);
    let codes = service_fn(move |request: CodeRequest| {
        let mailbox = Arc::clone(&mailbox);
        async move {
            println!("a code is wanted, by {}", request.method());
            Ok::<_, BoxError>(Code::new(mailbox.next_code(CLIENT).await)?)
        }
    });
    let client: Client<HttpConnector, ReplayBody<Full<Bytes>>> =
        Client::builder(TokioExecutor::new()).build_http();
    let q2 = Q2::builder(client, server.base_url())
        .api_key("dc220490-e6ee-11e5-8a94-e7385a8d929e")
        .code_service(codes)
        .build()?;
    let webhook = q2.webhook().published_keys().build()?;
    tokio::spawn(receive(listener, webhook));

    // The logins of the vendor's sandbox: one that wants a code, and one that is refused.
    for login in ["testmfacode", "testfail"] {
        let auth = NewAuth::new(CLIENT, COMPANY)
            .field("username", login)
            .field("password", "Secret123");
        match q2.create_auth(auth).await {
            Ok(auth) => println!("{login}: verified, auth {:?}", auth.auth_id()),
            Err(error) => println!("{login}: {error} ({:?})", AuthFailure::of(&error)),
        }
    }

    let seen = server.counts();
    println!();
    println!("  logins submitted                {:>5}", seen.creates);
    println!("  codes sent, and given back      {:>5}", seen.codes_sent);
    println!("  events accepted                 {:>5}", seen.delivered);
    println!("  rules of the server broken      {:>5}", seen.violations);
    if seen.creates != 2 || seen.violations > 0 {
        return Err("something went wrong: see above".into());
    }
    Ok(())
}

/// Runs the receiver. In a program of your own it is a route of your server.
async fn receive(listener: TcpListener, webhook: Webhook) {
    while let Ok((stream, _)) = listener.accept().await {
        let service = TowerToHyperService::new(webhook.clone());
        tokio::spawn(async move {
            let server = auto::Builder::new(TokioExecutor::new());
            // How a connection ends is the sender's to notice.
            let _ = server.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
