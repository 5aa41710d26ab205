//! https, with certificates of our own making.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer};
use tempfile::NamedTempFile;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tower_reauth::testing::back_office::Simulator;

use crate::program::{Run, at, run};

/// Takes TLS off and forwards the bytes.
pub(crate) struct Front {
    address: SocketAddr,
    ca: NamedTempFile,
    protocols: Arc<Mutex<Vec<String>>>,
}

impl Front {
    pub(crate) async fn start(backend: SocketAddr) -> Self {
        let (ca, acceptor) = authority();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let protocols = Arc::new(Mutex::new(Vec::new()));
        let spoken = Arc::clone(&protocols);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, spoken) = (acceptor.clone(), Arc::clone(&spoken));
                tokio::spawn(async move {
                    // A client that does not trust us hangs up.
                    let Ok(mut tls) = acceptor.accept(stream).await else {
                        return;
                    };
                    let protocol = tls.get_ref().1.alpn_protocol().unwrap_or(b"none");
                    let protocol = String::from_utf8_lossy(protocol).into_owned();
                    spoken.lock().unwrap().push(protocol);
                    let mut plain = TcpStream::connect(backend).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut tls, &mut plain).await;
                });
            }
        });
        Self {
            address,
            ca,
            protocols,
        }
    }

    pub(crate) fn base_url(&self) -> String {
        format!("https://{}", self.address)
    }

    pub(crate) fn ca(&self) -> &Path {
        self.ca.path()
    }

    /// What the connections spoke, once each.
    pub(crate) fn protocols(&self) -> Vec<String> {
        let mut protocols = self.protocols.lock().unwrap().clone();
        protocols.dedup();
        protocols
    }
}

/// Makes an authority, and a certificate of it for 127.0.0.1.
fn authority() -> (NamedTempFile, TlsAcceptor) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let ca = NamedTempFile::new().unwrap();
    std::fs::write(ca.path(), params.self_signed(&key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(params, key);

    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".into()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    (ca, TlsAcceptor::from(Arc::new(config)))
}

async fn with_roots(front: &Front, system: &Path, arguments: &[&str]) -> Run {
    let mut command = at(&front.base_url(), arguments);
    // Stands for the system's roots, which are read from there.
    command.env("SSL_CERT_FILE", system);
    run(command).await
}

#[tokio::test]
async fn trusts_the_system_and_the_certificates_that_it_is_given() {
    let server = Simulator::builder().start().await.unwrap();
    let front = Front::start(server.address()).await;
    let (other, _) = authority();

    let run = with_roots(&front, other.path(), &[]).await;
    assert_eq!((run.code, run.kinds()), (Some(1), vec!["transport".into()]));
    assert!(run.stdout.contains("certificate"), "{run:?}");
    assert_eq!(server.counts().connections, 0);

    let ca = ["--ca", front.ca().to_str().unwrap(), "--requests", "3"];
    let run = with_roots(&front, other.path(), &ca).await;
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(run.counts(["ok", "sign_ins"]), [3, 1]);

    let run = with_roots(&front, front.ca(), &[]).await;
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(front.protocols(), ["h2"]);
    assert_eq!(server.violations(), [""; 0]);
}
