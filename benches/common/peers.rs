//! What people write or take in place of these layers.

use std::sync::{Arc, Mutex, RwLock};

use http::{HeaderValue, Request, Response, header::AUTHORIZATION};
use tower::{
    Layer,
    retry::{Policy, Retry},
    util::MapRequest,
};
use tower_http::{
    auth::{AddAuthorization, AddAuthorizationLayer},
    set_header::{SetRequestHeader, SetRequestHeaderLayer},
};

use super::{Body, Sink, bearer, token};

/// tower-http's layer, with a token that never changes.
pub fn add_authorization<S>(inner: S) -> AddAuthorization<S> {
    AddAuthorizationLayer::bearer(&token()).layer(inner)
}

/// tower-http's layer for any header.
pub fn set_request_header<S>(inner: S) -> SetRequestHeader<S, HeaderValue> {
    SetRequestHeaderLayer::overriding(AUTHORIZATION, bearer()).layer(inner)
}

/// Takes the value from a cell, whatever that is.
pub fn with<S, F, B>(inner: S, read: F) -> MapRequest<S, impl Fn(Request<B>) -> Request<B> + Clone>
where
    F: Fn() -> HeaderValue + Clone,
{
    MapRequest::new(inner, move |mut request: Request<B>| {
        request.headers_mut().insert(AUTHORIZATION, read());
        request
    })
}

pub fn mutex() -> impl Fn() -> HeaderValue + Clone {
    let cell = Arc::new(Mutex::new(bearer()));
    move || cell.lock().expect("no panic").clone()
}

pub fn rw_lock() -> impl Fn() -> HeaderValue + Clone {
    let cell = Arc::new(RwLock::new(bearer()));
    move || cell.read().expect("no panic").clone()
}

pub fn watch() -> impl Fn() -> HeaderValue + Clone {
    let (sender, cell) = tokio::sync::watch::channel(bearer());
    move || {
        let _ = &sender;
        cell.borrow().clone()
    }
}

/// One value that all threads share: lock-free, but counted in one place.
pub fn shared() -> impl Fn() -> HeaderValue + Clone {
    let cell = Arc::new(arc_swap::ArcSwap::from_pointee(bearer()));
    move || HeaderValue::clone(&cell.load())
}

/// tower's Retry with a policy that clones each request, and sends again after a `401`.
#[derive(Clone, Debug)]
pub struct Again(bool);

impl<R, E> Policy<Request<Body>, Response<R>, E> for Again {
    type Future = std::future::Ready<()>;

    fn retry(
        &mut self,
        _: &mut Request<Body>,
        result: &mut Result<Response<R>, E>,
    ) -> Option<Self::Future> {
        let refused = matches!(result, Ok(response) if response.status() == 401);
        let may = std::mem::replace(&mut self.0, false);
        (refused && may).then(|| std::future::ready(()))
    }

    fn clone_request(&mut self, request: &Request<Body>) -> Option<Request<Body>> {
        Some(request.clone())
    }
}

pub fn retry(inner: Sink) -> Retry<Again, AddAuthorization<Sink>> {
    Retry::new(Again(true), add_authorization(inner))
}
