use std::{convert::Infallible, panic, pin::pin, sync::Arc, task::Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::{Empty, Full, StreamBody};
use tokio_test::{assert_pending, assert_ready_eq, task};
use tower::{Layer, Service, ServiceExt, service_fn};

use self::script::{Script, Step, data, drain, failure, next, trailer_map, trailers, wait};
use super::{
    NotReplayed, Released, Replay, ReplayBody, ReplayLayer, ResendBody, budget::Budget,
    budget::Limits, state::FRAME_OVERHEAD,
};
use crate::BoxError;

mod kept;
mod model;
mod script;

// === what is in memory already ===

#[test]
fn bytes_are_copied_without_a_copy_of_the_memory() {
    let bytes = Bytes::from(vec![b'x'; 1000]);
    let mut bodies = [
        ReplayBody::<Full<Bytes>>::from(bytes.clone()),
        ReplayBody::with_limits(Full::new(bytes.clone()), &limits(0, None)),
    ];
    for body in &mut bodies {
        assert!(body.stream().is_none());
        let mut copy = body.try_copy().unwrap();
        assert_eq!(body.size_hint().exact(), Some(1000));
        assert_eq!(copy.size_hint().exact(), Some(1000));
        assert_eq!(
            released(&mut copy),
            Poll::Ready(Released::Whole),
            "nothing to wait for"
        );
        let (Poll::Ready(Some(Ok(frame))), Poll::Ready(None)) = (next(&mut copy), next(&mut copy))
        else {
            panic!("one frame and the end");
        };
        assert_eq!(frame.data_ref().unwrap().as_ptr(), bytes.as_ptr());
        assert!(copy.is_end_stream());
        assert!(copy.try_copy().is_none(), "sent, so it has nothing to copy");
        assert!(!body.is_end_stream());
    }
}

#[test]
fn what_is_not_a_stream_is_not_treated_as_one() {
    let text = ReplayBody::new(String::from("hello"));
    assert!(text.stream().is_none());
    assert_eq!(drain(text).bytes, "hello");

    let empty = ReplayBody::new(Empty::<Bytes>::new());
    assert!(empty.stream().is_none());
    assert!(empty.is_end_stream());
    assert_eq!(empty.size_hint().exact(), Some(0));
    let mut copy = empty.try_copy().unwrap();
    assert!(matches!(next(&mut copy), Poll::Ready(None)));
    assert!(copy.try_copy().is_some(), "of nothing, nothing is missing");

    let ended = ReplayBody::new(Script::new([]).with_known_end());
    assert!(ended.stream().is_none());
    assert!(ended.try_copy().is_some());
}

#[test]
fn a_body_can_be_made_from_what_is_in_memory_whatever_its_type() {
    type Any = ReplayBody<Script>;
    assert_eq!(drain(Any::from(Bytes::from("a"))).bytes, "a");
    assert_eq!(drain(Any::from("b")).bytes, "b");
    assert_eq!(drain(Any::from(String::from("c"))).bytes, "c");
    assert_eq!(drain(Any::from(vec![b'd'])).bytes, "d");
    assert_eq!(drain(Any::from(&b"e"[..])).bytes, "e");
    assert!(Any::from(()).is_end_stream());
    assert!(Any::default().is_end_stream());
}

#[test]
fn full_and_empty_bodies_can_be_sent_again() {
    let mut copy = Full::new(Bytes::from("hello")).try_copy().unwrap();
    assert_eq!(released(&mut copy), Poll::Ready(Released::Whole));
    assert_eq!(copy.size_hint().exact(), Some(5));

    let mut copy = Empty::<Bytes>::new().try_copy().unwrap();
    assert_eq!(released(&mut copy), Poll::Ready(Released::Whole));
    assert!(copy.is_end_stream());
}

// === streams ===

#[test]
fn a_copy_sends_the_same_bytes_and_trailers() {
    let body = stream([data("one "), wait(), data(""), data("two"), trailers()]);
    let copy = body.try_copy().unwrap();
    let first = drain(body);
    assert_eq!(first.bytes, "one two");
    assert_eq!(first.trailers, [trailer_map()]);
    assert_eq!(drain_whole(copy), first);
}

#[test]
fn no_byte_is_copied() {
    let frame = Bytes::from(vec![b'x'; 100]);
    let mut body = stream([Step::Frame(Frame::data(frame.clone()))]);
    let mut copy = body.try_copy().unwrap();
    for body in [&mut body, &mut copy] {
        let Poll::Ready(Some(Ok(sent))) = next(body) else {
            panic!("a frame");
        };
        assert_eq!(sent.data_ref().unwrap().as_ptr(), frame.as_ptr());
        assert!(matches!(next(body), Poll::Ready(None)));
    }
}

#[test]
fn a_copy_goes_on_where_the_first_send_stopped() {
    let mut body = stream([data("one "), data("two "), data("three"), trailers()]);
    let copy = body.try_copy().unwrap();
    let _ = next(&mut body);
    drop(body);
    let sent = drain_whole(copy);
    assert_eq!(sent.bytes, "one two three");
    assert_eq!(sent.trailers, [trailer_map()]);
}

#[test]
fn a_copy_sent_before_the_body_was_polled_at_all_sends_it_once() {
    // linkerd/linkerd2#15649: the first chunk came twice. In both orders of dropping.
    let body = stream([data("one "), data("two")]);
    let copy = body.try_copy().unwrap();
    drop(body);
    assert_eq!(drain_whole(copy).bytes, "one two");

    let body = stream([data("one "), data("two")]);
    let mut copy = body.try_copy().unwrap();
    let _ = next(&mut copy);
    drop(body);
    assert_eq!(drain(copy).bytes, "two");
}

#[test]
fn several_copies_are_sent_in_turn() {
    let mut body = stream([data("one "), data("two "), data("three")]);
    let mut copy = body.try_copy().unwrap();
    let _ = next(&mut body);
    drop(body);

    assert_eq!(released(&mut copy), Poll::Ready(Released::Whole));
    let mut second = copy.try_copy().unwrap();
    let _ = (next(&mut copy), next(&mut copy));
    assert_eq!(released(&mut second), Poll::Pending);
    drop(copy);

    assert_eq!(released(&mut second), Poll::Ready(Released::Whole));
    let third = second.try_copy().unwrap();
    assert_eq!(drain(second).bytes, "one two three");
    assert_eq!(drain_whole(third).bytes, "one two three");
}

#[test]
fn copies_of_two_layers_do_not_wait_for_each_other_but_for_what_was_sent() {
    let body = stream([data("one")]);
    let mut of_outer = body.try_copy().unwrap();
    let mut of_inner = body.try_copy().unwrap();
    drop(body);
    assert_eq!(released(&mut of_inner), Poll::Ready(Released::Whole));
    // Now it counts as sent, though the client has not polled it yet.
    let mut waiting = task::spawn(());
    assert_pending!(waiting.enter(|cx, _| of_outer.poll_released(cx)));
    drop(of_inner);
    assert!(waiting.is_woken());
    assert_eq!(drain_whole(of_outer).bytes, "one");
}

#[test]
fn whoever_waits_is_woken_when_the_body_is_dropped() {
    let mut body = stream([data("one"), data("two")]);
    let mut copy = body.try_copy().unwrap();
    let _ = next(&mut body);
    let mut waiting = task::spawn(());
    assert_pending!(waiting.enter(|cx, _| copy.poll_released(cx)));
    assert_eq!(copy.not_replayed(), NotReplayed::StillSending);
    assert!(!waiting.is_woken());
    drop(body);
    assert!(waiting.is_woken());
    assert_eq!(copy.not_replayed(), NotReplayed::NotCopyable);
    assert_ready_eq!(
        waiting.enter(|cx, _| copy.poll_released(cx)),
        Released::Whole
    );
}

#[test]
fn a_body_dropped_before_its_first_poll_wakes_whoever_waits() {
    let body = stream([data("one")]);
    let mut copy = body.try_copy().unwrap();
    let mut waiting = task::spawn(());
    assert_pending!(waiting.enter(|cx, _| copy.poll_released(cx)));
    drop(body);
    assert!(waiting.is_woken());
}

#[test]
fn a_body_at_its_end_is_let_go_even_if_the_client_keeps_it() {
    let mut body = stream([data("one")]);
    let mut copy = body.try_copy().unwrap();
    while !matches!(next(&mut body), Poll::Ready(None)) {}
    assert_eq!(released(&mut copy), Poll::Ready(Released::Whole));
    assert_eq!(drain(copy).bytes, "one");
    assert!(matches!(next(&mut body), Poll::Ready(None)));
}

#[test]
fn whoever_waits_from_another_task_is_woken_there() {
    let body = stream([data("one")]);
    let mut copy = body.try_copy().unwrap();
    let (mut first, mut second) = (task::spawn(()), task::spawn(()));
    assert_pending!(first.enter(|cx, _| copy.poll_released(cx)));
    assert_pending!(second.enter(|cx, _| copy.poll_released(cx)));
    drop(body);
    assert!(second.is_woken());
    assert!(!first.is_woken());
}

#[test]
fn two_bodies_never_read_at_the_same_time() {
    let mut body = stream([data("one "), data("two")]);
    let mut copy = body.try_copy().unwrap();
    let _ = next(&mut body);
    let Poll::Ready(Some(Err(error))) = next(&mut copy) else {
        panic!("an error and no bytes");
    };
    assert_eq!(error.downcast_ref(), Some(&NotReplayed::StillSending));
    assert!(matches!(next(&mut copy), Poll::Ready(None)));
    assert_eq!(drain(body).bytes, "two");
}

#[test]
fn a_body_that_was_polled_has_no_copies() {
    let mut body = stream([data("one"), data("two")]);
    let _ = next(&mut body);
    assert!(body.try_copy().is_none());
    assert_eq!(released(&mut body), Poll::Ready(Released::NotReplayable));
}

#[test]
fn a_body_that_failed_is_not_sent_again() {
    let mut body = stream([data("one"), failure(), data("more")]);
    let mut copy = body.try_copy().unwrap();
    let mut waiting = task::spawn(());
    assert_pending!(waiting.enter(|cx, _| copy.poll_released(cx)));
    let _ = next(&mut body);
    assert!(matches!(next(&mut body), Poll::Ready(Some(Err(_)))));
    assert!(waiting.is_woken());
    assert_eq!(released(&mut copy), Poll::Ready(Released::NotReplayable));
    assert_eq!(copy.not_replayed(), NotReplayed::Failed);
    assert_eq!(held(&copy), 0);
    assert!(copy.try_copy().is_none());
    let error = drain(copy).error.unwrap();
    assert_eq!(error, NotReplayed::Failed.to_string(), "never a short body");
}

#[test]
fn a_body_that_fails_in_the_second_send_fails_there() {
    let mut body = stream([data("one"), failure()]);
    let copy = body.try_copy().unwrap();
    let _ = next(&mut body);
    drop(body);
    let sent = drain_whole(copy);
    assert_eq!(sent.bytes, "one");
    assert_eq!(sent.error.as_deref(), Some("the disk failed"));
}

#[test]
fn a_body_that_panics_is_not_sent_again_and_keeps_nobody_waiting() {
    let mut body = stream([data("one"), Step::Panic]);
    let mut copy = body.try_copy().unwrap();
    let mut waiting = task::spawn(());
    assert_pending!(waiting.enter(|cx, _| copy.poll_released(cx)));
    let panicked = panic::catch_unwind(panic::AssertUnwindSafe(move || {
        let _ = next(&mut body);
        let _ = next(&mut body);
    }));
    assert!(panicked.is_err());
    assert!(waiting.is_woken());
    assert_eq!(released(&mut copy), Poll::Ready(Released::NotReplayable));
    assert!(drain(copy).error.is_some());
}

#[test]
fn a_body_that_is_polled_after_it_panicked_fails() {
    let mut body = stream([Step::Panic, data("one")]);
    let panicked = panic::catch_unwind(panic::AssertUnwindSafe(|| drop(next(&mut body))));
    assert!(panicked.is_err());
    assert!(matches!(next(&mut body), Poll::Ready(Some(Err(_)))));
}

// === length ===

#[test]
fn a_copy_has_the_length_of_the_first_send() {
    let mut body = ReplayBody::new(Script::new([data("one "), data("two")]).with_length());
    let copy = body.try_copy().unwrap();
    assert_eq!(body.size_hint().exact(), Some(7));
    let _ = next(&mut body);
    assert_eq!(body.size_hint().exact(), Some(3));
    drop(body);

    let mut second = copy.try_copy().unwrap();
    assert_eq!(copy.size_hint().exact(), Some(7));
    drop(copy);
    assert_eq!(second.size_hint().exact(), Some(7));
    for left in [3, 0] {
        let _ = next(&mut second);
        assert_eq!(second.size_hint().exact(), Some(left));
    }
}

#[test]
fn a_copy_of_a_body_without_length_has_none_though_it_is_known_by_now() {
    // Both sends are framed alike: a server that takes the one takes the other.
    let body = stream([data("one")]);
    let mut copy = body.try_copy().unwrap();
    drain(body);
    assert_eq!(copy.size_hint().exact(), None);
    let _ = next(&mut copy);
    assert_eq!(copy.size_hint().exact(), Some(0));
}

#[test]
fn a_length_that_overflows_is_no_length() {
    let mut source = Script::new([data("one"), data("two"), data("three")]);
    source.upper = Some(u64::MAX);
    let mut body = ReplayBody::new(source);
    let mut copy = body.try_copy().unwrap();
    let _ = (next(&mut body), next(&mut body));
    drop(body);
    let _ = next(&mut copy);
    assert_eq!(copy.size_hint().lower(), 3);
    assert_eq!(copy.size_hint().upper(), None);
}

#[test]
fn the_end_is_known_when_the_source_knows_it() {
    let source = Script::new([data("one"), data("two")]).with_known_end();
    let mut body = ReplayBody::new(source);
    let mut copy = body.try_copy().unwrap();
    assert!(!body.is_end_stream());
    for ended in [false, true] {
        let _ = next(&mut body);
        assert_eq!(body.is_end_stream(), ended);
    }
    drop(body);
    assert!(!copy.is_end_stream());
    for ended in [false, true] {
        let _ = next(&mut copy);
        assert_eq!(copy.is_end_stream(), ended);
    }
}

// === the layer ===

#[tokio::test]
async fn the_layer_makes_any_body_sendable_twice() {
    let layer = ReplayLayer::new().max_body(2000).max_total(3000);
    let service = layer.layer(service_fn(twice));
    let frames = [Ok::<_, Infallible>(Frame::data(Bytes::from("hello")))];
    let body = StreamBody::new(tokio_stream::iter(frames));
    assert_eq!(send(service, body).await, "hello");
    assert_eq!(layer.budget().used(), 0);
}

#[tokio::test]
async fn a_body_that_was_handled_already_is_handled_again() {
    let inner = Replay::new(service_fn(twice));
    let outer = ReplayLayer::new().layer(inner);
    let body = Script::new([data("one "), data("two"), trailers()]);
    assert_eq!(send(outer, body).await, "one two");

    let inner = Replay::new(service_fn(twice));
    let outer = ReplayLayer::new().layer(inner);
    assert_eq!(send(outer, Full::new(Bytes::from("full"))).await, "full");
}

#[tokio::test]
async fn the_limits_are_shared_by_all_clones_of_the_layer() {
    let keep = service_fn(|request: Request<ReplayBody<Script>>| async {
        let copy = request.body().try_copy();
        drain(request.into_body());
        Ok::<_, Infallible>(Response::new(copy))
    });
    let layer = ReplayLayer::new().max_total(3 + FRAME_OVERHEAD);
    let mut first = layer.clone().layer(keep);
    let mut second = layer.layer(keep).clone();
    let request = || Request::new(Script::new([data("one")]));
    let kept = first.ready().await.unwrap().call(request()).await.unwrap();
    let refused = second.ready().await.unwrap().call(request()).await.unwrap();
    let mut refused = refused.into_body().unwrap();
    assert_eq!(released(&mut refused), Poll::Ready(Released::NotReplayable));
    assert_eq!(drain_whole(kept.into_body().unwrap()).bytes, "one");
}

#[tokio::test]
async fn the_service_is_ready_when_the_one_inside_is() {
    let (mock, mut handle) =
        tower_test::mock::pair::<Request<ReplayBody<Full<Bytes>>>, Response<()>>();
    handle.allow(0);
    let mut service = task::spawn(Replay::new(mock));
    assert_pending!(
        service.enter(
            |cx, mut service| Service::<Request<Full<Bytes>>>::poll_ready(&mut *service, cx)
        )
    );
    handle.allow(1);
    assert!(service.is_woken());
}

// === what it is ===

#[test]
fn bodies_are_send_sync_and_unpin_when_the_source_is_send() {
    type NotSync = StreamBody<std::pin::Pin<Box<dyn futures_core::Stream<Item = ()> + Send>>>;
    fn is_all<T: Send + Sync + Unpin + 'static>() {}
    is_all::<ReplayBody<NotSync>>();
    is_all::<ReplayLayer>();
    is_all::<Replay<()>>();
}

#[test]
fn debug_shows_no_bytes() {
    let mut body = stream([data("secret"), data("secret")]);
    let copy = body.try_copy().unwrap();
    let _ = next(&mut body);
    let shown = format!(
        "{body:?} {copy:?} {:?}",
        ReplayBody::<Script>::from("secret")
    );
    assert!(!shown.contains("secret"), "{shown}");
    assert!(shown.contains("ReplayBody { bytes: Some(6) }"), "{shown}");
}

#[test]
fn the_reasons_are_errors_that_say_what_happened() {
    let error: BoxError = NotReplayed::TooLarge.into();
    assert_eq!(
        error.to_string(),
        "the request body is larger than can be kept for sending it again"
    );
}

// === helpers ===

fn limits(max_body: usize, budget: Option<&Arc<Budget>>) -> Limits {
    Limits {
        max_body,
        budget: budget.cloned(),
    }
}

fn stream(steps: impl IntoIterator<Item = Step>) -> ReplayBody<Script> {
    ReplayBody::new(Script::new(steps))
}

fn limited(
    steps: impl IntoIterator<Item = Step>,
    max_body: usize,
    max_total: usize,
) -> (ReplayBody<Script>, Arc<Budget>) {
    let budget = Arc::new(Budget::new(max_total));
    let body = ReplayBody::with_limits(Script::new(steps), &limits(max_body, Some(&budget)));
    (body, budget)
}

fn held<B>(body: &ReplayBody<B>) -> usize {
    body.stream().map_or(0, |stream| stream.held())
}

fn released(copy: &mut impl ResendBody) -> Poll<Released> {
    task::spawn(()).enter(|cx, _| copy.poll_released(cx))
}

/// Sends a copy as a layer does: only once it is released.
fn drain_whole<B>(mut copy: ReplayBody<B>) -> script::Sent
where
    ReplayBody<B>: Body<Data = Bytes, Error = BoxError>,
{
    assert_eq!(released(&mut copy), Poll::Ready(Released::Whole));
    drain(copy)
}

/// Reads a little of the body, then sends its copy.
async fn twice<B>(request: Request<ReplayBody<B>>) -> Result<Response<Bytes>, Infallible>
where
    ReplayBody<B>: Body<Data = Bytes, Error = BoxError>,
{
    let body = request.into_body();
    let copy = body.try_copy().expect("short enough");
    {
        let mut body = pin!(body);
        let _ = next(&mut body);
    }
    Ok(Response::new(drain_whole(copy).bytes))
}

async fn send<S, B>(service: S, body: B) -> Bytes
where
    S: Service<Request<B>, Response = Response<Bytes>, Error = Infallible>,
{
    let Ok(response) = service.oneshot(Request::new(body)).await;
    response.into_body()
}
