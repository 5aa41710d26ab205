//! Redis over TLS, with a certificate authority of our own.

use std::{env, fs, process::Command};

use tower_reauth::{
    ErrorKind, Token,
    store::{Record, Saved, StoreKey, TokenStore},
    stores::RedisStore,
};

use crate::server::{RedisServer, free_port};

/// Set for the process that trusts the authority: where to connect.
const URL: &str = "TOWER_REAUTH_REDIS_URL";

/// Not a test of its own: the process that trusts the authority.
#[tokio::test]
async fn saves_over_tls_if_told_to() {
    let Ok(url) = env::var(URL) else { return };
    let store = RedisStore::new(&url).unwrap();
    let key = StoreKey::new("test", "https://api.example.com", "foo@bar.com");
    let record = Record::new(1, Token::new("a1").ok(), None, 0);
    assert_eq!(store.save(&key, &record).await.unwrap(), Saved::Done);
    assert!(store.load(&key).await.unwrap().is_some());
}

#[tokio::test]
async fn a_server_is_trusted_by_its_certificate_alone() {
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(place("cert.pem"), made.cert.pem()).unwrap();
    fs::write(place("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let port = free_port().to_string();
    let (certificate, key) = (place("cert.pem"), place("key.pem"));
    let arguments = [
        ["--tls-port", &port],
        ["--tls-cert-file", &certificate],
        ["--tls-key-file", &key],
        ["--tls-ca-cert-file", &certificate],
        ["--tls-auth-clients", "no"],
    ];
    let Some(_server) = RedisServer::with(&arguments.concat()) else {
        return;
    };
    let url = format!("rediss://localhost:{port}");
    // The system's authorities know nothing of it.
    let key = StoreKey::new("test", "https://api.example.com", "foo@bar.com");
    let error = RedisStore::new(&url).unwrap().load(&key).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);

    let status = Command::new(env::current_exe().unwrap())
        .args(["--exact", "tls::saves_over_tls_if_told_to"])
        .env(URL, url)
        .env("SSL_CERT_FILE", certificate)
        .status();
    assert!(status.unwrap().success());
}
