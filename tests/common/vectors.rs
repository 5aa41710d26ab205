//! Test vectors of others, which lie beside the clone.

use std::{
    io::{Write, stderr},
    path::PathBuf,
};

/// Returns the file `name` of the vectors. Without the folder it says loudly that the test was left
/// out.
pub(crate) fn file(name: &str) -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("REAUTH_VECTORS") else {
        // Not by the macro, whose text is shown only where a test fails.
        let what = "a test was LEFT OUT: set REAUTH_VECTORS to the folder with the vectors";
        writeln!(stderr(), "\n*** {what}, for {name}").ok();
        return None;
    };
    let file = PathBuf::from(folder).join(name);
    assert!(file.exists(), "REAUTH_VECTORS is set, but has no {name}");
    Some(file)
}
