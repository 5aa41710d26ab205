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
    layers::{copies, headers},
    origin::Destination,
    renew::{Entry, SignInTraffic, Usable},
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

impl<S> Bearer<S> {
    /// Signs a request to one of our origins, if that takes no more than this thread's copy of the
    /// token.
    #[inline]
    fn sign_at_once<B>(&self, request: &mut Request<B>) -> Option<Signature> {
        let session = &self.session;
        let is_plain = session.origins().check(request.uri()) == Destination::Ours
            && !session.is_anonymous(request.headers())
            && request.extensions().get::<SignInTraffic>().is_none()
            && request.extensions().get::<OneShot>().is_none();
        if !is_plain {
            return None;
        }
        take_out_retired(request.headers_mut(), session);
        let renewer = session.renewer().id();
        let generation = copies::insert_plain(request.headers_mut(), renewer)?;
        Some(Signature {
            session: renewer,
            generation,
        })
    }
}

impl<S: Clone> Bearer<S> {
    #[inline(never)]
    fn call_otherwise<B, ResBody>(&mut self, mut request: Request<B>) -> ResponseFuture<S, B>
    where
        S: Service<Request<B>, Response = Response<ResBody>>,
        S::Error: Into<BoxError>,
    {
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

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    #[inline]
    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        match self.sign_at_once(&mut request) {
            Some(signed) => ResponseFuture::sending(self.inner.call(request), Some(signed)),
            None => self.call_otherwise(request),
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
    let renewer = session.renewer().id();
    take_out_retired(request.headers_mut(), session);
    let (name, value) = entry.credential.header();
    copies::insert(request.headers_mut(), renewer, entry, name, value);
    Signature {
        session: renewer,
        generation: entry.generation,
    }
}

#[inline]
fn take_out_retired(map: &mut HeaderMap, session: &Session) {
    for name in session.retired_headers() {
        map.remove(name);
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
