//! A service that sees to it that the rules of `Service` are kept.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
};

use tower::{Layer, Service};

/// Panics when it is called without being ready, and counts readiness that nobody used.
pub(crate) struct Contract<S> {
    inner: S,
    ready: bool,
    open: Arc<AtomicUsize>,
}

/// Puts a [`Contract`] around a service.
#[derive(Clone)]
pub(crate) struct Contracts(pub(crate) Arc<AtomicUsize>);

impl<S> Layer<S> for Contracts {
    type Service = Contract<S>;

    fn layer(&self, inner: S) -> Contract<S> {
        Contract::new(inner, &self.0)
    }
}

impl<S> Contract<S> {
    pub(crate) fn new(inner: S, open: &Arc<AtomicUsize>) -> Self {
        Self {
            inner,
            ready: false,
            open: Arc::clone(open),
        }
    }
}

impl<S: Clone> Clone for Contract<S> {
    fn clone(&self) -> Self {
        // New clones do not carry the readiness.
        Self::new(self.inner.clone(), &self.open)
    }
}

impl<S, T> Service<T> for Contract<S>
where
    S: Service<T>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        ready!(self.inner.poll_ready(cx))?;
        if !self.ready {
            self.ready = true;
            self.open.fetch_add(1, Ordering::SeqCst);
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: T) -> S::Future {
        assert!(self.ready, "called without being ready");
        self.ready = false;
        self.open.fetch_sub(1, Ordering::SeqCst);
        self.inner.call(request)
    }
}

impl<S> Drop for Contract<S> {
    fn drop(&mut self) {
        if self.ready {
            self.open.fetch_sub(1, Ordering::SeqCst);
        }
    }
}
