//! A response goes on as soon as its verdict is there, and no more of it is read than that takes.

use std::sync::{Arc, atomic::Ordering};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use tokio::sync::mpsc;
use tokio_stream::{StreamExt, wrappers::UnboundedReceiverStream};
use tokio_test::{assert_pending, assert_ready_ok, task};
use tower::{Service, ServiceExt};
use tower_reauth::{
    BoxError,
    layers::normalize::{NormalizeLayer, Normalized},
};

use crate::support::{Acme, AcmeError, Script, Step, client, data, get, said};

const MIB: usize = 1024 * 1024;

/// A body of frames that come when the test sends them.
fn channel() -> (
    mpsc::UnboundedSender<Bytes>,
    impl Fn() -> Response<Channel> + Clone,
) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let receiver = Arc::new(std::sync::Mutex::new(Some(receiver)));
    let answer = move || {
        let receiver = receiver.lock().unwrap().take().expect("asked once");
        let frame = (|data| Ok(http_body::Frame::data(data))) as fn(Bytes) -> _;
        let frames = UnboundedReceiverStream::new(receiver).map(frame);
        Response::new(StreamBody::new(frames))
    };
    (sender, answer)
}

type FrameOf = Result<http_body::Frame<Bytes>, BoxError>;
type Channel =
    StreamBody<tokio_stream::adapters::Map<UnboundedReceiverStream<Bytes>, fn(Bytes) -> FrameOf>>;

#[tokio::test]
async fn the_first_byte_is_forwarded_before_the_last_arrives() {
    let (sender, answer) = channel();
    let mut client = client(NormalizeLayer::new(Acme::default()), answer);
    let mut call = task::spawn(client.ready().await.unwrap().call(get()));
    assert_pending!(call.poll());
    sender.send(r#"{"sta"#.into()).unwrap();
    assert!(call.is_woken());
    assert_pending!(call.poll());
    // The last byte of the verdict, and not one more.
    sender.send(r#"tus":"ok""#.into()).unwrap();
    let response = assert_ready_ok!(call.poll());
    assert_eq!(response.status(), StatusCode::OK);

    let mut body = response.into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(first, r#"{"status":"ok""#);
    let mut next = task::spawn(body.frame());
    assert_pending!(next.poll());
    sender.send(r#","data":1}"#.into()).unwrap();
    let next = next.await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(next, r#","data":1}"#);
}

#[tokio::test]
async fn a_failure_behind_a_long_member_is_told_with_its_last_byte() {
    let (sender, answer) = channel();
    let mut client = client(NormalizeLayer::new(Acme::default()), answer);
    let mut call = task::spawn(client.ready().await.unwrap().call(get()));
    sender.send(r#"{"data":""#.into()).unwrap();
    for _ in 0..64 {
        sender.send(Bytes::from(vec![b'x'; 1024])).unwrap();
        assert_pending!(call.poll());
    }
    sender.send(r#"","status":"no"#.into()).unwrap();
    assert_pending!(call.poll());
    sender.send("\"".into()).unwrap();
    let response = assert_ready_ok!(call.poll());
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    drop(sender);
    let (bytes, _, error) = said(response.into_body()).await;
    let expected = format!(r#"{{"data":"{}","status":"no""#, "x".repeat(64 * 1024));
    assert_eq!(bytes, expected.as_bytes());
    assert_eq!(error, None);
}

#[tokio::test]
async fn of_64_mib_one_frame_is_read_before_they_go_on() {
    let rest = vec![Step::Data(vec![b' '; 64 * 1024].into()); 1024];
    let polls = Arc::default();
    let counted = Arc::clone(&polls);
    let answer = move || {
        let steps = [data(br#"{"status":"ok","data":""#)].into_iter();
        let mut body = Script::new(steps.chain(rest.clone()));
        body.polls = Arc::clone(&counted);
        Response::new(body)
    };
    let response = crate::support::normalized(Acme::default(), answer).await;
    assert_eq!(polls.load(Ordering::SeqCst), 1);

    // And no more than one frame is held at a time.
    let mut body = std::pin::pin!(response.into_body());
    let (mut frames, mut bytes) = (0, 0);
    while let Some(frame) = body.frame().await {
        frames += 1;
        bytes += frame.unwrap().into_data().unwrap().len();
        assert_eq!(polls.load(Ordering::SeqCst), frames.max(1));
    }
    assert_eq!(frames, 1 + 1024);
    assert_eq!(bytes, 23 + 64 * MIB);
}

#[tokio::test]
async fn beyond_the_cap_it_is_the_envelopes_to_judge_and_nothing_more_is_read() {
    for (strict, expected) in [(false, StatusCode::OK), (true, StatusCode::BAD_GATEWAY)] {
        let polls = Arc::default();
        let counted = Arc::clone(&polls);
        let answer = move || {
            let member = data(format!(r#"{{"data":"{}"#, "x".repeat(991)).as_bytes());
            let mut body = Script::new([
                member,
                data(&[b'x'; 1000]),
                data(&[b'x'; 1000]),
                data(br#"","status":"no"}"#),
            ]);
            body.polls = Arc::clone(&counted);
            Response::new(body)
        };
        let layer = NormalizeLayer::new(Acme { strict }).max_peek(1500);
        let response = client(layer, answer).oneshot(get()).await.unwrap();
        assert_eq!(polls.load(Ordering::SeqCst), 2);
        assert_eq!(response.status(), expected);
        let typed = response.extensions().get::<AcmeError>();
        assert_eq!(
            typed.map(|error| error.0.as_str()),
            strict.then_some("Err(OverCap)")
        );
        let was_changed = response.extensions().get::<Normalized>().is_some();
        assert_eq!(was_changed, strict);
        assert_eq!(said(response.into_body()).await.0.len(), 3016);
    }
}

#[tokio::test]
async fn a_verdict_within_the_cap_counts_and_one_beyond_does_not() {
    let body = br#"{"status":"no"}"#;
    let decisive = r#"{"status":"no""#.len();
    for (cap, expected) in [(decisive, 422), (decisive - 1, 200), (0, 200)] {
        for piece in [1, 5, body.len()] {
            let layer = NormalizeLayer::new(Acme::default()).max_peek(cap);
            let answer = move || Response::new(Script::pieces(body, piece));
            let response = client(layer, answer).oneshot(get()).await.unwrap();
            assert_eq!(response.status(), expected, "cap {cap}, pieces of {piece}");
            assert_eq!(said(response.into_body()).await.0, body);
        }
    }
}

#[tokio::test]
async fn a_body_that_ends_at_the_cap_is_whole() {
    let body = br#"{"data":1"#;
    for (cap, why) in [
        (body.len(), "Err(Truncated)"),
        (body.len() - 1, "Err(OverCap)"),
    ] {
        for piece in [1, body.len()] {
            let layer = NormalizeLayer::new(Acme { strict: true }).max_peek(cap);
            let answer = move || Response::new(Script::pieces(body, piece));
            let response = client(layer, answer).oneshot(get()).await.unwrap();
            assert_eq!(response.extensions().get::<AcmeError>().unwrap().0, why);
        }
    }
}

#[tokio::test]
async fn a_body_that_fails_goes_on_with_its_failure() {
    for (strict, expected) in [(false, 200), (true, 502)] {
        let answer = || Response::new(Script::new([data(br#"{"da"#), Step::Fail]));
        let response = crate::support::normalized(Acme { strict }, answer).await;
        assert_eq!(response.status(), expected);
        let expected = (br#"{"da"#.to_vec(), vec![], Some("reset".into()));
        assert_eq!(said(response.into_body()).await, expected);
    }
}

#[tokio::test]
async fn a_body_of_empty_frames_does_not_hold_the_caller_for_ever() {
    let answer = || {
        let frames = vec![Step::Data(Bytes::new()); 5000].into_iter();
        Response::new(Script::new(frames.chain([data(br#"{"status":"no"}"#)])))
    };
    let response = crate::support::normalized(Acme::default(), answer).await;
    assert_eq!(response.status(), 200);
    assert_eq!(said(response.into_body()).await.0, br#"{"status":"no"}"#);
}

#[tokio::test]
async fn a_caller_that_leaves_takes_the_body_along() {
    let (sender, answer) = channel();
    let mut client = client(NormalizeLayer::new(Acme::default()), answer);
    let mut call = task::spawn(client.ready().await.unwrap().call(get()));
    sender.send("{".into()).unwrap();
    assert_pending!(call.poll());
    assert!(!sender.is_closed());
    drop(call);
    assert!(sender.is_closed());
}
