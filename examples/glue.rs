//! Protected resources of a Spryker shop from many tasks: one code for all of them, a new one when
//! it dies, and no caller notices.
//!
//! It starts a simulator of the Glue API on a loopback port and talks to it through a real hyper
//! client:
//!
//! ```sh
//! cargo run --example glue
//! ```

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::task::JoinSet;
use tower::{ServiceBuilder, ServiceExt, service_fn, util::BoxCloneSyncService};
use tower_reauth::{
    BoxError, Code, CodeRequest, Error,
    inspect::PeekBody,
    providers::glue::{Glue, MfaErrorCode},
    replay::ReplayBody,
    testing::glue::Simulator,
};

const TASKS: usize = 64;

/// The finished client, for where its type must be named.
type Api = BoxCloneSyncService<Request<Full<Bytes>>, Response<PeekBody<Incoming>>, BoxError>;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // A server, in place of the real one. Its account has MFA by e-mail.
    let server = Simulator::builder()
        .account("sonia@example.com", "Secret123")
        .start()
        .await?;
    let server = Arc::new(server);
    say("server", &format!("a shop at {}", server.base_url()));

    // One client with one pool, for signing in, for having codes sent, and for the calls.
    let client: Client<HttpConnector, ReplayBody<Full<Bytes>>> =
        Client::builder(TokioExecutor::new()).build_http();

    // Where the code comes from that the shop sends. A person would be asked here.
    let mailbox = Arc::clone(&server);
    let codes = service_fn(move |request: CodeRequest| {
        let mailbox = Arc::clone(&mailbox);
        async move {
            let code = mailbox.next_code("sonia@example.com").await;
            say(
                "code",
                &format!("sent by {}, and read there", request.method()),
            );
            Ok::<_, BoxError>(Code::new(code)?)
        }
    });

    let glue = Glue::builder(client.clone(), server.base_url())
        .credentials("sonia@example.com", "Secret123")
        .code_service(codes)
        .build()?;
    let session = glue.session().build()?;
    let mfa = glue.mfa(&session).build()?;

    // The whole stack. The first call signs in, and the first that needs a code has one sent.
    let layer = session.layer().mfa(&mfa);
    let api = Api::new(ServiceBuilder::new().layer(layer).service(client));
    let url = format!("{}/customers/DE--42", server.base_url());

    say(
        "calls",
        &format!("{TASKS} at once, of which each needs a code"),
    );
    let mut failures = storm(&api, &url).await?;

    // As it happens when the user signs in or out on the web.
    server.invalidate_codes("sonia@example.com");
    say(
        "calls",
        &format!("{TASKS} at once, with a code that has just died"),
    );
    failures += storm(&api, &url).await?;

    server.invalidate_codes("sonia@example.com");
    server.revoke_access_tokens();
    say(
        "calls",
        &format!("{TASKS} at once, with a dead code and a dead token"),
    );
    failures += storm(&api, &url).await?;

    session.sign_out().await?;
    let seen = server.counts();
    println!();
    for (what, count) in [
        ("calls", 3 * TASKS as u64),
        ("failures seen by callers", failures),
        ("sign-ins", seen.logins_ok),
        ("renewals", seen.refreshes_ok),
        ("codes sent, and asked for", seen.triggers_ok),
        (
            "challenges that no caller saw",
            seen.missing_codes + seen.refused_codes,
        ),
        ("401s that no caller saw", seen.unauthorized),
        ("rules of the server broken", seen.violations),
    ] {
        println!("  {what:<35} {count:>5}");
    }
    if failures > 0 || seen.violations > 0 || seen.triggers_ok != 3 {
        return Err("somebody noticed something: see above".into());
    }
    Ok(())
}

/// Makes many calls at once; returns how many failed.
async fn storm(api: &Api, url: &str) -> Result<u64, BoxError> {
    let mut calls = JoinSet::new();
    for _ in 0..TASKS {
        let request = Request::patch(url)
            .header("content-type", "application/vnd.api+json")
            .body(Full::from(
                r#"{"data":{"type":"customers","attributes":{}}}"#,
            ))?;
        calls.spawn(api.clone().oneshot(request));
    }
    let mut failures = 0;
    while let Some(response) = calls.join_next().await {
        let response = response??;
        if response.status() != StatusCode::OK {
            failures += 1;
            // Why the challenge could not be answered.
            if let Some(error) = response.extensions().get::<Error>() {
                let code = MfaErrorCode::of(error);
                say("refused", &format!("{error} ({code:?})"));
            }
        }
        // Read to its end, so that the connection can be used again.
        response.into_body().collect().await?;
    }
    Ok(failures)
}

fn say(what: &str, text: &str) {
    println!("{what:>10}  {text}");
}
