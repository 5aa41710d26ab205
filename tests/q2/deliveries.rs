//! What a receiver answers, and what it does with what it accepts.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Method, Request};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full, StreamBody};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tower::service_fn;
use tower_reauth::{
    BoxError,
    providers::q2::{Delivery, Event, Webhook, WebhookBuilder, webhook::Refusal},
};

use crate::support::*;

type Refusals = Arc<Mutex<Vec<Refusal>>>;

fn receiver(adapt: impl FnOnce(WebhookBuilder) -> WebhookBuilder) -> (Desk, Webhook, Refusals) {
    let desk = desk();
    let refusals = Refusals::default();
    let noted = Arc::clone(&refusals);
    let builder = open(&desk.q2).on_refusal(move |refusal| noted.lock().unwrap().push(refusal));
    let webhook = adapt(builder).build().unwrap();
    (desk, webhook, refusals)
}

fn post(body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::post("/").body(Full::new(body.into())).unwrap()
}

#[tokio::test]
async fn only_posts_are_taken_and_answers_tell_nothing() {
    let (_desk, webhook, refusals) = receiver(|builder| builder);
    for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"] {
        let mut request = post(success().to_string());
        *request.method_mut() = Method::from_bytes(method.as_bytes()).unwrap();
        let answer = call(&webhook, request).await;
        assert_eq!(answer.status(), 405);
        assert_eq!(answer.headers()["allow"], "POST");
        assert_eq!(refusals.lock().unwrap().pop(), Some(Refusal::Method));
    }
    for (body, status) in [(success().to_string(), 200), ("{".into(), 400)] {
        let answer = call(&webhook, post(body)).await;
        assert_eq!(answer.status(), status);
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(body.is_empty());
    }
}

#[tokio::test]
async fn late_duplicate_and_unknown_events_are_accepted_and_told() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&told);
    let desk = desk_with(|builder| {
        builder.observer(move |event: &Event, delivery| {
            let kind = event.kind().to_owned();
            noted.lock().unwrap().push((kind, delivery));
            panic!("an observer that panics does no harm");
        })
    });
    let swap = || {
        json!({"event": {"_id": "e2", "type": "swap.success",
            "payload": {"resource": {"type": "swap", "id": "s1"}, "data": {}}}})
    };
    for event in [success(), success(), swap(), swap()] {
        assert_eq!(desk.send(event).await, 200);
    }
    let expected = [
        ("auth.success", Delivery::Unclaimed),
        ("auth.success", Delivery::Duplicate),
        ("swap.success", Delivery::Unknown),
        ("swap.success", Delivery::Duplicate),
    ];
    let expected = expected.map(|(kind, delivery)| (kind.to_owned(), delivery));
    assert_eq!(*told.lock().unwrap(), expected);
    let counts = desk.q2.counts();
    assert_eq!(
        (counts.unclaimed, counts.unknown, counts.duplicate),
        (1, 1, 2)
    );
    assert_eq!(counts.remembered, 2);
}

#[tokio::test]
async fn events_that_came_another_way_are_treated_alike() {
    let Desk { q2, .. } = desk();
    let event = Event::from_json(success().to_string()).unwrap();
    assert_eq!(q2.deliver(&event), Delivery::Unclaimed);
    assert_eq!(q2.deliver(&event), Delivery::Duplicate);
}

/// A body of these frames, that says nothing about its length.
fn streamed(
    frames: Vec<Result<Frame<Bytes>, BoxError>>,
) -> impl Body<Data = Bytes, Error = BoxError> + Send + 'static {
    StreamBody::new(tokio_stream::iter(frames))
}

#[tokio::test]
async fn a_body_over_the_cap_is_refused_and_not_read_further() {
    let length = success().to_string().len();
    let (_desk, webhook, refusals) = receiver(|builder| builder.max_body(length));
    assert_eq!(send(&webhook, success()).await, 200);

    // One that says so beforehand is not read at all.
    struct Claims;
    impl Body for Claims {
        type Data = Bytes;
        type Error = BoxError;
        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            panic!("it is too long anyway");
        }
        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(1 << 40)
        }
    }
    let answer = call(&webhook, Request::post("/").body(Claims).unwrap()).await;
    assert_eq!(answer.status(), 413);
    assert_eq!(answer.headers()["connection"], "close");

    let frame = |length| Ok(Frame::data(Bytes::from(vec![b' '; length])));
    for frames in [
        vec![frame(length + 1)],
        vec![frame(length), frame(1)],
        (0..2000).map(|_| frame(0)).collect(),
    ] {
        let request = Request::post("/").body(streamed(frames)).unwrap();
        assert_eq!(call(&webhook, request).await.status(), 413);
        assert_eq!(refusals.lock().unwrap().pop(), Some(Refusal::TooLarge));
    }
    // In pieces, with trailers: all of it is read.
    let mut event = success();
    event["event"]["_id"] = json!("e-succes2");
    let mut frames: Vec<_> = event
        .to_string()
        .bytes()
        .map(|byte| Ok(Frame::data(Bytes::from(vec![byte]))))
        .collect();
    frames.push(Ok(Frame::trailers(http::HeaderMap::new())));
    let request = Request::post("/").body(streamed(frames)).unwrap();
    assert_eq!(call(&webhook, request).await.status(), 200);

    let broken = vec![frame(1), Err("reset".into())];
    let request = Request::post("/").body(streamed(broken)).unwrap();
    assert_eq!(call(&webhook, request).await.status(), 400);
    assert_eq!(refusals.lock().unwrap().pop(), Some(Refusal::Broken));
}

/// A body that never ends.
struct Endless;

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_is_given_up_and_gives_its_place_back() {
    let (_desk, webhook, refusals) = receiver(|builder| builder.max_deliveries(2));
    let endless = || {
        let webhook = webhook.clone();
        let request = Request::post("/").body(Endless).unwrap();
        tokio_test::task::spawn(async move { call(&webhook, request).await })
    };
    let (mut one, mut two) = (endless(), endless());
    assert!(one.poll().is_pending() && two.poll().is_pending());
    // Both places are taken.
    let answer = call(&webhook, post(success().to_string())).await;
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["retry-after"], "1");
    assert_eq!(refusals.lock().unwrap().pop(), Some(Refusal::Busy));
    // One hangs up, and its place is free.
    drop(one);
    assert_eq!(send(&webhook, success()).await, 200);

    tokio::time::advance(Duration::from_millis(9_999)).await;
    assert!(two.poll().is_pending());
    tokio::time::advance(Duration::from_millis(2)).await;
    let Poll::Ready(answer) = two.poll() else {
        panic!("the time is over");
    };
    assert_eq!(answer.status(), 408);
    assert_eq!(answer.headers()["connection"], "close");
    assert_eq!(refusals.lock().unwrap().pop(), Some(Refusal::TooSlow));
}

#[tokio::test]
async fn a_bearer_token_is_checked_before_the_body_is_read() {
    let verifier = service_fn(|token: SecretString| async move {
        match token.expose_secret() {
            "good" => Ok(true),
            "panic" => panic!("a verifier that panics"),
            "fail" => Err(BoxError::from("introspection is down")),
            _ => Ok(false),
        }
    });
    let desk = desk();
    let webhook = desk.q2.webhook().bearer(verifier).build().unwrap();
    for (values, status) in [
        (&[][..], 401),
        (&["Bearer bad"], 401),
        (&["Basic good"], 401),
        (&["Bearer"], 401),
        (&["Bearer "], 401),
        (&["Bearer good", "Bearer good"], 401),
        (&["Bearer fail"], 503),
        (&["Bearer panic"], 503),
        (&["bearer good"], 200),
    ] {
        let mut request = post(success().to_string());
        for value in values {
            let value = value.parse().unwrap();
            request.headers_mut().append("authorization", value);
        }
        let answer = call(&webhook, request).await;
        assert_eq!(answer.status(), status, "{values:?}");
        let is_challenged = answer.headers().contains_key("www-authenticate");
        assert_eq!(is_challenged, status == 401, "{values:?}");
    }
    assert_eq!(desk.q2.counts().unclaimed, 1);
}

/// A handler that fails, panics, hangs or works, as told; and what it was called with.
#[derive(Clone, Default)]
struct Handled {
    events: Arc<Mutex<Vec<String>>>,
    todo: Arc<Mutex<Vec<&'static str>>>,
    go_on: Arc<Notify>,
}

impl Handled {
    fn handle(&self, event: &Event) -> impl Future<Output = Result<(), BoxError>> + use<> {
        self.events.lock().unwrap().push(event.id().unwrap().into());
        let todo = self.todo.lock().unwrap().pop();
        let go_on = Arc::clone(&self.go_on);
        async move {
            match todo {
                Some("fail") => Err("the database is down".into()),
                Some("panic") => panic!("a handler that panics"),
                Some("hang") => {
                    go_on.notified().await;
                    Ok(())
                }
                _ => Ok(()),
            }
        }
    }
}

fn handling() -> (Desk, Webhook, Handled, Refusals) {
    let handled = Handled::default();
    let called = handled.clone();
    let (desk, webhook, refusals) =
        receiver(|builder| builder.handler(service_fn(move |event: Event| called.handle(&event))));
    (desk, webhook, handled, refusals)
}

#[tokio::test(start_paused = true)]
async fn an_event_is_accepted_after_the_handler_has_succeeded_and_not_before() {
    let (desk, webhook, handled, refusals) = handling();
    *handled.todo.lock().unwrap() = vec!["work", "panic", "fail"];
    for status in [500, 500, 200, 200, 200] {
        assert_eq!(send(&webhook, success()).await, status);
    }
    // Twice it failed, then it worked; two duplicates did not reach it.
    assert_eq!(handled.events.lock().unwrap().len(), 3);
    assert_eq!(*refusals.lock().unwrap(), [Refusal::Handler; 2]);
    // Nobody waited, and that was told once.
    let counts = desk.q2.counts();
    assert_eq!((counts.unclaimed, counts.duplicate), (1, 2));
    // One that means nothing here reaches the handler too.
    let other = json!({"_id": "e7", "type": "auth.needs-resync", "payload": {}});
    assert_eq!(send(&webhook, other).await, 200);
    assert_eq!(handled.events.lock().unwrap().last().unwrap(), "e7");
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_fails_does_not_hold_up_who_waits_and_tells_it_once() {
    let (desk, webhook, handled, _) = handling();
    let mut server = desk.server;
    let mut task = begin(&desk.q2);
    server.next().await.queued();
    assert!(task.poll().is_pending());
    *handled.todo.lock().unwrap() = vec!["fail", "fail"];
    assert_eq!(send(&webhook, questions("e1", "t1")).await, 500);
    assert!(task.poll().is_pending());
    server.waiting().unwrap().done();
    assert!(task.poll().is_pending());
    // Delivered again: the question is not put again.
    assert_eq!(send(&webhook, questions("e1", "t1")).await, 500);
    assert_eq!(send(&webhook, questions("e1", "t1")).await, 200);
    assert!(task.poll().is_pending());
    assert_eq!(desk.prompts.len(), 1);
    assert!(server.waiting().is_none());
    assert_eq!(handled.events.lock().unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_same_event_is_not_handled_twice_at_once() {
    let (_desk, webhook, handled, refusals) = handling();
    *handled.todo.lock().unwrap() = vec!["hang"];
    let request = post(success().to_string());
    let first = webhook.clone();
    let mut first = tokio_test::task::spawn(async move { call(&first, request).await });
    assert!(first.poll().is_pending());
    assert_eq!(send(&webhook, success()).await, 503);
    assert_eq!(refusals.lock().unwrap().pop(), Some(Refusal::NotNow));
    // The first sender hangs up: the handler is called again by the next delivery.
    drop(first);
    *handled.todo.lock().unwrap() = vec!["hang"];
    let request = post(success().to_string());
    let second = webhook.clone();
    let mut second = tokio_test::task::spawn(async move { call(&second, request).await });
    assert!(second.poll().is_pending());
    handled.go_on.notify_one();
    let Poll::Ready(answer) = second.poll() else {
        panic!("it goes on");
    };
    assert_eq!(answer.status(), 200);
    assert_eq!(send(&webhook, success()).await, 200);
    assert_eq!(handled.events.lock().unwrap().len(), 2);

    // One that hangs is given up.
    *handled.todo.lock().unwrap() = vec!["hang"];
    let request = post(created().to_string());
    let third = webhook.clone();
    let mut third = tokio_test::task::spawn(async move { call(&third, request).await });
    assert!(third.poll().is_pending());
    tokio::time::advance(Duration::from_millis(30_001)).await;
    let Poll::Ready(answer) = third.poll() else {
        panic!("the time is over");
    };
    assert_eq!(answer.status(), 500);
}

#[tokio::test]
async fn a_hook_that_panics_changes_nothing() {
    let desk = desk();
    let webhook = open(&desk.q2)
        .on_refusal(|_| panic!("a hook that panics"))
        .build()
        .unwrap();
    assert_eq!(call(&webhook, post("{")).await.status(), 400);
    assert_eq!(send(&webhook, success()).await, 200);
}

#[tokio::test]
async fn every_json_body_gets_an_answer_and_no_event_is_made_of_nonsense() {
    let Some(root) = std::env::var_os("REAUTH_VECTORS") else {
        eprintln!("LEFT OUT: REAUTH_VECTORS is not set, so 318 JSON bodies were not tested");
        return;
    };
    let file = std::path::Path::new(&root).join("json-parsing/json_parsing.json");
    let vectors: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 318);
    let (desk, webhook, refusals) = receiver(|builder| builder);
    let mut accepted = 0;
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let body = STANDARD.decode(case["base64"].as_str().unwrap()).unwrap();
        // As it is, and behind a BOM: JSON or not, it is no event.
        let behind_bom = [b"\xEF\xBB\xBF".as_slice(), &body].concat();
        for body in [body.clone(), behind_bom] {
            assert_eq!(call(&webhook, post(body)).await.status(), 400, "{name}");
            assert_eq!(refusals.lock().unwrap().pop(), Some(Refusal::Malformed));
        }
        // As what an event says.
        let head = b"{\"_id\":\"e\",\"type\":\"t\",\"payload\":{\"data\":".as_slice();
        let event = [head, &body, b"}}"].concat();
        let status = call(&webhook, post(event)).await.status();
        match case["verdict"].as_str().unwrap() {
            "accept" => assert_eq!(status, 200, "{name}"),
            // Two of them are no values alone, and yet a part of JSON.
            "reject" if status == 200 => panic!("{name}"),
            _ => assert!(status == 200 || status == 400, "{name}"),
        }
        accepted += usize::from(status == 200);
    }
    assert!(accepted >= 95, "{accepted}");
    assert_eq!(desk.q2.counts().remembered, 1);
}

#[tokio::test]
async fn an_event_that_breaks_off_anywhere_is_refused() {
    let (desk, webhook, _) = receiver(|builder| builder);
    for event in [success(), questions("e1", "t1"), choices("e2", "t2")] {
        let body = event.to_string();
        for length in 0..body.len() {
            let status = call(&webhook, post(body[..length].to_owned()))
                .await
                .status();
            assert_eq!(status, 400, "{length}");
        }
    }
    assert_eq!(desk.q2.counts().remembered, 0);
}

#[tokio::test]
async fn debug_shows_no_secret() {
    let (desk, webhook, _) = receiver(|builder| builder);
    let event = Event::from_json(questions("e1", "t0ken").to_string()).unwrap();
    let shown = format!("{:?} {webhook:?} {event:?} {:?}", desk.q2, new_auth());
    for secret in [API_KEY, PASSWORD, "t0ken"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
