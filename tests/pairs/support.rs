//! Recoveries that note what happens to them, and a server that follows a script.

use std::{
    collections::VecDeque,
    convert::Infallible,
    future::ready,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, request, response};
use http_body::Frame;
use http_body_util::{BodyExt, Full};
use tower::{BoxError, Service, service_fn};
use tower_reauth::{
    Error, ErrorKind,
    layers::recover::{BoxFuture, Challenge, Outcome, Prepared, Recovery},
    replay::{NotReplayed, Released, ResendBody},
};

use crate::common::{Body, status};

pub(crate) const LOCKED: StatusCode = StatusCode::LOCKED;
pub(crate) const PRECONDITION: StatusCode = StatusCode::PRECONDITION_REQUIRED;

pub(crate) type Recover = dyn Fn(Challenge<()>) -> BoxFuture<Outcome> + Send + Sync;
pub(crate) type Prepare = dyn Fn(&mut request::Parts) -> Prepared<()> + Send + Sync;

/// A recovery from one status, which notes what happens to it.
#[derive(Clone)]
pub(crate) struct Side {
    pub(crate) name: &'static str,
    pub(crate) status: StatusCode,
    pub(crate) reads_body: bool,
    pub(crate) prepare: Arc<Prepare>,
    pub(crate) recover: Arc<Recover>,
    pub(crate) log: Log,
}

/// What happened, in its order.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn note(&self, what: String) {
        self.0.lock().unwrap().push(what);
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    pub(crate) fn side(&self, name: &'static str, status: StatusCode) -> Side {
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
    pub(crate) fn recovering(
        mut self,
        recover: impl Fn(Challenge<()>) -> BoxFuture<Outcome> + Send + Sync + 'static,
    ) -> Self {
        self.recover = Arc::new(recover);
        self
    }

    pub(crate) fn at_once(self, outcome: Outcome) -> Self {
        self.recovering(move |_| Box::pin(ready(outcome.clone())))
    }

    pub(crate) fn preparing(
        mut self,
        prepare: impl Fn(&mut request::Parts) -> Prepared<()> + Send + Sync + 'static,
    ) -> Self {
        self.prepare = Arc::new(prepare);
        self
    }

    pub(crate) fn reading(mut self) -> Self {
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
pub(crate) struct Script {
    pub(crate) answers: Arc<Mutex<VecDeque<StatusCode>>>,
    pub(crate) bodies: Arc<Mutex<Vec<Bytes>>>,
}

impl Script {
    pub(crate) fn new(answers: impl IntoIterator<Item = StatusCode>) -> Self {
        Self {
            answers: Arc::new(Mutex::new(answers.into_iter().collect())),
            bodies: Arc::default(),
        }
    }

    pub(crate) fn sends(&self) -> usize {
        self.bodies.lock().unwrap().len()
    }

    pub(crate) fn service<B>(
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

pub(crate) fn kind<R>(response: &Response<R>) -> Option<ErrorKind> {
    response.extensions().get::<Error>().map(Error::kind)
}

pub(crate) fn why<R>(response: &Response<R>) -> Option<NotReplayed> {
    response.extensions().get::<NotReplayed>().copied()
}

pub(crate) async fn text<B>(response: Response<B>) -> String
where
    B: http_body::Body<Data = Bytes, Error = BoxError>,
{
    let body = response.into_body().collect().await.expect("it is whole");
    String::from_utf8(body.to_bytes().to_vec()).unwrap()
}

/// A body whose copies are counted, if it has any.
pub(crate) struct Counted {
    pub(crate) bytes: Body,
    pub(crate) alive: Option<Arc<()>>,
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

/// A request with a body that can be sent once only.
pub(crate) fn one_shot() -> Request<Counted> {
    Request::new(Counted {
        bytes: Full::from("x"),
        alive: None,
    })
}
