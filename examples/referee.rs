//! Sessions against a referee: an authorization server that revokes a user's grant when a refresh
//! token comes twice. `tests/referee/run` starts one and this program beside it.
//!
//! A hundred users have ten callers each. When their access tokens have run out, the first caller of
//! each user begins the renewal and leaves while the answer is on its way. Somebody who renews under
//! a `OnceCell` is measured as well, to see that the referee can tell.

use std::{process::ExitCode, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde::Deserialize;
use tokio::{
    sync::{Mutex, OnceCell},
    task::JoinSet,
    time::{sleep, timeout},
};
use tower::{ServiceBuilder, ServiceExt, util::BoxCloneSyncService};
use tower_reauth::{BoxError, providers::oauth2::OAuth2, replay::ReplayBody};

const USERS: usize = 100;
const CALLERS: usize = 10;
const ROUNDS: usize = 3;

/// The first caller leaves then: the server has rotated the token, and takes 50 ms to say so.
const LEAVES_AFTER: Duration = Duration::from_millis(25);

/// How long access tokens live there, and a moment.
const LIFETIME: Duration = Duration::from_millis(2200);

const ID: &str = "referee";
const SECRET: &str = "s3cret-of-the-referee";

type Http = Client<HttpConnector, ReplayBody<Full<Bytes>>>;

/// A user's way to the API: `None` is a call that failed.
type Api = BoxCloneSyncService<(), Option<StatusCode>, BoxError>;

#[derive(Clone, Copy, Deserialize)]
struct Verdict {
    revoked: u64,
    issued: u64,
}

/// What a contestant came to.
struct Row {
    name: &'static str,
    dead: usize,
    failed: usize,
    calls: usize,
    verdict: Verdict,
}

#[tokio::main]
async fn main() -> Result<ExitCode, BoxError> {
    let base = std::env::args().nth(1).ok_or("usage: referee BASE_URL")?;
    let http: Http = Client::builder(TokioExecutor::new()).build_http();
    let ours = judge("this crate", &http, &base, with_layers).await?;
    let cell = judge("a OnceCell", &http, &base, with_a_cell).await?;
    println!(
        "{USERS} users, {CALLERS} callers each, {ROUNDS} renewals; the first caller leaves after {LEAVES_AFTER:?}\n"
    );
    println!(
        "{:<12}{:>16}{:>16}{:>16}{:>16}",
        "who renews", "grants revoked", "sessions dead", "calls failed", "tokens issued"
    );
    for row in [&ours, &cell] {
        let failed = format!("{} of {}", row.failed, row.calls);
        println!(
            "{:<12}{:>16}{:>16}{failed:>16}{:>16}",
            row.name, row.verdict.revoked, row.dead, row.verdict.issued
        );
    }
    let is_good = ours.verdict.revoked == 0 && ours.dead == 0 && ours.failed == 0;
    // A referee that sees nothing proves nothing.
    let can_tell = cell.verdict.revoked > 0;
    Ok(match is_good && can_tell {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

async fn judge(
    name: &'static str,
    http: &Http,
    base: &str,
    make: fn(&Http, &str, &str) -> Result<Api, BoxError>,
) -> Result<Row, BoxError> {
    let before = verdict(http, base).await?;
    let minted = send(http, Method::POST, &format!("{base}/mint?users={USERS}")).await?;
    let minted = String::from_utf8(minted.to_vec())?;
    let users: Vec<Api> = minted
        .lines()
        .map(|token| make(http, base, token))
        .collect::<Result<_, _>>()?;
    let (mut failed, mut calls) = (0, 0);
    for _ in 0..ROUNDS {
        let mut callers = JoinSet::new();
        for user in &users {
            for caller in 0..CALLERS {
                let call = user.clone().oneshot(());
                callers.spawn(async move {
                    if caller == 0 {
                        let _ = timeout(LEAVES_AFTER, call).await;
                        return None;
                    }
                    Some(matches!(call.await, Ok(Some(StatusCode::OK))))
                });
                // The first is the one that begins.
                tokio::task::yield_now().await;
            }
        }
        let ended: Vec<bool> = callers.join_all().await.into_iter().flatten().collect();
        calls += ended.len();
        failed += ended.iter().filter(|is_good| !**is_good).count();
        sleep(LIFETIME).await;
    }
    let mut dead = 0;
    for user in users {
        dead += usize::from(!matches!(user.oneshot(()).await, Ok(Some(StatusCode::OK))));
    }
    let after = verdict(http, base).await?;
    Ok(Row {
        name,
        dead,
        failed,
        calls,
        verdict: Verdict {
            revoked: after.revoked - before.revoked,
            issued: after.issued - before.issued,
        },
    })
}

/// A session of this crate's.
fn with_layers(http: &Http, base: &str, refresh_token: &str) -> Result<Api, BoxError> {
    let oauth2 = OAuth2::builder(http.clone(), format!("{base}/token"))
        .client_id(ID)
        .client_secret(SECRET)
        .refresh_token(refresh_token)
        .build()?;
    let session = oauth2.session().origin(base).build()?;
    let client = ServiceBuilder::new()
        .layer(session.layer())
        .service(http.clone());
    let url = format!("{base}/me");
    Ok(Api::new(tower::service_fn(move |()| {
        let (client, url) = (client.clone(), url.clone());
        async move {
            let request = Request::get(url).body(Full::<Bytes>::default())?;
            Ok::<_, BoxError>(
                client
                    .oneshot(request)
                    .await
                    .ok()
                    .map(|answer| answer.status()),
            )
        }
    })))
}

/// What is often written: whoever comes first renews for all, in its own future.
fn with_a_cell(http: &Http, base: &str, refresh_token: &str) -> Result<Api, BoxError> {
    struct User {
        http: Http,
        base: String,
        refresh_token: Mutex<String>,
        /// Replaced when its token is refused.
        cell: Mutex<Arc<OnceCell<String>>>,
    }

    impl User {
        async fn renew(&self) -> Result<String, BoxError> {
            #[derive(Deserialize)]
            struct Tokens {
                access_token: String,
                refresh_token: String,
            }
            let presented = self.refresh_token.lock().await.clone();
            let form = format!(
                "grant_type=refresh_token&refresh_token={presented}&client_id={ID}&client_secret={SECRET}"
            );
            let request = Request::post(format!("{}/token", self.base))
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(ReplayBody::from(form))?;
            let answer = self.http.request(request).await?;
            let body = answer.into_body().collect().await?.to_bytes();
            let tokens: Tokens = serde_json::from_slice(&body)?;
            *self.refresh_token.lock().await = tokens.refresh_token;
            Ok(tokens.access_token)
        }

        async fn call(&self) -> Result<StatusCode, BoxError> {
            for _ in 0..2 {
                let cell = Arc::clone(&*self.cell.lock().await);
                let token = cell.get_or_try_init(|| self.renew()).await?;
                let request = Request::get(format!("{}/me", self.base))
                    .header(header::AUTHORIZATION, format!("Bearer {token}"))
                    .body(ReplayBody::default())?;
                let answer: Response<Incoming> = self.http.request(request).await?;
                if answer.status() != StatusCode::UNAUTHORIZED {
                    return Ok(answer.status());
                }
                let mut current = self.cell.lock().await;
                if Arc::ptr_eq(&current, &cell) {
                    *current = Arc::default();
                }
            }
            Ok(StatusCode::UNAUTHORIZED)
        }
    }

    let user = Arc::new(User {
        http: http.clone(),
        base: base.to_owned(),
        refresh_token: Mutex::new(refresh_token.to_owned()),
        cell: Mutex::default(),
    });
    Ok(Api::new(tower::service_fn(move |()| {
        let user = Arc::clone(&user);
        async move { Ok::<_, BoxError>(user.call().await.ok()) }
    })))
}

async fn verdict(http: &Http, base: &str) -> Result<Verdict, BoxError> {
    let body = send(http, Method::GET, &format!("{base}/verdict")).await?;
    Ok(serde_json::from_slice(&body)?)
}

async fn send(http: &Http, method: Method, url: &str) -> Result<Bytes, BoxError> {
    let mut request = Request::new(ReplayBody::default());
    *request.method_mut() = method;
    *request.uri_mut() = url.parse()?;
    let answer = http.request(request).await?;
    Ok(answer.into_body().collect().await?.to_bytes())
}
