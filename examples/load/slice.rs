//! A turn of one contestant: calls in a closed loop until the time is over.

use std::{
    cell::Cell,
    future::{Future, poll_fn},
    pin::pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use http::StatusCode;
use tokio::task::JoinSet;
use tower::Service;

use crate::server::Counts;

/// One call that has ended.
#[derive(Clone, Copy)]
pub(crate) struct Call {
    /// When it began, counted from the beginning of the run.
    pub(crate) at: Duration,
    pub(crate) took: Duration,
    /// `None` if it failed.
    pub(crate) status: Option<StatusCode>,
    /// It was not handed to the client at once: there was no token to send it with.
    pub(crate) waited: bool,
}

/// What a turn came to.
pub(crate) struct Slice {
    pub(crate) calls: Vec<Call>,
    /// What the client's thread spent.
    pub(crate) cpu: Duration,
    pub(crate) counts: Counts,
}

thread_local! {
    static HANDED_ON: Cell<u64> = const { Cell::new(0) };
}

/// Counts what gets as far as the client.
#[derive(Clone)]
pub(crate) struct HandedOn<S>(pub(crate) S);

impl<S, R> Service<R> for HandedOn<S>
where
    S: Service<R>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        HANDED_ON.set(HANDED_ON.get() + 1);
        self.0.call(request)
    }
}

/// Has `callers` call again and again for `slice`. `make` begins one call; its future reads the whole
/// answer.
pub(crate) async fn calls<M, F>(
    callers: usize,
    slice: Duration,
    begun: Instant,
    make: M,
) -> Vec<Call>
where
    M: Fn() -> F + Clone + Send + 'static,
    F: Future<Output = Option<StatusCode>> + Send + 'static,
{
    let end = Instant::now() + slice;
    let mut tasks = JoinSet::new();
    for _ in 0..callers {
        let make = make.clone();
        tasks.spawn(async move {
            let mut calls = Vec::new();
            while Instant::now() < end {
                calls.push(one(begun, make()).await);
            }
            calls
        });
    }
    tasks.join_all().await.concat()
}

async fn one(begun: Instant, call: impl Future<Output = Option<StatusCode>>) -> Call {
    let start = Instant::now();
    let handed_on = HANDED_ON.get();
    let mut call = pin!(call);
    let first = poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx))).await;
    let waited = HANDED_ON.get() == handed_on;
    let status = match first {
        Poll::Ready(status) => status,
        Poll::Pending => call.await,
    };
    Call {
        at: start - begun,
        took: start.elapsed(),
        status,
        waited,
    }
}
