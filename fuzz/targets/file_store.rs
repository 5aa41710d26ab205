//! A file that somebody else has written, plain or encrypted.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_reauth::{
    store::{StoreKey, TokenStore},
    stores::{Corrupt, FileKey, FileStore},
};
use tower_reauth_fuzz::block_on;

fuzz_target!(|data: &[u8]| {
    thread_local! {
        static DIRECTORY: tempfile::TempDir = tempfile::tempdir().expect("a directory");
    }
    let path = DIRECTORY.with(|directory| directory.path().join("tokens"));
    let key = StoreKey::new("fuzz", "https://api.example.com", "user");
    for encrypted in [false, true] {
        std::fs::write(&path, data).expect("a file");
        let mut store = FileStore::new(&path);
        if encrypted {
            store = store.encrypted(FileKey::new([7; 32]));
        }
        let _ = block_on(store.load(&key));
        // What is damaged is set aside, and then there is nothing.
        let store = store.on_corrupt(Corrupt::SetAside);
        let _ = block_on(store.load(&key));
    }
    if let Some(folder) = path.parent() {
        for entry in std::fs::read_dir(folder).expect("the directory").flatten() {
            let _ = std::fs::remove_file(entry.path());
        }
    }
});
