use std::{
    fmt, mem,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use super::{
    ResponseFuture,
    account::{Account, is_handle},
    accounts::Accounts,
    answer,
};
use crate::{
    BoxError,
    inspect::PeekBody,
    origin::{Destination, Origins},
    providers::my2n::service::X_API_KEY,
    renew::SignInTraffic,
    replay::ResendBody,
};

/// Middleware that lets a program which speaks version 1 go on as it is.
///
/// See the [module docs](self::super) for more details.
#[derive(Clone)]
pub struct DropIn<S> {
    inner: S,
    shared: Arc<Shared>,
}

/// What all clones share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) accounts: Accounts,
    pub(super) origins: Origins,
    /// The path of the login of version 1.
    pub(super) login: Box<str>,
}

/// What a request is.
enum Kind {
    /// The program's login.
    Login,
    /// A call with a handle.
    Call(Arc<Account>),
    /// A call with a handle that is not known.
    Stranger,
    /// None of ours.
    Other,
}

// === impl DropIn ===

impl<S> DropIn<S> {
    pub(super) fn new(inner: S, shared: Arc<Shared>) -> Self {
        Self { inner, shared }
    }

    /// Returns the inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<S: Clone> DropIn<S> {
    /// Takes the readied service, and leaves its clone behind.
    fn take_ready(&mut self) -> S {
        let unready = self.inner.clone();
        mem::replace(&mut self.inner, unready)
    }

    /// Gives the readied service back, with the permit or the place it may hold, and returns one
    /// that is not ready.
    fn give_back(&mut self) -> S {
        drop(self.take_ready());
        self.inner.clone()
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for DropIn<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    S::Error: Into<BoxError>,
    ReqBody: ResendBody + Body<Data = Bytes> + From<Bytes>,
    ReqBody::Error: Into<BoxError>,
    ResBody: Body<Data = Bytes>,
    ResBody::Error: Into<BoxError>,
{
    type Response = Response<PeekBody<ResBody>>;
    type Error = BoxError;
    type Future = ResponseFuture<S, ReqBody, ResBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        match self.shared.what_is(&mut request) {
            Kind::Other => ResponseFuture::passing(self.inner.call(request)),
            Kind::Login => {
                ResponseFuture::reading(self.give_back(), Arc::clone(&self.shared), request)
            }
            Kind::Stranger => {
                drop(self.give_back());
                ResponseFuture::answered(answer::unknown_handle())
            }
            Kind::Call(account) => {
                let ready = self.take_ready();
                let mut stack = account.refresh.layer(account.bearer.layer(ready));
                ResponseFuture::calling(stack.call(request), account)
            }
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for DropIn<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DropIn")
            .field("inner", &self.inner)
            .field("accounts", &self.shared.accounts)
            .finish_non_exhaustive()
    }
}

// === impl Shared ===

impl Shared {
    /// Says what `request` is. If it goes elsewhere handles are taken out of it.
    fn what_is<B>(&self, request: &mut Request<B>) -> Kind {
        let destination = self.origins.check(request.uri());
        if destination == Destination::Foreign {
            take_handles_out(request.headers_mut());
            return Kind::Other;
        }
        // Our own login: the layer stands around the client that it signs in through.
        if request.extensions().get::<SignInTraffic>().is_some() {
            return Kind::Other;
        }
        let is_login = request.method() == Method::POST && request.uri().path() == &*self.login;
        if is_login && destination == Destination::Ours {
            return Kind::Login;
        }
        let mut keys = request.headers().get_all(X_API_KEY).iter();
        let Some(handle) = keys.find(|key| is_handle(key)) else {
            return Kind::Other;
        };
        match self.accounts.by_handle(handle) {
            Some(account) => Kind::Call(account),
            None => Kind::Stranger,
        }
    }
}

fn take_handles_out(headers: &mut HeaderMap) {
    if !headers.get_all(X_API_KEY).iter().any(is_handle) {
        return;
    }
    let keys = headers.get_all(X_API_KEY).iter();
    let others: Vec<_> = keys.filter(|key| !is_handle(key)).cloned().collect();
    headers.remove(X_API_KEY);
    for key in others {
        headers.append(X_API_KEY, key);
    }
}
