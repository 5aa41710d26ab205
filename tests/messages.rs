//! What the compiler says where a stack does not fit together: what is wrong, and what to do.

use std::{env, process::Command};

/// The words around ours are the compiler's, and so is which types it writes out.
const PINNED_WITH: &str = "rustc 1.95.";

#[test]
fn the_compiler_says_what_to_do() {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    if !version.starts_with(PINNED_WITH) {
        eprintln!("LEFT OUT: the messages are pinned with {PINNED_WITH}, and this is {version}");
        return;
    }
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
