//! The file store, killed or failed at every system call of a save: what is there is old or new.

#![cfg(target_os = "linux")]

use std::{
    collections::BTreeMap,
    env, fs,
    path::Path,
    process::{Command, ExitStatus, Stdio},
};

use tower_reauth::{
    Token,
    store::{Record, Saved, StoreKey, TokenStore},
    stores::FileStore,
};

/// Set for the process that saves: the file, and the version to save.
const SAVE: &str = "TOWER_REAUTH_SAVE";

/// What makes or changes files. The others that a save makes cannot harm one.
const CALLS: [&str; 12] = [
    "openat",
    "write",
    "fsync",
    "fdatasync",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "flock",
    "mkdir",
    "fchmod",
];

const FAULTS: [&str; 7] = [
    "signal=KILL",
    "error=EIO",
    "error=ENOSPC",
    "error=EINTR",
    "error=EACCES",
    "error=EROFS",
    "error=EMFILE",
];

fn key() -> StoreKey {
    StoreKey::new("test", "https://api.example.com", "foo@bar.com")
}

fn record(version: u64) -> Record {
    let token = Token::new(format!("token-{version}")).ok();
    Record::new(version, token, None, 0)
}

/// Not a test of its own: the process that saves.
#[test]
fn saves_if_told_to() {
    let Ok(order) = env::var(SAVE) else { return };
    let (version, path) = order.split_once(' ').unwrap();
    let store = FileStore::new(path);
    let record = record(version.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let saved = runtime.block_on(store.save(&key(), &record));
    assert_eq!(saved.expect("it can be saved"), Saved::Done);
}

#[test]
fn at_every_system_call_of_a_save_the_file_is_old_or_new() {
    if Command::new("strace")
        .arg("-V")
        .stdout(Stdio::null())
        .status()
        .is_err()
    {
        assert!(
            env::var_os("CI").is_none(),
            "strace is missing, and CI must not leave this out"
        );
        eprintln!("LEFT OUT: strace is not installed (Debian: apt-get install strace)");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tokens");
    if !strace(&path, 1, &["-e", "trace=none"]).success() {
        assert!(env::var_os("CI").is_none(), "strace may not attach here");
        eprintln!("LEFT OUT: strace may not attach here");
        return;
    }
    let counts = calls_of_a_save(&path);
    let mut tried = 0;
    let mut seen = BTreeMap::new();
    for (call, count) in &counts {
        for fault in FAULTS {
            for nth in 1..=*count {
                let before = version(&path);
                let inject = format!("inject={call}:{fault}:when={nth}");
                let status = strace(&path, before + 1, &["-e", &inject]);
                let after = version(&path);
                let told = status.success();
                assert!(
                    after == before + 1 || (after == before && !told),
                    "{inject}: {before} became {after}, and {told} was told"
                );
                tried += 1;
                *seen.entry((fault, after == before)).or_insert(0) += 1;
            }
        }
    }
    // Faults did hit: some saves failed, and some were too late to matter.
    assert!(tried > 50, "{counts:?}");
    for fault in ["signal=KILL", "error=EIO", "error=ENOSPC"] {
        assert!(
            seen.contains_key(&(fault, true)),
            "{fault} never hit: {counts:?}"
        );
    }
    // Nothing but the file and its locks is left, except by those who were killed.
    let left = fs::read_dir(directory.path()).unwrap().count();
    let killed: u32 = counts.values().sum();
    assert!(left as u32 <= killed + 3, "{left} files are left");
}

/// Which calls of ours a save makes, and how often.
fn calls_of_a_save(path: &Path) -> BTreeMap<&'static str, u32> {
    let log = path.with_file_name("log");
    let trace = format!("trace={}", CALLS.join(","));
    let status = strace(path, 2, &["-e", &trace, "-o", log.to_str().unwrap()]);
    assert!(status.success());
    let text = fs::read_to_string(&log).unwrap();
    fs::remove_file(&log).unwrap();
    let count = |call: &str| {
        let begin = format!("{call}(");
        let is_call = |line: &&str| line.contains(&begin);
        u32::try_from(text.lines().filter(is_call).count()).unwrap()
    };
    CALLS
        .into_iter()
        .map(|call| (call, count(call)))
        .filter(|(_, count)| *count > 0)
        .collect()
}

/// Saves `version` in a process of its own, under strace.
fn strace(path: &Path, version: u64, arguments: &[&str]) -> ExitStatus {
    Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null"])
        .args(arguments)
        .arg(env::current_exe().unwrap())
        .args(["--exact", "saves_if_told_to", "--test-threads=1"])
        .env(SAVE, format!("{version} {}", path.display()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap()
}

/// The version that the file holds, read by a process without faults.
fn version(path: &Path) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let loaded = runtime.block_on(FileStore::new(path).load(&key()));
    let record = loaded
        .expect("the file can be read")
        .expect("it holds the record");
    let token = record
        .token()
        .expect("it holds the token")
        .expose()
        .to_owned();
    assert_eq!(token, format!("token-{}", record.version()));
    record.version()
}
