use std::time::Duration;

use tower_layer::Layer;

use super::{
    Bearer, BearerLayer, Mfa, Recover, RecoverLayer, mfa::MfaRecovery, refresh::RefreshRecovery,
};
use crate::{
    Session,
    replay::{Replay, ReplayLayer},
};

/// Layer that keeps requests signed in: [`ReplayLayer`], [`RefreshLayer`](super::RefreshLayer) and
/// [`BearerLayer`], in this order from the outside. Made by [`Session::layer`].
///
/// It takes any request body, and the client inside has to take
/// [`ReplayBody`](crate::replay::ReplayBody) of it. With other layers in between, stack the three
/// by hand.
#[derive(Clone, Debug)]
#[must_use]
pub struct SessionLayer<P = RefreshRecovery> {
    replay: ReplayLayer,
    recover: RecoverLayer<P>,
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
            recover: RecoverLayer::new(RefreshRecovery::new(self.clone())),
            bearer: BearerLayer::new(self.clone()),
        }
    }
}

impl SessionLayer {
    /// Adds the answer to challenges that ask for a code. One copy of the request serves both, and
    /// no code is ever in it.
    ///
    /// # Example
    ///
    /// ```
    /// # use tower_reauth::{Session, layers::{Mfa, SessionLayer, mfa::MfaRecovery, refresh::RefreshRecovery}};
    /// fn layer(session: &Session, mfa: &Mfa) -> SessionLayer<(MfaRecovery, RefreshRecovery)> {
    ///     session.layer().mfa(mfa)
    /// }
    /// # let _ = layer;
    /// ```
    pub fn mfa(self, mfa: &Mfa) -> SessionLayer<(MfaRecovery, RefreshRecovery)> {
        let mfa = MfaRecovery::new(mfa.clone());
        SessionLayer {
            replay: self.replay,
            recover: self.recover.map(|refresh| (mfa, refresh)),
            bearer: self.bearer,
        }
    }
}

impl<P> SessionLayer<P> {
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
    /// [`RecoverLayer::body_release`].
    pub fn body_release(mut self, wait: Duration) -> Self {
        self.recover = self.recover.body_release(wait);
        self
    }
}

impl<S, P: Clone> Layer<S> for SessionLayer<P> {
    type Service = Replay<Recover<Bearer<S>, P>>;

    fn layer(&self, inner: S) -> Self::Service {
        self.replay
            .layer(self.recover.layer(self.bearer.layer(inner)))
    }
}
