//! Codes that a person gives: one is asked for at a time, and none is sent that was refused.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderName, Request, Response, StatusCode, response};
use http_body_util::Full;
use tokio::{spawn, task::yield_now};
use tower::{Layer, ServiceExt, service_fn};

use super::world::{Still, finds, holds};
use crate::{Code, CodeRequest, Error, ErrorKind, layers::Mfa};

const ORIGIN: &str = "https://api.example.com";
const CODE: HeaderName = HeaderName::from_static("x-mfa-code");
/// In a request that began when a refusal of the first code had been told to its caller.
const LATE: HeaderName = HeaderName::from_static("x-late");

/// Three callers, and a server that takes no code before number `good`.
async fn callers_are_challenged(good: usize) {
    let prompts = Arc::new(AtomicUsize::new(0));
    let codes = service_fn({
        let prompts = Arc::clone(&prompts);
        move |_: CodeRequest| {
            let number = prompts.fetch_add(1, Ordering::Relaxed) + 1;
            async move {
                yield_now().await;
                Ok::<_, Error>(Code::new(number.to_string()).expect("digits"))
            }
        }
    });
    let challenge = |response: &response::Parts, _: &[u8]| {
        let is_one = response.status == StatusCode::FORBIDDEN;
        is_one.then(|| Error::with_message(ErrorKind::CodeRequired, "a code, please"))
    };
    let mfa = Mfa::builder(CODE, challenge)
        .origin(ORIGIN)
        .clock(Still)
        .min_trigger_interval(Duration::ZERO)
        .code_service(codes)
        .build()
        .expect("the settings are right");
    let client = mfa.layer().layer(service_fn(
        move |request: Request<Full<Bytes>>| async move {
            yield_now().await;
            let code = request.headers().get(CODE);
            let code = code.map(|code| code.to_str().expect("digits").parse().expect("a number"));
            let is_late = request.headers().contains_key(LATE);
            assert!(
                !is_late || code != Some(1_usize),
                "a refused code was sent again"
            );
            let is_good = code.is_some_and(|code| code >= good);
            let status = if is_good {
                StatusCode::OK
            } else {
                StatusCode::FORBIDDEN
            };
            let mut response = Response::new(Full::new(Bytes::new()));
            *response.status_mut() = status;
            Ok::<_, Error>(response)
        },
    ));
    let was_told = Arc::new(AtomicBool::new(false));
    let callers = [(); 3].map(|()| {
        let (client, was_told) = (client.clone(), Arc::clone(&was_told));
        spawn(async move {
            // One that was refused tries once more, as people do.
            for _ in 0..2 {
                let mut request = Request::get(ORIGIN)
                    .body(Full::default())
                    .expect("a request");
                if was_told.load(Ordering::Relaxed) {
                    request.headers_mut().insert(LATE, LATE.into());
                }
                let response = client.clone().oneshot(request).await.expect("an answer");
                if response.status() == StatusCode::OK {
                    return;
                }
                was_told.store(true, Ordering::Relaxed);
            }
            panic!("a caller was refused twice");
        })
    });
    for caller in callers {
        caller.await.expect("no panic");
    }
    let prompts = prompts.load(Ordering::Relaxed);
    assert_eq!(prompts, good, "prompts, of as many as were needed");
}

async fn any_code_will_do() {
    callers_are_challenged(1).await;
}

async fn the_first_code_is_refused() {
    callers_are_challenged(2).await;
}

#[test]
fn one_prompt_for_all_who_are_challenged() {
    holds(any_code_will_do);
}

#[test]
fn a_refused_code_is_replaced_once_and_sent_no_more() {
    holds(the_first_code_is_refused);
}

#[test]
fn twin_that_prompts_twice() {
    finds(
        "no generation compare",
        "prompts, of as many",
        any_code_will_do,
    );
}

#[test]
fn twin_that_sends_a_refused_code() {
    finds(
        "refused codes stay",
        "a refused code was sent again",
        the_first_code_is_refused,
    );
}
