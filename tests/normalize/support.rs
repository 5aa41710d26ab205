//! What these tests share: bodies that do what they are told, and an API with an envelope.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use serde_json::value::RawValue;
use tower::{Layer, ServiceExt, service_fn, util::BoxCloneSyncService};
use tower_reauth::{
    BoxError, Error, ErrorKind,
    inspect::PeekBody,
    layers::normalize::{
        Envelope, Failure, NormalizeLayer, Verdict,
        json::{JsonReader, Members, Unreadable},
    },
};

pub(crate) type Request0 = Request<crate::common::Body>;

/// What a body does next.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Data(Bytes),
    Trailers(HeaderMap),
    /// Nothing for now.
    Pause,
    /// Nothing ever.
    Hang,
    Fail,
}

/// A body that does what it is told, and counts how often it was asked.
#[derive(Debug, Default)]
pub(crate) struct Script {
    steps: VecDeque<Step>,
    /// It says when it has ended.
    pub(crate) knows_its_end: bool,
    pub(crate) polls: Arc<AtomicUsize>,
}

/// An envelope `{"status": "ok"}`, and a failure where it says anything else. What it cannot read it
/// lets pass, unless it is strict.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Acme {
    pub(crate) strict: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AcmeError(pub(crate) String);

pub(crate) struct AcmeMembers(Acme);

// === impl Acme ===

impl Envelope for Acme {
    type Reader = JsonReader<AcmeMembers>;

    fn reader<B>(&self, _: &Request<B>) -> Option<Self::Reader> {
        Some(JsonReader::new(AcmeMembers(*self)))
    }
}

impl Members for AcmeMembers {
    type Error = AcmeError;

    fn member(&mut self, name: &str, value: &RawValue) -> Verdict<AcmeError> {
        match (name, value.get()) {
            ("status", r#""ok""#) => Verdict::Pass,
            ("status", r#""signed out""#) => fail(StatusCode::UNAUTHORIZED, value.get()),
            ("status", other) => fail(StatusCode::UNPROCESSABLE_ENTITY, other),
            _ => Verdict::More,
        }
    }

    fn end(&mut self, end: Result<(), Unreadable<'_>>) -> Option<Failure<AcmeError>> {
        let error = AcmeError(format!("{end:?}"));
        let failure = Failure::new(StatusCode::BAD_GATEWAY, error);
        self.0.strict.then_some(failure)
    }
}

fn fail(status: StatusCode, text: &str) -> Verdict<AcmeError> {
    Verdict::Fail(Failure::new(status, AcmeError(text.into())))
}

impl From<AcmeError> for Error {
    fn from(error: AcmeError) -> Self {
        Self::with_message(ErrorKind::Provider, "Acme refused").code(error.0)
    }
}

// === impl Script ===

impl Script {
    pub(crate) fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self {
            steps: steps.into_iter().collect(),
            ..Self::default()
        }
    }

    /// `bytes` in frames of `piece` bytes.
    pub(crate) fn pieces(bytes: &[u8], piece: usize) -> Self {
        Self::new(bytes.chunks(piece).map(data))
    }
}

pub(crate) fn data(bytes: &[u8]) -> Step {
    Step::Data(Bytes::copy_from_slice(bytes))
}

/// Trailers of one field.
pub(crate) fn trailers(name: &'static str, value: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(
        HeaderName::from_static(name),
        HeaderValue::from_static(value),
    )])
}

impl Body for Script {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.polls.fetch_add(1, Ordering::SeqCst);
        Poll::Ready(match self.steps.pop_front() {
            None => None,
            Some(Step::Data(data)) => Some(Ok(Frame::data(data))),
            Some(Step::Trailers(trailers)) => Some(Ok(Frame::trailers(trailers))),
            Some(Step::Fail) => Some(Err("reset".into())),
            Some(Step::Pause) => {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Some(Step::Hang) => return Poll::Pending,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.knows_its_end && self.steps.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::new()
    }
}

// === clients ===

pub(crate) type Client<R> = BoxCloneSyncService<Request0, Response<PeekBody<R>>, BoxError>;

/// A client with `layer` over a server that answers everything with what `answer` makes.
pub(crate) fn client<E, R>(
    layer: NormalizeLayer<E>,
    answer: impl Fn() -> Response<R> + Clone + Send + Sync + 'static,
) -> Client<R>
where
    E: Envelope<Reader: Send> + Clone + Send + Sync + 'static,
    R: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let server = service_fn(move |_: Request0| {
        let answer = answer();
        async move { Ok::<_, BoxError>(answer) }
    });
    Client::new(layer.layer(server))
}

/// Gets what `answer` is turned into by `envelope`, with the usual settings.
pub(crate) async fn normalized<E, R>(
    envelope: E,
    answer: impl Fn() -> Response<R> + Clone + Send + Sync + 'static,
) -> Response<PeekBody<R>>
where
    E: Envelope<Reader: Send> + Clone + Send + Sync + 'static,
    R: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let client = client(NormalizeLayer::new(envelope), answer);
    client.oneshot(get()).await.expect("a response")
}

pub(crate) fn get() -> Request0 {
    crate::common::get()
}

/// What a body says: its bytes, its trailers, and how it failed.
pub(crate) type Said = (Vec<u8>, Vec<HeaderMap>, Option<String>);

/// Reads a body to its end.
pub(crate) async fn said<R>(body: R) -> Said
where
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
{
    let mut body = std::pin::pin!(body);
    let mut said = Said::default();
    loop {
        match body.frame().await {
            None => return said,
            Some(Err(error)) => {
                said.2 = Some(error.into().to_string());
                return said;
            }
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => said.0.extend(data),
                Err(frame) => said.1.extend(frame.into_trailers().ok()),
            },
        }
    }
}
