//! A body that does what it is told, and ways to read one by hand.

use std::{
    collections::VecDeque,
    marker::PhantomPinned,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header::ETAG};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio_test::task;

use crate::BoxError;

pub(super) enum Step {
    Frame(Frame<Bytes>),
    Wait,
    Fail,
    Panic,
}

pin_project! {
    pub(super) struct Script {
        steps: VecDeque<Step>,
        pub(super) upper: Option<u64>,
        end_is_known: bool,
        has_length: bool,
        pub(super) alive: Option<Arc<()>>,
        // As generated streams are: not `Unpin`.
        #[pin]
        pinned: PhantomPinned,
    }
}

/// What a body has sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sent {
    pub(super) bytes: Bytes,
    pub(super) trailers: Vec<HeaderMap>,
    pub(super) error: Option<String>,
}

impl Script {
    pub(super) fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self {
            steps: steps.into_iter().collect(),
            upper: None,
            end_is_known: false,
            has_length: false,
            alive: None,
            pinned: PhantomPinned,
        }
    }

    pub(super) fn with_length(mut self) -> Self {
        self.has_length = true;
        self
    }

    pub(super) fn with_known_end(mut self) -> Self {
        self.end_is_known = true;
        self
    }
}

impl Body for Script {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.project().steps.pop_front() {
            None => Poll::Ready(None),
            Some(Step::Frame(frame)) => Poll::Ready(Some(Ok(frame))),
            Some(Step::Fail) => Poll::Ready(Some(Err("the disk failed".into()))),
            Some(Step::Panic) => panic!("as scripted"),
            Some(Step::Wait) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.end_is_known && self.steps.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        if let Some(upper) = self.upper {
            let mut hint = SizeHint::new();
            hint.set_upper(upper);
            return hint;
        }
        if !self.has_length {
            return SizeHint::new();
        }
        let sizes = self.steps.iter().map(|step| match step {
            Step::Frame(frame) => frame.data_ref().map_or(0, Bytes::len),
            _ => 0,
        });
        SizeHint::with_exact(sizes.sum::<usize>() as u64)
    }
}

impl Sent {
    pub(super) fn add(&mut self, frame: Frame<Bytes>) {
        match frame.into_data() {
            Ok(data) => self.bytes = [&self.bytes[..], &data].concat().into(),
            Err(frame) => self.trailers.extend(frame.into_trailers().ok()),
        }
    }
}

pub(super) fn data(bytes: &'static str) -> Step {
    Step::Frame(Frame::data(Bytes::from(bytes)))
}

pub(super) fn trailers() -> Step {
    Step::Frame(Frame::trailers(trailer_map()))
}

pub(super) fn trailer_map() -> HeaderMap {
    HeaderMap::from_iter([(ETAG, HeaderValue::from_static("\"the checksum\""))])
}

pub(super) fn wait() -> Step {
    Step::Wait
}

pub(super) fn failure() -> Step {
    Step::Fail
}

/// Polls a body once.
pub(super) fn next<B>(body: &mut B) -> Poll<Option<Result<Frame<Bytes>, BoxError>>>
where
    B: Body<Data = Bytes, Error = BoxError> + Unpin,
{
    task::spawn(()).enter(|cx, _| Pin::new(body).poll_frame(cx))
}

/// Reads a body to its end.
pub(super) fn drain<B>(body: B) -> Sent
where
    B: Body<Data = Bytes, Error = BoxError>,
{
    let mut body = pin!(body);
    let mut sent = Sent::default();
    loop {
        match next(&mut body) {
            Poll::Pending => {}
            Poll::Ready(None) => return sent,
            Poll::Ready(Some(Ok(frame))) => sent.add(frame),
            Poll::Ready(Some(Err(error))) => {
                sent.error = Some(error.to_string());
                return sent;
            }
        }
    }
}
