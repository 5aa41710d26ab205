use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{Envelope, ResponseFuture, layer::Settings};
use crate::{BoxError, inspect::PeekBody};

/// Middleware that gives responses with an error inside an honest status.
///
/// See the [module docs](self::super) for more details.
#[derive(Clone, Debug)]
pub struct Normalize<S, E> {
    pub(super) inner: S,
    pub(super) envelope: E,
    pub(super) settings: Settings,
}

impl<S, E> Normalize<S, E> {
    /// Returns the inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<S, E, ReqBody, ResBody> Service<Request<ReqBody>> for Normalize<S, E>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    S::Error: Into<BoxError>,
    E: Envelope,
    ResBody: Body<Data = Bytes>,
    ResBody::Error: Into<BoxError>,
{
    type Response = Response<PeekBody<ResBody>>;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future, E::Reader, ResBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        // What answers these has no body, or a tunnel in its place.
        let has_body = !matches!(*request.method(), Method::HEAD | Method::CONNECT);
        let reader = match has_body {
            true => self.envelope.reader(&request),
            false => None,
        };
        ResponseFuture::new(self.inner.call(request), reader, self.settings)
    }
}
