use std::sync::Arc;

use tower_layer::Layer;

use super::placing::Place;

/// Layer that places the token in the JSON body of each request, for each send anew.
///
/// [`Fintiv::body_token_layer`](super::super::Fintiv::body_token_layer) makes it, and it belongs
/// right inside [`BearerLayer`](crate::layers::BearerLayer). What a layer outside keeps for a second
/// send does not have the token in it. See
/// [where the token goes](super::super#where-the-token-goes).
#[derive(Clone, Debug)]
#[must_use]
pub struct BodyTokenLayer {
    /// Nowhere, if the token is placed in a header.
    place: Option<Arc<Place>>,
}

/// Middleware that places the token in the JSON body of each request, for each send anew.
///
/// See [`BodyTokenLayer`] for more details.
#[derive(Clone, Debug)]
pub struct BodyToken<S> {
    pub(super) inner: S,
    pub(super) place: Option<Arc<Place>>,
}

// === impl BodyTokenLayer ===

impl BodyTokenLayer {
    pub(in crate::providers::fintiv) fn new(place: Option<Place>) -> Self {
        Self {
            place: place.map(Arc::new),
        }
    }
}

impl<S> Layer<S> for BodyTokenLayer {
    type Service = BodyToken<S>;

    fn layer(&self, inner: S) -> Self::Service {
        BodyToken {
            inner,
            place: self.place.clone(),
        }
    }
}

// === impl BodyToken ===

impl<S> BodyToken<S> {
    /// Returns the inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }
}
