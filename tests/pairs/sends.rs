//! What is sent, by whom it is prepared, and how long the copy lives.

use std::{
    collections::VecDeque,
    future::ready,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
};

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, request};
use http_body_util::Full;
use tokio::sync::Semaphore;
use tokio_test::{assert_pending, assert_ready_ok, task};
use tower::{BoxError, Layer, Service, ServiceExt, limit::ConcurrencyLimit, service_fn};
use tower_reauth::{
    Error, ErrorKind, Token,
    layers::{
        BearerLayer, RecoverLayer,
        recover::{Outcome, Prepared},
        refresh::RefreshRecovery,
    },
    replay::ReplayBody,
};

use crate::{
    common::{Body, Minter, ORIGIN, get, status},
    support::*,
};

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
