//! Takes the crate's own sources, puts shuttle's locks and atomics in the place of the standard
//! library's, and gives each twin its switch. Nothing is copied by hand: what is searched is what
//! is shipped, as of this build.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

mod twins {
    include!("twins.rs");
}

/// Files whose locks and atomics are shuttle's.
const SEARCHED: [&str; 4] = [
    "renew/",
    "session/store/",
    "layers/copies.rs",
    "layers/mfa/",
];

/// What the models need beside that: a constructor that shuttle's tokio does not have, a counter that
/// searches on several threads share, and a hand on the task of a flight, so that its runtime can
/// end.
const NEEDED: [(&str, &str, &str); 3] = [
    (
        "renew/flight.rs",
        "watch::Sender::new(None)",
        "watch::channel(None).0",
    ),
    (
        "renew/renewer.rs",
        "static NEXT_ID: AtomicU64 = AtomicU64::new(1);",
        "static NEXT_ID: ::std::sync::atomic::AtomicU64 = ::std::sync::atomic::AtomicU64::new(1);",
    ),
    (
        "renew/pilot.rs",
        "drop(runtime.spawn(FLYING.scope(renewer.id(), pilot.fly(renewal))));",
        "crate::search::carry(runtime.spawn(FLYING.scope(renewer.id(), pilot.fly(renewal))));",
    ),
];

/// What is not searched, and stays with tokio itself: shuttle's broadcast channel is a stub.
const REAL_TOKIO: [&str; 2] = ["session/events.rs", "stores/memory.rs"];

fn main() {
    let root = Path::new("../src");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("src");
    println!("cargo::rerun-if-changed=../src");
    println!("cargo::rerun-if-changed=twins.rs");
    println!("cargo::rerun-if-changed=build.rs");
    let mut switched = 0;
    let needed = NEEDED.map(|(file, from, to)| ("the models", file, from, to));
    let changes: Vec<_> = needed.iter().chain(&twins::TWINS).collect();
    for file in sources(root) {
        let name = file.strip_prefix(root).expect("a file below it");
        let name = name.to_str().expect("a name in ASCII").replace('\\', "/");
        let mut text = fs::read_to_string(&file).expect("a source file");
        for &&(who, at, right, wrong) in &changes {
            if at != name {
                continue;
            }
            assert_eq!(
                text.matches(right).count(),
                1,
                "{who} cannot change this, which has to be in {name} once:\n{right}"
            );
            text = text.replace(right, wrong);
            switched += 1;
        }
        let target = out.join(&name);
        fs::create_dir_all(target.parent().expect("a folder")).expect("a folder");
        fs::write(target, changed(&name, text)).expect("space for a source file");
    }
    assert_eq!(switched, changes.len(), "a file to change is not there");
}

fn changed(name: &str, text: String) -> String {
    // The crate's unit tests need what is not here.
    let mut text = text.replace("#[cfg(test)]", "#[cfg(any())]");
    if name == "lib.rs" {
        // It is included, and then it may not begin so.
        let lines = text.lines().skip_while(|line| !line.starts_with("pub mod"));
        text = lines.collect::<Vec<_>>().join("\n");
    }
    if SEARCHED.iter().any(|folder| name.starts_with(folder)) {
        text = text.replace("use std::", "use crate::search::std::");
        text = text.replace("use arc_swap::", "use crate::search::arc_swap::");
        text = text.replace(
            "use tokio::sync::{broadcast, oneshot};",
            "use real_tokio::sync::broadcast; use tokio::sync::oneshot;",
        );
    }
    if REAL_TOKIO.contains(&name) {
        text = text.replace("tokio::sync", "real_tokio::sync");
    }
    text
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}
