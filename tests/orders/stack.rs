//! The layers, stacked in any order: all bodies are made one type in between.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use tower::{
    Layer, ServiceExt,
    util::{BoxCloneService, MapRequest},
};
use tower_http::follow_redirect::FollowRedirectLayer;
use tower_reauth::{
    BoxError,
    layers::{BearerLayer, NormalizeLayer, RefreshLayer},
    replay::{NotReplayed, Released, ReplayLayer, ResendBody},
};

use crate::world::{Envelope, World};

pub(crate) type ResBody = UnsyncBoxBody<Bytes, BoxError>;
pub(crate) type Service = BoxCloneService<Request<AnyBody>, Response<ResBody>, BoxError>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Replay,
    Mfa,
    Refresh,
    Bearer,
    Normalize,
}

/// The layers, outermost first. Redirects stand around them all.
#[derive(Clone, Debug)]
pub(crate) struct Order(Vec<Kind>);

pub(crate) fn all_orders() -> Vec<Order> {
    let mut orders = vec![Vec::new()];
    for kind in [
        Kind::Replay,
        Kind::Mfa,
        Kind::Refresh,
        Kind::Bearer,
        Kind::Normalize,
    ] {
        orders = orders
            .into_iter()
            .flat_map(|order: Vec<Kind>| {
                (0..=order.len()).map(move |at| {
                    let mut order = order.clone();
                    order.insert(at, kind);
                    order
                })
            })
            .collect();
    }
    assert_eq!(orders.len(), 120);
    orders.into_iter().map(Order).collect()
}

impl Order {
    pub(crate) fn is_outside(&self, one: Kind, other: Kind) -> bool {
        let place = |kind| self.0.iter().position(|place| *place == kind);
        place(one) < place(other)
    }

    pub(crate) fn stack(&self, world: &World) -> Service {
        let layers = self.0.iter().rev();
        let service = layers.fold(world.api(), |inner, kind| match kind {
            Kind::Replay => {
                let inner = MapRequest::new(inner, |request: Request<_>| request.map(AnyBody::new));
                erase(ReplayLayer::new().layer(inner))
            }
            Kind::Mfa => erase(world.mfa.layer().layer(inner)),
            Kind::Refresh => erase(RefreshLayer::new(world.session.clone()).layer(inner)),
            Kind::Bearer => erase(BearerLayer::new(world.session.clone()).layer(inner)),
            Kind::Normalize => erase(NormalizeLayer::new(Envelope).layer(inner)),
        });
        erase(FollowRedirectLayer::new().layer(service))
    }
}

fn erase<S, R>(service: S) -> Service
where
    S: tower::Service<Request<AnyBody>, Response = Response<R>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    R: Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    service
        .map_response(|response| response.map(|body| body.map_err(Into::into).boxed_unsync()))
        .map_err(Into::into)
        .boxed_clone()
}

/// A request body of any type, which can be copied if that type can.
pub(crate) struct AnyBody(Box<dyn Dyn>);

trait Dyn: Send {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>>;
    fn is_end_stream(&self) -> bool;
    fn size_hint(&self) -> SizeHint;
    fn try_copy(&self) -> Option<AnyBody>;
    fn poll_released(&mut self, cx: &mut Context<'_>) -> Poll<Released>;
    fn not_replayed(&self) -> NotReplayed;
}

impl AnyBody {
    pub(crate) fn new<B>(body: B) -> Self
    where
        B: Body<Data = Bytes> + ResendBody + Unpin + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self(Box::new(body))
    }
}

impl<B> Dyn for B
where
    B: Body<Data = Bytes> + ResendBody + Unpin + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Body::poll_frame(Pin::new(self), cx).map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        Body::is_end_stream(self)
    }

    fn size_hint(&self) -> SizeHint {
        Body::size_hint(self)
    }

    fn try_copy(&self) -> Option<AnyBody> {
        ResendBody::try_copy(self).map(AnyBody::new)
    }

    fn poll_released(&mut self, cx: &mut Context<'_>) -> Poll<Released> {
        ResendBody::poll_released(self, cx)
    }

    fn not_replayed(&self) -> NotReplayed {
        ResendBody::not_replayed(self)
    }
}

impl Body for AnyBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.0.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

impl ResendBody for AnyBody {
    fn try_copy(&self) -> Option<Self> {
        self.0.try_copy()
    }

    fn poll_released(&mut self, cx: &mut Context<'_>) -> Poll<Released> {
        self.0.poll_released(cx)
    }

    fn not_replayed(&self) -> NotReplayed {
        self.0.not_replayed()
    }
}

// What a redirect is followed with.
impl Default for AnyBody {
    fn default() -> Self {
        Self::new(http_body_util::Empty::new())
    }
}
