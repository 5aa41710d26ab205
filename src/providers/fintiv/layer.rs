use tower_layer::Layer;

use super::{
    api_key::{ApiKey, ApiKeyLayer},
    body_token::{BodyToken, BodyTokenLayer},
    envelope::FintivEnvelope,
};
use crate::layers::{Normalize, NormalizeLayer, SessionLayer};

/// Layer with all that Fintiv's API needs. Made by [`Fintiv::layer`](super::Fintiv::layer).
///
/// From the outside: the layers of [`SessionLayer`], [`BodyTokenLayer`], [`ApiKeyLayer`] and
/// [`NormalizeLayer`]. It takes any request body, and the client inside has to take
/// [`ReplayBody`](crate::replay::ReplayBody) of it.
#[derive(Clone, Debug)]
#[must_use]
pub struct FintivLayer {
    session: SessionLayer,
    inner: (BodyTokenLayer, ApiKeyLayer, NormalizeLayer<FintivEnvelope>),
}

type Inner<S> = BodyToken<ApiKey<Normalize<S, FintivEnvelope>>>;

impl FintivLayer {
    pub(super) fn new(
        session: SessionLayer,
        body_token: BodyTokenLayer,
        api_key: ApiKeyLayer,
        normalize: NormalizeLayer<FintivEnvelope>,
    ) -> Self {
        Self {
            session,
            inner: (body_token, api_key, normalize),
        }
    }

    /// Changes the layers of the session: how much of a body is kept for a second send, say.
    pub fn map_session(mut self, change: impl FnOnce(SessionLayer) -> SessionLayer) -> Self {
        self.session = change(self.session);
        self
    }

    /// Sets whether a failure inside a `200` is an `Err` in place of a response: see
    /// [`NormalizeLayer::as_err`].
    pub fn as_err(mut self, as_err: bool) -> Self {
        self.inner.2 = self.inner.2.as_err(as_err);
        self
    }
}

impl<S> Layer<S> for FintivLayer {
    type Service = <SessionLayer as Layer<Inner<S>>>::Service;

    fn layer(&self, client: S) -> Self::Service {
        self.session.layer(self.inner.layer(client))
    }
}
