//! The suite that any store can run.

use tower_reauth::{
    stores::{FileKey, FileStore, MemoryStore, RedisStore},
    testing::store_conformance,
};

use crate::server::RedisServer;

#[tokio::test(flavor = "multi_thread")]
async fn memory_keeps_every_promise() {
    let store = MemoryStore::new();
    store_conformance::check(|| store.clone()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_keeps_every_promise() {
    let directory = tempfile::tempdir().unwrap();
    let open = || {
        let interval = std::time::Duration::from_millis(1);
        FileStore::new(directory.path().join("tokens")).poll_interval(interval)
    };
    store_conformance::check(open).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_file_keeps_every_promise() {
    let directory = tempfile::tempdir().unwrap();
    let open = || {
        let interval = std::time::Duration::from_millis(1);
        FileStore::new(directory.path().join("tokens"))
            .poll_interval(interval)
            .encrypted(FileKey::new([1; 32]))
    };
    store_conformance::check(open).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_keeps_every_promise() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let open = || RedisStore::new(&server.url()).unwrap();
    store_conformance::check(open).await;
    store_conformance::check_expiry(open).await;
}
