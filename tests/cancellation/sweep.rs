//! What is dropped, when, and what it had done by then.

use std::{
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tokio::{
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_test::task;
use tower::{Service, limit::ConcurrencyLimit, service_fn};
use tower_reauth::{BoxError, replay::ReplayBody};

pub(crate) type Body = ReplayBody<Full<Bytes>>;

/// How long a server takes to answer: some polls.
const TAKES: Duration = Duration::from_millis(3);

/// Runs `make` and drops what it gives after 0, 1, 2 … polls, until it is over before that. `check`
/// looks after what went on by itself has ended; it is told after how many polls, and whether it
/// was over. Returns that number of polls.
pub(crate) async fn sweep<T, F, C>(
    mut make: impl FnMut() -> (F, T),
    mut check: impl FnMut(T, usize) -> C,
) -> usize
where
    F: Future,
    C: Future<Output = ()>,
{
    for polls in 0..1000 {
        let (future, world) = make();
        let is_over = dropped_after(polls, future).await;
        sleep(Duration::from_secs(2)).await;
        woken(check(world, polls)).await;
        if is_over {
            return polls;
        }
    }
    panic!("it never ends");
}

/// Polls a future so many times, a millisecond apart, and drops it. Returns whether it was over before.
pub(crate) async fn dropped_after<F: Future>(polls: usize, future: F) -> bool {
    let mut future = task::spawn(future);
    for _ in 0..polls {
        if future.poll().is_ready() {
            return true;
        }
        sleep(Duration::from_millis(1)).await;
    }
    false
}

/// Waits for `future` as long as anything may take. What is not woken waits for ever.
pub(crate) async fn woken<F: Future>(future: F) -> F::Output {
    let result = timeout(Duration::from_secs(3600), future).await;
    result.expect("it hangs")
}

/// What servers and people were asked, one word each.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn add(&self, word: impl Into<String>) {
        self.0.lock().unwrap().push(word.into());
    }

    pub(crate) fn count(&self, word: &str) -> usize {
        let words = self.0.lock().unwrap();
        words.iter().filter(|one| one.as_str() == word).count()
    }

    pub(crate) fn words(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().unwrap().is_empty()
    }
}

/// A server that notes the path of each request when it comes, reads it, takes its time, and
/// answers with what `answer` makes of the request and of how many of its path came before.
pub(crate) fn server<A>(
    log: &Log,
    answer: A,
) -> impl Service<Request<Body>, Response = Response<Full<Bytes>>, Error = BoxError, Future: Send>
+ Clone
+ Send
+ Sync
+ 'static
+ use<A>
where
    A: Fn(&Request<()>, usize) -> Response<Full<Bytes>> + Clone + Send + Sync + 'static,
{
    let log = log.clone();
    service_fn(move |request: Request<Body>| {
        let (log, answer) = (log.clone(), answer.clone());
        async move {
            let (head, body) = request.into_parts();
            let head = Request::from_parts(head, ());
            let before = log.count(head.uri().path());
            log.add(head.uri().path());
            sleep(TAKES).await;
            body.collect().await?;
            Ok(answer(&head, before))
        }
    })
}

/// Lets one call at a time through to `inner`. Nothing is left over if its permit is there.
pub(crate) fn limited<S>(inner: S) -> (ConcurrencyLimit<S>, Arc<Semaphore>) {
    let permits = Arc::new(Semaphore::new(1));
    let limited = ConcurrencyLimit::with_semaphore(inner, Arc::clone(&permits));
    (limited, permits)
}

pub(crate) fn answer(status: u16, body: &str) -> Response<Full<Bytes>> {
    let response = Response::builder()
        .status(status)
        .header("content-type", "application/json");
    response
        .body(Full::new(Bytes::copy_from_slice(body.as_bytes())))
        .unwrap()
}

pub(crate) async fn takes_a_while() {
    sleep(TAKES).await;
}
