//! Our layers, over whatever service.

use std::time::Duration;

use http::{HeaderName, Request, Response, response};
use tower::{BoxError, Layer, Service, service_fn};
use tower_reauth::{
    Error, Renewal, Session, Token,
    layers::{Bearer, BearerLayer, Mfa, NormalizeLayer, RefreshLayer, normalize::OAuthErrors},
};

use super::{Body, token};

pub const ORIGIN: &str = "https://api.example.com";

/// A session with a token whose expiry is watched. Needs a runtime.
pub fn session() -> Session {
    let tokens = service_fn(|_: Renewal| async { Ok::<_, Error>(fresh()) });
    let session = Session::builder(tokens).origin(ORIGIN).token(fresh());
    session.build().expect("the settings are right")
}

pub fn fresh() -> Token {
    let token = Token::new(token()).expect("visible ASCII");
    token.with_lifetime(Duration::from_secs(3600))
}

pub fn bearer_layer<S>(session: &Session, inner: S) -> Bearer<S> {
    BearerLayer::new(session.clone()).layer(inner)
}

/// Refresh around Bearer.
pub fn refresh<S, R>(
    session: &Session,
    inner: S,
) -> impl Service<Request<Body>, Response: Send, Error = BoxError> + Clone + use<S, R>
where
    S: Service<Request<Body>, Response = Response<R>> + Clone,
    S::Error: Into<BoxError>,
    R: http_body::Body<Data = bytes::Bytes, Error: Into<BoxError>> + Send,
{
    let layers = (
        RefreshLayer::new(session.clone()),
        BearerLayer::new(session.clone()),
    );
    layers.layer(inner)
}

/// Handles of codes that nobody has asked for.
pub fn mfa() -> Mfa {
    let challenge = |_: &response::Parts, _: &[u8]| None;
    let mfa = Mfa::builder(HeaderName::from_static("x-mfa-code"), challenge);
    mfa.origin(ORIGIN).build().expect("the settings are right")
}

/// Everything: Replay, Mfa and Refresh in one engine, Bearer, Normalize.
#[macro_export]
macro_rules! full_stack {
    ($session:expr, $inner:expr) => {{
        let layers = (
            $session.layer().mfa(&$crate::common::stacks::mfa()),
            $crate::common::stacks::normalize(),
        );
        tower::Layer::layer(&layers, $inner)
    }};
}

pub fn normalize() -> NormalizeLayer<OAuthErrors> {
    NormalizeLayer::new(OAuthErrors::new())
}
