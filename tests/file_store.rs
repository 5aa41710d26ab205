//! The file store: what it keeps, what it refuses, and what a damaged file does.

#![cfg(unix)]

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    time::Duration,
};

use tempfile::TempDir;
use tokio_stream::StreamExt;
use tower::service_fn;
use tower_reauth::{
    Error, ErrorKind, ExposeSecret, Renewal, Renewed, Session, Token,
    store::{Record, Saved, StoreKey, StoreLayer, TokenStore},
    stores::{Corrupt, FileKey, FileStore},
};

const SECRET: &str = "hunter2-access";

struct Place {
    directory: TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("tokens")
    }

    fn store(&self) -> FileStore {
        FileStore::new(self.path())
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.directory.path()).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !name.ends_with(".lock"))
            .collect();
        names.sort();
        names
    }
}

fn key() -> StoreKey {
    StoreKey::new("test", "https://api.example.com", "foo@bar.com")
}

fn record(version: u64) -> Record {
    let token = Token::new(SECRET)
        .unwrap()
        .with_refresh_token("hunter2-refresh")
        .unwrap()
        .with_lifetime(Duration::from_secs(3600));
    Record::new(version, Some(token), None, 0)
}

async fn save(store: &FileStore, version: u64) -> Result<Saved, Error> {
    store.save(&key(), &record(version)).await
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn keeps_what_it_was_given_and_compares_versions() {
    let place = Place::new();
    let (one, other) = (place.store(), place.store());
    assert!(one.load(&key()).await.unwrap().is_none());
    assert_eq!(save(&one, 2).await.unwrap(), Saved::Conflict);
    assert_eq!(save(&one, 1).await.unwrap(), Saved::Done);
    assert_eq!(save(&other, 1).await.unwrap(), Saved::Conflict);
    assert_eq!(save(&other, 2).await.unwrap(), Saved::Done);
    let loaded = one.load(&key()).await.unwrap().unwrap();
    assert_eq!(loaded.version(), 2);
    let token = loaded.token().unwrap();
    assert_eq!(token.expose(), SECRET);
    assert_eq!(
        token.refresh_token().unwrap().expose_secret(),
        "hunter2-refresh"
    );
    assert!(one.load(&key().scope("other")).await.unwrap().is_none());
    // Nothing is left of the writing.
    assert_eq!(place.names(), ["tokens"]);
}

#[tokio::test]
async fn is_the_owners_alone() {
    let place = Place::new();
    let store = FileStore::new(place.directory.path().join("a/b/tokens"));
    save(&store, 1).await.unwrap();
    assert_eq!(mode(store.path()), 0o600);
    assert_eq!(mode(store.path().parent().unwrap()), 0o700);
    fs::set_permissions(store.path(), fs::Permissions::from_mode(0o644)).unwrap();
    store.load(&key()).await.unwrap();
    assert_eq!(mode(store.path()), 0o600);
}

#[tokio::test]
async fn what_is_no_file_is_refused_and_not_touched() {
    let place = Place::new();
    let victim = place.directory.path().join("victim");
    fs::write(&victim, "mine").unwrap();
    symlink(&victim, place.path()).unwrap();
    for result in [
        save(&place.store(), 1).await.map(drop),
        place.store().load(&key()).await.map(drop),
    ] {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Store);
    }
    assert_eq!(fs::read_to_string(&victim).unwrap(), "mine");
    assert!(fs::symlink_metadata(place.path()).unwrap().is_symlink());

    let place = Place::new();
    fs::create_dir(place.path()).unwrap();
    let error = place.store().load(&key()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
    assert_eq!(
        save(&place.store(), 1).await.unwrap_err().kind(),
        ErrorKind::Store
    );

    // A pipe that nobody writes to.
    let place = Place::new();
    let made = std::process::Command::new("mkfifo")
        .arg(place.path())
        .status();
    assert!(made.unwrap().success());
    let error = place.store().load(&key()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
    assert_eq!(
        save(&place.store(), 1).await.unwrap_err().kind(),
        ErrorKind::Store
    );
}

#[tokio::test]
async fn a_file_cut_anywhere_is_an_error_or_set_aside_and_never_lost() {
    let place = Place::new();
    save(&place.store(), 1).await.unwrap();
    let whole = fs::read(place.path()).unwrap();
    let end = whole.iter().rposition(|byte| *byte == b'}').unwrap();
    for length in 0..end {
        let cut = Place::new();
        fs::write(cut.path(), &whole[..length]).unwrap();
        let error = cut.store().load(&key()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Store, "{length}");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        assert_eq!(fs::read(cut.path()).unwrap(), &whole[..length], "{length}");

        let healing = cut.store().on_corrupt(Corrupt::SetAside);
        assert_eq!(save(&healing, 1).await.unwrap(), Saved::Done, "{length}");
        assert_eq!(cut.names(), ["tokens", "tokens.corrupt-1"]);
        let aside = fs::read(cut.directory.path().join("tokens.corrupt-1")).unwrap();
        assert_eq!(aside, &whole[..length]);
        assert!(cut.store().load(&key()).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn no_flipped_bit_makes_a_panic_or_shows_a_secret() {
    let place = Place::new();
    save(&place.store(), 1).await.unwrap();
    let whole = fs::read(place.path()).unwrap();
    for bit in 0..whole.len() * 8 {
        let mut damaged = whole.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        fs::write(place.path(), damaged).unwrap();
        match place.store().load(&key()).await {
            Ok(_) => {}
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Store);
                assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_newer_format_is_left_alone() {
    let place = Place::new();
    let newer = r#"{"format":2,"tokens":[]}"#;
    fs::write(place.path(), newer).unwrap();
    let store = place.store().on_corrupt(Corrupt::SetAside);
    let error = store.load(&key()).await.unwrap_err();
    assert!(error.to_string().contains("newer version"), "{error}");
    assert_eq!(save(&store, 1).await.unwrap_err().kind(), ErrorKind::Store);
    assert_eq!(fs::read_to_string(place.path()).unwrap(), newer);
}

#[tokio::test]
async fn an_encrypted_file_shows_nothing_and_opens_with_its_key_alone() {
    let place = Place::new();
    // One that was not encrypted becomes so with the next save.
    save(&place.store(), 1).await.unwrap();
    let store = place.store().encrypted(FileKey::new([7; 32]));
    assert_eq!(save(&store, 2).await.unwrap(), Saved::Done);
    let bytes = fs::read(place.path()).unwrap();
    for secret in [SECRET, "hunter2", "foo@bar.com"] {
        let found = bytes
            .windows(secret.len())
            .any(|part| part == secret.as_bytes());
        assert!(!found, "{secret}");
    }
    assert_eq!(store.load(&key()).await.unwrap().unwrap().version(), 2);

    let other = place.store().encrypted(FileKey::new([8; 32]));
    for wrong in [other, place.store()] {
        let wrong = wrong.on_corrupt(Corrupt::SetAside);
        let error = wrong.load(&key()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Store);
        assert_eq!(save(&wrong, 3).await.unwrap_err().kind(), ErrorKind::Store);
    }
    assert_eq!(fs::read(place.path()).unwrap(), bytes);
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        fs::write(place.path(), damaged).unwrap();
        assert!(store.load(&key()).await.is_err(), "bit {bit}");
    }
}

#[tokio::test]
async fn a_lease_has_one_holder() {
    let place = Place::new();
    let ttl = Duration::from_secs(60);
    let held = place.store().lease(&key(), ttl).await.unwrap();
    // A lock of the kernel's, which others see.
    assert!(!can_lock(&place));
    // Another key is not held up.
    drop(
        place
            .store()
            .lease(&key().scope("other"), ttl)
            .await
            .unwrap(),
    );
    assert!(!can_lock(&place));
    held.release().await;
    assert!(can_lock(&place));
    drop(place.store().lease(&key(), ttl).await.unwrap());
    assert!(can_lock(&place), "a dropped lease is given back");
}

/// Whether all locks beside the file can be taken by another process.
fn can_lock(place: &Place) -> bool {
    let entries = fs::read_dir(place.directory.path()).unwrap();
    entries.map(|entry| entry.unwrap().path()).all(|path| {
        let file = fs::File::open(path).unwrap();
        let lock = rustix::fs::FlockOperation::NonBlockingLockExclusive;
        rustix::fs::flock(&file, lock).is_ok()
    })
}

#[tokio::test]
async fn a_directory_that_cannot_be_made_is_an_error_that_names_the_file() {
    let place = Place::new();
    fs::write(place.path(), "in the way").unwrap();
    let store = FileStore::new(place.path().join("tokens"));
    let error = save(&store, 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
    assert!(error.to_string().contains("tokens/tokens"), "{error}");
}

#[tokio::test]
async fn a_session_of_a_later_run_finds_the_token_of_the_one_before() {
    let place = Place::new();
    for (run, access) in [(1, "first"), (2, "first")] {
        let tokens = service_fn(move |_: Renewal| async move {
            assert_eq!(run, 1, "the second run signed in");
            let token = Token::new(access)?.with_lifetime(Duration::from_secs(3600));
            Ok::<_, Error>(Renewed::new(token))
        });
        let session = Session::builder(tokens)
            .origin("https://api.example.com")
            .store(StoreLayer::new(place.store(), key()))
            .build()
            .unwrap();
        assert_eq!(session.token().await.unwrap().token().expose(), "first");
    }
}

#[tokio::test]
async fn others_writing_is_noticed() {
    let place = Place::new();
    let store = place.store().poll_interval(Duration::from_millis(1));
    let mut changes = store.changes(&key());
    save(&place.store(), 1).await.unwrap();
    assert_eq!(changes.next().await, Some(()));
    save(&place.store(), 2).await.unwrap();
    assert_eq!(changes.next().await, Some(()));
}
