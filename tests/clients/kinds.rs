//! The clients, each with the layers around it, as one type.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use tower::{BoxError, Layer, service_fn};
use tower_reauth::{
    clients::{
        BoxClient, boxed,
        reqwest::{HttpService, same_origin},
        reqwest_middleware::LayerMiddleware,
    },
    layers::{SessionLayer, recover::Recoveries},
    replay::ReplayBody,
};

/// All clients take it.
pub(crate) type Body = reqwest::Body;

pub(crate) type TestClient = BoxClient<Body>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    HyperH1,
    HyperH2,
    ReqwestH1,
    ReqwestH2,
    /// The layers are a middleware of the chain.
    MiddlewareH1,
    MiddlewareH2,
    /// The layers stand around a chain.
    Chain,
}

/// Makes tests of scenarios: one for each client.
macro_rules! on_each_client {
    ($($scenario:ident),* $(,)?) => { $(
        mod $scenario {
            use crate::kinds::{Kind, on_each_client};

            on_each_client!(@ $scenario:
                hyper_h1 HyperH1, hyper_h2 HyperH2, reqwest_h1 ReqwestH1, reqwest_h2 ReqwestH2,
                middleware_h1 MiddlewareH1, middleware_h2 MiddlewareH2, chain Chain);
        }
    )* };
    (@ $scenario:ident: $($name:ident $kind:ident),*) => { $(
        #[tokio::test]
        async fn $name() {
            super::$scenario(Kind::$kind).await;
        }
    )* };
}
pub(crate) use on_each_client;

impl Kind {
    pub(crate) fn is_h2(self) -> bool {
        matches!(self, Self::HyperH2 | Self::ReqwestH2 | Self::MiddlewareH2)
    }

    /// The client with `layer` around it.
    pub(crate) fn signed_in<P>(self, layer: SessionLayer<P>) -> TestClient
    where
        P: Recoveries + Clone + Send + Sync + 'static,
    {
        match self {
            Self::HyperH1 | Self::HyperH2 => {
                boxed(layer.layer(hyper::<ReplayBody<Body>>(self.is_h2())))
            }
            Self::ReqwestH1 | Self::ReqwestH2 => {
                let client = HttpService::<ReplayBody<Body>>::new(reqwest(self.is_h2()));
                boxed(layer.layer(client))
            }
            Self::MiddlewareH1 | Self::MiddlewareH2 => {
                let chain = ClientBuilder::new(reqwest(self.is_h2()));
                through(chain.with(LayerMiddleware::new(layer)).build())
            }
            Self::Chain => {
                let chain = ClientBuilder::new(reqwest(false)).build();
                boxed(layer.layer(HttpService::<ReplayBody<Body>, _>::new(chain)))
            }
        }
    }

    /// The client without layers.
    pub(crate) fn plain(self) -> TestClient {
        match self {
            Self::HyperH1 | Self::HyperH2 => boxed(hyper::<Body>(self.is_h2())),
            Self::ReqwestH1 | Self::ReqwestH2 => {
                boxed(HttpService::<Body>::new(reqwest(self.is_h2())))
            }
            Self::MiddlewareH1 | Self::MiddlewareH2 | Self::Chain => {
                let chain = ClientBuilder::new(reqwest(self.is_h2())).build();
                boxed(HttpService::<Body, _>::new(chain))
            }
        }
    }
}

type HyperClient<B> = Client<hyper_util::client::legacy::connect::HttpConnector, B>;

fn hyper<B>(h2: bool) -> HyperClient<B>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    Client::builder(TokioExecutor::new())
        .http2_only(h2)
        .build_http()
}

/// A client as our users are told to build it.
pub(crate) fn reqwest(h2: bool) -> reqwest::Client {
    reqwest_builder(h2)
        .redirect(same_origin())
        .build()
        .expect("all settings are good")
}

pub(crate) fn reqwest_builder(h2: bool) -> reqwest::ClientBuilder {
    // Not used here, but looked at when the client is built.
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has them")
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy();
    if h2 {
        builder.http2_prior_knowledge()
    } else {
        builder
    }
}

/// Calls through a chain as its users do.
fn through(chain: ClientWithMiddleware) -> TestClient {
    boxed(service_fn(move |request: Request<Body>| {
        let chain = chain.clone();
        async move {
            match chain.execute(request.try_into()?).await {
                Ok(response) => Ok(Response::from(response)),
                Err(reqwest_middleware::Error::Reqwest(error)) => Err(error.into()),
                Err(reqwest_middleware::Error::Middleware(error)) => {
                    Err::<_, BoxError>(error.reallocate_into_boxed_dyn_error_without_backtrace())
                }
            }
        }
    }))
}
