use std::{
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{Recoveries, ResponseFuture};
use crate::{BoxError, inspect::PeekBody, replay::ResendBody};

/// Middleware that answers challenges and sends requests again.
///
/// See the [module docs](self::super) for more details.
#[derive(Clone, Debug)]
pub struct Recover<S, P> {
    pub(super) inner: S,
    pub(super) recovery: P,
    pub(super) body_release: Duration,
}

impl<S, P> Recover<S, P> {
    /// Returns the inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<S, P, ReqBody, ResBody> Service<Request<ReqBody>> for Recover<S, P>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    S::Error: Into<BoxError>,
    P: Recoveries + Clone,
    ReqBody: ResendBody,
    ResBody: Body<Data = Bytes>,
    ResBody::Error: Into<BoxError>,
{
    type Response = Response<PeekBody<ResBody>>;
    type Error = BoxError;
    type Future = ResponseFuture<S, P, ReqBody, ResBody>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    #[inline]
    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let recovery = self.recovery.clone();
        ResponseFuture::new(&mut self.inner, recovery, self.body_release, request)
    }
}
