//! The main job in one program: sign in with 2FA, make calls from many tasks while the server
//! revokes and expires tokens, and see that no caller notices.
//!
//! It starts a simulator of the Back Office API on a loopback port and talks to it through a real
//! hyper client:
//!
//! ```sh
//! cargo run --example quickstart
//! ```

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::{
    task::{JoinHandle, JoinSet},
    time::{Instant, interval, sleep},
};
use tower::{ServiceBuilder, ServiceExt, service_fn, util::BoxCloneSyncService};
use tower_reauth::{
    BoxError, Code, CodeRequest, Event, Events, Reason,
    inspect::PeekBody,
    providers::back_office::BackOffice,
    replay::ReplayBody,
    testing::back_office::{Limits, Simulator},
};

const TASKS: usize = 64;
const LASTING: Duration = Duration::from_secs(4);

/// The finished client, for where its type must be named.
type Api = BoxCloneSyncService<Request<Full<Bytes>>, Response<PeekBody<Incoming>>, BoxError>;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // A server, in place of the real one. It allows more renewals a minute than the real one
    // does, because here so many tokens die within a few seconds.
    let server = Simulator::builder()
        .account("foo@bar.com", "Secret123")
        .two_factor(true)
        .access_lifetime(Duration::from_secs(2))
        .limits(Limits::new().refresh(60))
        .start()
        .await?;
    let server = Arc::new(server);
    say(
        "server",
        format_args!("a Back Office at {}", server.base_url()),
    );

    // One client with one pool, for signing in and for the calls.
    let client: Client<HttpConnector, ReplayBody<Full<Bytes>>> =
        Client::builder(TokioExecutor::new()).build_http();

    // Where the code comes from that the server sends by e-mail. A person would be asked here.
    let mailbox = Arc::clone(&server);
    let codes = service_fn(move |request: CodeRequest| {
        let mailbox = Arc::clone(&mailbox);
        async move {
            say(
                "code",
                format_args!("sent by {}, and read there", request.method()),
            );
            Ok::<_, BoxError>(Code::new(mailbox.next_code("foo@bar.com").await)?)
        }
    });

    let back_office = BackOffice::builder(client.clone(), server.base_url())
        .credentials("foo@bar.com", "Secret123")
        .code_service(codes)
        .refresh_limit(60)
        .build()?;
    let session = back_office.session().build()?;
    let account: JoinHandle<Account> = tokio::spawn(keep_account(session.events()));

    // The whole stack. The first call signs in.
    let api = Api::new(ServiceBuilder::new().layer(session.layer()).service(client));

    say(
        "calls",
        format_args!("{TASKS} tasks for {LASTING:?}, while the server kills tokens"),
    );
    let url = format!("{}/api/v2/accounts", server.base_url());
    let end = Instant::now() + LASTING;
    let mut callers = JoinSet::new();
    for _ in 0..TASKS {
        callers.spawn(call_until(end, api.clone(), url.clone()));
    }
    let killing = tokio::spawn(kill_tokens(Arc::clone(&server)));
    let (mut calls, mut failures) = (0, 0);
    while let Some(caller) = callers.join_next().await {
        let (made, failed) = caller??;
        calls += made;
        failures += failed;
    }
    killing.abort();

    session.sign_out().await?;
    // With the last handle to the session its events end.
    drop((session, api));
    let account = account.await?;
    let seen = server.counts();
    println!();
    println!("  calls                               {calls:>8}");
    println!("  failures seen by callers            {failures:>8}");
    println!(
        "  sign-ins                            {:>8}",
        account.sign_ins
    );
    println!(
        "  renewals                            {:>8}",
        account.renewals()
    );
    println!(
        "    after the server killed a token   {:>8}",
        account.after_refusal
    );
    println!("    ahead of a token's end            {:>8}", account.ahead);
    println!(
        "  401s that no caller saw             {:>8}",
        seen.unauthorized
    );
    println!(
        "  rules of the server broken          {:>8}",
        seen.violations
    );
    if failures > 0 || seen.violations > 0 || seen.sign_outs_ok != 1 {
        return Err("somebody noticed something: see above".into());
    }
    Ok(())
}

/// Calls until `end`; returns how many calls were made, and how many failed.
async fn call_until(end: Instant, api: Api, url: String) -> Result<(usize, usize), BoxError> {
    let (mut calls, mut failures) = (0, 0);
    while Instant::now() < end {
        let request = Request::post(&url).body(Full::from(r#"{"hello":"world"}"#))?;
        calls += 1;
        match api.clone().oneshot(request).await {
            Ok(response) if response.status() == StatusCode::OK => {
                // Read to its end, so that the connection can be used again.
                response.into_body().collect().await?;
            }
            _ => failures += 1,
        }
        sleep(Duration::from_millis(5)).await;
    }
    Ok((calls, failures))
}

/// Revokes or expires all access tokens again and again.
async fn kill_tokens(server: Arc<Simulator>) {
    // Now and then it leaves them alone for so long that they are renewed ahead of their end.
    let mut ticks = interval(Duration::from_millis(450));
    for tick in 0_u32.. {
        ticks.tick().await;
        match tick % 8 {
            1 => server.revoke_access_tokens(),
            2 => server.expire_access_tokens(),
            _ => {}
        }
    }
}

/// What happened to the session's token.
#[derive(Default)]
struct Account {
    sign_ins: usize,
    after_refusal: usize,
    ahead: usize,
    others: usize,
}

impl Account {
    fn renewals(&self) -> usize {
        self.after_refusal + self.ahead + self.others
    }
}

/// Prints what happens to the session's token, and counts it.
async fn keep_account(mut events: Events) -> Account {
    let mut account = Account::default();
    while let Some(event) = events.next().await {
        match event {
            Event::SignedIn { generation, .. } => {
                account.sign_ins += 1;
                say(
                    "signed in",
                    format_args!("token {generation}, for the password and a code"),
                );
            }
            Event::Renewed { new, reason, .. } => {
                let (count, why) = match reason {
                    Reason::Rejected => (&mut account.after_refusal, "the server refused the last"),
                    Reason::Expiring => (&mut account.ahead, "the last would soon have ended"),
                    _ => (&mut account.others, "there was none that could be used"),
                };
                *count += 1;
                say("renewed", format_args!("token {new}: {why}"));
            }
            Event::Failed { error, .. } => say("failed", format_args!("{error}")),
            Event::Cleared => say("signed out", format_args!("the token is forgotten")),
            _ => {}
        }
    }
    account
}

fn say(what: &str, text: std::fmt::Arguments<'_>) {
    println!("{what:>10}  {text}");
}
