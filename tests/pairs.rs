//! Several recoveries in one engine: each may have a request sent again once, from one copy.

mod common;

use std::{
    collections::VecDeque,
    convert::Infallible,
    future::{pending, ready},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use common::{Body, Minter, ORIGIN, get, status};
use http::{HeaderValue, Request, Response, StatusCode, request, response};
use http_body::Frame;
use http_body_util::{BodyExt, Full};
use tokio::sync::Semaphore;
use tokio_test::{assert_pending, assert_ready_ok, task};
use tower::{BoxError, Layer, Service, ServiceExt, limit::ConcurrencyLimit, service_fn};
use tower_reauth::{
    Error, ErrorKind, Token,
    layers::{
        BearerLayer, RecoverLayer,
        recover::{BoxFuture, Challenge, Outcome, Prepared, Recovery},
        refresh::RefreshRecovery,
    },
    replay::{NotReplayed, Released, ReplayBody, ResendBody},
};

const LOCKED: StatusCode = StatusCode::LOCKED;
const PRECONDITION: StatusCode = StatusCode::PRECONDITION_REQUIRED;

type Recover = dyn Fn(Challenge<()>) -> BoxFuture<Outcome> + Send + Sync;
type Prepare = dyn Fn(&mut request::Parts) -> Prepared<()> + Send + Sync;

/// A recovery from one status, which notes what happens to it.
#[derive(Clone)]
struct Side {
    name: &'static str,
    status: StatusCode,
    reads_body: bool,
    prepare: Arc<Prepare>,
    recover: Arc<Recover>,
    log: Log,
}

/// What happened, in its order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn note(&self, what: String) {
        self.0.lock().unwrap().push(what);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    fn side(&self, name: &'static str, status: StatusCode) -> Side {
        Side {
            name,
            status,
            reads_body: false,
            prepare: Arc::new(|_| Prepared::Ready(())),
            recover: Arc::new(|_| Box::pin(ready(Outcome::Resend))),
            log: self.clone(),
        }
    }
}

impl Side {
    fn recovering(
        mut self,
        recover: impl Fn(Challenge<()>) -> BoxFuture<Outcome> + Send + Sync + 'static,
    ) -> Self {
        self.recover = Arc::new(recover);
        self
    }

    fn at_once(self, outcome: Outcome) -> Self {
        self.recovering(move |_| Box::pin(ready(outcome.clone())))
    }

    fn preparing(
        mut self,
        prepare: impl Fn(&mut request::Parts) -> Prepared<()> + Send + Sync + 'static,
    ) -> Self {
        self.prepare = Arc::new(prepare);
        self
    }

    fn reading(mut self) -> Self {
        self.reads_body = true;
        self
    }
}

impl Recovery for Side {
    type Attempt = ();

    fn prepare(&self, request: &mut request::Parts) -> Prepared<()> {
        (self.prepare)(request)
    }

    fn prepare_again(&self, request: &mut request::Parts) -> Prepared<()> {
        self.log.note(format!("{} prepares again", self.name));
        (self.prepare)(request)
    }

    fn is_challenge(&self, (): &(), response: &response::Parts) -> bool {
        self.log
            .note(format!("{} sees {}", self.name, response.status.as_u16()));
        response.status == self.status
    }

    fn reads_body(&self) -> bool {
        self.reads_body
    }

    fn recover(&self, challenge: Challenge<()>) -> BoxFuture<Outcome> {
        let body = String::from_utf8_lossy(challenge.body()).into_owned();
        self.log.note(format!("{} recovers {body}", self.name));
        (self.recover)(challenge)
    }
}

/// A server that answers with one status after the other, and its own name for each as the body.
#[derive(Clone, Default)]
struct Script {
    answers: Arc<Mutex<VecDeque<StatusCode>>>,
    bodies: Arc<Mutex<Vec<Bytes>>>,
}

impl Script {
    fn new(answers: impl IntoIterator<Item = StatusCode>) -> Self {
        Self {
            answers: Arc::new(Mutex::new(answers.into_iter().collect())),
            bodies: Arc::default(),
        }
    }

    fn sends(&self) -> usize {
        self.bodies.lock().unwrap().len()
    }

    fn service<B>(
        &self,
    ) -> impl Service<Request<B>, Response = Response<Body>, Error = BoxError, Future: Send>
    + Clone
    + Send
    + 'static
    where
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let script = self.clone();
        service_fn(move |request: Request<B>| {
            let script = script.clone();
            async move {
                let body = request.into_body().collect().await.map_err(Into::into)?;
                script.bodies.lock().unwrap().push(body.to_bytes());
                let next = script.answers.lock().unwrap().pop_front();
                let mut answer = status(next.expect("no more sends than answers"));
                let name = answer.status().as_u16().to_string();
                *answer.body_mut() = Full::from(format!("body of {name}"));
                Ok(answer)
            }
        })
    }
}

fn kind<R>(response: &Response<R>) -> Option<ErrorKind> {
    response.extensions().get::<Error>().map(Error::kind)
}

fn why<R>(response: &Response<R>) -> Option<NotReplayed> {
    response.extensions().get::<NotReplayed>().copied()
}

async fn text<B>(response: Response<B>) -> String
where
    B: http_body::Body<Data = Bytes, Error = BoxError>,
{
    let body = response.into_body().collect().await.expect("it is whole");
    String::from_utf8(body.to_bytes().to_vec()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn one_call_may_be_three_sends_with_the_same_bytes() {
    let minter = Minter::default();
    let dead = Token::new("t0").unwrap();
    let session = minter.builder().token(dead).build().unwrap();
    let answers = [StatusCode::UNAUTHORIZED, PRECONDITION, StatusCode::OK];
    let (script, log) = (Script::new(answers), Log::default());
    let recoveries = (
        log.side("mine", PRECONDITION),
        RefreshRecovery::new(session.clone()),
    );
    let stack = (RecoverLayer::new(recoveries), BearerLayer::new(session));
    let client = stack.layer(script.service::<ReplayBody<Full<Bytes>>>());
    let request = Request::post(format!("{ORIGIN}/users"))
        .body(ReplayBody::from("thrice"))
        .unwrap();
    let answer = client.oneshot(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(*script.bodies.lock().unwrap(), ["thrice"; 3]);
    assert_eq!(minter.count(), 1);
    let expected = [
        "mine sees 401",
        "mine sees 428",
        "mine recovers body of 428",
        "mine prepares again",
        "mine sees 200",
    ];
    assert_eq!(log.take(), expected);
}

#[tokio::test(start_paused = true)]
async fn each_sends_again_once_whatever_is_answered() {
    for (answers, sends) in [
        (vec![PRECONDITION, PRECONDITION], 2),
        (vec![LOCKED, LOCKED], 2),
        (vec![PRECONDITION, LOCKED, PRECONDITION], 3),
        (vec![LOCKED, PRECONDITION, LOCKED], 3),
        (vec![LOCKED, StatusCode::OK], 2),
        (vec![StatusCode::OK], 1),
    ] {
        let (script, log) = (Script::new(answers.clone()), Log::default());
        let pair = (log.side("a", PRECONDITION), log.side("b", LOCKED));
        let client = RecoverLayer::new(pair).layer(script.service::<Body>());
        let answer = client.oneshot(get()).await.unwrap();
        assert_eq!(answer.status(), *answers.last().unwrap());
        assert_eq!((kind(&answer), why(&answer)), (None, None));
        assert_eq!(script.sends(), sends, "{answers:?}");
        // All are told of each answer.
        let log = log.take();
        let seen = log.iter().filter(|what| what.contains("sees"));
        assert_eq!(seen.count(), 2 * sends);
        let recovered = log.iter().filter(|what| what.contains("recovers"));
        assert_eq!(recovered.count(), sends - 1);
    }
}

#[tokio::test(start_paused = true)]
async fn pairs_can_be_nested() {
    let gone = StatusCode::GONE;
    for nested_first in [true, false] {
        let answers = [gone, PRECONDITION, LOCKED, gone];
        let (script, log) = (Script::new(answers), Log::default());
        let a = log.side("a", PRECONDITION);
        let b = log.side("b", LOCKED);
        let c = log.side("c", gone);
        let status = if nested_first {
            let layer = RecoverLayer::new(((a, b), c));
            let client = layer.layer(script.service::<Body>());
            client.oneshot(get()).await.unwrap().status()
        } else {
            let layer = RecoverLayer::new((a, (b, c)));
            let client = layer.layer(script.service::<Body>());
            client.oneshot(get()).await.unwrap().status()
        };
        assert_eq!((status, script.sends()), (gone, 4));
        let log = log.take();
        let again = log.iter().filter(|what| what.contains("again"));
        let expected = [
            "c prepares again",
            "a prepares again",
            "c prepares again",
            "a prepares again",
            "b prepares again",
            "c prepares again",
        ];
        assert_eq!(again.collect::<Vec<_>>(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_first_declines_is_the_seconds() {
    let failure = Error::new(ErrorKind::Provider, "no");
    for (first, second, sends, expected) in [
        (Outcome::NotMine, Outcome::Resend, 2, None),
        (Outcome::NotMine, Outcome::NotMine, 1, None),
        (Outcome::Resend, Outcome::NotMine, 2, None),
        (
            Outcome::NotMine,
            Outcome::GiveUp(failure.clone()),
            1,
            Some(ErrorKind::Provider),
        ),
        // The first has had its say.
        (
            Outcome::GiveUp(failure),
            Outcome::Resend,
            1,
            Some(ErrorKind::Provider),
        ),
    ] {
        let (script, log) = (Script::new([LOCKED, StatusCode::OK]), Log::default());
        let a = log.side("a", LOCKED).at_once(first);
        let b = log.side("b", LOCKED).at_once(second);
        let client = RecoverLayer::new((a, b)).layer(script.service::<Body>());
        let answer = client.oneshot(get()).await.unwrap();
        assert_eq!(script.sends(), sends);
        assert_eq!(kind(&answer), expected);
        let name = if sends == 1 { "423" } else { "200" };
        assert_eq!(text(answer).await, format!("body of {name}"));
    }
}

/// A body whose copies are counted, if it has any.
struct Counted {
    bytes: Body,
    alive: Option<Arc<()>>,
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.bytes).poll_frame(cx)
    }
}

impl ResendBody for Counted {
    fn try_copy(&self) -> Option<Self> {
        Some(Self {
            bytes: self.bytes.clone(),
            alive: Some(Arc::clone(self.alive.as_ref()?)),
        })
    }

    fn poll_released(&mut self, _: &mut Context<'_>) -> Poll<Released> {
        Poll::Ready(Released::Whole)
    }
}

#[tokio::test(start_paused = true)]
async fn the_copy_lives_until_nobody_is_left_to_send_it() {
    let alive = Arc::new(());
    let answers = Arc::new(Mutex::new(VecDeque::from([LOCKED, PRECONDITION, LOCKED])));
    let copies = Arc::new(Mutex::new(Vec::new()));
    let server = service_fn({
        let (alive, copies) = (Arc::downgrade(&alive), Arc::clone(&copies));
        move |request: Request<Counted>| {
            // Beside the test's own, and that in the request.
            copies.lock().unwrap().push(alive.strong_count() - 2);
            drop(request);
            let next = answers.lock().unwrap().pop_front().unwrap();
            ready(Ok::<_, BoxError>(status(next)))
        }
    });
    let log = Log::default();
    let pair = (log.side("a", PRECONDITION), log.side("b", LOCKED));
    let client = RecoverLayer::new(pair).layer(server);
    let body = Counted {
        bytes: Full::from("x"),
        alive: Some(Arc::clone(&alive)),
    };
    let answer = client.oneshot(Request::new(body)).await.unwrap();
    assert_eq!(answer.status(), LOCKED);
    assert_eq!(*copies.lock().unwrap(), [1, 1, 0]);
}

#[tokio::test(start_paused = true)]
async fn the_copy_is_freed_with_an_answer_that_nobody_claims() {
    let alive = Arc::new(());
    let answers = Arc::new(Mutex::new(VecDeque::from([LOCKED, StatusCode::OK])));
    let server = service_fn(move |_: Request<Counted>| {
        let next = answers.lock().unwrap().pop_front().unwrap();
        ready(Ok::<_, BoxError>(status(next)))
    });
    let log = Log::default();
    let pair = (log.side("a", PRECONDITION), log.side("b", LOCKED));
    let mut client = RecoverLayer::new(pair).layer(server);
    let body = Counted {
        bytes: Full::from("x"),
        alive: Some(Arc::clone(&alive)),
    };
    let mut call = task::spawn(client.call(Request::new(body)));
    let answer = loop {
        if let Poll::Ready(answer) = call.poll() {
            break answer.unwrap();
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(Arc::strong_count(&alive), 1);
    drop((answer, call));
}

#[tokio::test]
async fn either_may_wait_before_a_send_and_each_begins_with_the_head_as_it_came() {
    for waits_first in [true, false] {
        let gate = Arc::new(Semaphore::new(0));
        let waiting = {
            let gate = Arc::clone(&gate);
            move |_: &mut request::Parts| match gate.try_acquire() {
                Ok(permit) => {
                    permit.forget();
                    Prepared::Ready(())
                }
                Err(_) => {
                    let gate = Arc::clone(&gate);
                    Prepared::Wait(Box::pin(async move {
                        drop(gate.acquire().await);
                        Ok(())
                    }))
                }
            }
        };
        let inserted = AtomicUsize::new(0);
        let inserting = move |request: &mut request::Parts| {
            assert!(!request.headers.contains_key("x-proof"));
            let number = inserted.fetch_add(1, Ordering::SeqCst);
            request
                .headers
                .insert("x-proof", HeaderValue::from(number as u64));
            Prepared::Ready(())
        };
        let log = Log::default();
        let (a, b) = (log.side("a", PRECONDITION), log.side("b", LOCKED));
        let (a, b) = if waits_first {
            (a.preparing(waiting), b.preparing(inserting))
        } else {
            (a.preparing(inserting), b.preparing(waiting))
        };
        let permits = Arc::new(Semaphore::new(1));
        let server = service_fn(|request: Request<Body>| {
            assert!(request.headers().contains_key("x-proof"));
            assert_eq!(request.headers()["x-mine"], "kept");
            ready(Ok::<_, BoxError>(status(StatusCode::OK)))
        });
        let limited = ConcurrencyLimit::with_semaphore(server, Arc::clone(&permits));
        let mut client = RecoverLayer::new((a, b)).layer(limited);
        client.ready().await.unwrap();
        let mut request = get();
        let mine = HeaderValue::from_static("kept");
        request.headers_mut().insert("x-mine", mine);
        let mut call = task::spawn(client.call(request));
        assert_pending!(call.poll());
        assert_eq!(permits.available_permits(), 1, "nothing is held");
        gate.add_permits(1);
        assert_eq!(assert_ready_ok!(call.poll()).status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn a_send_is_prepared_when_the_client_is_ready_and_not_before() {
    let (permits, code) = (Arc::new(Semaphore::new(1)), Arc::new(AtomicUsize::new(1)));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let server = service_fn({
        let seen = Arc::clone(&seen);
        move |request: Request<Body>| {
            let mut seen = seen.lock().unwrap();
            seen.push(request.headers()["x-code"].to_str().unwrap().to_owned());
            let next = if seen.len() == 1 {
                LOCKED
            } else {
                StatusCode::OK
            };
            ready(Ok::<_, BoxError>(status(next)))
        }
    });
    let log = Log::default();
    let side = log.side("a", LOCKED).preparing({
        let code = Arc::clone(&code);
        move |request| {
            let code = HeaderValue::from(code.load(Ordering::SeqCst));
            request.headers.insert("x-code", code);
            Prepared::Ready(())
        }
    });
    let side = side.recovering({
        let permits = Arc::clone(&permits);
        move |_| {
            // Somebody else takes the only place.
            permits.try_acquire().unwrap().forget();
            Box::pin(ready(Outcome::Resend))
        }
    });
    let limited = ConcurrencyLimit::with_semaphore(server, Arc::clone(&permits));
    let mut client = RecoverLayer::new(side).layer(limited);
    client.ready().await.unwrap();
    let mut call = task::spawn(client.call(get()));
    assert_pending!(call.poll());
    code.store(2, Ordering::SeqCst);
    permits.add_permits(1);
    assert_eq!(assert_ready_ok!(call.poll()).status(), StatusCode::OK);
    assert_eq!(*seen.lock().unwrap(), ["1", "2"]);
}

#[tokio::test(start_paused = true)]
async fn whoever_reads_bodies_sees_the_last_answer_too_and_the_caller_gets_it_whole() {
    let failure = Error::new(ErrorKind::CodeRejected, "no");
    for (last, expected) in [
        (Outcome::GiveUp(failure), Some(ErrorKind::CodeRejected)),
        (Outcome::NotMine, None),
        // Too late.
        (Outcome::Resend, None),
    ] {
        let (script, log) = (Script::new([LOCKED, LOCKED]), Log::default());
        let recovered = AtomicUsize::new(0);
        let a = log.side("a", LOCKED).reading().recovering(move |_| {
            let is_first = recovered.fetch_add(1, Ordering::SeqCst) == 0;
            let outcome = if is_first {
                Outcome::Resend
            } else {
                last.clone()
            };
            Box::pin(ready(outcome))
        });
        let b = log.side("b", PRECONDITION);
        let client = RecoverLayer::new((a, b)).layer(script.service::<Body>());
        let answer = client.oneshot(get()).await.unwrap();
        assert_eq!(script.sends(), 2);
        assert_eq!((kind(&answer), why(&answer)), (expected, None));
        assert_eq!(text(answer).await, "body of 423");
        let log = log.take();
        let recovered = log.iter().filter(|what| what.contains("recovers"));
        let expected = ["a recovers body of 423"; 2];
        assert_eq!(recovered.collect::<Vec<_>>(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_was_answered_leaves_the_next_challenge_to_the_other() {
    // Both are sent as 423; what it is stands in the body.
    let (script, log) = (Script::new([LOCKED, LOCKED, LOCKED]), Log::default());
    let recovered = AtomicUsize::new(0);
    let a = log.side("a", LOCKED).reading().recovering(move |_| {
        let is_first = recovered.fetch_add(1, Ordering::SeqCst) == 0;
        let outcome = if is_first {
            Outcome::Resend
        } else {
            Outcome::NotMine
        };
        Box::pin(ready(outcome))
    });
    let b = log.side("b", LOCKED);
    let client = RecoverLayer::new((a, b)).layer(script.service::<Body>());
    let answer = client.oneshot(get()).await.unwrap();
    assert_eq!(script.sends(), 3);
    assert_eq!(text(answer).await, "body of 423");
}

/// A request with a body that can be sent once only.
fn one_shot() -> Request<Counted> {
    Request::new(Counted {
        bytes: Full::from("x"),
        alive: None,
    })
}

#[tokio::test(start_paused = true)]
async fn whoever_reads_bodies_reads_them_where_nothing_can_be_sent_again() {
    let failure = Error::new(ErrorKind::CodeRequired, "no");
    for (outcome, expected) in [
        (Outcome::NotMine, (None, None)),
        (Outcome::Resend, (None, Some(NotReplayed::NotCopyable))),
        (
            Outcome::GiveUp(failure),
            (
                Some(ErrorKind::CodeRequired),
                Some(NotReplayed::NotCopyable),
            ),
        ),
    ] {
        let (script, log) = (Script::new([LOCKED]), Log::default());
        let a = log.side("a", LOCKED).reading().at_once(outcome);
        let client = RecoverLayer::new(a).layer(script.service::<Counted>());
        let answer = client.oneshot(one_shot()).await.unwrap();
        assert_eq!((kind(&answer), why(&answer)), expected);
        assert_eq!(text(answer).await, "body of 423");
        assert_eq!(log.take(), ["a sees 423", "a recovers body of 423"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_recovery_that_nobody_waits_for_ends_in_the_background() {
    for reads_body in [true, false] {
        let ended = Arc::new(AtomicUsize::new(0));
        let (script, log) = (Script::new([LOCKED]), Log::default());
        let mut a = log.side("a", LOCKED).recovering({
            let ended = Arc::clone(&ended);
            move |_| {
                let ended = Arc::clone(&ended);
                Box::pin(async move {
                    tokio::time::sleep(Duration::from_secs(60)).await;
                    ended.fetch_add(1, Ordering::SeqCst);
                    Outcome::Resend
                })
            }
        });
        a.reads_body = reads_body;
        let client = RecoverLayer::new(a).layer(script.service::<Counted>());
        let answer = client.oneshot(one_shot()).await.unwrap();
        assert_eq!(why(&answer), Some(NotReplayed::NotCopyable));
        assert_eq!(text(answer).await, "body of 423");
        assert_eq!(ended.load(Ordering::SeqCst), 0);
        tokio::time::sleep(Duration::from_secs(61)).await;
        assert_eq!(ended.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_answer_waits_for_no_recovery() {
    let (script, log) = (Script::new([LOCKED, LOCKED]), Log::default());
    let recovered = AtomicUsize::new(0);
    let a = log.side("a", LOCKED).reading().recovering(move |_| {
        if recovered.fetch_add(1, Ordering::SeqCst) == 0 {
            return Box::pin(ready(Outcome::Resend));
        }
        Box::pin(pending())
    });
    let client = RecoverLayer::new(a).layer(script.service::<Body>());
    let call = client.oneshot(get());
    let answer = tokio::time::timeout(Duration::from_secs(60), call).await;
    let answer = answer.expect("it does not wait").unwrap();
    assert_eq!(text(answer).await, "body of 423");
}
