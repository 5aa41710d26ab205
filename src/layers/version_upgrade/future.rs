use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, response};
use http_body::Body;
use pin_project_lite::pin_project;
use tokio::time::Sleep;
use tower_service::Service;

use super::{UpgradeLatch, UpgradeSignal};
use crate::{
    BoxError,
    clock::has_timer,
    inspect::{Limit, Peek, PeekBody},
    layers::recover::kept::{Kept, PEEK_BYTES, PEEK_TIME, Second, no_timer},
    replay::{Released, ResendBody},
};

/// An answer of v1 that carried the signal.
type Refused<R> = Result<Response<PeekBody<R>>, BoxError>;

pin_project! {
    /// Response future of [`VersionUpgrade`](super::VersionUpgrade) over HTTP services.
    pub struct ResponseFuture<V1, V2, F, ReqBody, ResBody>
    where
        V1: Service<Request<ReqBody>>,
        V2: Service<Request<ReqBody>>,
    {
        // What a request needs that went to v1.
        first: Option<First<F>>,
        #[pin]
        state: State<V1::Future, V2::Future, V2, ReqBody, ResBody>,
    }
}

struct First<F> {
    latch: UpgradeLatch,
    signal: F,
    body_release: Duration,
}

pin_project! {
    #[project = StateProj]
    enum State<F1, F2, V2, ReqBody, ResBody> {
        // Waiting for the answer of v1.
        First {
            #[pin]
            future: F1,
            // What v2 is to be sent, if it comes to that.
            kept: Option<(V2, Kept<ReqBody>)>,
        },
        // Waiting for the start of the refused response's body, so that its connection is free.
        Peeking {
            #[pin]
            peek: Peek<ResBody, Limit<Sleep>>,
            parts: Option<(response::Parts, V2, Kept<ReqBody>)>,
        },
        // Waiting for the client to let go of the first body.
        Releasing {
            #[pin]
            deadline: Sleep,
            parts: Option<(Refused<ResBody>, V2, Kept<ReqBody>)>,
        },
        // Waiting for v2 to be ready.
        Readying {
            v2: V2,
            request: Option<Request<ReqBody>>,
        },
        // Waiting for the answer of v2.
        Second {
            #[pin]
            future: F2,
        },
    }
}

// === impl ResponseFuture ===

impl<V1, V2, F, ReqBody, ResBody> ResponseFuture<V1, V2, F, ReqBody, ResBody>
where
    V1: Service<Request<ReqBody>>,
    V2: Service<Request<ReqBody>>,
{
    pub(super) fn first(
        future: V1::Future,
        kept: Kept<ReqBody>,
        v2: V2,
        latch: UpgradeLatch,
        signal: F,
        body_release: Duration,
    ) -> Self {
        let kept = Some((v2, kept));
        Self {
            first: Some(First {
                latch,
                signal,
                body_release,
            }),
            state: State::First { future, kept },
        }
    }

    pub(super) fn second(future: V2::Future) -> Self {
        Self {
            first: None,
            state: State::Second { future },
        }
    }

    pub(super) fn second_when_ready(v2: V2, request: Request<ReqBody>) -> Self {
        let request = Some(request);
        Self {
            first: None,
            state: State::Readying { v2, request },
        }
    }
}

impl<V1, V2, F, ReqBody, ResBody> Future for ResponseFuture<V1, V2, F, ReqBody, ResBody>
where
    V1: Service<Request<ReqBody>, Response = Response<ResBody>>,
    V1::Error: Into<BoxError>,
    V2: Service<Request<ReqBody>, Response = Response<ResBody>>,
    V2::Error: Into<BoxError>,
    F: UpgradeSignal<Response<ResBody>, V1::Error>,
    ReqBody: ResendBody,
    ResBody: Body<Data = Bytes>,
    ResBody::Error: Into<BoxError>,
{
    type Output = Result<Response<PeekBody<ResBody>>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                StateProj::First { future, kept } => {
                    let result = ready!(future.poll(cx));
                    let (v2, mut kept) = kept.take().expect("polled after it was ready");
                    let first = this.first.as_ref().expect("there while v1 is asked");
                    let is_upgrade = first.signal.is_upgrade(&result);
                    let refused = result.map_err(Into::into);
                    if !is_upgrade {
                        return Poll::Ready(refused.map(untouched));
                    }
                    first.latch.trip();
                    if let Some(why) = kept.lost(cx) {
                        return Poll::Ready(refused.map(untouched).map(with(why)));
                    }
                    if !has_timer() {
                        return Poll::Ready(refused.map(untouched).map(with(no_timer())));
                    }
                    let next = match refused {
                        Ok(response) => {
                            let (refused, body) = response.into_parts();
                            let deadline = tokio::time::sleep(PEEK_TIME);
                            State::Peeking {
                                peek: Peek::new(body, PEEK_BYTES, deadline),
                                parts: Some((refused, v2, kept)),
                            }
                        }
                        Err(error) => State::Releasing {
                            deadline: tokio::time::sleep(first.body_release),
                            parts: Some((Err(error), v2, kept)),
                        },
                    };
                    this.state.set(next);
                }
                StateProj::Peeking { peek, parts } => {
                    let body = ready!(peek.poll(cx)).into_cut(PEEK_BYTES);
                    let (refused, v2, kept) = parts.take().expect("polled after it was ready");
                    let refused = Ok(Response::from_parts(refused, body));
                    let first = this.first.as_ref().expect("there while v1 is asked");
                    let deadline = tokio::time::sleep(first.body_release);
                    let parts = Some((refused, v2, kept));
                    this.state.set(State::Releasing { deadline, parts });
                }
                StateProj::Releasing { deadline, parts } => {
                    let (_, _, kept) = parts.as_mut().expect("polled after it was ready");
                    let released = match kept.poll_released(cx) {
                        Poll::Ready(released) => released,
                        Poll::Pending => {
                            ready!(deadline.poll(cx));
                            Released::NotReplayable
                        }
                    };
                    let (refused, v2, mut kept) = parts.take().expect("just looked at");
                    match kept.take(released, false) {
                        Second::Body(body) => {
                            let request = Some(Request::from_parts(kept.head, body));
                            this.state.set(State::Readying { v2, request });
                        }
                        Second::Lost(why) => return Poll::Ready(refused.map(with(why))),
                    }
                }
                StateProj::Readying { v2, request } => {
                    ready!(v2.poll_ready(cx)).map_err(Into::into)?;
                    let request = request.take().expect("polled after it was ready");
                    let future = v2.call(request);
                    this.state.set(State::Second { future });
                }
                StateProj::Second { future } => {
                    let result = ready!(future.poll(cx));
                    return Poll::Ready(result.map(untouched).map_err(Into::into));
                }
            }
        }
    }
}

impl<V1, V2, F, ReqBody, ResBody> fmt::Debug for ResponseFuture<V1, V2, F, ReqBody, ResBody>
where
    V1: Service<Request<ReqBody>>,
    V2: Service<Request<ReqBody>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::First { .. } => "First",
            State::Peeking { .. } => "Peeking",
            State::Releasing { .. } => "Releasing",
            State::Readying { .. } => "Readying",
            State::Second { .. } => "Second",
        };
        f.debug_struct("ResponseFuture")
            .field("state", &state)
            .finish_non_exhaustive()
    }
}

fn untouched<R>(response: Response<R>) -> Response<PeekBody<R>> {
    response.map(PeekBody::new)
}

/// Puts `value` into the extensions of a response.
fn with<T, R>(value: T) -> impl FnOnce(Response<R>) -> Response<R>
where
    T: Clone + Send + Sync + 'static,
{
    move |mut response| {
        response.extensions_mut().insert(value);
        response
    }
}
