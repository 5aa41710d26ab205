use std::{future::Future, pin::Pin};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower::{
    ServiceExt,
    util::{MapErr, MapResponse},
};
use tower_layer::Layer;
use tower_service::Service;

use super::NextService;
use crate::{BoxError, replay::ReplayBody};

/// The request body that a layer gets from [`LayerMiddleware`](super::LayerMiddleware).
pub type RequestBody = ReplayBody<reqwest::Body>;

type BoxFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Response<reqwest::Body>, BoxError>> + Send + 'a>>;

/// A layer that can stand around the rest of a chain, however short a request lives.
///
/// It is implemented for every [`Layer`] over a [`NextService`] that makes a service of
/// `Request<`[`RequestBody`]`>`; the service, its future and its response body must be `Send`, and
/// the body `Sync` as well. There is nothing to implement by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a middleware of reqwest-middleware",
    label = "is no `Layer` for a service that lives as long as one request",
    note = "for every `'a` it has to make an HTTP service of `NextService<'a>`, for requests with \
            the body `RequestBody`; the service, its future and its response body must be `Send`, \
            and the body `Sync`",
    note = "of a session it is `session.layer()`"
)]
pub trait MiddlewareLayer: Send + Sync + 'static + for<'a> LayerFor<'a> {}

#[diagnostic::do_not_recommend]
impl<L> MiddlewareLayer for L where L: Send + Sync + 'static + for<'a> LayerFor<'a> {}

/// [`MiddlewareLayer`] for one lifetime.
#[allow(
    unnameable_types,
    reason = "nobody but the impl below is to implement it"
)]
pub trait LayerFor<'a> {
    fn send(&self, next: NextService<'a>, request: Request<RequestBody>) -> BoxFuture<'a>;
}

impl<'a, L, R> LayerFor<'a> for L
where
    L: Layer<NextService<'a>>,
    L::Service: Service<Request<RequestBody>, Response = Response<R>> + Send + 'a,
    <L::Service as Service<Request<RequestBody>>>::Error: Into<BoxError>,
    <L::Service as Service<Request<RequestBody>>>::Future: Send + 'a,
    R: Body + Send + Sync + 'static,
    R::Data: Into<Bytes>,
    R::Error: Into<BoxError>,
{
    fn send(&self, next: NextService<'a>, request: Request<RequestBody>) -> BoxFuture<'a> {
        let service = MapErr::new(self.layer(next), Into::into as fn(_) -> BoxError);
        let service = MapResponse::new(service, |response: Response<R>| {
            response.map(reqwest::Body::wrap)
        });
        // A combinator, because an async block would have to be `Send` for all lifetimes at once.
        Box::pin(service.oneshot(request))
    }
}
