use std::{
    fmt, mem,
    sync::Arc,
    task::{Context, Poll},
};

use http::{HeaderMap, Request, Response};
use tower_service::Service;

use super::{OneShot, ResponseFuture, Signature};
use crate::{
    BoxError, Error, ErrorKind, Session, Token,
    layers::headers,
    origin::Destination,
    renew::{Entry, SignInTraffic, Usable},
    token::copies,
};

/// Middleware that attaches the session's token to each request.
///
/// See the [module docs](self::super) for more details.
#[derive(Clone)]
pub struct Bearer<S> {
    inner: S,
    session: Session,
}

// === impl Bearer ===

impl<S> Bearer<S> {
    /// Creates a service that attaches the token of `session` to what it sends to `inner`.
    pub fn new(inner: S, session: Session) -> Self {
        Self { inner, session }
    }

    /// Returns the inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<S: Clone> Bearer<S> {
    /// Gives the readied service back, with the permit or the place it may hold, and returns one
    /// that is not ready.
    fn give_back(&mut self) -> S {
        let unready = self.inner.clone();
        drop(mem::replace(&mut self.inner, unready.clone()));
        unready
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for Bearer<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    S::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = ResponseFuture<S, ReqBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        match self.session.origins().check(request.uri()) {
            Destination::Ours if !self.session.is_anonymous(request.headers()) => {}
            Destination::Ours | Destination::Foreign => {
                take_out(request.headers_mut(), &self.session);
                return ResponseFuture::sending(self.inner.call(request), None);
            }
            Destination::Unknown => {
                drop(self.give_back());
                return ResponseFuture::failed(no_authority());
            }
        }
        if request.extensions().get::<SignInTraffic>().is_some() {
            drop(self.give_back());
            return ResponseFuture::failed(guarded_sign_in());
        }

        let one_shot = request.extensions().get::<OneShot>().is_some();
        let current = self.session.renewer().load();
        if let Some(entry) = current
            .as_ref()
            .filter(|entry| !one_shot && entry.is_plain())
        {
            let signed = sign(&mut request, &self.session, entry);
            drop(current);
            return ResponseFuture::sending(self.inner.call(request), Some(signed));
        }
        drop(current);

        match self.session.usable(one_shot) {
            Usable::Now(entry) => {
                let signed = sign(&mut request, &self.session, &entry);
                ResponseFuture::sending(self.inner.call(request), Some(signed))
            }
            Usable::Failed(error) => {
                drop(self.give_back());
                ResponseFuture::failed(error)
            }
            waiting @ Usable::Wait(_) => {
                let wait = Box::pin(self.session.renewer().clone().wait(waiting));
                ResponseFuture::waiting(wait, self.session.clone(), self.give_back(), request)
            }
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for Bearer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bearer")
            .field("inner", &self.inner)
            .field("session", &self.session)
            .finish()
    }
}

/// Puts the token into the request; a value that was there is replaced, and headers that are
/// retired are taken out.
pub(super) fn sign<B>(
    request: &mut Request<B>,
    session: &Session,
    entry: &Arc<Entry<Token>>,
) -> Signature {
    let renewer = session.renewer();
    for name in session.retired_headers() {
        request.headers_mut().remove(name);
    }
    let (name, value) = entry.credential.header();
    let value = copies::of_this_thread(renewer.newest(), entry.generation, value);
    request.headers_mut().insert(name, value);
    Signature {
        session: renewer.id(),
        generation: entry.generation,
    }
}

/// Takes this session's token out of a request that goes elsewhere. The caller's own values stay.
fn take_out(map: &mut HeaderMap, session: &Session) {
    let current = session.renewer().load();
    let Some(entry) = current.as_ref() else {
        return;
    };
    for token in [Some(&entry.credential), entry.replaced.as_ref()]
        .into_iter()
        .flatten()
    {
        let (name, ours) = token.header();
        headers::take_out(map, name, |value| value == ours);
    }
}

fn no_authority() -> Error {
    Error::with_message(
        ErrorKind::Config,
        "the request's URI has no scheme and host, so nobody can tell whether it may carry the \
         token: use an absolute URI, or `allow_relative()` for a router in this process",
    )
}

fn guarded_sign_in() -> Error {
    Error::with_message(
        ErrorKind::Config,
        "a sign-in went through the session's own layers: give the provider the plain client, \
         below the layers",
    )
}
