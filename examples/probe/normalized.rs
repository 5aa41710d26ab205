//! Counts the responses whose status a layer further in has changed.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower::{Layer, Service};
use tower_reauth::layers::normalize::Normalized;

use crate::stack::Counter;

#[derive(Clone)]
pub(crate) struct CountNormalized(pub(crate) Counter);

#[derive(Clone)]
pub(crate) struct Counted<S> {
    inner: S,
    counter: Counter,
}

pin_project! {
    pub(crate) struct CountedFuture<F> {
        #[pin]
        future: F,
        counter: Counter,
    }
}

impl<S> Layer<S> for CountNormalized {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted {
            inner,
            counter: self.0.clone(),
        }
    }
}

impl<S, B, R> Service<Request<B>> for Counted<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = CountedFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        CountedFuture {
            future: self.inner.call(request),
            counter: self.counter.clone(),
        }
    }
}

impl<F, R, E> Future for CountedFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(this.future.poll(cx));
        if let Ok(response) = &result
            && response.extensions().get::<Normalized>().is_some()
        {
            this.counter.add();
        }
        Poll::Ready(result)
    }
}
