use std::{
    collections::VecDeque,
    convert::Infallible,
    future::{Ready, pending, ready},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Empty, Full};
use proptest::prelude::*;
use tokio_test::{assert_pending, assert_ready, task};

use super::{Cut, Limit, Peek, PeekBody};
use crate::BoxError;

const LIMIT: usize = 10;

#[test]
fn an_untouched_body_is_passed_through_as_it_is() {
    let body = PeekBody::new(Full::new(Bytes::from("hello")));
    assert_eq!(body.size_hint().exact(), Some(5));
    assert!(!body.is_end_stream());
    assert_eq!(bytes_of(body).unwrap(), "hello");

    let body = PeekBody::new(Empty::<Bytes>::new());
    assert!(body.is_end_stream());
}

#[test]
fn an_empty_body_is_read_without_a_look() {
    let body = peek(Script::new([]).ended()).unwrap();
    assert!(body.is_read());
    assert!(body.is_end_stream());
    assert!(body.into_cut(LIMIT).is_end_stream());
}

#[test]
fn a_body_that_is_one_frame_is_not_copied() {
    let sent = Bytes::from(vec![b'x'; 8]);
    let body = peek(Full::new(sent.clone())).unwrap();
    assert!(body.is_read());
    assert_eq!(body.prefix().as_ptr(), sent.as_ptr());
    assert_eq!(body.size_hint().exact(), Some(8));
    assert_eq!(bytes_of(body).unwrap(), sent);
}

#[test]
fn frames_are_seen_in_one_piece() {
    let body = peek(Script::new([data("ab"), data(""), data("cd"), data("e")])).unwrap();
    assert_eq!(body.prefix(), "abcde");
    assert!(body.is_read());
    assert_eq!(body.size_hint().exact(), Some(5));
    assert_eq!(bytes_of(body).unwrap(), "abcde");
}

#[test]
fn trailers_come_after_the_bytes() {
    for end_known in [false, true] {
        let mut script = Script::new([data("ab"), trailers()]);
        script.end_known = end_known;
        let body = peek(script).unwrap();
        assert!(body.is_read());
        assert_eq!(body.size_hint().exact(), Some(2));
        let body = body.into_cut(LIMIT);
        assert!(!body.is_end_stream());
        let (bytes, sent, error) = drain(body);
        assert_eq!(bytes, "ab");
        assert_eq!(sent, vec![trailer_map()]);
        assert!(error.is_none());
    }
}

#[test]
fn an_error_comes_in_its_place() {
    let body = peek(Script::new([data("ab"), Err("reset".into())])).unwrap();
    assert_eq!(body.prefix(), "ab");
    assert!(body.is_read());
    assert_eq!(body.size_hint().lower(), 2);
    assert_eq!(body.size_hint().upper(), None);
    // What failed is not cut: the caller must see how it failed.
    let (bytes, _, error) = drain(body.into_cut(LIMIT));
    assert_eq!(bytes, "ab");
    assert_eq!(error.unwrap().to_string(), "reset");
}

#[test]
fn no_frame_is_read_beyond_the_one_that_passes_the_limit() {
    let script = Script::new([data("12345"), data("67890"), data("abcde"), data("rest")]);
    let body = peek(script).unwrap();
    assert_eq!(body.prefix(), "1234567890abcde");
    assert!(!body.is_read());
    assert_eq!(bytes_of(body).unwrap(), "1234567890abcderest");
}

#[test]
fn a_body_of_exactly_the_limit_is_whole() {
    let body = peek(Script::new([data("12345"), data("67890")])).unwrap();
    assert!(body.is_read());
    assert!(bytes_of(body.into_cut(LIMIT)).is_ok());
}

#[test]
fn a_body_that_knows_its_end_is_not_asked_for_more() {
    let mut script = Script::new([data("ab"), data("cd")]).ended();
    script.max_polls = 2;
    assert!(peek(script).unwrap().is_read());
}

#[test]
fn a_body_of_empty_frames_only_does_not_keep_the_reader_busy() {
    struct Endless;
    impl Body for Endless {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(Some(Ok(Frame::data(Bytes::new()))))
        }
    }
    assert!(!peek(Endless).unwrap().is_read());
}

#[test]
fn the_size_hint_adds_what_was_read_to_what_was_not() {
    let mut script = Script::new([data("12345"), data("678901"), data("rest")]);
    script.exact = true;
    let body = peek(script).unwrap();
    assert_eq!(body.prefix().len(), 11);
    assert_eq!(body.size_hint().exact(), Some(15));
}

#[test]
fn the_deadline_ends_the_reading_and_not_the_body() {
    let script = Script::new([data("ab"), wait(), data("cd")]);
    let body = assert_ready!(task::spawn(Peek::new(script, LIMIT, ready(()))).poll());
    assert_eq!(body.prefix(), "ab");
    assert!(!body.is_read());
    assert_eq!(bytes_of(body).unwrap(), "abcd");
}

#[test]
fn what_is_there_is_read_whatever_the_time() {
    let script = Script::new([data("ab"), data("cd")]);
    let body = assert_ready!(task::spawn(Peek::new(script, LIMIT, ready(()))).poll());
    assert!(body.is_read());
}

#[test]
fn the_reading_goes_on_when_the_body_does() {
    let script = Script::new([data("ab"), wait(), data("cd")]);
    let mut peek = task::spawn(Peek::new(script, LIMIT, pending()));
    assert_pending!(peek.poll());
    let body = assert_ready!(peek.poll());
    assert_eq!(body.prefix(), "abcd");
}

#[test]
fn a_cut_body_frees_the_rest_and_says_so() {
    let alive = Arc::new(());
    let mut script = Script::new([data("12345678"), data("9abcdef"), data("rest")]);
    script.exact = true;
    script.alive = Some(Arc::clone(&alive));
    let body = peek(script).unwrap();
    assert_eq!(Arc::strong_count(&alive), 2);
    let body = body.into_cut(LIMIT);
    assert_eq!(Arc::strong_count(&alive), 1);
    assert_eq!(body.size_hint().lower(), 15);
    assert_eq!(
        body.size_hint().upper(),
        None,
        "never promised as the whole"
    );
    assert!(!body.is_end_stream());

    let (bytes, _, error) = drain(body);
    assert_eq!(bytes, "123456789abcdef");
    let error = error.unwrap();
    let cut = error.downcast_ref::<Cut>().unwrap();
    assert_eq!((cut.read(), cut.limit()), (15, LIMIT));
    assert_eq!(
        cut.to_string(),
        "the rest of the body was dropped before a renewal: 15 bytes were kept, \
         at most 10 would have been"
    );
}

#[test]
fn a_body_that_nobody_looked_at_can_be_cut() {
    let body = PeekBody::new(Full::new(Bytes::from("hello"))).into_cut(0);
    let (bytes, _, error) = drain(body);
    assert!(bytes.is_empty());
    assert!(error.unwrap().is::<Cut>());
}

#[test]
fn a_body_that_has_ended_is_freed_at_once() {
    let alive = Arc::new(());
    let mut script = Script::new([data("ab")]);
    script.alive = Some(Arc::clone(&alive));
    let _body = peek(script).unwrap();
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[test]
fn debug_shows_no_bytes() {
    let body = peek(Script::new([data("secret")])).unwrap();
    let shown = format!("{body:?}");
    assert_eq!(shown, "PeekBody { read: 6, rest: false, .. }");
    let peek = Peek::new(Full::new(Bytes::from("secret")), LIMIT, pending::<()>());
    assert!(!format!("{peek:?}").contains("secret"));
}

#[test]
fn bodies_are_send_and_sync_when_the_response_is() {
    fn is_send_sync<T: Send + Sync>() {}
    is_send_sync::<PeekBody<Full<Bytes>>>();
    is_send_sync::<Peek<Full<Bytes>, Limit<Ready<()>>>>();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_is_handed_on_is_what_was_sent(
        steps in prop::collection::vec(step(), 0..8),
        with_trailers in any::<bool>(),
        fails in any::<bool>(),
        end_known in any::<bool>(),
        exact in any::<bool>(),
        limit in 0..40_usize,
        in_time in any::<bool>(),
        cut in any::<bool>(),
    ) {
        let mut script = Vec::new();
        for step in steps {
            script.push(match step {
                Some(size) => Ok(Some(Frame::data(Bytes::from(vec![size as u8; size])))),
                None => wait(),
            });
        }
        if with_trailers {
            script.push(trailers());
        }
        if fails {
            script.push(Err("reset".into()));
        }
        let make = || {
            let steps = script.iter().map(clone_step).collect::<Vec<_>>();
            let mut script = Script::new(steps);
            script.end_known = end_known && !fails;
            script.exact = exact;
            script
        };
        let (bytes, sent, error) = drain(make());

        let body = if in_time {
            let mut peek = task::spawn(Peek::new(make(), limit, pending()));
            loop {
                if let Poll::Ready(body) = peek.poll() {
                    break body;
                }
            }
        } else {
            assert_ready!(task::spawn(Peek::new(make(), limit, ready(()))).poll())
        };
        prop_assert!(bytes.starts_with(body.prefix()));
        if exact && !fails {
            prop_assert_eq!(body.size_hint().exact(), Some(bytes.len() as u64));
        }
        if cut && !body.is_read() {
            let prefix = body.prefix().clone();
            let (got, _, error) = drain(body.into_cut(limit));
            prop_assert_eq!(got, prefix);
            prop_assert!(error.unwrap().is::<Cut>());
        } else {
            // Trailers end a body: an error behind them is none of its data and may be cut.
            let behind_trailers = cut && with_trailers && fails;
            let body = if cut { body.into_cut(limit) } else { body };
            let (got, got_sent, got_error) = drain(body);
            prop_assert_eq!(got, bytes);
            prop_assert_eq!(got_sent, sent);
            if !behind_trailers {
                prop_assert_eq!(
                    got_error.map(|error| error.to_string()),
                    error.map(|error| error.to_string())
                );
            }
        }
    }
}

// === helpers ===

/// `Ok(None)`: pending once.
type Step = Result<Option<Frame<Bytes>>, BoxError>;

/// A body that does what it is told.
struct Script {
    steps: VecDeque<Step>,
    end_known: bool,
    exact: bool,
    alive: Option<Arc<()>>,
    polls: usize,
    max_polls: usize,
}

impl Script {
    fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self {
            steps: steps.into_iter().collect(),
            end_known: false,
            exact: false,
            alive: None,
            polls: 0,
            max_polls: usize::MAX,
        }
    }

    fn ended(mut self) -> Self {
        self.end_known = true;
        self
    }
}

impl Body for Script {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.polls += 1;
        assert!(self.polls <= self.max_polls, "polled once too often");
        match self.steps.pop_front() {
            None => Poll::Ready(None),
            Some(Ok(None)) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Ok(Some(frame))) => Poll::Ready(Some(Ok(frame))),
            Some(Err(error)) => Poll::Ready(Some(Err(error))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.end_known && self.steps.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        if !self.exact {
            return SizeHint::new();
        }
        let frames = self.steps.iter().flatten().flatten();
        let sizes = frames.map(|frame| frame.data_ref().map_or(0, Bytes::len));
        SizeHint::with_exact(sizes.sum::<usize>() as u64)
    }
}

fn data(bytes: &'static str) -> Step {
    Ok(Some(Frame::data(Bytes::from(bytes))))
}

fn trailers() -> Step {
    Ok(Some(Frame::trailers(trailer_map())))
}

fn trailer_map() -> HeaderMap {
    HeaderMap::from_iter([(
        http::header::ETAG,
        HeaderValue::from_static("\"the checksum\""),
    )])
}

fn wait() -> Step {
    Ok(None)
}

/// The size of a frame, or a pause.
fn step() -> impl Strategy<Value = Option<usize>> {
    prop_oneof![4 => (0..24_usize).prop_map(Some), 1 => Just(None)]
}

fn clone_step(step: &Step) -> Step {
    match step {
        Err(error) => Err(error.to_string().into()),
        Ok(None) => Ok(None),
        Ok(Some(frame)) => Ok(Some(match frame.data_ref() {
            Some(data) => Frame::data(data.clone()),
            None => Frame::trailers(trailer_map()),
        })),
    }
}

/// Reads the start without a deadline; `None` if it has to wait.
fn peek<R>(body: R) -> Option<PeekBody<R>>
where
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
{
    match task::spawn(Peek::new(body, LIMIT, pending())).poll() {
        Poll::Ready(body) => Some(body),
        Poll::Pending => None,
    }
}

/// Reads a body to its end: its bytes, its trailers, and how it failed.
fn drain<R>(body: R) -> (Bytes, Vec<HeaderMap>, Option<BoxError>)
where
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
{
    let mut body = std::pin::pin!(body);
    let mut bytes = Vec::new();
    let mut trailers = Vec::new();
    let error = tokio_test::block_on(async {
        loop {
            if body.is_end_stream() {
                return None;
            }
            match body.frame().await? {
                Err(error) => return Some(error.into()),
                Ok(frame) => match frame.into_data() {
                    Ok(data) => bytes.extend(data),
                    Err(frame) => trailers.extend(frame.into_trailers().ok()),
                },
            }
        }
    });
    (bytes.into(), trailers, error)
}

fn bytes_of<R>(body: R) -> Result<Bytes, BoxError>
where
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
{
    match drain(body) {
        (bytes, _, None) => Ok(bytes),
        (_, _, Some(error)) => Err(error),
    }
}
