//! A gateway on axum: its handlers call two providers through stacks that all of them share, and it
//! receives the events of one.
//!
//! ```sh
//! cargo run --example gateway
//! ```
//!
//! It prints where it listens and what to ask it, and serves until Ctrl-C. The providers are
//! simulators; for the real ones change their addresses and credentials.

mod gateway;

use std::sync::Arc;

use axum::body::Body;
use gateway::{Gateway, router};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::net::TcpListener;
use tower::{ServiceBuilder, service_fn};
use tower_reauth::{
    BoxError, Code, CodeRequest,
    providers::{back_office::BackOffice, q2::Q2},
    replay::ReplayBody,
    testing::{back_office, q2},
};

const Q2_KEY: &str = "dc220490-e6ee-11e5-8a94-e7385a8d929e";

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;

    // In place of the real ones.
    let back_office = back_office::Simulator::builder()
        .two_factor(true)
        .start()
        .await?;
    let back_office = Arc::new(back_office);
    let q2 = q2::Simulator::builder()
        .api_key(Q2_KEY)
        .sign_events(q2::Signature::new())
        .webhook(format!("http://{address}/q2/events"))
        .start()
        .await?;

    // One client with one pool, for both providers and for signing in.
    let client: Client<HttpConnector, ReplayBody<Body>> =
        Client::builder(TokioExecutor::new()).build_http();

    let codes = service_fn({
        let mailbox = Arc::clone(&back_office);
        move |_: CodeRequest| {
            let mailbox = Arc::clone(&mailbox);
            async move { Ok::<_, BoxError>(Code::new(mailbox.next_code("foo@bar.com").await)?) }
        }
    });
    let session = BackOffice::builder(client.clone(), back_office.base_url())
        .credentials("foo@bar.com", "Secret123")
        .code_service(codes)
        .build()?
        .session()
        .build()?;
    let cards = Q2::builder(client.clone(), q2.base_url())
        .api_key(Q2_KEY)
        .build()?;
    let events = cards.webhook().published_keys().build()?;

    let api = ServiceBuilder::new().layer(session.layer()).service(client);
    let gateway = Gateway::new(api, &back_office.base_url(), cards);

    println!("curl http://{address}/accounts");
    println!("curl http://{address}/document -T Cargo.toml");
    println!(
        "curl http://{address}/cards --json \
         '{{\"client_id\":\"1\",\"company_id\":\"2\",\"username\":\"test\",\"password\":\"hunter22\"}}'"
    );
    axum::serve(listener, router(gateway, events))
        .with_graceful_shutdown(async {
            tokio::signal::ctrl_c().await.ok();
        })
        .await?;
    // A renewal that is cut off may have spent the refresh token.
    session.settled().await;
    session.sign_out().await?;
    let broken = back_office.counts().violations + q2.counts().violations;
    println!("rules of the servers broken: {broken}");
    if broken > 0 {
        return Err("a server has complaints".into());
    }
    Ok(())
}
