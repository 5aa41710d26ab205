//! The HTTP client: hyper with rustls.

use std::sync::Arc;

use bytes::Bytes;
use http::Uri;
use http_body::Body;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::CertificateDer};
use tower_reauth::{BoxError, replay::ReplayBody};

use crate::usage::Usage;

/// A client with one pool of connections, which its clones share. It follows no redirects.
pub(crate) type HttpClient<B> = Client<HttpsConnector<HttpConnector>, ReplayBody<B>>;

/// Creates the client for `uri`, which trusts `extra` besides what the system trusts.
pub(crate) fn new<B>(uri: &Uri, extra: Vec<CertificateDer<'static>>) -> Result<HttpClient<B>, Usage>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let mut roots = RootCertStore::empty();
    for certificate in extra {
        roots.add(certificate).map_err(|error| {
            Usage::new(
                format!("a certificate of --ca cannot be used: {error}"),
                "Give root certificates: X.509 version 3, in PEM.",
            )
        })?;
    }
    if uri.scheme_str() == Some("https") {
        // Those that cannot be read are left out: what is needed may be among the others.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err(Usage::new(
                "this system has no root certificates, so no server can be trusted",
                "Install them (ca-certificates), or name a PEM file with --ca FILE",
            ));
        }
    }
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Usage::new(format!("TLS cannot be set up: {error}"), "Report this."))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .enable_http2()
        .wrap_connector(tcp);
    Ok(Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .build(connector))
}
