//! The My2N Partner API while the account is migrated from Auth v.1 to Auth v.2: many tasks call, and
//! none of them notices.
//!
//! It starts a simulator of the API and of its login on loopback ports, and talks to them through a
//! real hyper client:
//!
//! ```sh
//! cargo run --example my2n
//! ```

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::task::JoinSet;
use tower::{ServiceBuilder, ServiceExt};
use tower_reauth::{BoxError, providers::my2n::My2n, replay::ReplayBody, testing::my2n::Simulator};

const TASKS: usize = 64;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // A server, in place of the real one. The login of v.2 is on a domain of its own.
    let server = Simulator::builder()
        .account("api@example.com", "Secret123")
        .start()
        .await?;

    // One client with one pool, for signing in and for the calls.
    let client: Client<HttpConnector, ReplayBody<Full<Bytes>>> =
        Client::builder(TokioExecutor::new()).build_http();
    let my2n = My2n::builder(client.clone(), server.base_url())
        .login_base_url(server.login_url())
        .credentials("api@example.com", "Secret123")
        .build()?;
    let session = my2n.session().build()?;
    let client = ServiceBuilder::new().layer(session.layer()).service(client);
    let url = format!("{}/users/current", server.base_url());

    let mut failures = 0;
    for round in ["with v.1", "after the migration", "with v.2"] {
        let mut calls = JoinSet::new();
        for _ in 0..TASKS {
            let request = Request::get(&url).body(Full::default())?;
            calls.spawn(client.clone().oneshot(request));
        }
        while let Some(response) = calls.join_next().await {
            let response = response??;
            failures += usize::from(response.status() != StatusCode::OK);
            // Read to its end, so that the connection can be used again.
            response.into_body().collect().await?;
        }
        println!("{TASKS} calls at once {round}");
        // The old token dies, and from now on the login of v.1 answers 409.
        server.migrate("api@example.com");
    }

    let seen = server.counts();
    println!();
    println!("  failures seen by callers        {failures:>5}");
    println!("  logins with v.1                 {:>5}", seen.v1_logins_ok);
    println!("  answers of 409                  {:>5}", seen.conflicts);
    println!("  logins with v.2                 {:>5}", seen.submits_ok);
    println!(
        "  X-Api-Key after that            {:>5}",
        seen.late_api_keys
    );
    println!("  rules of the server broken      {:>5}", seen.violations);
    if failures > 0 || seen.conflicts != 1 || seen.violations > 0 {
        return Err("somebody noticed something: see above".into());
    }
    Ok(())
}
