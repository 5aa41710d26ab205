//! Calls from many tasks, through whatever stack.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};
use tower::{Service, ServiceExt, util::BoxCloneSyncService};
use tower_reauth::{BoxError, inspect::PeekBody, replay::ReplayBody};

use crate::LASTING;

const TASKS: usize = 16;

/// One client with one pool, for signing in and for the calls.
pub(crate) type HttpClient = Client<HttpConnector, ReplayBody<Full<Bytes>>>;

/// The finished client over a response body of type `B`, for where its type must be named.
pub(crate) type Api<B> = BoxCloneSyncService<Request<Full<Bytes>>, Response<PeekBody<B>>, BoxError>;

pub(crate) fn client() -> HttpClient {
    Client::builder(TokioExecutor::new()).build_http()
}

/// Calls from many tasks for a while with what `request` makes; returns how many calls were made,
/// and how many of them failed.
pub(crate) async fn storm<S, B>(
    api: S,
    request: fn(&str) -> http::Result<Request<Full<Bytes>>>,
    url: String,
) -> Result<(u64, u64), BoxError>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = BoxError>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
    B: Body<Error = BoxError> + Send + 'static,
    B::Data: Send,
{
    let end = Instant::now() + LASTING;
    let mut callers = JoinSet::new();
    for _ in 0..TASKS {
        let (api, url) = (api.clone(), url.clone());
        callers.spawn(async move {
            let (mut calls, mut failed) = (0, 0);
            while Instant::now() < end {
                calls += 1;
                match api.clone().oneshot(request(&url)?).await {
                    Ok(response) if response.status().is_success() => {
                        // Read to its end, so that the connection can be used again.
                        response.into_body().collect().await?;
                    }
                    _ => failed += 1,
                }
                sleep(Duration::from_millis(5)).await;
            }
            Ok::<_, BoxError>((calls, failed))
        });
    }
    let (mut calls, mut failed) = (0, 0);
    while let Some(caller) = callers.join_next().await {
        let (made, lost) = caller??;
        calls += made;
        failed += lost;
    }
    Ok((calls, failed))
}
