//! One of several processes that share a sign-in: run it as often as you like.
//!
//! ```sh
//! export SHARED_EMAIL=foo@bar.com SHARED_PASSWORD=…
//! cargo run --example shared -- https://host.name /api/v2/accounts /var/lib/example/tokens
//! cargo run --example shared -- https://host.name /api/v2/accounts redis://127.0.0.1
//! ```
//!
//! It calls the path again and again, and prints the status of each call, or why it failed, until
//! its standard input ends. The first process signs in; the others find its token, renew it in turn
//! when it runs out or is refused, and may be killed at any time. What goes to the Back Office for a
//! token is printed as well: `exchange: /api/v2/refresh`, and `exchange: 200 OK` when it is answered.

use std::{env, error::Error, process::ExitCode, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::io::AsyncReadExt;
use tower::{ServiceBuilder, ServiceExt};
use tower_reauth::{
    BoxError,
    providers::back_office::BackOffice,
    replay::ReplayBody,
    store::{LostAnswer, StoreLayer},
    stores::{FileStore, RedisStore},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("shared: {}", chain(&*error));
            ExitCode::from(2)
        }
    }
}

async fn run() -> Result<(), BoxError> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [base_url, path, place] = &arguments[..] else {
        return Err("usage: shared BASE_URL PATH (FILE | REDIS_URL)".into());
    };
    let https = HttpsConnectorBuilder::new()
        .with_native_roots()?
        .https_or_http()
        .enable_http1()
        .build();
    let client = Client::builder(TokioExecutor::new()).build::<_, ReplayBody<Full<Bytes>>>(https);

    let told = ServiceBuilder::new()
        .map_request(|request: Request<_>| {
            println!("exchange: {}", request.uri().path());
            request
        })
        .map_response(|response: Response<_>| {
            println!("exchange: {}", response.status());
            response
        })
        .service(client.clone());
    let mut back_office = BackOffice::builder(told, base_url)
        .credentials(env::var("SHARED_EMAIL")?, env::var("SHARED_PASSWORD")?);
    // The vendor's limits are kept unless it allows this account more attempts a minute.
    if let Ok(attempts) = env::var("SHARED_LIMIT") {
        let attempts = attempts.parse()?;
        back_office = back_office.sign_in_limit(attempts).refresh_limit(attempts);
    }
    let back_office = back_office.build()?;
    let key = back_office.store_key();
    let store = if place.contains("://") {
        let mut store = RedisStore::new(place)?;
        if let Ok(millis) = env::var("SHARED_DEAD_AFTER_MS") {
            store = store.dead_after(Duration::from_millis(millis.parse()?));
        }
        StoreLayer::new(store, key)
    } else {
        StoreLayer::new(FileStore::new(place), key)
    };
    // A process that is killed during a renewal takes the answer with it. Whether the refresh token
    // may come again is the provider's to say.
    let policy = match env::var("SHARED_LOST_ANSWER").as_deref() {
        Ok("sign-in") => LostAnswer::SignIn,
        _ => LostAnswer::PresentOnce,
    };
    let session = back_office
        .session()
        .store(store.lost_answer(policy))
        .build()?;
    let client = ServiceBuilder::new().layer(session.layer()).service(client);

    let url = format!("{base_url}{path}");
    let calling = async {
        loop {
            let request = Request::get(&url).body(Full::default())?;
            match client.clone().oneshot(request).await {
                Ok(response) => {
                    let (head, body) = response.into_parts();
                    let end = body.collect().await.err();
                    match head.extensions.get::<tower_reauth::Error>() {
                        Some(error) => println!("{} {}", head.status, chain(error)),
                        None if end.is_some() => println!("{} cut off", head.status),
                        None => println!("{}", head.status),
                    }
                }
                Err(error) => println!("failed: {}", chain(&*error)),
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let (mut input, mut ignored) = (tokio::io::stdin(), Vec::new());
    tokio::select! {
        result = calling => result,
        result = input.read_to_end(&mut ignored) => {
            result?;
            // A renewal that is under way is finished and saved.
            session.settled().await;
            Ok(())
        }
    }
}

/// Says what `error` says, and the errors below it.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(error) = below {
        text.push_str(": ");
        text.push_str(&error.to_string());
        below = error.source();
    }
    text
}
