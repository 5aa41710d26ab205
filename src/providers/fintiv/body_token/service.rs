use std::{
    mem,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::Request;
use http_body::Body;
use tower_service::Service;

use super::{BodyToken, HANDED_IN, ResponseFuture};
use crate::BoxError;

impl<S, B> Service<Request<B>> for BodyToken<S>
where
    S: Service<Request<B>> + Clone,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes> + From<Bytes>,
    B::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let Some(place) = &self.place else {
            return ResponseFuture::sending(self.inner.call(request));
        };
        let Some(token) = request.headers_mut().remove(HANDED_IN) else {
            return ResponseFuture::sending(self.inner.call(request));
        };
        let place = Arc::clone(place);
        // The readied service must be the one that is called, so the clone stays behind.
        let unready = self.inner.clone();
        let ready = mem::replace(&mut self.inner, unready);
        ResponseFuture::reading(ready, request, token, place)
    }
}
