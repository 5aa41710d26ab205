//! The HTTP client that the stack wraps, with TLS by rustls: hyper, reqwest, or a chain of
//! reqwest-middleware.

use std::sync::Arc;

use bytes::Bytes;
use http::{Extensions, Request, Response};
use http_body::Body;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use reqwest::redirect::Policy;
use reqwest_middleware::{ClientBuilder, Middleware, Next};
use rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::CertificateDer};
use tower::{Layer, Service, ServiceBuilder, util::MapRequest};
use tower_reauth::{
    BoxError,
    clients::{
        BoxClient, boxed,
        reqwest::{HttpService, same_origin},
        reqwest_middleware::{LayerMiddleware, MiddlewareLayer},
    },
    replay::ReplayBody,
};

use crate::{body::CallBody, call::Sends, usage::Usage};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Hyper,
    Reqwest,
    ReqwestMiddleware,
}

/// A client without layers. It shares its connections with its clones.
pub(crate) type Plain<B> = BoxClient<ReplayBody<B>>;

/// A client that counts what it sends.
pub(crate) type Counting<B> =
    MapRequest<Plain<B>, fn(Request<ReplayBody<B>>) -> Request<ReplayBody<B>>>;

/// The clients of a stack.
pub(crate) struct Clients<B> {
    /// For the sign-in. It follows no redirects: whatever they lead to would get the password.
    pub(crate) sign_in: Plain<B>,
    calls: Calls<B>,
}

enum Calls<B> {
    Plain(Plain<B>),
    /// The layers stand in a chain around this one.
    Chain(reqwest::Client),
}

impl<B: CallBody> Clients<B> {
    /// Creates the clients, which trust `extra` besides what the system trusts. `is_tls` says whether
    /// any of them will need that.
    pub(crate) fn new(
        kind: Kind,
        is_tls: bool,
        extra: Vec<CertificateDer<'static>>,
    ) -> Result<Self, Usage> {
        let tls = tls(is_tls, extra)?;
        if kind == Kind::Hyper {
            // One client for both.
            let client = hyper(tls);
            return Ok(Self {
                sign_in: client.clone(),
                calls: Calls::Plain(client),
            });
        }
        let calls = reqwest(tls.clone(), is_tls, same_origin())?;
        Ok(Self {
            sign_in: boxed(HttpService::new(reqwest(tls, is_tls, Policy::none())?)),
            calls: match kind {
                Kind::ReqwestMiddleware => Calls::Chain(calls),
                _ => Calls::Plain(boxed(HttpService::new(calls))),
            },
        })
    }

    /// Stacks `layer` around the client for calls, in the way that the client has for it.
    pub(crate) fn stacked<L, R>(self, layer: L) -> BoxClient<B>
    where
        L: Layer<Counting<B>> + MiddlewareLayer,
        L::Service: Service<Request<B>, Response = Response<R>, Error: Into<BoxError>>
            + Clone
            + Send
            + Sync
            + 'static,
        <L::Service as Service<Request<B>>>::Future: Send,
        R: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        match self.calls {
            Calls::Plain(client) => boxed(
                ServiceBuilder::new()
                    .layer(layer)
                    // Innermost, so that it sees each send.
                    .map_request(Sends::count as fn(_) -> _)
                    .service(client),
            ),
            Calls::Chain(client) => {
                let chain = ClientBuilder::new(client)
                    .with(LayerMiddleware::new(layer))
                    .with(CountSends)
                    .build();
                boxed(HttpService::<B, _>::new(chain))
            }
        }
    }
}

/// Innermost in a chain, so that it sees each send.
struct CountSends;

#[async_trait::async_trait]
impl Middleware for CountSends {
    async fn handle(
        &self,
        request: reqwest::Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<reqwest::Response> {
        Sends::count_in(extensions);
        next.run(request, extensions).await
    }
}

/// It follows no redirects.
fn hyper<B: CallBody>(tls: ClientConfig) -> Plain<B> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .enable_http2()
        .wrap_connector(tcp);
    let client = Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .build::<_, ReplayBody<B>>(connector);
    boxed(client)
}

fn reqwest(
    mut tls: ClientConfig,
    is_tls: bool,
    redirects: Policy,
) -> Result<reqwest::Client, Usage> {
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(redirects)
        // Nothing is sent twice but by the layers.
        .retry(reqwest::retry::never());
    if !is_tls {
        // Plain http is for this machine, and a proxy is none.
        builder = builder.no_proxy();
    }
    builder.build().map_err(|_| {
        Usage::new(
            "reqwest cannot be set up",
            "Is a proxy in the environment that is no URL? Or take --client hyper",
        )
    })
}

fn tls(is_tls: bool, extra: Vec<CertificateDer<'static>>) -> Result<ClientConfig, Usage> {
    let mut roots = RootCertStore::empty();
    for certificate in extra {
        roots.add(certificate).map_err(|error| {
            Usage::new(
                format!("a certificate of --ca cannot be used: {error}"),
                "Give root certificates: X.509 version 3, in PEM.",
            )
        })?;
    }
    if is_tls {
        // Those that cannot be read are left out: what is needed may be among the others.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err(Usage::new(
                "this system has no root certificates, so no server can be trusted",
                "Install them (ca-certificates), or name a PEM file with --ca FILE",
            ));
        }
    }
    Ok(
        ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| Usage::new(format!("TLS cannot be set up: {error}"), "Report this."))?
            .with_root_certificates(roots)
            .with_no_client_auth(),
    )
}
