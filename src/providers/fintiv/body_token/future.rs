use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderValue, Request, request};
use http_body::Body;
use http_body_util::{BodyExt, Limited, combinators::Collect};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::placing::Place;
use crate::BoxError;

pin_project! {
    /// Response future of [`BodyToken`](super::BodyToken).
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops the request wherever it is.
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<B>>,
        B: Body,
        B::Error: Into<BoxError>,
    {
        #[pin]
        state: State<S, B, S::Future>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, B, F>
    where
        B: Body,
        B::Error: Into<BoxError>,
    {
        // Waiting for the body, to place the token in it.
        Reading {
            #[pin]
            body: Collect<Limited<B>>,
            parts: Option<Parts<S>>,
        },
        // Waiting for the inner service to be ready.
        Readying {
            parts: Option<(S, Request<B>)>,
        },
        // Waiting for the response.
        Sending {
            #[pin]
            future: F,
        },
    }
}

struct Parts<S> {
    inner: S,
    /// It was made ready, and is still held so.
    is_ready: bool,
    head: request::Parts,
    token: HeaderValue,
    place: Arc<Place>,
}

// === impl ResponseFuture ===

impl<S, B> ResponseFuture<S, B>
where
    S: Service<Request<B>>,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    pub(super) fn sending(future: S::Future) -> Self {
        Self {
            state: State::Sending { future },
        }
    }

    /// `ready` must have been made ready before.
    pub(super) fn reading(
        ready: S,
        request: Request<B>,
        token: HeaderValue,
        place: Arc<Place>,
    ) -> Self {
        let (head, body) = request.into_parts();
        let body = Limited::new(body, place.max_body).collect();
        let parts = Some(Parts {
            inner: ready,
            is_ready: true,
            head,
            token,
            place,
        });
        Self {
            state: State::Reading { body, parts },
        }
    }
}

impl<S, B> Future for ResponseFuture<S, B>
where
    S: Service<Request<B>> + Clone,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes> + From<Bytes>,
    B::Error: Into<BoxError>,
{
    type Output = Result<S::Response, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProj::Reading { body, parts } => {
                    let held = parts.as_mut().expect("polled after it was ready");
                    let Poll::Ready(body) = body.poll(cx) else {
                        // Gives the readied service back, with the permit or place it may hold.
                        if std::mem::take(&mut held.is_ready) {
                            held.inner = held.inner.clone();
                        }
                        return Poll::Pending;
                    };
                    let parts = parts.take().expect("just looked at");
                    let place = &*parts.place;
                    let body = body.map_err(|error| place.unread(error))?.to_bytes();
                    let request = place.with_token(parts.head, &body, &parts.token)?;
                    let request = request.map(B::from);
                    let mut inner = parts.inner;
                    if parts.is_ready {
                        let future = inner.call(request);
                        state.set(State::Sending { future });
                    } else {
                        let parts = Some((inner, request));
                        state.set(State::Readying { parts });
                    }
                }
                StateProj::Readying { parts } => {
                    let (inner, _) = parts.as_mut().expect("polled after it was ready");
                    ready!(inner.poll_ready(cx)).map_err(Into::into)?;
                    let (mut inner, request) = parts.take().expect("just looked at");
                    let future = inner.call(request);
                    state.set(State::Sending { future });
                }
                StateProj::Sending { future } => return future.poll(cx).map_err(Into::into),
            }
        }
    }
}

impl<S, B> fmt::Debug for ResponseFuture<S, B>
where
    S: Service<Request<B>>,
    B: Body,
    B::Error: Into<BoxError>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Reading { .. } => "Reading",
            State::Readying { .. } => "Readying",
            State::Sending { .. } => "Sending",
        };
        f.debug_struct("ResponseFuture")
            .field("state", &state)
            .finish_non_exhaustive()
    }
}
