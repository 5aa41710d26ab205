//! A file that somebody else has written, plain or encrypted: it is read or set aside, and saving
//! heals it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_reauth::{
    Token,
    store::{Record, Saved, StoreKey, TokenStore},
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
        let is_read = block_on(store.load(&key)).is_ok();
        // What is damaged is set aside, and then there is nothing. What is newer than we are stays.
        let store = store.on_corrupt(Corrupt::SetAside);
        let loaded = block_on(store.load(&key));
        assert!(loaded.is_ok() || !is_read);
        let Ok(loaded) = loaded else {
            continue;
        };
        let version = loaded.map_or(0, |record| record.version());
        let Some(version) = version.checked_add(1) else {
            continue;
        };
        let token = Token::new("t").expect("visible ASCII");
        let record = Record::new(version, Some(token), None, 0);
        let saved = block_on(store.save(&key, &record));
        assert_eq!(saved.ok(), Some(Saved::Done));
        let loaded = block_on(store.load(&key)).ok().flatten();
        assert_eq!(loaded.map(|record| record.version()), Some(version));
    }
    if let Some(folder) = path.parent() {
        for entry in std::fs::read_dir(folder).expect("the directory").flatten() {
            let _ = std::fs::remove_file(entry.path());
        }
    }
});
