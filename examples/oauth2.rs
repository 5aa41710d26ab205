//! Any API behind OAuth 2.0: a program that calls it as itself, and then for a user who has signed
//! in elsewhere.
//!
//! It starts a simulator of an authorization server with an API on a loopback port, and talks to it
//! through a real hyper client:
//!
//! ```sh
//! cargo run --example oauth2
//! ```

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::task::JoinSet;
use tower::{ServiceBuilder, ServiceExt, util::BoxCloneSyncService};
use tower_reauth::{
    BoxError, Error, ErrorKind, ExposeSecret, inspect::PeekBody, providers::oauth2::OAuth2,
    replay::ReplayBody, testing::oauth2::Simulator,
};

const TASKS: usize = 64;

/// The finished client, for where its type must be named.
type Api = BoxCloneSyncService<Request<Full<Bytes>>, Response<PeekBody<Incoming>>, BoxError>;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // A server, in place of the real one. Payments need a scope of their own.
    let server = Simulator::builder()
        .client("reports", "s3cret-of-reports")
        .needs("/payments", "write")
        .start()
        .await?;
    say("server", &format!("tokens at {}", server.token_url()));

    // One client with one pool, for the tokens and for the calls.
    let client: Client<HttpConnector, ReplayBody<Full<Bytes>>> =
        Client::builder(TokioExecutor::new()).build_http();

    // As itself: the first call signs in.
    let oauth2 = OAuth2::builder(client.clone(), server.token_url())
        .client_id("reports")
        .client_secret("s3cret-of-reports")
        .client_credentials()
        .scope("read")
        .build()?;
    let session = oauth2.session().origin(server.base_url()).build()?;
    let layer = session.layer();
    let api = Api::new(ServiceBuilder::new().layer(layer).service(client.clone()));

    say("itself", &format!("{TASKS} calls at once"));
    let mut failures = storm(&api, &server).await?;
    server.revoke_access_tokens();
    say(
        "itself",
        &format!("{TASKS} calls at once, with a token that was revoked"),
    );
    failures += storm(&api, &server).await?;

    let payment = Request::post(format!("{}/payments", server.base_url()));
    let response = api.clone().oneshot(payment.body(Full::default())?).await?;
    let error = response.extensions().get::<Error>();
    let code = error
        .and_then(Error::provider_code)
        .unwrap_or_default()
        .to_owned();
    say(
        "payment",
        &format!("{}: {}", response.status(), text(error)),
    );

    // For a user, whose refresh token a web application has got.
    let (_, refresh_token) = server.issue_tokens("reports", "read write");
    let oauth2 = OAuth2::builder(client.clone(), server.token_url())
        .client_id("reports")
        .client_secret("s3cret-of-reports")
        .refresh_token(refresh_token)
        .revocation_url(server.revocation_url())
        .build()?;
    let session = oauth2.session().origin(server.base_url()).build()?;
    let layer = session.layer();
    let api = Api::new(ServiceBuilder::new().layer(layer).service(client));
    for _ in 0..3 {
        server.revoke_access_tokens();
        failures += storm(&api, &server).await?;
        let current = session.token().await?;
        let refresh = current.token().refresh_token();
        let length = refresh.map_or(0, |refresh| refresh.expose_secret().len());
        let number = current.generation();
        say(
            "user",
            &format!("token {number}; a new refresh token, of {length} letters, to keep"),
        );
    }
    session.sign_out().await?;
    let signed_out = session.token().await.err();
    say("user", &text(signed_out.as_ref()));

    let seen = server.counts();
    println!();
    for (what, count) in [
        ("calls of 64 tasks", 5 * TASKS as u64),
        ("failures seen by them", failures),
        ("sign-ins of the client", seen.client_credentials_ok),
        ("refreshes for the user", seen.refreshes_ok),
        ("401s that no caller saw", seen.unauthorized),
        ("rules of the server broken", seen.violations),
    ] {
        println!("  {what:<30} {count:>5}");
    }
    let is_signed_out = signed_out.is_some_and(|error| error.kind() == ErrorKind::Rejected);
    let is_good = code == "insufficient_scope" && is_signed_out && failures == 0;
    if !is_good || seen.violations > 0 || seen.client_credentials_ok != 2 {
        return Err("something went another way: see above".into());
    }
    Ok(())
}

/// Makes many calls at once; returns how many failed.
async fn storm(api: &Api, server: &Simulator) -> Result<u64, BoxError> {
    let mut calls = JoinSet::new();
    for number in 0..TASKS {
        let url = format!("{}/accounts/{number}", server.base_url());
        calls.spawn(
            api.clone()
                .oneshot(Request::get(url).body(Full::default())?),
        );
    }
    let mut failures = 0;
    while let Some(response) = calls.join_next().await {
        let response = response??;
        failures += u64::from(response.status() != StatusCode::OK);
        // Read to its end, so that the connection can be used again.
        response.into_body().collect().await?;
    }
    Ok(failures)
}

fn text(error: Option<&Error>) -> String {
    error.map(ToString::to_string).unwrap_or_default()
}

fn say(what: &str, text: &str) {
    println!("{what:>10}  {text}");
}
