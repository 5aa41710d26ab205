use std::time::Duration;

use tower_layer::Layer;

use super::{Bearer, BearerLayer, Refresh, RefreshLayer};
use crate::{
    Session,
    replay::{Replay, ReplayLayer},
};

/// Layer that keeps requests signed in: [`ReplayLayer`], [`RefreshLayer`] and [`BearerLayer`], in
/// this order from the outside. Made by [`Session::layer`].
///
/// It takes any request body, and the client inside has to take
/// [`ReplayBody`](crate::replay::ReplayBody) of it. With other layers in between, stack the three
/// by hand.
#[derive(Clone, Debug)]
#[must_use]
pub struct SessionLayer {
    replay: ReplayLayer,
    refresh: RefreshLayer,
    bearer: BearerLayer,
}

impl Session {
    /// Creates the layer that keeps requests signed in, with default settings.
    ///
    /// Make it once and clone it, or the service: all clones share the memory in which bodies are
    /// kept for a second send (64 MiB).
    ///
    /// # Example
    ///
    /// ```
    /// use http::{Request, Response};
    /// use http_body_util::Empty;
    /// use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
    /// use tower_reauth::{Renewal, Session, Token, replay::ReplayBody};
    /// # type Body = Empty<bytes::Bytes>;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), BoxError> {
    /// let tokens = service_fn(|_: Renewal| async { Token::new("mF_9.B5f-4.1JqM") });
    /// let session = Session::builder(tokens).origin("https://api.example.com").build()?;
    ///
    /// // In place of an HTTP client:
    /// let client = service_fn(|request: Request<ReplayBody<Body>>| async move {
    ///     assert_eq!(request.headers()["authorization"], "Bearer mF_9.B5f-4.1JqM");
    ///     Ok::<_, BoxError>(Response::new(Body::new()))
    /// });
    /// let client = ServiceBuilder::new().layer(session.layer()).service(client);
    /// client.oneshot(Request::get("https://api.example.com/users").body(Body::new())?).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn layer(&self) -> SessionLayer {
        SessionLayer {
            replay: ReplayLayer::new(),
            refresh: RefreshLayer::new(self.clone()),
            bearer: BearerLayer::new(self.clone()),
        }
    }
}

impl SessionLayer {
    /// Sets how much of a body is kept for a second send, 8 MiB by default: see
    /// [`ReplayLayer::max_body`].
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.replay = self.replay.max_body(bytes);
        self
    }

    /// Sets how much is kept of the bodies of all requests together, 64 MiB by default: see
    /// [`ReplayLayer::max_total`].
    pub fn max_total(mut self, bytes: usize) -> Self {
        self.replay = self.replay.max_total(bytes);
        self
    }

    /// Sets how long to wait for the client to let go of the first body, 1 s by default: see
    /// [`RefreshLayer::body_release`].
    pub fn body_release(mut self, wait: Duration) -> Self {
        self.refresh = self.refresh.body_release(wait);
        self
    }
}

impl<S> Layer<S> for SessionLayer {
    type Service = Replay<Refresh<Bearer<S>>>;

    fn layer(&self, inner: S) -> Self::Service {
        self.replay
            .layer(self.refresh.layer(self.bearer.layer(inner)))
    }
}
