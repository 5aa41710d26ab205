use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use reqwest::Client;
use tower_service::Service;

use super::{body::into_reqwest_body, response::into_http};
use crate::BoxError;

/// An HTTP service around [`reqwest::Client`](::reqwest::Client), or another client of its kind.
///
/// `B` is the body of the requests, and fixed so that it need not be told again: around it stand
/// layers that make a [`ReplayBody`](crate::replay::ReplayBody) of yours, so it usually is
/// `ReplayBody<Full<Bytes>>` or the like. A body that is neither `Send` nor `Sync` needs to be
/// wrapped; a `ReplayBody` is both if yours is `Send`.
///
/// It is ready whenever the client is, which reqwest's always is: it opens as many connections as
/// there are calls. Put a tower `ConcurrencyLimit` around it for fewer.
///
/// See the [module docs](super) for more details.
pub struct HttpService<B, C = Client> {
    pub(in crate::clients) client: C,
    body: PhantomData<fn(B)>,
}

pin_project! {
    /// Response future of [`HttpService`].
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops the request: over HTTP/1.1 its connection is closed, over HTTP/2 its stream
    /// is reset.
    pub struct ResponseFuture {
        #[pin]
        state: State,
    }
}

pin_project! {
    #[project = StateProj]
    enum State {
        // Waiting for nothing: the address is none that reqwest can send to.
        Failed { error: Option<reqwest::Error> },
        // Waiting for the response.
        Sending {
            #[pin]
            future: <Client as Service<reqwest::Request>>::Future,
        },
    }
}

// === impl HttpService ===

impl<B, C> HttpService<B, C> {
    /// Creates an HTTP service that sends through `client`.
    pub fn new(client: C) -> Self {
        Self {
            client,
            body: PhantomData,
        }
    }

    /// Returns the client.
    pub fn get_ref(&self) -> &C {
        &self.client
    }
}

impl<B> Service<Request<B>> for HttpService<B>
where
    B: Body + Send + Sync + 'static,
    B::Data: Into<Bytes>,
    B::Error: Into<BoxError>,
{
    type Response = Response<reqwest::Body>;
    type Error = reqwest::Error;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Service::<reqwest::Request>::poll_ready(&mut self.client, cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let state = match into_reqwest(request) {
            Ok(request) => State::Sending {
                future: self.client.call(request),
            },
            Err(error) => State::Failed { error: Some(error) },
        };
        ResponseFuture { state }
    }
}

impl<B, C: Clone> Clone for HttpService<B, C> {
    fn clone(&self) -> Self {
        Self::new(self.client.clone())
    }
}

// By hand: reqwest shows its default headers, which may hold a key.
impl<B, C> fmt::Debug for HttpService<B, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpService").finish_non_exhaustive()
    }
}

// === impl ResponseFuture ===

impl Future for ResponseFuture {
    type Output = reqwest::Result<Response<reqwest::Body>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match self.project().state.project() {
            StateProj::Failed { error } => Err(error.take().expect("polled after it was ready")),
            StateProj::Sending { future } => ready!(future.poll(cx)).map(into_http),
        })
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

/// Turns a request into one of reqwest's; its extensions, and so a timeout of its own, are kept.
pub(in crate::clients) fn into_reqwest<B>(request: Request<B>) -> reqwest::Result<reqwest::Request>
where
    B: Body + Send + Sync + 'static,
    B::Data: Into<Bytes>,
    B::Error: Into<BoxError>,
{
    request.map(into_reqwest_body).try_into()
}
